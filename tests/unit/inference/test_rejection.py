"""Draws from what of a density lies in a range, however little that is; and samplers that end."""

import numpy as np
import pytest
from scipy.stats import kstest

from starpop.inference import rejection
from starpop.inference.densities import Histogram, Normal, NormalMixture, PowerLaw, StudentT, TruncatedNormal

WIDE = (1e-3, 1e6)
CASES = {
    "normal": (Normal((1, 10), (-2, 3)), (1.8, -0.4)),
    "truncated_normal": (TruncatedNormal((1, 10), (-2, 3), WIDE), (1.8, -0.4)),
    "student_t": (StudentT((1, 10), (-2, 3), (0, 5)), (1.8, -0.4, 1.0)),
    "normal_mixture": (NormalMixture((0, 3), (0, 3), (-2, 1)), (1.0, 1.5, -0.5, -1.0, 0.3)),
    "power_law": (PowerLaw((-3, 3), WIDE), (-1.0,)),
    "histogram": (Histogram(3, (-3, 1), WIDE), (0.5, -1.0, 0.2)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("period_range_days", [(4.0, 9.0), (4.19999, 4.20001), (3e3, 3.1e3)])
def test_draws_within_a_range_follow_the_density_there(name, period_range_days):
    density, h = CASES[name]
    drawn = density.draw_within(period_range_days, [np.full(5_000, p) for p in h], np.random.default_rng(1))
    low, high = np.log(period_range_days)
    x = np.linspace(low, high, 200_001)
    pdf = np.exp(density.ln_pdf(x, *h) - density.ln_pdf(x, *h).max())
    cdf = np.append(0, np.cumsum(pdf[1:] + pdf[:-1]))
    assert low <= drawn.min() <= drawn.max() <= high
    assert kstest(drawn, lambda t: np.interp(t, x, cdf / cdf[-1])).pvalue > 1e-3


def test_a_density_that_falls_steeply_from_an_end_is_drawn_there():
    """Seventy standard deviations out, a normal density is exponential, within 1e-3 of the end."""
    density = Normal((1, 10), (-2, 3))
    drawn = density.draw_within(
        (1.5, np.exp(3.0)), [np.full(5000, 10.0), np.full(5000, np.log(0.1))], np.random.default_rng(1)
    )
    assert np.mean(3.0 - drawn) == pytest.approx(0.1**2 / 7, rel=0.05)


def test_what_is_never_accepted_ends_with_words(monkeypatch):
    monkeypatch.setattr(rejection, "MOST_ROUNDS", 50)
    tried = []

    def propose(waiting):
        tried.append(len(waiting))
        return waiting < 3

    assert list(rejection.until_accepted(5, propose, 4)) == [3, 4]
    assert tried == [5, 2, 2, 2]
    with pytest.raises(FloatingPointError, match="2 of 5 draws were refused"):
        rejection.draw(5, propose)
