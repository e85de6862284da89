"""Sample the hierarchical model of the star cluster."""

import json

from starpop.inference.sampling import SamplerSettings
from starpop.populations import cluster, cluster_nuts
from starpop.run import status, store

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    stars = store.read_table(snakemake.input.stars)
    tree, why_not = cluster_nuts.sample(
        list(stars["star"]),
        stars["parallax"].value,
        stars["parallax_error"].value,
        cluster.ClusterPrior.from_settings(settings["prior"]),
        store.read_tree(snakemake.input.exact),
        SamplerSettings(**settings["sampler"], draws=settings["draws"]),
        settings["seed"],
    )
    attributes = store.provenance(settings=settings, units="kpc") | {status.WHY_NOT: why_not}
    store.write_tree(tree, snakemake.output.posterior, attributes)
