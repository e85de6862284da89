"""Draw the cluster's parallaxes and the posterior of its distance and depth."""

import json

from starpop.inference import convergence
from starpop.pages import cluster
from starpop.pages.style import Style, failures, save
from starpop.run import store

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    stars = store.read_table(snakemake.input.stars)
    status = store.read_csv(snakemake.input.diagnostics).set_index("fit")["status"]
    failed = failures([status["cluster exact"]])
    draws = convergence.columns_of(store.read_tree(snakemake.input.exact)["posterior"].to_dataset())
    simulated = "mean_distance_pc" in stars.meta
    source = "simulated star cluster" if simulated else "star cluster"
    mean, whose = (stars.meta["mean_distance_pc"], "true") if simulated else (1e3 * draws["mu_r"].mean(), "posterior")
    save(cluster.parallaxes(stars, mean, whose, style), snakemake.output.parallaxes, style, source, failed)
    save(cluster.posterior_corner(draws, stars, stars.meta, style), snakemake.output.corner, style, source, failed)
