"""The twin catalogue: the same on every machine, and its orbits can be found again."""

import numpy as np
from astropy.table import Table

from conftest import ROOT
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.populations.simulate import TWIN_META, simulate_twin
from starpop.run import store


def test_the_embedded_catalogue_is_made_again_byte_for_byte(tmp_path):
    truth = Table.read(ROOT / "data" / "twin_truth.ecsv")
    store.write_table(simulate_twin(truth, truth.meta["seed"]), tmp_path / "twin.ecsv", TWIN_META)
    assert (tmp_path / "twin.ecsv").read_bytes() == (ROOT / "data" / "twin.ecsv").read_bytes()


def test_the_twin_is_as_large_as_the_tutorials_table(twin):
    assert len(twin) == 14
    assert sum(map(len, twin)) == 321


def test_every_true_orbit_is_at_the_best_peak(twin):
    """Noise is jitter and errors together, so widths under the reported errors alone do not bound the difference."""
    truth = Table.read(ROOT / "data" / "twin_truth.ecsv")
    prior = SystemModel(100, 150)
    for visits, row in zip(twin, truth, strict=True):
        peaks = period_likelihood(visits, prior, (1.5, 20)).peak_ln_period
        noise = np.hypot(row["jitter"], row["rv_err"])
        amplitude = np.hypot(row["a"], row["b"])
        phase_error = noise / amplitude * np.sqrt(2 / len(visits))
        tolerance = 5 * phase_error * np.sqrt(12) * row["period"] / (2 * np.pi * visits.baseline_days)
        assert abs(peaks[0] - np.log(row["period"])) < tolerance, visits.system
