"""How likely a star is found: against simulation without strata, and where it can be written down."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp

from starpop.inference.densities import density_from_settings
from starpop.orbits.conditions import Conditions, Star
from starpop.orbits.noise import Jitter
from starpop.orbits.system_model import DAYS_PER_YEAR, SystemModel
from starpop.orbits.visits import Visits
from starpop.populations import detection
from starpop.populations.detection import Detection, seen_of, simulate_detection
from starpop.populations.simulate import Survey, simulate_system
from starpop.run.errors import InputError

RANGE = (2.0, 60.0)
MODEL = SystemModel(2, 50)
NORMAL = {"density": "truncated_normal", "mu": [1, 4], "ln_sigma": [-2, 0.5]}
FRACTION = density_from_settings(NORMAL | {"fraction": [0, 1]}, RANGE)
HISTOGRAM = density_from_settings({"density": "histogram", "bins": 3, "ln_tau": [-2, 1]}, RANGE)


def templates(count=40, visits=(4, 8)):
    rng = np.random.default_rng(1)
    survey = Survey(visits, (100, 400), (0.1, 1.0))
    return [simulate_system(f"S{i}", 2.0, survey, MODEL, rng)[0] for i in range(count)]


def share_seen(simulated, density, hyper):
    """The share of a population that is seen, and its error, from the simulated stars."""
    seen = seen_of(simulated, density, 10)
    (ln_share,) = density.in_sample(seen).ln_seen(*(np.array([value]) for value in hyper))
    return np.exp(ln_share), np.sqrt(np.exp(density.ln_pdf(seen.points, *hyper)) ** 2 @ seen.variance)


def by_brute_force(density, hyper, conditions, model, size, stars):
    """The share of simulated stars of a population that are found, and its error."""
    found = 0
    for k in range(size):
        rng = np.random.default_rng([3, k])
        of_x = density.of_periods
        (x,) = of_x.draw([np.array([value]) for value in density.parameters_of_periods(hyper)], 1, rng)
        if not density.has_singles or rng.random() < hyper[0]:
            visits, _, mass = detection.binary(detection.any_of(stars, rng), model, x, (0, np.inf), rng)
            assert mass == 1
        else:
            visits = detection.single(detection.any_of(stars, rng), model, rng)
        found += conditions.are_met_by(Star(visits, model, RANGE))
    return found / size, np.sqrt(found * (size - found) / size**3)


@pytest.mark.parametrize(
    ("density", "hyper", "conditions", "model"),
    [
        (FRACTION, (0.7, 2.0, -1.0), Conditions(semi_amplitude_over_error=4), MODEL),
        (FRACTION, (0.3, 1.0, -2.0), Conditions(visits=5, delta_rv_kms=2), MODEL),
        (FRACTION, (0.5, 3.5, 0.5), Conditions(delta_rv_kms=3), SystemModel(2, 50, noise=Jitter(-1, 1), trend=1)),
        (HISTOGRAM, (2.0, -3.0, 1.0), Conditions(delta_rv_kms=9), SystemModel(2, 50, amplitude_scaling="kepler")),
        (HISTOGRAM, (-1.0, 1.0, 0.5), Conditions(delta_rv_kms=2), SystemModel(2, 50, orbit="keplerian")),
    ],
    ids=["fit", "narrow", "noise", "jumps", "ellipses"],
)
def test_the_share_of_a_population_that_is_found_is_that_of_plain_simulation(density, hyper, conditions, model):
    stars = templates()
    simulated = simulate_detection(stars, model, RANGE, conditions, 3000, 7)
    ours, our_error = share_seen(simulated, density, hyper)
    theirs, error = by_brute_force(density, hyper, conditions, model, 3000, stars)
    assert 0.1 < ours < 0.9
    assert abs(ours - theirs) < 4 * np.hypot(error, our_error)


def test_where_it_can_be_written_down_it_is_that():
    """With visits all the time and small errors the range of the velocities is twice K, of Rayleigh's density."""
    time = np.sort(np.random.default_rng(2).uniform(0, 2000, 3000))
    star = Visits("S", time - time[0], np.zeros(3000), np.full(3000, 1e-6))
    model = SystemModel(1.0, 50, amplitude_scaling="kepler")
    simulated = simulate_detection([star], model, RANGE, Conditions(delta_rv_kms=6), 4000, 1)
    density = density_from_settings(NORMAL, RANGE)
    for hyper in ((1.2, -1.0), (3.0, -2.0), (3.5, 0.4)):

        def in_sample(x, hyper=hyper):
            scale = (np.exp(x) / DAYS_PER_YEAR) ** (-1 / 3)
            return np.exp(density.ln_pdf(x, *hyper)) * np.exp(-((3 / scale) ** 2) / 2)

        exact = quad(in_sample, *np.log(RANGE), epsabs=1e-10, limit=200)[0]
        ours, error = share_seen(simulated, density, hyper)
        assert abs(ours - exact) < 3.5 * error and error < 0.03 * exact


