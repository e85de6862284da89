"""The light-travel time against two other ways to it, without a network; coordinates that a name holds."""

import re
import socket
import time
import warnings

import erfa
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.table import Table
from astropy.time import Time
from astropy.utils import iers

from starpop.gate.light_travel import Observatory, coordinates_from_name, is_designation, light_travel_days
from starpop.run.errors import InputError

APO = Observatory(-105.8204, 32.7804, 2788)
SECONDS = 86400
MINUTES = 1440


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No network, and an old table of the Earth's rotation."""

    def refuse(*args, **kwargs):
        raise AssertionError("something asks for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setitem(iers.IERS_Auto.open().meta, "predictive_mjd", 50000.0)


def random_sky(seed, count, first_jd, last_jd):
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(first_jd, last_jd, count),
        rng.uniform(0, 360, count),
        np.degrees(np.arcsin(rng.uniform(-1, 1, count))),
    )


def by_hand(time_jd, ra_deg, dec_deg, observatory):
    """The shift [s] from ERFA's Earth, and an observatory turning about the pole of 2000; TDB - UTC as since 2017."""
    earth_km = erfa.epv00(time_jd, 69.184 / SECONDS)[1]["p"] * erfa.DAU / 1e3
    x, _, z = erfa.gd2gc(erfa.WGS84, 0.0, np.radians(observatory.latitude_deg), observatory.height_m) / 1e3
    angle = erfa.era00(time_jd, 0.0) + np.radians(observatory.longitude_deg)
    place_km = earth_km + np.stack([x * np.cos(angle), x * np.sin(angle), np.full_like(angle, z)], axis=-1)
    return np.sum(place_km * erfa.s2c(np.radians(ra_deg), np.radians(dec_deg)), axis=-1) * 1e3 / erfa.CMPS


def test_it_is_the_earths_and_the_observatorys_way_along_the_line_of_sight():
    time_jd, ra, dec = random_sky(1, 300, 2457755.0, 2461000.0)
    shift = light_travel_days(time_jd, ra, dec, APO) * SECONDS
    assert np.ptp(shift) > 900
    # By hand, the pole of 2000 is 0.15 deg off, which the observatory's 21 ms feel.
    np.testing.assert_allclose(shift, by_hand(time_jd, ra, dec, APO), rtol=0, atol=6e-5)


def test_it_is_astropys_own():
    time_jd, ra, dec = random_sky(2, 300, 2437000.0, 2462000.0)
    shift = light_travel_days(time_jd, ra, dec, APO)
    place = EarthLocation.from_geodetic(APO.longitude_deg * u.deg, APO.latitude_deg * u.deg, APO.height_m * u.m)
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        warnings.catch_warnings(action="ignore"),
    ):
        theirs = Time(time_jd, format="jd", scale="utc", location=place).light_travel_time(
            SkyCoord(ra, dec, unit=u.deg), ephemeris="builtin"
        )
    # They also turn the observatory's place by the aberration: 20 arcsec of 21 ms.
    np.testing.assert_allclose(shift * SECONDS, theirs.to_value("s"), rtol=0, atol=3e-6)


def test_its_sign_in_the_ecliptic():
    equinox = 2458563.4  # 20 March 2019: the Sun stands at ra 0, the Earth on the side of ra 180 deg
    near, far, pole = light_travel_days(
        np.full(3, equinox), np.array([180.0, 0.0, 270.0]), np.array([0.0, 0.0, 66.56]), APO
    )
    assert near * MINUTES == pytest.approx(8.3, abs=0.15)
    assert far * MINUTES == pytest.approx(-8.3, abs=0.15)
    assert abs(pole * MINUTES) < 0.05


@pytest.mark.filterwarnings("error")
def test_dates_that_no_table_covers_need_no_network_and_warn_of_nothing():
    shift = light_travel_days(np.array([2415100.5, 2430000.5, 2488000.5]), np.full(3, 30.0), np.full(3, 10.0), APO)
    assert np.all(np.abs(shift * MINUTES) < 8.6)
    assert np.all(
        np.abs(shift * SECONDS - by_hand(np.array([2415100.5, 2430000.5, 2488000.5]), 30.0, 10.0, APO)) < 5e-3
    )


def test_the_scale_of_the_time_hardly_matters():
    time_jd, ra, dec = random_sky(3, 200, 2451545.0, 2462000.0)
    moved = light_travel_days(time_jd + 69.2 / SECONDS, ra, dec, APO) - light_travel_days(time_jd, ra, dec, APO)
    assert np.abs(moved).max() * SECONDS < 7.2e-3


def test_a_hundred_thousand_visits_take_a_moment():
    exposures, _, _ = random_sky(4, 500, 2451545.0, 2462000.0)
    _, ra, dec = random_sky(5, 100_000, 0, 1)
    time_jd = np.resize(exposures, len(ra))
    start = time.perf_counter()
    shift = light_travel_days(time_jd, ra, dec, APO)
    assert time.perf_counter() - start < 2
    some = slice(None, None, 9973)
    np.testing.assert_array_equal(shift[some], light_travel_days(time_jd[some], ra[some], dec[some], APO))


def test_over_the_tutorials_systems_it_ranges_from_4_to_11_minutes(apogee_path):
    table = Table.read(apogee_path)
    name, time_jd = np.asarray(table["APOGEE_ID"]).astype(str), np.asarray(table["JD"])
    shift = light_travel_days(time_jd, *coordinates_from_name(name), APO) * MINUTES
    ranges = [np.ptp(shift[name == system]) for system in np.unique(name)]
    assert min(ranges) == pytest.approx(3.66, abs=0.01)
    assert max(ranges) == pytest.approx(10.63, abs=0.01)


@pytest.mark.parametrize(
    ("name", "ra", "dec"),
    [
        ("2M01282954+8522331", "01h28m29.54s", "+85d22m33.1s"),
        ("2M13400752-1630065", "13h40m07.52s", "-16d30m06.5s"),
        ("2MASS J23595999-0000001", "23h59m59.99s", "-00d00m00.1s"),
        ("J00000000+0000000", "0h", "0d"),
    ],
)
def test_a_name_holds_coordinates(name, ra, dec):
    star = SkyCoord(ra, dec)
    assert is_designation(name)
    np.testing.assert_allclose(coordinates_from_name([name]), [[star.ra.deg], [star.dec.deg]], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "name",
    [
        "TWIN-01",
        "",
        "2M01282954",
        "2M24000000+0000000",
        "2M01602954+8522331",
        "2M01282954+9022331",
        "2M01282954+85223310",
        "2M0128295+8522331",
        "J012829.54+852233.1",
    ],
)
def test_another_name_is_said(name):
    assert not is_designation(name)
    allowed = r"allowed are 2M, 2MASS J or J with .* such as 2M01282954\+8522331\. .* give columns: \{ra"
    with pytest.raises(InputError, match=f"'{re.escape(name)}': no coordinates can be read .* {allowed}"):
        coordinates_from_name(["2M01282954+8522331", name])
