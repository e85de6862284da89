"""The light-travel time from the observatory to the solar-system barycentre, without a network.

A wave front from a star in the direction n passes the observatory, which is at r from the barycentre, at time t, and
the barycentre at

    t_barycentre = t + r(t) . n / c,      n = (cos dec cos ra, cos dec sin ra, sin dec),

that is, later where the observatory is on the star's side of the barycentre.

| symbol | here |
|---|---|
| t | ``time_jd``, a Julian date at the observatory, UTC or on another ``scale`` |
| ra, dec | ``ra_deg``, ``dec_deg``, ICRS |
| r(t) . n / c | ``light_travel_days``, within 8.6 minutes of zero |

r is the Earth's position (ERFA's ``epv00``, within 14 km of DE405 from 1900 to 2100: 45 microseconds) and that of the
observatory about it. If t were TDB, 69 s ahead of UTC, the shift would differ by 7 ms at most. The star is taken at
infinity; 0.1 arcsec in its position are 0.2 ms. The sum is on the scale of t: a leap second in UTC stays in.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.constants import c
from astropy.coordinates import EarthLocation, get_body_barycentric
from astropy.time import Time
from astropy.utils.iers import conf as iers

from starpop.run.errors import InputError

# Hours, minutes and seconds with two decimals; sign, degrees, arc minutes and arc seconds with one decimal.
DESIGNATION = re.compile(
    r"(?:2MASS J|2M|J)([01]\d|2[0-3])([0-5]\d)([0-5]\d\d\d)([+-])([0-8]\d)([0-5]\d)([0-5]\d\d)", re.ASCII
)


@dataclass(frozen=True)
class Observatory:
    """A place on the Earth: geodetic (WGS84) longitude, east positive, latitude, and height above the ellipsoid."""

    longitude_deg: float
    latitude_deg: float
    height_m: float


def is_designation(name: str) -> bool:
    """Whether a name holds coordinates that `coordinates_from_name` can read."""
    return DESIGNATION.fullmatch(name) is not None


def coordinates_from_name(names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """The coordinates in names of the form of 2MASS, JHHMMSSss+DDMMSSs after ``2M``, ``2MASS J`` or ``J``.

    Returns
    -------
    ra_deg, dec_deg : (N,) right ascension and declination, ICRS [deg]

    Raises
    ------
    InputError : a name is of another form
    """
    ra, dec = [], []
    for name in names:
        found = DESIGNATION.fullmatch(name)
        if found is None:
            raise InputError(
                f"{str(name)!r}: no coordinates can be read from this name; allowed are 2M, 2MASS J or J with "
                "HHMMSSss and +DDMMSSs or -DDMMSSs, such as 2M01282954+8522331. For other names give "
                "columns: {ra: ..., dec: ...} in place of coordinates: name."
            )
        h, m, s, sign, degrees, minutes, seconds = found.groups()
        ra.append(15 * (int(h) + int(m) / 60 + int(s) / 360000))
        dec.append(float(f"{sign}1") * (int(degrees) + int(minutes) / 60 + int(seconds) / 36000))
    return np.array(ra), np.array(dec)


def light_travel_days(
    time_jd: np.ndarray, ra_deg: np.ndarray, dec_deg: np.ndarray, observatory: Observatory, scale: str = "utc"
) -> np.ndarray:
    """The time to add to times at an observatory to have them at the barycentre.

    Parameters
    ----------
    time_jd : (J,) times at the observatory, as Julian dates [d]
    scale : of these times: utc, tai, tt, tdb or tcb
    ra_deg, dec_deg : (J,) coordinates of the star observed at each, ICRS [deg]

    Returns
    -------
    (J,) light-travel times [d]
    """
    place = EarthLocation.from_geodetic(
        observatory.longitude_deg * u.deg, observatory.latitude_deg * u.deg, observatory.height_m * u.m
    )
    # Stars observed together share r, which is the costly part.
    moments, index = np.unique(time_jd, return_inverse=True)
    # The Earth's rotation is read from the bundled table, of whatever age. Dates before UTC or beyond the table are
    # off by a minute at most, the shift by 6 ms: no reason for a download, an error or a warning.
    with (
        iers.set_temp("auto_download", False),
        iers.set_temp("auto_max_age", None),
        warnings.catch_warnings(action="ignore"),
    ):
        times = Time(moments, format="jd", scale=scale)
        earth = get_body_barycentric("earth", times, ephemeris="builtin")
        turning, _ = place.get_gcrs_posvel(times)
    position = (earth + turning).get_xyz(xyz_axis=-1).to_value(u.m)[index]
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    direction = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
    return (position * direction).sum(axis=-1) / c.to_value(u.m / u.day)
