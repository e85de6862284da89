"""The exact posterior of the population, and exact draws of all parameters."""

import json
from functools import partial

from starpop.inference.densities import density_from_settings
from starpop.orbits import visits
from starpop.orbits.system_model import SystemModel
from starpop.populations import survey
from starpop.run import store
from starpop.run.seeds import generator_for, seed_for

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    products = survey.Products(
        snakemake.input.visits,
        snakemake.input.periods,
        SystemModel.from_settings(settings["model"]),
        survey.read_sample(snakemake.input.selection, snakemake.input.detection),
        snakemake.threads,
    )
    density = density_from_settings(settings["population"], settings["period_range_days"])
    tree = survey.integrate(
        products,
        density,
        settings["period_range_days"],
        settings["draws"],
        settings["joint_systems"],
        seed_for(settings["seed"], "integrate_population"),
        partial(generator_for, settings["seed"], "exact"),
    )
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    store.write_tree(tree, snakemake.output.exact, attributes)
    store.write_csv(survey.table_of_systems(tree), snakemake.output.systems)
