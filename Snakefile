"""Hierarchical models of stars: from parallaxes and radial velocities to the populations behind them."""

from snakemake.utils import min_version

min_version("9.14")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/catalog.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/systems.smk"
include: "workflow/rules/selection.smk"
include: "workflow/rules/population.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/diagnostics.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    """Every product of the rules above: figures and tables, and what they are made of, so that nothing stays lost."""
    input:
        outputs(),


# targets of their own
include: "workflow/rules/sources.smk"
include: "workflow/rules/calibration.smk"


if not SELECTION:

    include: "workflow/rules/detection.smk"
