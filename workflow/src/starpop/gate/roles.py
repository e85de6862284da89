"""What columns are for, by their names alone: the names that tables of radial velocities give them.

A name is compared without its case and its marks, and without what it tells beside: a unit, as in ``RV [m/s]`` and
``rv_kms``, or what times are counted from, as in ``BJD-2450000``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Of each role the names that columns have, the likeliest first.
NAMES = {
    "system": (
        *("apogeeid", "sourceid", "gaiasourceid", "gaiadr3sourceid", "gaiaid", "starid", "starname", "star"),
        *("systemid", "system", "objectname", "objectid", "objname", "object", "targetname", "targetid", "target"),
        *("mainid", "name", "ticid", "tic", "kicid", "kic", "epicid", "epic", "hip", "hd", "source", "id"),
    ),
    "time": (
        *("bjdtdb", "timebjdtdb", "bjd", "timebjd", "bjdtime", "bmjd", "btjd", "bkjd", "bjdutc", "jdb", "hjd"),
        *("timehjd", "hjdutc", "hjdtdb", "hmjd", "rjd", "jd", "timejd", "jdutc", "jdtdb", "mjd", "timemjd", "mjdtime"),
        *("rvobstime", "obstime", "timeobs", "time", "tjd", "times", "obsdate", "dateobs", "date", "epoch"),
        *("days", "t"),
    ),
    "rv": (
        *("vhelio", "rv", "radialvelocity", "radvel", "vrad", "rvel", "mnvel", "hrv", "vhel", "vbary", "rvbary"),
        *("vr", "velocity", "vel", "v"),
    ),
    "rv_err": (
        *("vhelioerr", "vrelerr", "rverr", "erv", "errrv", "rverror", "rvsigma", "sigmarv", "srv", "svrad", "rvunc"),
        *("rvuncertainty", "rve", "radialvelocityerror", "radialvelocityuncertainty", "radialvelocityerr"),
        *("eradialvelocity", "vraderr", "evrad", "vhelerr", "evhel", "ehrv", "errvel", "velerr", "evel", "velerror"),
        *("velocityerror", "velocityerr", "evelocity", "evr", "vrerr", "verr", "ev", "sv", "error", "err", "errors"),
        *("sigma", "sig", "uncertainty", "unc", "e"),
    ),
    "instrument": ("telescope", "instrument", "tel", "inst", "spectrograph", "observatory"),
    "ra": ("ra", "raj2000", "radeg", "rightascension"),
    "dec": ("dec", "de", "dej2000", "decj2000", "dedeg", "decdeg", "declination"),
    "mass": ("mass", "mstar", "starmass", "primarymass"),
    "mass_err": ("masserr", "mstarerr", "starmasserr", "primarymasserr", "emass"),
}
ROLE_OF = {name: (role, rank) for role, names in NAMES.items() for rank, name in enumerate(names)}
# Words in a name that tell a unit of velocities, and those that say nothing of what a column is for.
KMS, MS = ("kms", "kmps", "km s"), ("ms", "mps", "m s")
UNIT_WORDS = {"kms", "kmps", "km", "ms", "mps", "m", "s", "d", "day", "days", "deg", "msun", "solmass"}
JD_WORDS = re.compile(r"24\d{5}([._]\d+)?")


def words(name: str) -> list[str]:
    """The words and numbers of a name, in small letters."""
    return re.findall(r"[a-z]+|\d+", JD_WORDS.sub(" ", name.lower().replace("km/s", "kms").replace("m/s", "ms")))


def plain(name: str) -> str:
    """A name as those above are written."""
    first, *others = words(re.sub(r"[(\[].*?[)\]]", " ", name)) or [""]
    return first + "".join(word for word in others if word not in UNIT_WORDS)


def by_name(colnames: Iterable[str]) -> dict[str, list[str]]:
    """The columns that each role may be meant for, the likeliest first; a role without any is left out."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in colnames:
        if plain(name) in ROLE_OF:
            role, rank = ROLE_OF[plain(name)]
            found.setdefault(role, []).append((rank, name))
    ranked = {role: sorted(named, key=lambda pair: pair[0]) for role, named in found.items()}
    return {role: [name for _, name in named] for role, named in ranked.items()}


def told_unit(name: str) -> str | None:
    """The unit of velocities that a column's name tells, if it tells one."""
    spoken = f" {' '.join(words(name))} "
    for unit, written in (("km/s", KMS), ("m/s", MS)):
        if any(f" {word} " in spoken for word in written):
            return unit
    return None


def told_zero(name: str) -> float | None:
    """The Julian date that a column's name tells its times to be counted from, if it tells one."""
    found = JD_WORDS.search(name)
    if not found:
        return None
    zero = float(found[0].replace("_", "."))
    return int(zero) if zero.is_integer() else zero
