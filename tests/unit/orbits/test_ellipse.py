"""Keplerian orbits of any eccentricity, each step against a slow and obvious one."""

from dataclasses import fields, replace

import numpy as np
import pytest
import xarray as xr
from scipy.special import logsumexp
from scipy.stats import chisquare, multivariate_normal, multivariate_t

from conftest import noise_points
from starpop.inference.densities import Normal, TruncatedNormal, UniformPeriod
from starpop.inference.eccentricities import Beta, Circularised, EccentricityPrior, Rayleigh
from starpop.inference.joint import Joint
from starpop.orbits.ellipse import grid as grids
from starpop.orbits.ellipse import integral
from starpop.orbits.ellipse.climb import Bounds, climb_all
from starpop.orbits.ellipse.draws import draw_shapes
from starpop.orbits.ellipse.kepler import TWO_PI, true_anomalies
from starpop.orbits.ellipse.likelihood import EllipseLikelihood, ellipse_likelihood
from starpop.orbits.ellipse.points import evaluate, noise_terms
from starpop.orbits.ellipse.system import eliminate
from starpop.orbits.linear_model import linear_model
from starpop.orbits.noise import Jitter, Scaled
from starpop.orbits.orbit_draws import draw_given_shape
from starpop.orbits.periods import read_likelihoods, scan_systems
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.run.store import read_tree, write_tree

LARGEST_E = 0.95
NOISES = [None, Jitter(-1, 1), Scaled(0, 0.5)]
# Of the cubature that nodes are held against: boxes to 1/T of frequency, of eccentricity and of phase; points of the
# rules in each direction; how much these may differ, and the ln of the share of the whole below which it may be more;
# and the width in phase of a box that cannot hide a mode [rad].
BOXES, RULES, MUCH, LITTLE, SEEN = (5, 4, 8), (8, 12), 0.1, -15.0, 0.004


def anomalies(mean_anomaly, e):
    """cos and sin of the true anomaly, E by bisection."""
    m = mean_anomaly % TWO_PI
    low, high = np.zeros_like(m), np.full_like(m, TWO_PI)
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = middle - e * np.sin(middle) > m
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    nu = 2 * np.arctan2(np.sqrt(1 + e) * np.sin(middle / 2), np.sqrt(1 - e) * np.cos(middle / 2))
    return np.cos(nu), np.sin(nu)


def columns(time, frequency, e, phase):
    """(J, 2) the orbit's columns."""
    c, s = anomalies(TWO_PI * frequency * time + phase, e)
    return np.stack([c + e, -s], axis=1)


def simulate(rng, count, baseline, periods, largest_e, signal):
    """Visits with unit errors of a random orbit, and its frequency, eccentricity and phase at the middle."""
    time = np.sort(rng.uniform(0, baseline, count))
    time = (time - time[0]) * baseline / (time[-1] - time[0])
    frequency, e, phase = 1 / np.exp(rng.uniform(*np.log(periods))), rng.uniform(0, largest_e), rng.uniform(0, TWO_PI)
    omega = rng.uniform(0, TWO_PI)
    amplitudes = rng.uniform(*signal) * np.array([np.cos(omega), np.sin(omega)])
    rv = columns(time - baseline / 2, frequency, e, phase) @ amplitudes + rng.normal(0, 20) + rng.normal(0, 1, count)
    return Visits("S", time, rv, np.ones(count)), np.array([frequency, e, phase])


def model_of(noise, **more):
    return SystemModel(30, 50, orbit="keplerian", **({} if noise is None else {"noise": noise}), **more)


@pytest.mark.parametrize("e", [0.0, 0.1, 0.6, 0.9, 0.97])
def test_anomalies_solve_keplers_equation(e):
    rng = np.random.default_rng(1)
    turn = np.concatenate([rng.uniform(-5, 5, 5000), rng.choice([-1, 1], 5000) * 10 ** rng.uniform(-9, -1, 5000)])
    cosine, sine = np.empty(len(turn)), np.empty(len(turn))
    true_anomalies(turn, e, cosine, sine)
    np.testing.assert_allclose([cosine, sine], anomalies(TWO_PI * turn, e), atol=2e-12 if e < 0.95 else 2e-11)


