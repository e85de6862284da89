"""Check the parallaxes of the cluster's stars against what their cluster predicts."""

import json

from starpop.checks.cluster_criticism import criticise_cluster
from starpop.populations import cluster
from starpop.run import store
from starpop.run.seeds import generator_for

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    stars = store.read_table(snakemake.input.stars)
    draws = store.read_tree(snakemake.input.exact)["posterior"].to_dataset().isel(chain=0)
    table = criticise_cluster(
        list(stars["star"]),
        stars["parallax"].value,
        stars["parallax_error"].value,
        cluster.ClusterPrior(**settings["prior"]),
        draws[list(cluster.HYPER_PARAMETERS)].to_array().values.T,
        settings["criticism"]["replicates"],
        generator_for(settings["seed"], "criticise_cluster"),
    )
    store.write_csv(table, snakemake.output.criticism)
