"""The exact posterior of the population, and exact draws of all parameters."""

import json
from functools import partial

from starpop.inference.densities import density_from_settings
from starpop.orbits import periods, visits
from starpop.orbits.system_model import SystemModel
from starpop.populations import population, predictive
from starpop.run import store
from starpop.run.seeds import generator_for, seed_for

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    settings["period_range_days"] = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    density = density_from_settings(settings["population"], settings["period_range_days"])
    likelihoods = periods.load_likelihoods(snakemake.input.visits, snakemake.input.periods, model)
    seed = seed_for(settings["seed"], "integrate_population")
    hyper = population.posterior(likelihoods, density, seed)
    rng_of = partial(generator_for, settings["seed"], "exact")
    tree = population.draw(likelihoods, density, hyper, settings["draws"], rng_of)
    left_out = predictive.leave_one_out(likelihoods, density, hyper, seed)
    refits = int(left_out["refitted"].sum())
    log.info("ln evidence %.6f; error %.1e; %d fits without a system", hyper.ln_evidence, hyper.error, refits)
    before = ("parameter", [prior.sd for prior in density.parameters.values()])
    tree["exact"] = hyper.summary().merge(left_out).assign(prior_sd=before)
    if (statistics := hyper.sampler_statistics()) is not None:
        tree["sample_stats"] = statistics
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    store.write_tree(tree, snakemake.output.exact, attributes)
