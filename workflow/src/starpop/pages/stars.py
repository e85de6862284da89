"""The table of a cluster's stars, one row each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from astropy.table import Table

from starpop.pages.joined import PERCENTILES


def tabulate_stars(stars: Table, exact: xr.DataTree, summary: pd.DataFrame) -> pd.DataFrame:
    """The stars of a cluster, a row each: parallax, distance and, with a field, the probability to be a member.

    Parameters
    ----------
    stars : ``star``, ``parallax`` and ``parallax_error``
    exact : exact draws, and what is known of the posterior
    summary : of the cluster's fit, for its status
    """
    drawn, known = exact["posterior"].to_dataset()["r"].values[0], exact["exact"].to_dataset()
    rows = pd.DataFrame(
        {
            "star": list(map(str, stars["star"])),
            "parallax_mas": np.asarray(stars["parallax"]),
            "parallax_error_mas": np.asarray(stars["parallax_error"]),
            "distance_kpc": drawn.mean(axis=0),
            "distance_sd_kpc": drawn.std(axis=0, ddof=1),
        }
    )
    for percent, values in zip(PERCENTILES, np.percentile(drawn, PERCENTILES, axis=0), strict=True):
        rows[f"distance_p{percent}_kpc"] = values
    if "membership_probability" in known:
        rows["membership_probability"] = known["membership_probability"].values
    return rows.assign(status=summary.loc[summary["method"] == "exact", "status"].iloc[0])
