"""A jitter of each instrument: every road to the likelihood, draws, and the systems that lack an instrument."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.special import logsumexp
from scipy.stats import kstest, norm

from starpop.checks.criticism import criticise_system
from starpop.inference.densities import Normal, UniformPeriod
from starpop.orbits import no_orbit, periods, single
from starpop.orbits.linear_model import linear_model
from starpop.orbits.ln_likelihood import evaluate, noise_terms
from starpop.orbits.noise import Jitter
from starpop.orbits.orbit import conditional, design_matrix, shape_points, total_errors
from starpop.orbits.orbit_draws import draw_given_shape, draw_orbits
from starpop.orbits.period_likelihood import period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.orbits.visits import Visits
from starpop.pages import tables
from starpop.populations import population
from starpop.run.errors import InputError

RANGE, PERIOD = (3.0, 20.0), 7.3
UNIFORM = UniformPeriod(RANGE)
NOISE = Jitter(-1, 1, each="instrument")
MODEL = SystemModel(20, 50, noise=NOISE)
TRUE = np.array([0.02, 1.5, 0.4])
ONE = replace(MODEL, noise=Jitter(-1, 1))


def visits_of(count, used, instruments="AB", seed=0):
    """Visits of instruments in turns, each with a jitter of its own."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 60, count))
    instrument = np.resize(used, count)
    rv = 8 * np.cos(2 * np.pi * time / PERIOD) + 3 + rng.normal(0, np.hypot(0.2, TRUE[instrument]))
    return Visits("S", time - time[0], rv, np.full(count, 0.2), tuple(instruments), instrument)


def fine_grid(numbers, points):
    """(K, D) combinations of the numbers over all of their priors, and the ln of a cell."""
    u = np.linspace(-6.5, 4.5, points)
    grid = np.stack(np.meshgrid(*[u] * numbers, indexing="ij"), axis=-1).reshape(-1, numbers)
    return grid, numbers * np.log(u[1] - u[0])


def normal_density(visits, model, ln_noise, columns, deviations):
    """(K,) ln of the joint normal density of the velocities at each of (K, D) numbers of the noise."""
    variance = model.noise.variances(ln_noise, visits)
    covariance = (columns * deviations**2) @ columns.T + variance[:, :, None] * np.eye(len(visits))
    _, ln_determinant = np.linalg.slogdet(covariance)
    white = np.linalg.solve(covariance, np.tile(visits.rv_kms[:, None], (len(variance), 1, 1)))[..., 0]
    return -0.5 * (white @ visits.rv_kms + ln_determinant + len(visits) * np.log(2 * np.pi))


@pytest.mark.parametrize(("used", "points", "precise"), [((0, 1), 200, 1e-7), ((0, 1, 2), 50, 1e-5)])
def test_the_likelihood_is_that_by_brute_force(used, points, precise):
    visits = visits_of(12, used, "ABC"[: len(used)])
    u, ln_cell = fine_grid(len(used), points)
    ln_prior = norm.logpdf(u, -1, 1).sum(axis=1) + ln_cell
    frequency = np.array([1 / PERIOD, 0.2])
    got = evaluate(frequency, linear_model(visits, MODEL))
    deviations = MODEL.standard_deviations(visits)
    for design, value in zip(design_matrix(frequency, visits, MODEL), got, strict=True):
        expected = logsumexp(normal_density(visits, MODEL, u, design, deviations) + ln_prior)
        assert value == pytest.approx(expected, abs=precise)
    static = normal_density(visits, MODEL, u, MODEL.static_columns(visits), deviations[2:])
    assert no_orbit._given_widths(visits, MODEL) == pytest.approx(logsumexp(static + ln_prior), abs=precise)


def test_every_term_keeps_its_digits_where_errors_are_tiny():
    """Of two numbers the largest sums of squares are not those of the first points."""
    visits = replace(visits_of(12, (0, 1)), rv_err_kms=np.full(12, 1e-4))
    model = replace(MODEL, noise=Jitter(-5, 3, each="instrument"))
    linear, frequency = linear_model(visits, model), np.array([1 / PERIOD])
    (terms,) = noise_terms(frequency, linear)
    chosen = np.flatnonzero(terms > terms.max() - 30)[::7]
    alone = [evaluate(frequency, linear.at_noise(k, k + 1))[0] for k in chosen]
    assert len(chosen) > 50
    np.testing.assert_allclose(terms[chosen], alone, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("count", "used"), [(7, (0, 1)), (30, (0, 1)), (15, (0, 1, 2))])
