"""Draw the cluster's parallaxes and the posterior of its distance and depth."""

import json

import pandas as pd
from astropy.table import Table

from starpop import diagnostics, store
from starpop.plots import cluster
from starpop.plots.style import Style, failures, save

SOURCE = "simulated star cluster"

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    stars = Table.read(snakemake.input.stars)
    failed = failures(pd.read_csv(snakemake.input.diagnostics)["status"])
    draws = diagnostics.columns_of(store.read_tree(snakemake.input.posterior)["posterior"].to_dataset())
    parallaxes = cluster.parallaxes(stars, 1e-3 * stars.meta["mean_distance_pc"], style)
    save(parallaxes, snakemake.output.parallaxes, style, SOURCE)
    save(cluster.posterior_corner(draws, stars, stars.meta, style), snakemake.output.corner, style, SOURCE, failed)
