"""Where periods are looked for, if the configuration leaves it to the cadence."""

import numpy as np
from astropy.table import Table

from starpop.orbits.visits import cadence_range, period_range
from starpop.run.store import write_table


def table(**times):
    rows = [(name, 2456000.5 + day) for name, days in sorted(times.items()) for day in np.sort(days)]
    return Table(rows=rows, names=("system", "time_jd"))


def test_the_longest_period_is_the_longest_baseline_and_the_shortest_follows_the_gaps():
    nights = np.arange(40.0)
    assert cadence_range(table(A=nights, B=nights[:10])) == (1.0, 39.0)
    # several visits a night, and visits a month apart
    assert cadence_range(table(A=np.concatenate([nights, nights + 0.01]))) == (0.5, 39.0)
    assert cadence_range(table(A=30 * nights, B=30 * nights[3:])) == (2.0, 1170.0)


def test_a_short_baseline_still_has_a_range():
    assert cadence_range(table(A=[0.0, 0.2, 0.3, 0.9])) == (0.3, 0.9)


def test_the_gap_between_two_systems_is_none():
    assert cadence_range(table(A=[0.0, 30.0, 60.0], B=[60.1, 90.0, 120.0])) == (2.0, 60.0)


def test_it_is_kept_with_the_visits_and_used_where_none_is_configured(tmp_path):
    path = tmp_path / "visits.fits"
    write_table(table(A=np.arange(40.0)), path, {"p_short": "1.0", "p_long": "39.0"})
    assert period_range(path, [1.5, 20]) == (1.5, 20.0)
    assert period_range(path, "auto") == (1.0, 39.0)