def test_the_nodes_are_those_of_a_dense_grid_of_frequencies(count, used):
    visits = visits_of(count, used, "ABC"[: len(used)])
    # of three the whole lattice has half a million points: over a range that one peak fills
    looked_for, cells = (RANGE, 5_001) if len(used) < 3 else ((7.0, 7.6), 81)
    likelihood = period_likelihood(visits, MODEL, looked_for)
    dense = np.linspace(1 / looked_for[1], 1 / looked_for[0], cells)
    values = evaluate(dense, linear_model(visits, MODEL)) - np.log(dense)
    values[[0, -1]] -= np.log(2)
    ln_prior = -np.log(np.log(looked_for[1] / looked_for[0]))
    expected = logsumexp(values) + np.log(dense[1] - dense[0]) + ln_prior
    assert likelihood.ln_evidence(ln_prior) == pytest.approx(expected, abs=1e-6)
    mean = np.sum(np.exp(values - logsumexp(values)) * -np.log(dense))
    weight = np.exp(likelihood.ln_weight - logsumexp(likelihood.ln_weight))
    assert weight @ likelihood.ln_period == pytest.approx(mean, abs=1e-6)
    # on the points that matter as on all
    peak = np.exp(-likelihood.peak_ln_period[:1])
    np.testing.assert_allclose(evaluate(peak, likelihood.linear), evaluate(peak, linear_model(visits, MODEL)))
    assert len(likelihood.linear.constant) < np.prod(MODEL.noise.lattice(visits).shape)


@pytest.mark.parametrize(("quiet", "noisy", "wide"), [(30, 12, 2.0), (15, 15, 2.0), (20, 20, 1.0)])
def test_which_of_two_instruments_is_the_quiet_one_may_have_two_answers(quiet, noisy, wide):
    """An unknown zero point between them: either may be what scatters, and a valley lies between."""
    visits = visits_of(quiet + noisy, (0, 1), seed=3)
    instrument = np.random.default_rng(3).permutation(np.repeat([0, 1], [quiet, noisy]))
    rv = 8 * np.cos(2 * np.pi * visits.time_days / PERIOD) + 20 * instrument
    visits = replace(visits, instrument=instrument, rv_kms=rv + np.random.default_rng(4).normal(0, 0.2, len(rv)))
    model = replace(MODEL, noise=Jitter(-2, wide, each="instrument"))
    likelihood = period_likelihood(visits, model, RANGE)
    dense = np.linspace(1 / RANGE[1], 1 / RANGE[0], 501)
    whole = linear_model(visits, model)
    for frequency in (dense[evaluate(dense, whole).argmax() :][:1], np.exp(-likelihood.peak_ln_period[:1])):
        np.testing.assert_allclose(evaluate(frequency, likelihood.linear), evaluate(frequency, whole), atol=1e-9)
    assert evaluate(dense, likelihood.linear).max() == pytest.approx(evaluate(dense, whole).max(), abs=1e-9)
    best = single.maximum_a_posteriori(
        visits, model, RANGE, single.best_mode_starts(likelihood, RANGE, np.random.default_rng(0))
    )
    assert min(best["ln_jitter_A"], best["ln_jitter_B"]) < 0 < max(best["ln_jitter_A"], best["ln_jitter_B"])


def test_a_period_beyond_the_range_is_as_likely_with_an_instrument_more():
    rng = np.random.default_rng(1)
    visits = visits_of(20, (0, 1))
    visits = replace(visits, rv_kms=8 * np.cos(2 * np.pi * visits.time_days / 31.0) + rng.normal(0, 0.4, 20))
    three = replace(visits, instruments=("A", "B", "C"))
    gains = [periods.best_outside(period_likelihood(v, MODEL, RANGE), RANGE) for v in (visits, three)]
    assert gains[0] == pytest.approx(gains[1], rel=1e-9) and gains[0][1] > 10
    assert gains[0][0] == pytest.approx(31, rel=0.02)
    exact = linear_model(visits, MODEL)
    inside = period_likelihood(visits, MODEL, RANGE).peak_ln_likelihood[0]
    assert gains[0][1] == pytest.approx(evaluate(np.array([1 / gains[0][0]]), exact)[0] - inside, abs=0.2)


def test_noise_and_coefficients_are_drawn_given_the_period():
    visits = visits_of(14, (0, 1))
    likelihood = period_likelihood(visits, MODEL, RANGE)
    drawn = draw_given_shape(likelihood, shape_points(np.full(20_000, 1 / PERIOD), {}), np.random.default_rng(1))
    u, _ = fine_grid(2, 250)
    (design,) = design_matrix(np.array([1 / PERIOD]), visits, MODEL)
    ln_share = normal_density(visits, MODEL, u, design, MODEL.standard_deviations(visits))
    share = np.exp(ln_share + NOISE.ln_prior(u) - logsumexp(ln_share + NOISE.ln_prior(u)))
    for g, name in enumerate(("ln_jitter_A", "ln_jitter_B")):
        points, mass = np.unique(u[:, g]), share.reshape(250, 250).sum(axis=1 - g)
        cdf = np.cumsum(mass) - 0.5 * mass
        assert kstest(drawn[name], lambda t, p=points, c=cdf: np.interp(t, p, c)).pvalue > 1e-4
    white = np.empty((500, 3))
    for k, row in enumerate(white):
        at = MODEL.noise_of({name: values[k] for name, values in drawn.items()}, visits)
        fit = conditional(np.array([1 / PERIOD]), visits, MODEL, at)
        row[:] = fit.cholesky[0].T @ (np.array([drawn[name][k] for name in ("a", "b", "v0")]) - fit.mean[0])
    assert min(kstest(column, "norm").pvalue for column in white.T) > 1e-4


