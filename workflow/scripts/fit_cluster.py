"""Sample the hierarchical model of the star cluster."""

import json

from starpop import cluster, store
from starpop.sampling import Sampler, SamplerSettings, starts_from
from starpop.seeds import seed_for

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    stars = store.read_table(snakemake.input.stars)
    data = [stars[name].value for name in ("parallax", "parallax_error")]
    model = cluster.build_model(*data, cluster.ClusterPrior(**settings["prior"]))
    sampler = Sampler(model, SamplerSettings(**settings["sampler"], draws=settings["draws"]), snakemake.threads)
    starts = starts_from(store.read_tree(snakemake.input.exact), model)
    tree = sampler.run(starts, seed_for(settings["seed"], "fit_cluster"))
    store.write_tree(tree, snakemake.output.posterior, store.provenance(settings=settings, units="kpc"))
