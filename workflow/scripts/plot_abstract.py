"""Draw the whole way from visits to the population in one picture."""

import json
from pathlib import Path

from starpop.orbits.visits import read_named
from starpop.pages import abstract, population
from starpop.pages.style import Style, failures, save
from starpop.pages.systems import names_drawn
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    style = Style.from_settings(settings["figures"])
    drawn = {}
    for path in snakemake.input.periods:
        with store.read_group(path) as scan:
            drawn |= dict.fromkeys(names_drawn(scan), path)
    orbits = store.read_csv(snakemake.input.orbits)
    names = abstract.chosen(orbits, list(drawn))
    visits = read_named(snakemake.input.visits, names, settings["times"])
    examples = sorted(
        (abstract.example_of(s, store.read_group(drawn[s.system])) for s in visits), key=lambda one: one.mode
    )
    fitted = population.fitted_of(store.read_tree(snakemake.input.exact), status.hardly(orbits))
    figure = abstract.abstract(examples, fitted, style)
    *_, system_model, population_model = Path(snakemake.input.exact).parent.parts
    source = f"catalogue {snakemake.wildcards.catalog}, models {system_model} and {population_model}"
    diagnosed = store.read_csv(snakemake.input.diagnostics)
    failed = failures(diagnosed["status"][diagnosed["fit"].str.endswith(" exact")])
    save(figure, snakemake.output.abstract, style, source, failed)
