"""Diagnostics of a population's fit, its summary, and the periods of all systems against what it predicts."""

import json

from starpop.checks import diagnostics
from starpop.checks.joint_criticism import criticise_fit
from starpop.inference.densities import density_from_settings
from starpop.inference.seen import of_fit
from starpop.orbits.fitted import are_a_sample
from starpop.orbits.system_model import SystemModel
from starpop.run import store
from starpop.run.seeds import generator_for

with store.job(snakemake.log[0]):
    settings = json.loads(snakemake.params.settings)
    exact, nuts, over_nodes = (store.read_tree(snakemake.input[k]) for k in ("exact", "posterior", "hyper_posterior"))
    looked_for = json.loads(exact.attrs["settings"])["period_range_days"]
    density = density_from_settings(settings["population"], looked_for).in_sample(of_fit(exact))
    rng, replicates = generator_for(settings["seed"], "criticise_population"), settings["criticism"]["replicates"]
    joint = exact["posterior"].to_dataset().isel(chain=0)
    if density.of_s is not None:
        joint["lnK"] = SystemModel.from_settings(json.loads(exact.attrs["settings"])["model"]).ln_amplitude(joint)
    criticism = criticise_fit(density, joint, replicates, rng, looked_for, are_a_sample(exact))
    fit = "{system_model}/{population_model}".format(**dict(snakemake.wildcards))
    limits = diagnostics.Thresholds(**settings["diagnostics"]), settings["max_treedepth"]
    rows, summary = diagnostics.diagnose(fit, exact, {"": nuts, " over nodes": over_nodes}, *limits)
    store.write_csv(criticism, snakemake.output.criticism)
    store.write_csv(rows, snakemake.output.diagnostics)
    store.write_csv(summary, snakemake.output.summary)