@pytest.mark.parametrize("noise", NOISES, ids=str)
@pytest.mark.parametrize("instruments", [0, 3])
def test_ln_likelihood_is_that_of_normal_velocities(noise, instruments):
    """Their covariance is the noise's and that of all coefficients; with an uncertain noise at each point of it."""
    rng = np.random.default_rng(2)
    visits, _ = simulate(rng, 14, 300.0, (5, 100), 0.8, (5, 20))
    visits = replace(visits, rv_err_kms=rng.uniform(0.3, 2, 14))
    if instruments:
        names = tuple(f"I{i}" for i in range(instruments))
        visits = replace(visits, instruments=names, instrument=rng.integers(0, instruments, 14))
    model = model_of(noise, trend=1 if instruments else 0, offsets=instruments > 0)
    system, linear = eliminate(linear_model(visits, model)), linear_model(visits, model)
    _, ln_weight, variances = noise_points(visits, model)
    deviations = model.standard_deviations(visits)
    for _ in range(5):
        frequency, e, phase = 1 / rng.uniform(5, 100), rng.uniform(0, 0.9), rng.uniform(0, TWO_PI)
        design = np.column_stack([columns(linear.time, frequency, e, phase), model.static_columns(visits)])
        signal = (design * deviations) @ (design * deviations).T
        # a covariance of tiny errors is singular but for rounding, and the terms are then of no weight
        points = np.flatnonzero(variances.min(axis=1) > 1e-4)
        expected = [
            multivariate_normal(np.zeros(14), signal + np.diag(variances[n])).logpdf(visits.rv_kms) + ln_weight[n]
            for n in points
        ]
        point = np.array([[frequency, e, phase]])
        np.testing.assert_allclose(noise_terms(point, system)[0, points], expected, atol=1e-6)
        assert evaluate(point, system)[0] == pytest.approx(logsumexp(expected), abs=1e-6)


