"""Draw a catalogue's velocities, certificate and eccentricities of each system model, and the comparison of all."""

import json

from starpop.checks.agreement import verdict
from starpop.orbits.visits import DRAWN_SYSTEMS, chosen_by_name, read_named, system_names
from starpop.pages import comparison, eccentricities, systems
from starpop.pages.agreement import certificate
from starpop.pages.style import Style, failures, save
from starpop.run import store
from starpop.run.status import of_orbits

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    names = system_names(snakemake.input.visits)
    shown = read_named(snakemake.input.visits, chosen_by_name(names, DRAWN_SYSTEMS))
    source = f"catalogue {snakemake.wildcards.catalog}"
    save(systems.visits_grid(shown, style), snakemake.output.visits, style, f"{source}, {len(names)} systems")
    if snakemake.input.comparison:
        table, moved = (store.read_csv(snakemake.input[name][0]) for name in ("comparison", "sensitivity"))
        save(comparison.model_comparison(table, style), snakemake.output.comparison, style, source)
        save(comparison.forest(table, moved, style), snakemake.output.forest, style, source)
    orbits = dict(zip(snakemake.params.keplerian, map(store.read_csv, snakemake.input.keplerian), strict=True))
    fits = dict(zip(snakemake.params.eccentric, map(store.read_tree, snakemake.input.eccentric), strict=True))
    verdicts = dict.fromkeys(orbits, "")
    for name, path in zip(fits, snakemake.input.diagnostics, strict=True):
        verdicts[name] = failures([store.read_csv(path).set_index("fit")["status"][f"{name} exact"]])
    for name, failed in verdicts.items():
        of_model = orbits[name.split("/")[0]]
        figure = eccentricities.diagram(of_model, style, fits.get(name))
        warning = " ".join(filter(None, [failed, of_orbits(of_model)]))
        save(figure, snakemake.output[f"eccentricities_{name}"], style, f"{source}, {name}", warning)
    for model, path in zip(snakemake.params.models, snakemake.input.agreement, strict=True):
        agreement = store.read_csv(path)
        status, sentence = verdict(agreement)
        figure = certificate(agreement, style)
        save(figure, snakemake.output[f"agreement_{model}"], style, f"{source}; {sentence}", failures([status]))
