"""Diagnostics of the cluster's fit, its summary, its stars, and its parallaxes against what it predicts."""

import json

from starpop.checks import diagnostics
from starpop.checks.cluster_criticism import criticise_cluster
from starpop.pages.stars import tabulate_stars
from starpop.populations import cluster
from starpop.run import store
from starpop.run.seeds import generator_for

with store.job(snakemake.log[0]):
    settings, stars = json.loads(snakemake.params.settings), store.read_table(snakemake.input.stars)
    exact, nuts = store.read_tree(snakemake.input.exact), store.read_tree(snakemake.input.posterior)
    draws, prior = exact["posterior"].to_dataset().isel(chain=0), cluster.ClusterPrior.from_settings(settings["prior"])
    criticism = criticise_cluster(
        list(stars["star"]),
        stars["parallax"].value,
        stars["parallax_error"].value,
        prior,
        draws[list(prior.bounds)].to_array().values.T,
        settings["criticism"]["replicates"],
        generator_for(settings["seed"], "criticise_cluster"),
    )
    limits = diagnostics.Thresholds(**settings["diagnostics"]), settings["max_treedepth"]
    said = diagnostics.misfit(criticism, prior.field is not None)
    rows, summary = diagnostics.diagnose("cluster", exact, {"": nuts}, *limits, said)
    store.write_csv(criticism, snakemake.output.criticism)
    store.write_csv(rows, snakemake.output.diagnostics)
    store.write_csv(summary, snakemake.output.summary)
    store.write_csv(tabulate_stars(stars, exact, summary), snakemake.output.distances)
