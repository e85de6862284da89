"""The fast kernel against the slow reference, and against sums in extended precision."""

from dataclasses import replace

import numpy as np
import pytest

from conftest import random_visits
from starpop.orbits.linear_model import linear_model
from starpop.orbits.ln_likelihood import turns
from starpop.orbits.orbit import ln_likelihood
from starpop.orbits.scan import lattice, scan, uniform_lattice
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits

PRIOR = SystemModel(100, 150)
RANGE = (1.5, 20.0)


def extended(model, frequency):
    """ln L with every sum in extended precision (64-bit significands), by Cholesky's method on whole arrays."""
    wide = np.longdouble
    two_pi = 8 * np.arctan(wide(1))
    phase = two_pi * np.multiply.outer(frequency.astype(wide), model.time.astype(wide))
    columns = [np.cos(phase), np.sin(phase)]
    columns += [np.broadcast_to(model.static[:, q].astype(wide), phase.shape) for q in range(model.static.shape[1])]
    design = np.stack(columns, axis=-1)
    weight, velocity = model.weight[:, 0].astype(wide), model.velocity.astype(wide)
    count = design.shape[-1]
    matrix = np.einsum("fjk,j,fjl->fkl", design, weight, design)
    vector = np.einsum("fjk,j->fk", design, weight * velocity)
    for k in range(count):
        matrix[:, k, k] += model.precision[k]
        vector[:, k] += wide(model.precision[k]) * wide(model.mean[k])
    explained = np.zeros(len(frequency), wide)
    ln_determinant = np.zeros(len(frequency), wide)
    for k in range(count):
        for i in range(k + 1):
            rest = matrix[:, k, i] - np.einsum("fm,fm->f", matrix[:, k, :i], matrix[:, i, :i])
            matrix[:, k, i] = np.sqrt(rest) if i == k else rest / matrix[:, i, i]
        vector[:, k] -= np.einsum("fm,fm->f", matrix[:, k, :k], vector[:, :k])
        vector[:, k] /= matrix[:, k, k]
        explained += vector[:, k] ** 2
        ln_determinant += 2 * np.log(matrix[:, k, k])
    square = np.sum(weight * velocity**2) + np.sum(model.precision.astype(wide) * model.mean.astype(wide) ** 2)
    return model.constant[0] - (square - explained + ln_determinant) / 2


def allowed(model):
    return 1e-6 + 1e-12 * np.sum(model.weight[:, 0] * model.velocity**2)


@pytest.mark.parametrize("seed", range(40))
def test_the_kernel_keeps_its_accuracy_where_signals_are_strong_and_baselines_long(seed):
    rng = np.random.default_rng(seed)
    count, baseline = int(rng.integers(3, 61)), float(np.exp(rng.uniform(np.log(10), np.log(5000))))
    ratio = np.exp(rng.uniform(0, np.log(1e4)))
    visits, _ = random_visits(rng, count, baseline, amplitude=0.01 * ratio, error=0.01)
    model, grid = linear_model(visits, PRIOR), lattice(RANGE, visits.baseline_days, count)
    chosen = np.unique(rng.integers(0, grid.count, 500))
    values = scan(model, grid)[chosen]
    assert np.abs(values - extended(model, grid.frequencies[chosen])).max() < allowed(model)


@pytest.mark.parametrize("seed", range(20))
def test_the_kernel_keeps_its_accuracy_where_three_visits_leave_b_nearly_singular(seed):
    rng = np.random.default_rng(seed)
    visits, _ = random_visits(rng, 3, 500, amplitude=5.0, error=0.01)
    model, grid = linear_model(visits, PRIOR), lattice(RANGE, visits.baseline_days, 3)
    chosen = np.unique(rng.integers(0, grid.count, 3000))
    difference = np.abs(scan(model, grid)[chosen] - extended(model, grid.frequencies[chosen]))
    # two pivots of 1e-9 of their diagonal leave six digits of the determinant
    assert difference.max() < 3e-6 + allowed(model)


@pytest.mark.parametrize(("trend", "instruments"), [(1, 0), (0, 2), (2, 4), (2, 9)])
def test_the_kernel_takes_any_linear_basis(trend, instruments):
    rng = np.random.default_rng(10 * instruments + trend)
    visits, _ = random_visits(rng, 20, 300)
    names = tuple(f"I{i}" for i in range(instruments))
    visits = replace(visits, instruments=names, instrument=rng.integers(0, max(instruments, 1), 20))
    basis = SystemModel(100, 150, trend, offsets=instruments > 0)
    model, grid = linear_model(visits, basis), uniform_lattice(0.05, 0.6, 3000)
    values = scan(model, grid)
    assert np.abs(values - extended(model, grid.frequencies)).max() < allowed(model)
    slow = ln_likelihood(grid.frequencies, visits, basis)
    np.testing.assert_allclose(values, slow, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("count", [3, 24, 90])
def test_the_kernel_agrees_with_the_slow_reference(count):
    visits, _ = random_visits(np.random.default_rng(count), count)
    model, grid = linear_model(visits, PRIOR), lattice(RANGE, visits.baseline_days, count)
    np.testing.assert_allclose(scan(model, grid), ln_likelihood(grid.frequencies, visits, PRIOR), rtol=1e-9, atol=1e-6)


def test_a_value_does_not_depend_on_where_the_grid_starts():
    visits, _ = random_visits(np.random.default_rng(5), 15)
    model, grid = linear_model(visits, PRIOR), lattice(RANGE, visits.baseline_days, 15)
    later = type(grid)(grid.first + 37, 500, grid.step)
    np.testing.assert_allclose(scan(model, later), scan(model, grid)[37:537], rtol=0, atol=allowed(model))


def test_a_lattice_lies_in_its_range_and_is_exact():
    grid = lattice(RANGE, 3344.0, 36)
    frequency = grid.frequencies
    assert 1 / 20 <= frequency[0] < 1 / 20 + grid.step
    assert 1 / 1.5 - grid.step < frequency[-1] <= 1 / 1.5
    assert np.all(frequency / grid.step == grid.first + np.arange(grid.count))
    assert 1 / grid.step / 3344.0 >= 10


def test_turns_keep_the_digits_of_many_revolutions():
    rng = np.random.default_rng(1)
    for frequency, time in zip(rng.uniform(0.05, 0.67, 200), rng.uniform(-2500, 2500, 200), strict=True):
        exact = np.longdouble(frequency) * np.longdouble(time)
        assert abs(turns(frequency, time) - float(exact - np.rint(exact))) < 1e-15


def test_the_origins_of_time_and_velocity_do_not_matter():
    visits, _ = random_visits(np.random.default_rng(6), 12)
    shifted = Visits("shifted", visits.time_days + 1000.0, visits.rv_kms, visits.rv_err_kms)
    grid = lattice(RANGE, visits.baseline_days, 12)
    first, second = (scan(linear_model(v, PRIOR), grid) for v in (visits, shifted))
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-5)
