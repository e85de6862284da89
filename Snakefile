"""Hierarchical models of stars: from parallaxes and radial velocities to the populations behind them."""

from snakemake.utils import min_version

min_version("9.14")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/catalog.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/systems.smk"
include: "workflow/rules/population.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/diagnostics.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/calibration.smk"


rule all:
    """Every figure and table, of the cluster and of the configured catalogue's binaries."""
    default_target: True
    input:
        cluster_products(),
        binaries_products(),
