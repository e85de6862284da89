"""Draw how far NUTS lies from the exact answers."""

import json

from starpop.checks import agreement
from starpop.pages.agreement import certificate
from starpop.pages.style import Style, failures, save
from starpop.run import store

with store.job(snakemake.log[0]):
    style = Style.from_settings(json.loads(snakemake.params.settings)["figures"])
    table = store.read_csv(snakemake.input.agreement)
    status, sentence = agreement.verdict(table)
    source = f"catalogue {snakemake.wildcards.catalog}; {sentence}"
    save(certificate(table, style), snakemake.output, style, source, failures([status]))
