"""Make the twin catalogue again from its truth."""

from astropy.table import Table

from starpop.populations import simulate
from starpop.run import store

with store.job(snakemake.log[0]):
    truth = Table.read(snakemake.input.truth)
    store.write_table(simulate.simulate_twin(truth, truth.meta["seed"]), snakemake.output.visits, simulate.TWIN_META)