def test_an_instrument_without_visits_keeps_its_prior_and_changes_nothing():
    both, alone = visits_of(12, (0,), "AB"), visits_of(12, (0,), "A")
    frequency = np.linspace(0.06, 0.3, 20)
    lattices = [MODEL.noise.lattice(visits).shape for visits in (both, alone)]
    assert lattices[0] == (*lattices[1], 1)
    plain = evaluate(frequency, linear_model(replace(alone, instruments=(), instrument=None), ONE))
    for visits in (both, alone):
        np.testing.assert_array_equal(evaluate(frequency, linear_model(visits, MODEL)), plain)
        assert no_orbit._given_widths(visits, MODEL) == pytest.approx(no_orbit._given_widths(alone, ONE), abs=1e-8)
    likelihood = period_likelihood(both, MODEL, RANGE)
    drawn = draw_orbits(likelihood, UNIFORM, (), 4000, np.random.default_rng(1))
    assert kstest(drawn["ln_jitter_B"], norm(-1, 1).cdf).pvalue > 1e-4
    assert drawn["ln_jitter_A"].std() < 0.8


def test_more_instruments_than_can_be_integrated_over_are_refused():
    with pytest.raises(
        InputError, match=r"system S: its visits are of 4 instruments, .* for 3 at most; give it each: system"
    ):
        period_likelihood(replace(visits_of(12, (0, 1, 2), "ABCD"), instrument=np.arange(12) % 4), MODEL, RANGE)
    with pytest.raises(InputError, match="each: 'instrument', which is integrated over for circular orbits alone"):
        replace(MODEL, orbit="keplerian")
    with pytest.raises(InputError, match="each: 'night'; expected one of 'system', 'instrument'"):
        Jitter(0, 1, each="night")


def test_the_highest_point_is_higher_than_those_around_it():
    visits = visits_of(20, (0, 1))
    likelihood = period_likelihood(visits, MODEL, RANGE)
    starts = single.best_mode_starts(likelihood, RANGE, np.random.default_rng(0))
    best = single.maximum_a_posteriori(visits, MODEL, RANGE, starts)
    names = ("ln_jitter_A", "ln_jitter_B", "a", "b", "v0")

    def ln_density(point):
        theta = np.array([point[name] for name in names[2:]])
        velocity = design_matrix(np.array([1 / point["P"]]), visits, MODEL)[0] @ theta
        value = norm.logpdf(visits.rv_kms, velocity, total_errors(visits, point)).sum()
        value += norm.logpdf([point[name] for name in names[:2]], -1, 1).sum()
        return value + norm.logpdf(theta, 0, [20, 20, 50]).sum()

    rng, top = np.random.default_rng(1), ln_density(best)
    for scale in (1.0, 0.1, 0.01):
        for _ in range(100):
            shift = 0.3 * scale * rng.normal(size=5)
            point = {name: best[name] + step for name, step in zip(names, shift, strict=True)}
            assert ln_density(point | {"P": best["P"]}) <= top + 1e-6


