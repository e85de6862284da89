"""Sample the hierarchical model of all systems, in full and over the nodes of their period likelihoods."""

import json

from starpop.inference.densities import density_from_settings
from starpop.inference.sampling import SamplerSettings
from starpop.inference.seen import of_fit
from starpop.orbits import visits
from starpop.orbits.system_model import SystemModel
from starpop.populations import population_nuts
from starpop.populations.condensed import Condensed
from starpop.populations.survey import Products
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    exact = store.read_tree(snakemake.input.exact)
    density = density_from_settings(settings["population"], settings["period_range_days"]).in_sample(of_fit(exact))
    sampler = SamplerSettings(**settings["sampler"], draws=settings["draws"])
    nodes = Condensed.from_dataset(exact["condensed"].to_dataset()) if "condensed" in exact.children else None
    if nodes is not None and not population_nuts.also_in_full(nodes, density, sampler):
        trees = population_nuts.sample_condensed(nodes, density, exact, sampler, settings["seed"])
    else:
        model, names = SystemModel.from_settings(settings["model"]), set(exact["exact"]["system"].values)
        products = Products(snakemake.input.visits, snakemake.input.periods, model)
        fitted = [likelihood for batch in products.batches() for likelihood in batch if likelihood.system in names]
        fitted.sort(key=lambda likelihood: likelihood.system)
        looked_for = settings["period_range_days"]
        trees = population_nuts.sample(fitted, density, looked_for, exact, sampler, settings["seed"], nodes)
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    for name, (tree, why_not) in trees.items():
        store.write_tree(tree, snakemake.output[name], attributes | {status.WHY_NOT: why_not})