@pytest.mark.parametrize("instruments", [0, 3])
def test_the_search_sees_what_stands_at_the_points_of_its_grid(instruments):
    rng = np.random.default_rng(3)
    visits, _ = simulate(rng, 15, 100.0, (5, 50), 0.8, (2, 4))
    if instruments:
        visits = replace(visits, instruments=("A", "B", "C"), instrument=rng.integers(0, 3, 15))
    system = eliminate(linear_model(visits, model_of(None, trend=instruments // 2, offsets=instruments > 0)))
    grid, cells = grids.grid(LARGEST_E), grids.cells((5, 50), 100.0, 15)
    found = grids.scan(system, cells, grid)[0]
    phases = grids.values_at(cells.middle, found.single, grid).argmax(axis=2)
    for i in range(0, cells.number, 29):
        for m in range(len(grid.e)):
            phase = TWO_PI * np.arange(grid.phases[m]) / grid.phases[m]
            values = evaluate(np.array([(cells.middle[i], grid.e[m], x) for x in phase]), system)
            within = 0.03  # the anomalies are those of the nearest in a table
            assert found.highest[i, m] == pytest.approx(values.max(), abs=within)
            assert found.ln_mean[i, m] == pytest.approx(logsumexp(values) - np.log(len(phase)), abs=within)
            assert values[phases[i, m]] == pytest.approx(values.max(), abs=within)


def test_noises_scanned_together_leave_out_what_adds_nothing_to_their_sum():
    """And put in its place what it cannot exceed."""
    rng = np.random.default_rng(13)
    visits, _ = simulate(rng, 15, 100.0, (5, 50), 0.8, (20, 20))
    system = eliminate(linear_model(visits, model_of(Jitter(-1, 1))))
    grid, cells, noises = grids.grid(LARGEST_E), grids.cells((5, 50), 100.0, 15), range(1, len(system.level), 3)
    together = grids.scan(system, cells, grid, noises)
    alone = [grids.scan(system, cells, grid, [n])[0] for n in noises]
    for name in ("highest", "ln_mean"):
        found, plain = (np.array([getattr(s, name) for s in scans]) for scans in (together, alone))
        same, top = found == plain, plain.max(axis=0)
        assert 0.2 < same.mean() < 0.9
        assert (np.maximum(found, plain)[~same] < np.broadcast_to(top, same.shape)[~same] - 19.9).all()
        # single precision leaves little of what is wide off
        assert (found > plain - 1e-5 * np.abs(plain) - 0.01)[~same].all()


def cubature(visits, model, periods, counts=1e-5, known=None):
    """ln of the integral of L over ln P and e, and means and deviations of both, by adaptive cubature.

    Boxes of frequency, eccentricity and phase have the rule of Gauss and Legendre in each. A box is halved in all of
    them where a rule of fewer points differs by what counts of the whole, or by much where much may be there; and the
    one that a known orbit lies in so often that its mode is seen, which of a strong signal may lie between all points.
    """
    system, (shortest, longest) = eliminate(linear_model(visits, model)), periods
    ends = np.array([[1 / longest, 0, 0], [1 / shortest, model.eccentricity.up_to, TWO_PI]])
    count = np.ceil([BOXES[0] * (ends[1, 0] - ends[0, 0]) * visits.baseline_days, *BOXES[1:]]).astype(int)
    size, ln_whole, kept = (ends[1] - ends[0]) / count, -np.inf, []
    corners = ends[0] + size * np.indices(count).reshape(3, -1).T
    while len(corners):
        rough, fine = (terms(corners, size, points, system, model) for points in RULES)
        ln_rough, ln_fine = (logsumexp(each[0], axis=1) for each in (rough, fine))
        ln_whole = logsumexp([ln_whole, *ln_fine])
        differs, ln_share = np.abs(np.expm1(ln_rough - ln_fine)), ln_fine - ln_whole
        halved = (differs * np.exp(ln_share) > counts) | ((differs > MUCH) & (ln_share > LITTLE))
        if known is not None and size[2] > SEEN:
            halved |= ((corners <= known) & (known < corners + size)).all(axis=1)
        kept.append([values[~halved].ravel() for values in fine])
        ln_whole = logsumexp([-np.inf, *(logsumexp(values[0]) for values in kept if values[0].size)])
        size = size / 2
        corners = (corners[halved] + size * np.indices((2, 2, 2)).reshape(3, 1, -1).T).reshape(-1, 3)
    return moments(*map(np.concatenate, zip(*kept, strict=True)))


def terms(corners, size, points, system, model):
    """(B, n^3) ln of the terms of that integral over some boxes, and ln P and e of each."""
    x, w = np.polynomial.legendre.leggauss(points)
    at = 0.5 * (1 + np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1).reshape(-1, 3))
    ln_weight = np.log(np.einsum("i,j,k->ijk", w, w, w).ravel() / 8 * np.prod(size) / TWO_PI)
    f, e, phase = np.moveaxis(corners[:, None] + size * at, -1, 0)
    ln_likelihood = evaluate(np.column_stack([f.ravel(), e.ravel(), phase.ravel()]), system).reshape(f.shape)
    return ln_weight + ln_likelihood - np.log(f) + model.eccentricity.ln_pdf(e), -np.log(f), e


def moments(ln_weight, ln_period, e):
    """ln of the sum of some weights, and the means and standard deviations of ln P and e by them."""
    share, found = np.exp(ln_weight - logsumexp(ln_weight)), [logsumexp(ln_weight)]
    for values in (ln_period, e):
        mean = np.sum(share * values)
        found += [mean, np.sqrt(np.sum(share * (values - mean) ** 2))]
    return found


def moments_of(likelihood):
    """The same of the nodes."""
    return moments(likelihood.ln_weight, likelihood.ln_period, likelihood.e)


@pytest.mark.parametrize(
    ("seed", "count", "signal", "noise"),
    [
        (0, 19, (0, 1), None),
        (1, 8, (3, 8), None),
        (2, 5, (8, 20), None),
        (3, 14, (2, 4), Jitter(-1, 1)),
        (4, 7, (0, 1), Scaled(0, 0.5)),
    ],
)
def test_nodes_integrate_like_adaptive_cubature(seed, count, signal, noise):
    visits, _ = simulate(np.random.default_rng(seed), count, 12.0, (2, 10), 0.7, signal)
    model = model_of(noise)
    ln_evidence, x, x_sd, e, e_sd = moments_of(ellipse_likelihood(visits, model, (2, 10)))
    expected = cubature(visits, model, (2, 10))
    assert ln_evidence == pytest.approx(expected[0], abs=1e-3)
    assert [x, e] == pytest.approx(expected[1::2], abs=0.01 * min(expected[2::2]))
    assert [x_sd, e_sd] == pytest.approx(expected[2::2], rel=0.01)


@pytest.mark.parametrize(
    ("seed", "noise"),
    [
        (52, None),  # a mode in a cell at whose ends the period is not the same
        (46, Jitter(-1, 1)),  # cells whose sums over noises are interpolated less well than those of the modes
        (71, Jitter(-1, 1)),  # a mode within a cell, on ground that is almost as high
        (35, Scaled(0, 0.5)),  # boxes that were thought to be better than they are
    ],
)
def test_the_evidence_is_right_where_it_was_not(seed, noise):
    rng = np.random.default_rng([31, seed])
    visits, _ = simulate(rng, int(rng.integers(4, 20)), 12.0, (2, 10), LARGEST_E, (0, 20))
    found = moments_of(ellipse_likelihood(visits, model_of(noise), (2, 10)))
    assert found[0] == pytest.approx(cubature(visits, model_of(noise), (2, 10))[0], abs=6e-4)


def test_of_few_visits_no_orbit_explains_more_than_there_is():
    """Five visits with scaled errors, whose smallest leave the search's single precision nothing but rounding."""
    rng = np.random.default_rng([77, 4])
    count, signal = int(rng.integers(4, 6)), np.exp(rng.uniform(np.log(5), np.log(500)))
    visits, _ = simulate(rng, count, 12.0, (2, 10), 0.95, (signal, signal))
    model = model_of(Scaled(0, 0.5))
    system, grid = eliminate(linear_model(visits, model)), grids.grid(LARGEST_E)
    for noise in (0, len(system.level) // 2):
        (found,) = grids.scan(system, grids.cells((2, 10), 12.0, count), grid, [noise])
        assert (found.highest <= system.level[noise] + 0.5001 * system.totals[noise, 3] + 10).all()
    expected = cubature(visits, model, (2, 10))
    assert moments_of(ellipse_likelihood(visits, model, (2, 10)))[0] == pytest.approx(expected[0], abs=1e-3)


@pytest.mark.parametrize(("seed", "signal"), [(0, 20), (3, 60), (2, 300)])
def test_nodes_of_one_narrow_mode_have_the_evidence_of_importance_sampling(seed, signal):
    rng = np.random.default_rng(seed)
    visits, _ = simulate(rng, 16, 1000.0, (10, 100), 0.5, (signal, signal))
    model = model_of(None)
    likelihood = ellipse_likelihood(visits, model, (2, 500))
    system = eliminate(linear_model(visits, model))
    mode = np.array([np.exp(-likelihood.peak_ln_period[0]), likelihood.peak_e[0], TWO_PI * likelihood.peak_turn[0]])

    steps = np.array([1e-3 / 1000, 1e-2, 1e-2]) * 10 / signal
    hessian = np.empty((3, 3))
    for a in range(3):
        for b in range(3):
            signs = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])
            points = mode + signs[:, :1] * np.eye(3)[a] * steps + signs[:, 1:] * np.eye(3)[b] * steps
            hessian[a, b] = -np.sum(signs.prod(axis=1) * evaluate(points, system)) / (4 * steps[a] * steps[b])
    proposal = multivariate_t(mode, 1.3 * np.linalg.inv(hessian), df=5, allow_singular=True, seed=rng)
    points = proposal.rvs(200_000)
    inside = (points[:, 1] > 0) & (points[:, 1] < LARGEST_E)
    terms = evaluate(points[inside], system) - np.log(points[inside, 0] * TWO_PI) - proposal.logpdf(points[inside])
    weights = np.exp(terms - terms.max())
    expected = terms.max() + np.log(weights.sum() / len(points)) - np.log(LARGEST_E)
    error = np.sqrt(np.sum(weights**2)) / weights.sum()
    assert error < 3e-3
    assert moments_of(likelihood)[0] == pytest.approx(expected, abs=4 * error + 1e-3)


def test_the_highest_mode_is_at_least_as_high_as_the_orbit_that_was_simulated():
    for seed in range(12):
        rng = np.random.default_rng([5, seed])
        visits, true = simulate(rng, int(rng.integers(8, 25)), 1000.0, (2, 500), 0.9, (30, 200))
        likelihood = ellipse_likelihood(visits, model_of(None), (2, 500))
        system = eliminate(linear_model(visits, model_of(None)))
        assert likelihood.peak_ln_likelihood[0] > evaluate(true[None], system)[0] - 0.1, seed


def test_a_mode_that_the_search_has_missed_is_found_beside_a_lower_one():
    """At e = 0.87 and 141 times the errors, where least squares from the grid end on a ridge 40 below in ln L."""
    rng = np.random.default_rng([21, 11])
    signal, count = np.exp(rng.uniform(np.log(5), np.log(500))), int(rng.integers(7, 30))
    visits, true = simulate(rng, count, 1000.0, (2, 500), 0.9, (signal, signal))
    likelihood = ellipse_likelihood(visits, model_of(None), (2, 500))
    system = eliminate(linear_model(visits, model_of(None)))
    assert likelihood.peak_ln_likelihood[0] > evaluate(true[None], system)[0] - 0.1


def test_a_mode_that_the_grid_misses_is_integrated_beside_the_ground_of_a_larger_noise():
    """The grid sees nothing of a mode at 406 times the errors, and with much jitter is smooth, as without an orbit."""
    rng = np.random.default_rng([35, 43])
    signal, count = np.exp(rng.uniform(np.log(5), np.log(500))), int(rng.integers(12, 37))
    visits, true = simulate(rng, count, 1000.0, (2, 500), 0.95, (signal, signal))
    likelihood = ellipse_likelihood(visits, model_of(Jitter(-1, 1)), (2, 500))
    share, near = (
        np.exp(likelihood.ln_weight - logsumexp(likelihood.ln_weight)),
        likelihood.ln_period + np.log(true[0]),
    )
    assert share[np.abs(near) < 0.01].sum() == pytest.approx(1, abs=1e-4)
    assert likelihood.peak_ln_likelihood[0] == pytest.approx(-132.9, abs=0.1)


@pytest.mark.parametrize(
    ("seed", "amplitude_sd"), [(27, 30), (78, 30), (298, 30), (268, 300), (1391, 300), (1427, 300)]
)
def test_no_other_search_finds_a_higher_mode(seed, amplitude_sd):
    """Of systems where least squares end at the lower of two tops, before they are at the top, or at the largest e."""
    model = replace(model_of(None), amplitude_sd_kms=amplitude_sd)
    rng = np.random.default_rng([32, seed])
    signal, count = np.exp(rng.uniform(np.log(5), np.log(500))), int(rng.integers(7, 41))
    visits, true = simulate(rng, count, 1000.0, (2, 500), 0.95, (signal, signal))
    linear, bounds = linear_model(visits, model), Bounds(1 / 500, 1 / 2, LARGEST_E)
    system, likelihood = eliminate(linear), ellipse_likelihood(visits, model, (2, 500))
    points = rng.uniform([bounds.low, 0, 0], [bounds.high, LARGEST_E, TWO_PI], (20_000, 3))
    starts = np.vstack([true, points[np.argsort(-evaluate(points, system))[:100]]])
    higher = climb_all(starts, 0, bounds, linear, system)[:, 3].max()
    assert likelihood.peak_ln_likelihood[0] > higher - 0.1


def test_a_mode_that_the_integral_does_not_see_is_no_answer(monkeypatch):
    visits, _ = simulate(np.random.default_rng(12), 16, 1000.0, (10, 100), 0.5, (300, 300))

    def by_the_grid_alone(found, best):
        return integral.Boxes(found), integral.scanned_mass(integral.mass_at_middles(found, best), []).sum()

    monkeypatch.setattr(integral, "integrate", by_the_grid_alone)
    with pytest.raises(FloatingPointError, match="so narrow that the integral has not seen it"):
        ellipse_likelihood(visits, model_of(None), (2, 500))


def test_draws_lie_where_the_nodes_have_their_mass():
    for seed, noise in [(1, None), (2, Jitter(-1, 1)), (3, None)]:
        rng = np.random.default_rng([6, seed])
        visits, _ = simulate(rng, 11 - 3 * (seed == 3), 12.0, (2, 10), 0.8, (3, 5))
        likelihood, density = ellipse_likelihood(visits, model_of(noise), (2, 10)), UniformPeriod((2, 10))
        points = draw_shapes(likelihood, density, (), 40_000, rng)
        terms = likelihood.ln_weight + density.ln_pdf(likelihood.ln_period)
        mass = np.exp(terms - terms.max())
        expected = np.bincount(likelihood.node_group, mass) / mass.sum()
        low = np.minimum.reduceat(likelihood.panel_low, likelihood.group_start)
        drawn = np.bincount(np.searchsorted(low, points[:, 0], side="right") - 1, minlength=len(low))
        held = expected * len(points) > 10
        if held.sum() > 1:
            assert chisquare(drawn[held], expected[held] / expected[held].sum() * drawn[held].sum()).pvalue > 1e-3
        mean = np.sum(mass * likelihood.e) / mass.sum()
        sd = np.sqrt(np.sum(mass * (likelihood.e - mean) ** 2) / mass.sum())
        assert points[:, 1].mean() == pytest.approx(mean, abs=4 * sd / 200)
        assert points[:, 1].std() == pytest.approx(sd, rel=0.02)


def test_a_density_of_the_period_is_drawn_from_with_the_likelihood():
    rng = np.random.default_rng(8)
    visits, _ = simulate(rng, 7, 12.0, (2, 10), 0.8, (1, 2))
    likelihood, density = ellipse_likelihood(visits, model_of(None), (2, 10)), Normal((0, 3), (-3, 0))
    mu, ln_sigma = np.repeat([1.1, 1.9], 20_000), np.repeat([-1.5, -1.0], 20_000)
    drawn = -np.log(draw_shapes(likelihood, density, (mu, ln_sigma), 40_000, rng)[:, 0])
    for which, numbers in ((slice(20_000), (1.1, -1.5)), (slice(20_000, None), (1.9, -1.0))):
        terms = likelihood.ln_weight + density.ln_pdf(likelihood.ln_period, *numbers)
        mass = np.exp(terms - terms.max()) / np.exp(terms - terms.max()).sum()
        mean = np.sum(mass * likelihood.ln_period)
        sd = np.sqrt(np.sum(mass * (likelihood.ln_period - mean) ** 2))
        assert drawn[which].mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(20_000))
        assert drawn[which].std() == pytest.approx(sd, rel=0.03)


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_coefficients_and_noise_are_drawn_given_the_shape(noise):
    """At one shape, against the conditional means and covariances on a fine grid of the noise."""
    rng = np.random.default_rng(9)
    visits, _ = simulate(rng, 9, 12.0, (2, 10), 0.7, (3, 5))
    visits = replace(visits, rv_err_kms=rng.uniform(0.5, 2, 9))
    model = model_of(noise, trend=1)
    likelihood = ellipse_likelihood(visits, model, (2, 10))
    e, phase = 0.6, 1.0
    frequency = np.exp(-likelihood.peak_ln_period[0])
    drawn = draw_given_shape(likelihood, np.tile([frequency, e, phase], (20_000, 1)), rng)

    cosine, sine = anomalies(TWO_PI * frequency * likelihood.linear.time + phase, e)
    nu = np.arctan2(sine, cosine)
    turned = np.column_stack([np.cos(nu - phase) + e * np.cos(phase), np.sin(nu - phase) - e * np.sin(phase)])
    design = np.column_stack([turned, model.static_columns(visits)])
    deviations = model.standard_deviations(visits)
    u = np.zeros(1) if noise is None else np.linspace(noise.mean - 8 * noise.sd, noise.mean + 8 * noise.sd, 400)
    ln_share, means, squares = np.empty(len(u)), [], []
    for n, value in enumerate(u):
        covariance = np.diag(model.noise.variances(np.array([value]), visits))
        whole = covariance + (design * deviations**2) @ design.T
        ln_share[n] = multivariate_normal(np.zeros(9), whole).logpdf(visits.rv_kms)
        ln_share[n] += 0 if noise is None else noise.ln_prior(np.array([value]))
        precision = design.T @ np.linalg.solve(covariance, design) + np.diag(deviations**-2)
        means.append(np.linalg.solve(precision, design.T @ np.linalg.solve(covariance, visits.rv_kms)))
        squares.append(np.linalg.inv(precision) + np.outer(means[-1], means[-1]))
    share = np.exp(ln_share - logsumexp(ln_share))
    mean = share @ means
    covariance = np.einsum("n,nij->ij", share, squares) - np.outer(mean, mean)
    theta = np.array([drawn[name] for name in model.coefficients(visits)])
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(theta.mean(axis=1), mean, atol=4 * sd.max() / np.sqrt(20_000))
    np.testing.assert_allclose(np.cov(theta) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.05)
    if noise is not None:
        middle = share @ u
        assert drawn[noise.parameter].mean() == pytest.approx(middle, abs=0.04)
        assert drawn[noise.parameter].std() == pytest.approx(np.sqrt(share @ (u - middle) ** 2), rel=0.04)


