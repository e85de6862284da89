"""Visits take any numbers, with or without units, in any order; what cannot be used is said with its place."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, Table
from astropy.time import Time, TimeDelta
from astropy.utils.masked import Masked

from starpop.orbits.visits import Visits, read_named, read_systems, system_names
from starpop.run.errors import InputError
from starpop.run.store import write_table

RNG = np.random.default_rng(1)
TIME = np.sort(RNG.uniform(0, 300, 20))
RV = 5 + 20 * np.cos(2 * np.pi * TIME / 7.3)
ERR = RNG.uniform(0.1, 0.3, 20)
JD = 2456000.0 + TIME
THIRD = np.arange(20) == 3
SHUFFLED = RNG.permutation(20)


def changed(values, place, value):
    """The same values with one other."""
    values = values.copy()
    values[place] = value
    return values


def test_arrays_that_are_as_they_should_be_are_taken_as_they_are():
    time = TIME - TIME[0]
    visits = Visits("A", time, RV, ERR)
    assert visits.time_days is time
    assert visits.rv_kms is RV
    assert visits.rv_err_kms is ERR
    assert dataclasses.replace(visits, rv_kms=ERR).rv_kms is ERR


@pytest.mark.parametrize(
    ("time", "rv", "rv_err"),
    [
        (JD, RV, ERR),
        (list(TIME), list(RV), tuple(ERR)),
        (pd.Series(TIME), pd.Series(RV, index=range(20, 0, -1)), pd.Series(ERR, dtype="Float64")),
        (TIME.astype(">f8"), RV.astype(object), ERR.astype(np.longdouble)),
        (Time(JD, format="jd", scale="tdb"), RV * u.km / u.s, ERR * u.km / u.s),
        (Time(JD - 2400000.5, format="mjd"), RV * 1e3 * u.m / u.s, list(ERR * 1e3 * u.m / u.s)),
        (TimeDelta(TIME * u.day), Masked(RV * u.km / u.s), np.ma.masked_array(ERR)),
        (TIME * 24 * u.hour, MaskedColumn(RV * 1e3, unit="m/s"), Table({"e": ERR})["e"]),
        (JD[SHUFFLED], RV[SHUFFLED], ERR[SHUFFLED]),
        (Time(JD[SHUFFLED], format="jd"), RV[SHUFFLED], ERR[SHUFFLED]),
    ],
)
def test_numbers_of_any_kind_unit_and_order_are_the_same_visits(time, rv, rv_err):
    visits = Visits("A", time, rv, rv_err)
    for values, expected in ((visits.time_days, TIME - TIME[0]), (visits.rv_kms, RV), (visits.rv_err_kms, ERR)):
        assert type(values) is np.ndarray
        assert values.dtype == np.float64
        np.testing.assert_allclose(values, expected, rtol=1e-14, atol=2e-9)


def test_numbers_of_fewer_bits_and_whole_numbers_are_what_they_are():
    time, rv = np.arange(20) * 3, np.round(RV).astype(int)
    visits = Visits("A", time, rv, np.ones(20, dtype=np.uint8))
    np.testing.assert_array_equal(visits.time_days, time)
    np.testing.assert_array_equal(visits.rv_kms, rv)
    np.testing.assert_array_equal(visits.rv_err_kms, 1.0)
    short = Visits("A", TIME.astype("f4"), RV.astype("f4"), ERR.astype("f4"))
    np.testing.assert_array_equal(short.rv_kms, RV.astype("f4").astype(float))


def test_visits_at_one_time_stay_in_their_order():
    visits = Visits("A", [5.0, 2.0, 5.0, 2.0], [1.0, 2.0, 3.0, 4.0], [0.1] * 4)
    np.testing.assert_array_equal(visits.time_days, [0, 0, 3, 3])
    np.testing.assert_array_equal(visits.rv_kms, [2, 4, 1, 3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rv_kms": np.ma.masked_array(RV, mask=THIRD)}, r"rv_kms\[3\] is masked; expected a value"),
        ({"rv_kms": Masked(RV * u.km / u.s, mask=THIRD)}, r"rv_kms\[3\] is masked"),
        ({"rv_kms": MaskedColumn(RV, mask=THIRD)}, r"rv_kms\[3\] is masked"),
        ({"time_days": Time(np.ma.masked_array(JD, mask=THIRD), format="jd")}, r"time_days\[3\] is masked"),
        ({"rv_kms": changed(RV, 3, np.nan)}, r"visits of 'A': rv_kms\[3\] is nan; expected a finite number\. Leave"),
        ({"rv_kms": pd.Series(RV, dtype="Float64").mask(THIRD)}, r"rv_kms\[3\] is nan"),
        ({"rv_kms": [*RV[:3], None, *RV[4:]]}, r"rv_kms\[3\] is nan"),
        ({"time_days": changed(TIME, 2, -np.inf)}, r"time_days\[2\] is -inf"),
        ({"rv_err_kms": changed(ERR, 7, -0.2)}, r"rv_err_kms\[7\] is -0\.2; expected a positive number"),
        ({"rv_err_kms": changed(ERR, 0, 0.0)}, r"rv_err_kms\[0\] is 0\.0; expected a positive number"),
        ({"rv_kms": RV[1:]}, r"not as many of all: time_days 20, rv_kms 19, rv_err_kms 20"),
        ({"rv_kms": RV[:, None]}, r"rv_kms has the shape \(20, 1\); expected one number a visit"),
        ({"rv_err_kms": 0.2}, r"rv_err_kms has the shape \(\)"),
        ({"rv_kms": RV * u.pc}, r"rv_kms is in 'pc'; expected a unit convertible to km / s"),
        ({"rv_kms": RV * u.one}, r"rv_kms is in 'no unit'; expected a unit"),
        ({"time_days": TIME * u.km / u.s}, r"time_days is in 'km / s'; expected a unit convertible to d"),
        ({"rv_kms": MaskedColumn(RV, unit="kmsec")}, r"rv_kms is in 'kmsec'"),
        ({"rv_kms": [str(v) for v in RV]}, r"rv_kms holds text; expected numbers"),
        ({"rv_kms": RV > 0}, r"rv_kms holds true and false"),
        ({"rv_kms": RV + 0j}, r"rv_kms holds complex numbers"),
        ({"rv_kms": [[1.0]] * 19 + [{}]}, r"rv_kms holds what is no number"),
        ({"rv_kms": Time(JD, format="jd")}, r"rv_kms holds times; expected velocities"),
        (
            {"time_days": pd.to_datetime(TIME, unit="D")},
            r"time_days holds dates; expected numbers\. Give Julian dates",
        ),
        ({"time_days": JD.astype("f4")}, r"time_days has been stored in 32 bits, which rounded it to 0\.25 d"),
        ({"time_days": JD.astype("f4").astype(float)}, r"time_days has been stored in 32 bits"),
        ({"time_days": np.full(20, 3.0)}, r"all are at one time"),
        ({"time_days": TIME[:2], "rv_kms": RV[:2], "rv_err_kms": ERR[:2]}, r"there are 2; an orbit needs at least 3"),
        ({"time_days": [], "rv_kms": [], "rv_err_kms": []}, r"there are 0"),
        ({"instrument": ["x"] * 3}, r"rv_err_kms 20, instrument 3"),
        ({"instrument": ["x", None] * 10}, r"instrument\[1\] is None; expected a name"),
        ({"instrument": ["x", " "] * 10}, r"instrument\[1\] is ' '; expected a name"),
        ({"instrument": np.ma.masked_array(["x"] * 20, mask=THIRD)}, r"instrument\[3\] is masked"),
        ({"instrument": np.zeros((20, 2), int)}, r"instrument has the shape \(20, 2\)"),
        ({"instruments": ("x", "y"), "instrument": [0, 2] * 10}, r"instrument\[1\] is 2; expected .* 0 to 1"),
        ({"instruments": ("HIRES", "y"), "instrument": ["y", "HIRS"] * 10}, r"'HIRS', .* Did you mean 'HIRES'\?"),
        ({"instruments": ("x", "y")}, r"instruments are x, y, but instrument, that of each visit, is not given"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(changes, message):
    with pytest.raises(InputError, match=message):
        Visits("A", **({"time_days": TIME, "rv_kms": RV, "rv_err_kms": ERR} | changes))


@pytest.mark.parametrize(
    "names",
    [
        ["b", "a"] * 10,
        np.array([b"b", b"a"] * 10),
        pd.Categorical(["b", "a"] * 10),
        Table({"i": ["b", "a"] * 10})["i"],
    ],
)
def test_instruments_may_be_names(names):
    visits = Visits("A", JD, RV, ERR, instrument=names)
    assert visits.instruments == ("a", "b")
    np.testing.assert_array_equal(visits.instrument, [1, 0] * 10)
    more = Visits("A", JD, RV, ERR, instruments=["a", "b", "c"], instrument=names)
    assert more.instruments == ("a", "b", "c")
    np.testing.assert_array_equal(more.instrument, visits.instrument)
    shuffled = Visits("A", JD[SHUFFLED], RV[SHUFFLED], ERR[SHUFFLED], instrument=np.asarray(names)[SHUFFLED])
    np.testing.assert_array_equal(shuffled.instrument, visits.instrument)


def test_some_systems_are_read_as_they_are_among_all(tmp_path):
    rng = np.random.default_rng(1)
    names = np.repeat(["A", "B\u00e9", "C"], [4, 3, 5])
    table = Table({"system": names, "time_jd": 2457000 + np.sort(rng.uniform(0, 10, 12))})
    for name in ("rv_kms", "rv_err_kms"):
        table[name] = rng.uniform(1, 2, 12)
    table["instrument"] = np.array(["x", "y", "x", "y", "x", "x", "x", "z", "z", "z", "z", "z"])
    write_table(table, path := tmp_path / "visits.fits", {"catalog": "c", "sha256": "0"})
    everyone = {visits.system: visits for visits in read_systems(path)}
    assert system_names(path) == list(everyone) == ["A", "B\u00e9", "C"]
    for visits in [*read_named(path, {"B\u00e9", "C", "none"}), *read_systems(path, 0, 2), *read_systems(path, 1, 2)]:
        whole = everyone[visits.system]
        assert visits.instruments == whole.instruments == ("x", "y", "z")
        for name in ("time_days", "rv_kms", "rv_err_kms", "instrument"):
            np.testing.assert_array_equal(getattr(visits, name), getattr(whole, name))
        assert visits.first_jd == whole.first_jd
    assert read_named(path, set()) == []
    path.write_bytes(path.read_bytes()[:-2880])
    with pytest.raises(InputError, match="is damaged"):
        read_named(path, {"A"})
