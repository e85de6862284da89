"""Draw the cluster's parallaxes, with who is a member, and the posterior of its distance and depth."""

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
    exact = store.read_tree(snakemake.input.exact)
    draws, known = convergence.columns_of(exact["posterior"].to_dataset()), exact["exact"].to_dataset()
    membership = known["membership_probability"].values if "membership_probability" in known else None
    simulated = "mean_distance_pc" in stars.meta
    source = "simulated star cluster" if simulated else "star cluster"
    mean, whose = (stars.meta["mean_distance_pc"], "true") if simulated else (1e3 * draws["mu_r"].mean(), "posterior")
    figure = cluster.parallaxes(stars, mean, whose, style, membership)
    save(figure, snakemake.output.parallaxes, style, source, failed)
    save(cluster.posterior_corner(draws, stars, stars.meta, style), snakemake.output.corner, style, source, failed)
