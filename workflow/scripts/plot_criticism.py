"""Draw the p-values of all systems, and their residuals."""

import json

from starpop.pages import criticism
from starpop.pages.style import Style, save
from starpop.run import store

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    table, residuals = store.read_csv(snakemake.input.criticism), store.read_csv(snakemake.input.residuals)
    source = f"catalogue {snakemake.wildcards.catalog}, model {snakemake.wildcards.system_model}"
    save(criticism.systems(table, residuals, style), snakemake.output, style, source)
