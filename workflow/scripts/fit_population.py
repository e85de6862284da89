"""Sample the hierarchical model of all systems."""

import json

from starpop import population, scan, single, store, visits
from starpop.orbit import OrbitPrior
from starpop.sampling import Sampler, SamplerSettings
from starpop.seeds import generator_for, seed_for

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    base, prior = settings["seed"], OrbitPrior(**settings["orbit_prior"])
    settings["population"].pop("density")
    hyper_prior = population.NormalPopulation(**settings["population"])
    systems = visits.read_visits(snakemake.input.visits)
    peaks = scan.best_peaks_by_system([store.read_tree(path).to_dataset() for path in snakemake.input.periods])
    system_starts = [
        single.draw_starts(
            s, prior, settings["period_range_days"], *peaks[s.system], generator_for(base, "starts", s.system)
        )
        for s in systems
    ]
    starts = population.draw_starts(system_starts, hyper_prior, generator_for(base, "starts", "population"))
    sampler_settings = SamplerSettings(**settings["sampler"], draws=settings["draws"])
    sampler = Sampler(population.build_model(systems, prior, hyper_prior), sampler_settings, snakemake.threads)
    tree = sampler.run(starts, seed_for(base, "fit_population"))
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    store.write_tree(tree, snakemake.output.posterior, attributes)
