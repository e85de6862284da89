"""Draw the comparison of all models, and what each says of the population."""

import json

from starpop.pages import comparison
from starpop.pages.style import Style, save
from starpop.run import store

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    table, moved = (store.read_csv(snakemake.input[name]) for name in ("comparison", "sensitivity"))
    source = f"catalogue {snakemake.wildcards.catalog}"
    save(comparison.model_comparison(table, style), snakemake.output.comparison, style, source)
    save(comparison.forest(table, moved, style), snakemake.output.forest, style, source)
