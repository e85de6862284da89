"""Which systems are in the sample that the populations are fitted to, and why the others are not."""

import json

from starpop.orbits import visits
from starpop.orbits.conditions import Conditions
from starpop.orbits.system_model import SystemModel
from starpop.populations.selection import select
from starpop.populations.survey import Products
from starpop.run import store

with store.job(snakemake.log[0]) as log:
    settings = json.loads(snakemake.params.settings)
    looked_for = visits.period_range(snakemake.input.visits, settings["period_range_days"])
    model = SystemModel.from_settings(settings["model"])
    products = Products(snakemake.input.visits, snakemake.input.periods, model)
    table = select(products, Conditions(**settings["selection"]), looked_for)
    log.info("%d of %d systems are in the sample.", table["selected"].sum(), len(table))
    store.write_csv(table, snakemake.output.selection)
