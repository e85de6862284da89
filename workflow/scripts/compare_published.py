"""Each number that the tutorial prints beside this run's."""

import pandas as pd

from starpop.checks.published import compare_published
from starpop.run import store

with store.job(snakemake.log[0]):
    published = pd.read_csv(snakemake.input.published, dtype=str, keep_default_na=False)
    summaries = {name: store.read_csv(snakemake.input[name]) for name in ("cluster", "focus_system", "population")}
    store.write_csv(compare_published(published, summaries), snakemake.output.published)
