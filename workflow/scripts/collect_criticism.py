"""The criticism and the residuals of all batches."""

from starpop.run import store

with store.job(snakemake.log[0]):
    for name, path in snakemake.output.items():
        store.write_csv(store.read_batches(snakemake.input[name]), path)
