"""Sample the orbits of a batch of systems."""

import json

from starpop import periods, single, store, visits
from starpop.sampling import SamplerSettings
from starpop.system_model import SystemModel

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    systems = visits.read_visits(snakemake.input.visits, int(snakemake.wildcards.batch), settings["batches"])
    log.info("%d systems: %s", len(systems), " ".join(s.system for s in systems))
    model = SystemModel.from_settings(settings["model"])
    scan = store.read_tree(snakemake.input.periods).to_dataset()
    tree = single.fit_systems(
        systems,
        periods.read_likelihoods([scan], {s.system: s for s in systems}, model),
        model,
        settings["period_range_days"],
        SamplerSettings(**settings["sampler"], draws=settings["draws"]),
        settings["seed"],
        snakemake.threads,
    )
    attributes = store.provenance(settings=settings, **visits.origin(snakemake.input.visits))
    store.write_tree(tree, snakemake.output.posteriors, attributes)