@pytest.mark.parametrize("prior", [EccentricityPrior(0.867, 3.03, 0.95), EccentricityPrior(2, 5, 0.8)], ids=str)
def test_a_prior_of_the_eccentricity_is_integrated_and_drawn_from(prior):
    visits, _ = simulate(np.random.default_rng(10), 9, 12.0, (2, 10), 0.5, (2, 4))
    model = replace(model_of(None), eccentricity=prior)
    likelihood = ellipse_likelihood(visits, model, (2, 10))
    found, expected = moments_of(likelihood), cubature(visits, model, (2, 10))
    assert found[0] == pytest.approx(expected[0], abs=3e-3)
    assert found[3] == pytest.approx(expected[3], abs=0.02 * expected[4])
    points = draw_shapes(likelihood, UniformPeriod((2, 10)), (), 20_000, np.random.default_rng(0))
    terms = likelihood.ln_weight + UniformPeriod((2, 10)).ln_pdf(likelihood.ln_period)
    mass = np.exp(terms - logsumexp(terms))
    assert points[:, 1].mean() == pytest.approx(mass @ likelihood.e, abs=5 * points[:, 1].std() / np.sqrt(20_000))
    assert points[:, 1].max() < prior.up_to


def test_a_scan_of_keplerian_orbits_is_read_as_it_was_written(tmp_path):
    model, systems = model_of(Jitter(-1, 1)), []
    for seed in range(3):
        visits, _ = simulate(np.random.default_rng([11, seed]), 8, 12.0, (2, 10), 0.7, (2, 4))
        systems.append(replace(visits, system=f"S{seed}"))
    scanned = scan_systems(systems, model, (2, 10), bins=50)
    write_tree(xr.DataTree(scanned), str(tmp_path / "periods.nc"), {})
    read = read_likelihoods(
        [read_tree(str(tmp_path / "periods.nc")).to_dataset()], {s.system: s for s in systems}, model
    )
    for visits, likelihood in zip(systems, read, strict=True):
        expected = ellipse_likelihood(visits, model, (2, 10))
        for name in (field.name for field in fields(EllipseLikelihood)):
            if isinstance(value := getattr(expected, name), np.ndarray):
                np.testing.assert_array_equal(getattr(likelihood, name), value)
        drawn = [
            draw_shapes(n, UniformPeriod((2, 10)), (), 50, np.random.default_rng(0)) for n in (expected, likelihood)
        ]
        np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("noise", [None, Jitter(-2, 2)], ids=str)
