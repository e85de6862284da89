"""The exact posterior of the cluster, and exact draws of every star's distance."""

import json

from starpop.populations import cluster
from starpop.run import store
from starpop.run.seeds import generator_for

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    stars = store.read_table(snakemake.input.stars)
    data = [stars[name].value for name in ("parallax", "parallax_error")]
    hyper = cluster.posterior(*data, cluster.ClusterPrior(**settings["prior"]))
    log.info("ln evidence %.6f; error of the quadrature %.1e", hyper.ln_evidence, hyper.error)
    rng = generator_for(settings["seed"], "exact", "cluster")
    tree = cluster.draw(list(stars["star"]), *data, hyper, settings["draws"], rng)
    tree["exact"] = cluster.exact_summary(hyper)
    store.write_tree(tree, snakemake.output.exact, store.provenance(settings=settings, units="kpc"))
