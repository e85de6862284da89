"""The layouts of docs/layouts.md, each on a small table made like the original: they work as they stand."""

import copy
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from astropy import units as u
from astropy.table import Table

from conftest import ROOT
from starpop.gate.catalog import Selection, prepare, read_catalog
from starpop.run.check_config import check, choose_catalog

BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "layouts.md").read_text(), re.DOTALL)
LAYOUTS = {layout["catalog"]: layout for layout in map(yaml.safe_load, BLOCKS)}
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
STARS, VISITS = 3, 12


def merged(config, overlay):
    """A configuration with another laid over it, as Snakemake does it."""
    for key, value in overlay.items():
        config[key] = merged(config[key], value) if isinstance(value, dict) and key in config else value
    return config


def velocities(rng, scale=1.0):
    """Times in days, velocities and errors of three stars."""
    days = np.sort(rng.uniform(0, 800, (STARS, VISITS)), axis=1)
    velocity = scale * (30 * np.cos(days / 2) + rng.normal(0, 0.1, days.shape))
    return days.ravel(), velocity.ravel(), np.full(days.size, 0.1 * scale)


def apogee_visits(path, rng):
    days, velocity, error = velocities(rng)
    error[:], flag, snr = 0.05, np.zeros(len(days), np.int64), np.full(len(days), 80.0, np.float32)
    velocity[0], flag[1], flag[2], snr[3] = np.nan, 1 << 9, 1 << 4, 5
    table = {
        "APOGEE_ID": np.repeat(["2M01282954+8522331", "2M11484542+0236344", "2M12210006-0138348"], VISITS),
        "TELESCOPE": np.tile(["apo25m", "lco25m"], len(days) // 2),
        "JD": 2456000 + days,
        "VHELIO": velocity.astype(np.float32),
        "VRELERR": error.astype(np.float32),
        "STARFLAG": flag,
        "SNR": snr,
        "STARFLAGS": np.full(len(days), "PERSIST_HIGH"),
    }
    Table(table).write(path)
    return {0: "velocity is not a number", 1: "rows: STARFLAG has a bit set", 3: "rows: SNR is below 10"}


def gaia(path, rng):
    days, velocity, error = velocities(rng)
    rejected = np.full(len(days), "false")
    rejected[5] = "true"
    table = {
        "source_id": np.repeat(4116484574592345088 + np.arange(STARS), VISITS),
        "transit_id": np.arange(len(days)),
        "rv_obs_time": 1700 + days,
        "radial_velocity": velocity,
        "radial_velocity_error": error,
        "rejected_by_variability": rejected,
    }
    pd.DataFrame(table).to_csv(path, index=False)
    return {5: "rows: rejected_by_variability is not False"}


def peg51(path, rng):
    days, velocity, error = velocities(rng, 1e3)
    np.savetxt(path, np.column_stack([400 + days, velocity, error])[:VISITS], header="51 Peg, Lick")
    return {}


def archive(path, rng):
    days, velocity, error = velocities(rng, 1e3)
    table = {"JD": 2450000 + days, "Radial_Velocity": velocity, "Radial_Velocity_Uncertainty": error}
    table = Table(table)[:VISITS]
    for name, unit in zip(table.colnames, ("days", "m/s", "m/s"), strict=True):
        table[name].unit = u.Unit(unit, parse_strict="silent")
    table.write(path, format="ascii.ipac")
    return {}


def published(path, rng):
    days, velocity, error = velocities(rng)
    names = np.repeat(["HD 1", "HD 2", "V* AG Peg"], VISITS)
    rows = [
        f"{n:9}\t{t:12.5f}\t{v:8.3f}\t{e:6.3f}"
        for n, t, v, e in zip(names, 56000 + days, velocity, error, strict=True)
    ]
    rows[7] = f"{names[7]:9}\t{56000 + days[7]:12.5f}\t        \t 0.100"
    rule = "\t".join("-" * width for width in (9, 12, 8, 6))
    head = ["#", "#\tVizieR Astronomical Server", "", "Name\tHJD\tRV\te_RV", " \td\tkm/s\tkm/s", rule]
    path.write_text("\n".join([*head, *rows, "", ""]))
    return {7: "velocity is not a number"}


def planets(path, rng):
    days, velocity, error = velocities(rng, 1e3)
    table = {"star": np.repeat(["HD 1", "HD 2", "HD 3"], VISITS), "bjd": 2456000 + days}
    table |= {"mnvel": velocity, "errvel": error}
    table["tel"] = np.tile(["HIRES", "APF"], len(days) // 2)
    pd.DataFrame(table).to_csv(path, index=False)
    return {}


MAKERS = {
    "apogee_visits": apogee_visits,
    "gaia": gaia,
    "peg51": peg51,
    "archive": archive,
    "published": published,
    "planets": planets,
}
OF_ONE_STAR = ("peg51", "archive")


def test_every_layout_is_tested():
    assert LAYOUTS.keys() == MAKERS.keys()


@pytest.mark.parametrize("name", MAKERS)
def test_a_layout_works_as_it_stands(name, tmp_path, monkeypatch):
    (block,) = (b for b in BLOCKS if f"catalog: {name}\n" in b)
    assert len(block.strip().splitlines()) <= 15
    monkeypatch.chdir(tmp_path)
    entry = LAYOUTS[name]["catalogs"][name]
    (tmp_path / "data").mkdir()
    rejected = MAKERS[name](tmp_path / entry["path"], np.random.default_rng(0))
    config = merged(copy.deepcopy(CONFIG), LAYOUTS[name])
    check(config, ROOT / "workflow" / "schemas" / "config.schema.yaml")
    assert choose_catalog(config)[0] == name
    prepared = prepare(read_catalog(entry), entry, Selection(**config["systems"]))
    assert dict(zip(prepared.rejected["row"], prepared.rejected["reason"], strict=True)) == rejected
    assert len(prepared.systems) == (1 if name in OF_ONE_STAR else STARS)
    assert np.ptp(prepared.visits["time_jd"]) < 900
    assert 2455000 < prepared.visits["time_jd"].min() < 2457500 or name in OF_ONE_STAR
    assert 20 < np.abs(np.asarray(prepared.visits["rv_kms"])).max() < 40
    expected = np.hypot(3.5 * 0.05**1.2, 0.072) if name == "apogee_visits" else 0.1
    np.testing.assert_allclose(prepared.visits["rv_err_kms"], expected, rtol=1e-6)