def test_a_nearly_circular_orbit_is_seen_at_every_phase(noise):
    """Where e is known to a thousandth its ring holds something at all phases, far from any one mode."""
    rng = np.random.default_rng(4)
    time = np.sort(rng.uniform(0, 2000, 15))
    rv = columns(time - time.mean(), 1 / 8.1, 0.0, 0.0) @ [30.0, 20.0] + rng.normal(0, 0.1, 15)
    visits, model = Visits("S", time, rv, np.full(15, 0.1)), replace(model_of(noise), amplitude_sd_kms=100.0)
    likelihood = ellipse_likelihood(visits, model, (2, 16))
    points = draw_shapes(likelihood, UniformPeriod((2, 16)), (), 4000, rng)
    # by importance: e and phase uniform in a disc about the circle, ln P normal about that of its mode
    width = 3 * np.std(np.log(points[:, 0]))
    system, largest = eliminate(linear_model(visits, model)), 6 * np.median(points[:, 1])
    centre = np.mean(np.log(points[:, 0]))
    x, e, phase = rng.normal(centre, width, 200_000), rng.uniform(0, largest, 200_000), rng.uniform(0, TWO_PI, 200_000)
    terms = evaluate(np.column_stack([np.exp(x), e, phase]), system) + 0.5 * ((x - centre) / width) ** 2
    weight = np.exp(terms - terms.max())
    expected = terms.max() + np.log(weight.mean() * largest * width * np.sqrt(TWO_PI) / LARGEST_E)
    assert np.sqrt(np.sum(weight**2)) / weight.sum() < 0.02
    assert moments_of(likelihood)[0] == pytest.approx(expected, abs=0.06)
    octants = np.histogram(phase, 8, (0, TWO_PI), weights=weight / weight.sum())[0]
    drawn = np.histogram(points[:, 2] % TWO_PI, 8, (0, TWO_PI))[0] / len(points)
    np.testing.assert_allclose(drawn, octants, atol=0.03)


