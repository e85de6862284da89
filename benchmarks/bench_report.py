"""The report of many systems in a browser: its size, and how long it takes to open, to sort and to search.

The browser is the Chromium that is installed; times are the medians of five, in milliseconds.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("tests", "tests/unit/pages", "workflow/src")]

from conftest import chromium
from pages_in_browser import opened
from starpop.orbits.visits import Visits
from starpop.pages.report import systems
from test_report import made_orbits, made_page, made_run

SIZES = (100, 1_000, 10_000)
# Systems that have charts, half of them for being worth a second look; visits of each, and bins of a periodogram.
CHARTED, VISITS, BINS = 200, 12, 2000
REPEATS = 5
SORT = "() => { const t = performance.now(); table.order([1, 'desc']).draw(); return performance.now() - t; }"
SEARCH = "() => { const t = performance.now(); table.search('S0012').draw(); return performance.now() - t; }"
READY = "() => performance.getEntriesByName('ready')[0].startTime"
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"


def charts_of(rng):
    """The charts of one system, with noise for numbers."""
    visits = Visits("S", np.sort(rng.uniform(0, 1000, VISITS)), rng.normal(size=VISITS), np.full(VISITS, 0.1))
    orbit = {"P": 7.0, "a": 1.0, "b": 0.0, "v0": 0.0}
    draws = {name: rng.normal(7, 1e-3, 1000) for name in orbit}
    scan = xr.Dataset({"ln_likelihood": ("bin", -rng.exponential(50, BINS)), "lomb_scargle_period_days": 7.0})
    return systems.charts(visits, orbit, draws, scan.assign(frequency=("bin", np.linspace(0.002, 0.5, BINS))))


def many(count):
    """A report of so many systems, whose numbers have all their digits."""
    rng = np.random.default_rng(1)
    charts = {f"S{i:05d}": charts_of(rng) for i in range(min(count, CHARTED))}
    names = [f"S{i:05d}" for i in range(count)]
    noise = {name: rng.lognormal(size=count) for name in ("jitter_kms", "chi2_reduced", "ln_bayes_orbit", "v0_kms")}
    flags = rng.choice(["", "multimodal", "trend;misfit"], count, p=[0.8, 0.1, 0.1])
    return made_page(made_run(names, orbits={"s": made_orbits(names, flags=flags, **noise)}), charts)


def main():
    print("| systems | MB | first paint [ms] | ready [ms] | sort [ms] | search [ms] |")
    print("|---|---|---|---|---|---|")
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        for count in SIZES:
            path = Path(folder) / f"{count}.html"
            path.write_text(many(count), encoding="utf-8")
            taken = {name: [] for name in (PAINT, READY, SORT, SEARCH)}
            for _ in range(REPEATS):
                with opened(browser, path) as seen:
                    for name, times in taken.items():
                        times.append(seen.page.evaluate(name))
            medians = " | ".join(f"{statistics.median(times):.0f}" for times in taken.values())
            print(f"| {count} | {path.stat().st_size / 1e6:.1f} | {medians} |")


if __name__ == "__main__":
    main()