def test_the_density_of_the_other_road():
    systems = [visits_of(12, (0, 1), seed=1), replace(visits_of(10, (1, 0), seed=2), system="T")]
    rng = np.random.default_rng(3)
    theta, u, ln_period = rng.normal(0, 5, (2, 3)), rng.normal(-1, 0.5, (2, 2)), rng.normal(1.8, 0.2, 2)
    names = MODEL.parameters(systems[0])
    assert names == ("ln_jitter_A", "ln_jitter_B", "a", "b", "v0")

    def ln_density(k):
        point = dict(zip(names, [*u[k], *theta[k]], strict=True))
        velocity = design_matrix(np.exp(-ln_period[k : k + 1]), systems[k], MODEL)[0] @ theta[k]
        value = norm.logpdf(systems[k].rv_kms, velocity, total_errors(systems[k], point)).sum()
        return value + norm.logpdf(u[k], -1, 1).sum() + norm.logpdf(theta[k], 0, [20, 20, 50]).sum()

    point = dict(zip(names, [*u[0], *theta[0]], strict=True))
    period = np.exp(ln_period[0])
    point["P_interval__"] = np.log((period - RANGE[0]) / (RANGE[1] - period))
    built = single.build_model(systems[0], MODEL, RANGE)
    expected = ln_density(0) - np.log(RANGE[1] - RANGE[0])
    assert built.compile_logp(jacobian=False)(point) == pytest.approx(expected, rel=1e-10)
    low, high = np.log(RANGE)
    point = dict(zip(names, [*u.T, *theta.T], strict=True))
    point |= {"lnP_interval__": np.log((ln_period - low) / (high - ln_period))}
    point |= {"mu_interval__": np.log((1.7 - 1) / (10 - 1.7)), "lnsigma_interval__": np.log((-0.3 + 2) / (3 + 0.3))}
    expected = norm.logpdf(ln_period, 1.7, np.exp(-0.3)).sum() - np.log(9) - np.log(5) + ln_density(0) + ln_density(1)
    built = population.build_model(systems, [MODEL] * 2, Normal((1, 10), (-2, 3)), RANGE)
    assert built.compile_logp(jacobian=False)(point) == pytest.approx(expected, rel=1e-10)


def test_the_table_has_the_jitter_of_each_and_of_all():
    visits = visits_of(12, (0, 0, 1))
    likelihood = period_likelihood(visits, MODEL, RANGE)
    drawn = draw_orbits(likelihood, UNIFORM, (), 500, np.random.default_rng(1))
    draws = drawn | {"P": np.exp(drawn["lnP"])}
    starts = single.best_mode_starts(likelihood, RANGE, np.random.default_rng(0))
    best = single.maximum_a_posteriori(visits, MODEL, RANGE, starts)
    row = tables.orbit_row(visits, draws, best, MODEL)
    jitter = np.exp([draws["ln_jitter_A"], draws["ln_jitter_B"]])
    assert row["jitter_of_A_kms"] == pytest.approx(jitter[0].mean())
    assert row["jitter_sd_of_B_kms"] == pytest.approx(jitter[1].std(ddof=1))
    lacking = tables.orbit_row(replace(visits, instrument=np.zeros(12, int)), draws, best, MODEL)
    assert np.isnan(lacking["jitter_of_B_kms"]) and lacking["jitter_of_A_kms"] == row["jitter_of_A_kms"]
    assert row["jitter_kms"] == pytest.approx(np.sqrt((2 * jitter[0] ** 2 + jitter[1] ** 2) / 3).mean())
    fit = conditional(np.array([1 / best["P"]]), visits, MODEL, MODEL.noise_of(best, visits))
    assert row["chi2_reduced"] == pytest.approx(fit.chi2[0] / (12 - 4))


def test_what_is_scanned_is_read_again_and_criticised_and_a_system_of_four_instruments_is_left_out(tmp_path):
    systems = [replace(visits_of(15, (0, 1, 2), "ABCD", seed=k), system=f"S{k}") for k in range(2)]
    other = replace(systems[0], system="T", instrument=np.arange(15) % 4)
    scan = periods.scan_systems([*systems, other], MODEL, RANGE, 50)
    assert scan["failed_system"].values.tolist() == ["T"] and "4 instruments" in scan["reason"].values[0]
    scan.to_netcdf(tmp_path / "scan.nc")
    with xr.open_dataset(tmp_path / "scan.nc") as stored:
        read = periods.read_likelihoods([stored], {s.system: s for s in systems}, MODEL)
    for visits, again in zip(systems, read, strict=True):
        likelihood = period_likelihood(visits, MODEL, RANGE)
        assert again.noise == likelihood.noise and len(again.noise.size) == 4 and again.noise.size[3] == 1
        np.testing.assert_array_equal(again.linear.weight, likelihood.linear.weight)
        np.testing.assert_array_equal(again.ln_weight, likelihood.ln_weight)
    drawn = draw_orbits(read[0], UNIFORM, (), 200, np.random.default_rng(1))
    draws = drawn | {"P": np.exp(drawn["lnP"])}
    row, _ = criticise_system(read[0], draws, RANGE, 99, np.random.default_rng(2))
    assert row["misfit_p"] > 0.01


def test_systems_are_drawn_with_their_population():
    systems = [replace(visits_of(12, (0, 1), seed=k), system=f"S{k}") for k in range(3)]
    likelihoods = [period_likelihood(visits, MODEL, RANGE) for visits in systems]
    density = Normal((1, 3), (-2, 1))
    hyper = population.posterior(likelihoods, density)
    drawn = population.draw(likelihoods, density, hyper, 300, lambda name: np.random.default_rng(len(name)))
    quiet, noisy = (drawn["posterior"][f"ln_jitter_{name}"] for name in "AB")
    assert quiet.sizes["system"] == 3 and quiet.mean() + 0.8 < noisy.mean()
