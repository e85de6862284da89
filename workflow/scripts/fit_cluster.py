"""Sample the hierarchical model of the star cluster."""

import json

from astropy.table import Table

from starpop import cluster, store
from starpop.sampling import Sampler, SamplerSettings
from starpop.seeds import generator_for, seed_for

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    stars = Table.read(snakemake.input.stars)
    data = [stars[name].value for name in ("parallax", "parallax_error")]
    prior = cluster.ClusterPrior(**settings["prior"])
    sampler_settings = SamplerSettings(**settings["sampler"], draws=settings["draws"])
    sampler = Sampler(cluster.build_model(*data, prior), sampler_settings, snakemake.threads)
    starts = cluster.draw_starts(*data, prior, generator_for(settings["seed"], "starts", "cluster"))
    tree = sampler.run(starts, seed_for(settings["seed"], "fit_cluster"))
    store.write_tree(tree, snakemake.output.posterior, store.provenance(settings=settings, units="kpc"))
