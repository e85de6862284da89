"""The tables of all batches as one, and a row for every system that was not used."""

from starpop.pages.joined import join_orbits
from starpop.run import store

with store.job(snakemake.log[0]):
    for name in ("criticism", "residuals"):
        store.write_csv(store.read_batches(snakemake.input[name]), snakemake.output[name])
    rejected = store.read_table(snakemake.input.rejected)["system", "reason"].to_pandas()
    store.write_csv(join_orbits(store.read_batches(snakemake.input.orbits), rejected), snakemake.output.orbits)