@pytest.mark.parametrize(("seed", "count", "signal"), [(1, 8, (3, 8)), (4, 7, (0, 1))])
def test_nodes_integrate_densities_of_the_eccentricity_as_narrow_as_a_twentieth(seed, count, signal):
    """Also those that rise towards e = 0, where the search has no grid of its own."""
    visits, _ = simulate(np.random.default_rng(seed), count, 12.0, (2, 10), 0.7, signal)
    model = model_of(None)
    likelihood = ellipse_likelihood(visits, model, (2, 10))
    system, root = eliminate(linear_model(visits, model)), np.polynomial.legendre.leggauss(50)
    u, weight = 0.5 * (root[0] + 1), 0.5 * root[1]
    e, weight, phase = 0.95 * u**2, 2 * 0.95 * u * weight, TWO_PI * np.arange(96) / 96
    step = 0.4 / int(40 * 0.4 * visits.baseline_days)
    frequency, terms = np.arange(0.1 + step / 2, 0.5, step), []
    for f in frequency:
        points = np.column_stack([np.full(len(e) * 96, f), np.repeat(e, 96), np.tile(phase, len(e))])
        terms.append(logsumexp(evaluate(points, system).reshape(len(e), -1), axis=1) - np.log(96) + np.log(step / f))
    for density, h in (
        (Beta((-0.6, 3), (0, 4)), (-0.5, 1.5)),
        (Rayleigh((-4, 1)), (-3.0,)),
        (Circularised((1, 3), (-2, 1)), (1.6, -1.0)),
    ):
        for x, of_e, ln_weight in (
            (likelihood.ln_period, likelihood.e, likelihood.ln_weight),
            likelihood.condensed(with_e=True),
        ):
            found = logsumexp(ln_weight - model.eccentricity.ln_pdf(of_e) + density.ln_pdf(of_e, x, *h))
            expected = logsumexp(terms + np.log(weight) + density.ln_pdf(e, -np.log(frequency)[:, None], *h))
            assert found == pytest.approx(expected, abs=2e-3)
    alone = likelihood.condensed(with_e=False)
    assert logsumexp(alone[2]) == pytest.approx(logsumexp(likelihood.ln_weight), abs=1e-12)
    assert len(alone[0]) < len(likelihood.e) / 5


