"""A catalogue from its table to its orbits in one process: what the rules do one after the other, without NUTS."""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import yaml
from snakemake.utils import update_config

from project_copy import ROOT
from starpop.checks import criticism
from starpop.gate import catalog
from starpop.inference.sampling import SamplerSettings
from starpop.orbits import periods, single
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import cadence_range, split_systems
from starpop.pages import joined, tables
from starpop.run import store
from starpop.run.check_config import check, choose_catalog
from starpop.run.settings import resolve

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
WITHOUT_NUTS = SamplerSettings("none", 4, 100, 100, 0.8, 10)
DRAWS, BINS, SEED = 2000, 50, 42


def configured(overlay: dict) -> tuple[dict, str]:
    """The configuration of the paper run with another laid over it, and its catalogue."""
    config = copy.deepcopy(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
    update_config(config, overlay)
    config = check(config, SCHEMA)
    name, _ = choose_catalog(config)
    return resolve(config, name), name


def orbits(overlay: dict, replicates: int = 119) -> dict[str, pd.DataFrame]:
    """For each system model what its orbits.csv holds; paths are relative to the folder in which this is called."""
    config, name = configured(overlay)
    entry = config["catalogs"][name]
    prepared = catalog.prepare(catalog.read_catalog(entry), entry, catalog.Selection(**config["systems"]))
    looked_for = config["period_range_days"]
    looked_for = cadence_range(prepared.visits) if looked_for == "auto" else tuple(map(float, looked_for))
    rejected, found = prepared.rejected.to_pandas(), {}
    for model_name, settings in config["system_models"].items():
        model = SystemModel.from_settings(settings)
        systems = split_systems(prepared.visits, model.times)
        by_name = {visits.system: visits for visits in systems}
        scan = periods.scan_systems(systems, model, looked_for, BINS)
        likelihoods = periods.read_likelihoods([scan], by_name, model)
        exact = single.draw(likelihoods, looked_for, DRAWS, SEED)
        fits = single.fit_systems(likelihoods, model, looked_for, WITHOUT_NUTS, SEED)
        criticised, _ = criticism.criticise_systems(likelihoods, exact, looked_for, replicates, SEED)
        table = tables.tabulate_orbits(by_name, scan, exact, fits, criticised, {}, model, looked_for)
        rows = as_read(joined.join_orbits(table, rejected))
        rows["flags"] = rows["flags"].astype(object).fillna("")
        found[model_name] = rows.set_index("system")
    return found


def as_read(table: pd.DataFrame) -> pd.DataFrame:
    """A table as it is read from the file that it is written to."""
    with TemporaryDirectory() as folder:
        store.write_csv(table, path := Path(folder) / "table.csv")
        return store.read_csv(path)


def overlay_of(path: Path) -> dict:
    """A configuration to be laid over that of the paper run."""
    return yaml.safe_load(path.read_text())