def test_its_error_is_the_scatter_of_repeated_simulations():
    stars, conditions = templates(), Conditions(delta_rv_kms=3)
    hyper = [np.array([0.3, 0.8]), np.array([2.0, 3.0]), np.array([-1.0, 0.0])]
    values, variances = [], []
    for seed in range(60):
        simulated = simulate_detection(stars, MODEL, RANGE, conditions, 300, seed)
        seen = seen_of(simulated, FRACTION, 10)
        height = np.exp(FRACTION.ln_pdf(seen.points[:, None], *hyper))
        values.append(seen.share @ height)
        variances.append(seen.variance @ height**2)
    ratio = np.var(values, axis=0, ddof=1) / np.mean(variances, axis=0)
    assert (np.abs(ratio - 1) < 4 * np.sqrt(2 / 59)).all()


def test_the_map_counts_every_star_once_and_rises_with_the_amplitude():
    simulated = simulate_detection(templates(), MODEL, RANGE, Conditions(delta_rv_kms=2), 1000, 1)
    table = detection.table_of(simulated)
    assert len(table) == detection.BANDS * detection.CELLS
    assert table["simulated"].sum() == len(simulated.found) >= 1000
    assert table["found"].sum() == simulated.found.sum()
    inside = (simulated.semi_amplitude_kms >= simulated.edges_kms[simulated.cell]) & (
        simulated.semi_amplitude_kms <= simulated.edges_kms[simulated.cell + 1]
    )
    assert inside.all()
    by_amplitude = table.groupby("semi_amplitude_min_kms")[["found", "simulated"]].sum()
    share = (by_amplitude["found"] / by_amplitude["simulated"]).to_numpy()
    assert share[:4].max() < 0.2 and share[-1] > 0.9
    total, error = detection.by_period(simulated)
    assert ((total > 0) & (total < 1) & (error > 0) & (error < 0.2)).all()


def test_the_numbers_depend_on_the_seed_alone_and_come_back_as_they_were_stored():
    of = templates(), MODEL, RANGE, Conditions(delta_rv_kms=2), 200
    first, again, other = (simulate_detection(*of, seed) for seed in (1, 1, 2))
    assert first.as_dataset().identical(again.as_dataset())
    assert not np.array_equal(first.ln_period, other.ln_period)
    back = Detection.from_dataset(first.as_dataset())
    assert back.as_dataset().identical(first.as_dataset())
    assert detection.table_of(back).equals(detection.table_of(first))


def test_its_error_counts_that_of_weights_that_go_with_the_eccentricity():
    model, stars = SystemModel(2, 50, orbit="keplerian", amplitude_scaling="kepler"), templates()
    density, hyper = density_from_settings(NORMAL, RANGE), [np.array([2.5]), np.array([0.0])]
    values, variances = [], []
    for seed in range(60):
        seen = seen_of(simulate_detection(stars, model, RANGE, Conditions(delta_rv_kms=0.5), 300, seed), density, 10)
        height = np.exp(density.ln_pdf(seen.points[:, None], *hyper))
        values.append((seen.share @ height).item())
        variances.append((seen.variance @ height**2).item())
    ratio = np.var(values, ddof=1) / np.mean(variances)
    assert 0.4 < ratio < 1 + 4 * np.sqrt(2 / 59)


def test_that_none_is_found_is_said():
    simulated = simulate_detection(templates(), MODEL, RANGE, Conditions(delta_rv_kms=1e6), 100, 1)
    with pytest.raises(InputError, match=r"detection.simulations: of \d+ simulated stars none meets"):
        seen_of(simulated, density_from_settings(NORMAL, RANGE), 10)


def test_no_share_is_negative_and_in_the_far_tail_the_sum_is_that_over_the_stars_themselves():
    simulated = simulate_detection(templates(), MODEL, RANGE, Conditions(semi_amplitude_over_error=6), 1000, 2)
    density = density_from_settings({"density": "normal", "mu": [1, 10], "ln_sigma": [-2, 3]}, RANGE)
    seen = seen_of(simulated, density, 12)
    assert (seen.share >= 0).all() and (np.diff(seen.points) >= 0).all()
    mu, lnsigma = np.array([2.0, 5.0, 6.0]), np.array([-1.0, -2.0, -1.5])
    direct = logsumexp(
        density.ln_pdf(simulated.ln_period[:, None], mu, lnsigma),
        b=(simulated.weight * simulated.found)[:, None],
        axis=0,
    )
    np.testing.assert_allclose(
        density.in_sample(seen).ln_seen(mu, lnsigma), np.maximum(direct, np.log(1e-100)), atol=0.02
    )