@pytest.mark.parametrize(
    ("density", "h"), [(Rayleigh((-4, 1)), (-2.5,)), (Circularised((1, 3), (-2, 1)), (1.6, -1.0))], ids=str
)
def test_a_density_of_the_eccentricity_is_drawn_from_with_the_likelihood(density, h):
    rng = np.random.default_rng(9)
    visits, _ = simulate(rng, 7, 12.0, (2, 10), 0.8, (2, 4))
    model, joint = model_of(None), Joint(TruncatedNormal((0, 3), (-2, 1), (2, 10)), density)
    likelihood, h = ellipse_likelihood(visits, model, (2, 10)), (1.5, -0.5, *h)
    points = draw_shapes(likelihood, joint, [np.full(20_000, p) for p in h], 20_000, rng)
    terms = likelihood.ln_weight - model.eccentricity.ln_pdf(likelihood.e)
    terms = terms + joint.ln_joint(likelihood.ln_period, likelihood.e, *h)
    mass = np.exp(terms - logsumexp(terms))
    for drawn, at in ((-np.log(points[:, 0]), likelihood.ln_period), (np.sqrt(points[:, 1]), np.sqrt(likelihood.e))):
        mean = mass @ at
        sd = np.sqrt(mass @ (at - mean) ** 2)
        assert drawn.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(20_000))
        assert drawn.std() == pytest.approx(sd, rel=0.03)
