"""Draw the periodogram, the folded orbit and the criticism of every system, and the one that the tutorial shows."""

import json

from starpop.orbits import fitted
from starpop.orbits.visits import read_named
from starpop.pages import criticism, systems
from starpop.pages.overview import overview
from starpop.pages.style import Style, failures, save
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    style = Style.from_settings(settings["figures"])
    scans = [systems.drawn_in(store.read_group(path)) for path in snakemake.input.periods]
    drawn = {str(name) for scan in scans for name in scan["system"].values}
    posteriors = [store.read_tree(path, ["map"]) for path in snakemake.input.posteriors]
    orbits, p_values, residuals = (store.read_csv(snakemake.input[k]) for k in ("orbits", "criticism", "residuals"))
    focus = fitted.find_system(posteriors, settings["focus_system"])
    exact = [store.read_tree(path, systems=[focus]) for path in snakemake.input.exact]
    highest = fitted.highest_points(posteriors)
    visits = {s.system: s for s in read_named(snakemake.input.visits, drawn | {focus}, settings["times"])}
    statuses = orbits.set_index("system")["status"]
    untrusted = " ".join(filter(None, [failures(statuses[list(highest)].to_dict()), status.of_orbits(orbits)]))
    of_focus = failures([statuses[focus]])
    figures = {
        "overview": (overview(orbits, style), untrusted),
        "periodograms": (systems.periodograms(scans, orbits, style), untrusted),
        "orbits": (systems.orbits_grid([visits[name] for name in sorted(drawn)], highest, orbits, style), untrusted),
        "criticism": (criticism.systems(p_values, residuals, style), ""),
        "time_series": (systems.time_series(visits[focus], highest[focus], style), of_focus),
        "folded": (systems.folded(visits[focus], highest[focus], style), of_focus),
        "corner": (systems.orbit_corner(focus, fitted.draws_of(exact, focus), style), of_focus),
    }
    source = f"catalogue {snakemake.wildcards.catalog}, model {snakemake.wildcards.system_model}"
    for name, (figure, failed) in figures.items():
        save(figure, snakemake.output[name], style, source, failed)
