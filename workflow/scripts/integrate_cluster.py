"""The exact posterior of the cluster, exact draws of every star's distance, and who is a member."""

import json

from starpop.populations import cluster
from starpop.run import store
from starpop.run.seeds import generator_for

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    stars = store.read_table(snakemake.input.stars)
    data = [stars[name].value for name in ("parallax", "parallax_error")]
    prior = cluster.ClusterPrior.from_settings(settings["prior"])
    hyper = cluster.posterior(*data, prior)
    log.info("ln evidence %.6f; error of the quadrature %.1e", hyper.ln_evidence, hyper.error)
    rng = generator_for(settings["seed"], "exact", "cluster")
    tree = cluster.draw(list(stars["star"]), *data, prior, hyper, settings["draws"], rng)
    tree["exact"] = cluster.exact_summary(hyper)
    if prior.field is not None:
        probability = cluster.membership_probability(*data, prior, hyper)
        tree["exact"] = tree["exact"].to_dataset().assign(membership_probability=("star", probability))
    store.write_tree(tree, snakemake.output.exact, store.provenance(settings=settings, units="kpc"))
