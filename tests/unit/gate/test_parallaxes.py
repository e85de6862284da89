"""The gate for parallaxes: every star is used, or rejected with its value and reason."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from starpop.gate.parallaxes import prepare, read_stars
from starpop.run.errors import InputError

COLUMNS = {"star": "source_id", "parallax": "parallax", "parallax_error": "parallax_error"}


def gaia(folder, units=True, **changes):
    """Ten stars at 500 pc, and the entry that reads them."""
    rng = np.random.default_rng(0)
    table = {
        "source_id": 4116484574592345088 + np.arange(10)[::-1],
        "parallax": rng.normal(2, 0.05, 10),
        "parallax_error": np.full(10, 0.05),
        "ruwe": np.linspace(0.9, 1.8, 10),
    }
    table |= changes
    table = Table(table)
    if units:
        table["parallax"].unit = table["parallax_error"].unit = u.mas
    table.write(folder / "stars.fits")
    return {"path": str(folder / "stars.fits"), "columns": COLUMNS}, table


def test_a_clean_table_is_used_whole_in_the_order_of_the_names(tmp_path):
    entry, table = gaia(tmp_path)
    stars, rejected = prepare(read_stars(entry), entry)
    assert list(stars["star"]) == [str(n) for n in sorted(table["source_id"])]
    np.testing.assert_array_equal(stars["parallax"], table["parallax"][::-1])
    assert stars["parallax"].unit == u.mas
    assert len(rejected) == 0


def test_the_zero_point_is_subtracted_and_rows_are_chosen(tmp_path):
    entry, table = gaia(tmp_path)
    entry |= {"zero_point_mas": -0.03, "rows": {"ruwe": {"at_most": 1.4}}}
    stars, rejected = prepare(read_stars(entry), entry)
    kept = table["ruwe"] <= 1.4
    np.testing.assert_allclose(stars["parallax"], table["parallax"][kept][::-1] + 0.03, rtol=1e-14)
    assert len(stars) + len(rejected) == 10
    assert set(rejected["reason"]) == {"rows: ruwe is above 1.4"}


def test_each_stars_own_zero_point_is_subtracted_too_and_a_star_without_one_is_rejected(tmp_path):
    own = np.linspace(-0.05, -0.01, 10)
    own[3] = np.nan
    entry, table = gaia(tmp_path, zpt=own)
    entry |= {"columns": COLUMNS | {"zero_point": "zpt"}, "units": {"zero_point": "mas"}, "zero_point_mas": 0.015}
    stars, rejected = prepare(read_stars(entry), entry)
    kept = np.isfinite(own)
    expected = table["parallax"][kept][::-1] - own[kept][::-1] - 0.015
    np.testing.assert_allclose(stars["parallax"], expected, rtol=1e-14)
    assert list(rejected["reason"]) == ["zero point is not a number"]
    entry["columns"] = COLUMNS | {"zero_point": "zero"}
    with pytest.raises(InputError, match=r"cluster\.table\.columns\.zero_point"):
        prepare(read_stars(entry), entry)


def test_bad_values_reject_their_stars_alone_and_a_negative_parallax_none(tmp_path):
    parallax, error = np.full(10, 2.0), np.full(10, 0.05)
    parallax[[0, 1, 2]] = [np.nan, 9999.0, -0.01]
    error[[3, 4]] = [0.0, np.inf]
    source_id = np.arange(10)
    source_id[[6, 8]] = source_id[[5, 7]]
    parallax[8] = 2.5
    entry, _ = gaia(tmp_path, source_id=source_id, parallax=parallax, parallax_error=error)
    stars, rejected = prepare(read_stars(entry), entry)
    assert list(stars["star"]) == ["2", "5", "9"]
    assert dict(zip(rejected["row"], rejected["reason"], strict=True)) == {
        0: "parallax is not a number",
        1: "parallax is beyond 1000 mas",
        3: "parallax error is not positive",
        4: "parallax error is not a number",
        6: "the same parallax stands in another row",
        7: "another parallax of this star",
        8: "another parallax of this star",
    }


def test_all_that_is_wrong_with_a_table_is_said_at_once(tmp_path):
    entry, _ = gaia(tmp_path, units=False, source_id=np.linspace(0, 1, 10))
    with pytest.raises(InputError) as error:
        prepare(read_stars(entry), entry)
    for said in (
        "column 'parallax' has no unit",
        "column 'parallax_error' has no unit",
        "column 'source_id' holds floating",
    ):
        assert said in str(error.value)
    entry["columns"] = COLUMNS | {"parallax": "parallaxe"}
    with pytest.raises(InputError, match=r"table\.columns\.parallax: .*'parallaxe'.* Did you mean 'parallax'"):
        prepare(read_stars(entry), entry)


def test_a_cluster_of_one_star_is_none(tmp_path):
    entry, _ = gaia(tmp_path)
    entry["rows"] = {"ruwe": {"at_most": 0.95}}
    with pytest.raises(InputError, match=r"1 of the table's 10 stars can be used, .* needs two: 9 rows: ruwe"):
        prepare(read_stars(entry), entry)
