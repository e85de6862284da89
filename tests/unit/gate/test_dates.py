"""Times that have been rounded are found, whoever rounded them; honest times are left in peace."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from starpop.gate.catalog import Selection, prepare
from starpop.gate.dates import shared_step, steps_of_32_bits
from starpop.run.errors import InputError

RNG = np.random.default_rng(3)
JD = 2456000 + np.sort(RNG.uniform(0, 800, 14))
SETTINGS = {"columns": {"system": "star", "time": "t", "rv": "v", "rv_err": "e"}, "units": {"time": "d", "rv": "km/s"}}


def gate(times, settings, star=None):
    count = len(times)
    columns = {"star": ["A"] * count if star is None else star, "t": times, "v": np.linspace(-9, 9, count)}
    return prepare(Table(columns | {"e": np.full(count, 0.1)}), SETTINGS | settings, Selection("all", [], 3))


@pytest.mark.parametrize(
    ("time", "settings", "step"),
    [
        (JD.astype("f4").astype(float), {}, r"0\.25"),
        (JD.astype("f4").astype(float).astype(str), {}, r"0\.25"),
        ((JD * 86400).astype("f4").astype(float), {"units": {"time": "s", "rv": "km/s"}}, r"0\.19"),
        ((JD * 1440).astype("f4").astype(float), {"units": {"time": "min", "rv": "km/s"}}, r"0\.18"),
        (np.append(JD.astype("f4"), -9999.1234), {}, r"0\.25"),
        (JD[:6].astype("f4").astype(float), {}, r"0\.25"),
    ],
)
def test_times_that_were_in_32_bits_are_said_with_their_step(time, settings, step):
    with pytest.raises(InputError, match=rf"column 't' has been stored in 32 bits, .* to {step} d: all of them are"):
        gate(time, settings)


@pytest.mark.parametrize(
    ("time", "settings"),
    [
        (JD, {}),
        (np.round(JD, 2), {}),
        (np.round(JD, 5) - 2400000.5, {"time": {"format": "mjd"}}),
        ((JD - 2400000.5).astype("f4").astype(float), {"time": {"format": "mjd"}}),  # 0.004 d
        ((JD - 2455000).astype("f4").astype(float), {"time": {"zero_jd": 2455000}}),  # 6e-5 d
        (np.array([0.5, 2.25, 3.0, 4.75, 9.5]) + 2450000, {}),
    ],
)
def test_honest_times_and_a_handful_are_left_in_peace(time, settings):
    prepared = gate(time, settings)
    assert len(prepared.visits) == len(time)
    assert len(prepared.remarks) == 1


@pytest.mark.parametrize(
    ("time", "settings", "step"),
    [
        (np.floor(JD), {}, "1"),
        (np.floor(JD) + 0.5, {}, "1"),
        (np.floor(JD) - 2400000, {"time": {"format": "mjd"}}, "1"),
        (np.round(JD * 2) / 2, {}, "0.5"),
        (np.round(JD, 1), {}, "0.1"),
        (JD.astype("f4").astype(str), {}, "0.1"),  # as 32 bits are printed
        (np.round(JD * 20) / 20, {}, "0.05"),
        (np.round(JD * 50) / 50, {}, "0.02"),
        (np.round(JD * 16) / 16, {}, "0.0625"),
        (np.round((JD - 2455000) * 4) / 4, {"time": {"zero_jd": 2455000.123}}, "0.25"),
    ],
)
def test_other_coarse_times_are_used_and_said(time, settings, step):
    prepared = gate(time, settings)
    assert len(prepared.visits) == len(time)
    assert f"The times in column 't' are all multiples of {step} d apart" in prepared.remarks[1]


def test_a_system_whose_times_were_in_32_bits_is_rejected_alone():
    times = np.concatenate([JD, JD.astype("f4"), JD[:5].astype("f4") + 0.25])
    star = ["good"] * 14 + ["short"] * 14 + ["few"] * 5
    prepared = gate(times, {}, star)
    assert set(prepared.visits["system"]) == {"few", "good"}
    assert set(prepared.rejected["reason"]) == {"time is rounded to 0.25 d, as 32 bits round it"}
    assert list(prepared.rejected["value"]) == [str(t) for t in times[14:28]]


def test_groups_are_judged_each_by_itself():
    times = np.concatenate([JD.astype("f4"), JD])
    group = np.repeat([1, 0], 14)
    np.testing.assert_array_equal(steps_of_32_bits(times, group, 0.01), np.repeat([0.25, 0], 14))
    np.testing.assert_array_equal(steps_of_32_bits(times, np.full(28, -1), 0.01), 0)
    assert not steps_of_32_bits(times[:0], group[:0], 0.01).any()


def test_a_shared_step_needs_several_times():
    assert shared_step(np.arange(6) * 0.5) == 0.5
    assert shared_step(np.arange(5) * 0.5) == 0
    assert shared_step(np.repeat(np.arange(5.0), 4)) == 0
    assert shared_step(np.append(np.arange(400.0), 7.3)) == 0.1
    assert shared_step(np.array([])) == 0


UNIX = 2440587.5


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(("zero", "what"), [(0.0, "Julian dates in"), (UNIX, "counted since 1970 in")])
def test_times_in_small_units_are_guessed_and_the_advice_is_right(unit, zero, what):
    per_day = u.day.to(unit)
    times = (JD - zero) * per_day
    advice = f"units: {{time: {unit}}}" + (f", time: {{zero_jd: {zero}}}" if zero else "")
    with pytest.raises(InputError) as error:
        gate(times, {})
    assert f"They could be {what} {unit}: {advice}." in str(error.value)
    followed = gate(times, {"units": {"time": unit, "rv": "km/s"}, "time": {"zero_jd": zero}})
    np.testing.assert_allclose(followed.visits["time_jd"], JD, rtol=0, atol=1e-6)


def test_days_since_1970_are_guessed():
    with pytest.raises(InputError, match=r"modified .*, or days since 1970 \(\{zero_jd: 2440587\.5\}\)\."):
        gate(JD - UNIX, {})


def test_times_that_are_nothing_known_are_not_guessed():
    with pytest.raises(InputError) as error:
        gate(JD * 1e25, {})
    assert "could be" not in str(error.value)
