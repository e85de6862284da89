"""Exactly which jobs an edit reruns, after a finished small run of four systems in two batches."""

import os

import pytest
from astropy.table import Table, vstack

from .conftest import SMALL
from .workflow_cases import (
    ABSTRACT,
    ALL_PERIODS,
    CLUSTER,
    CLUSTER_DIAGNOSTICS,
    COMPARISON,
    CRITICISM,
    DIAGNOSTICS,
    FIGURES,
    FOCUS_SYSTEM,
    NUTS_CLUSTER,
    NUTS_POPULATION,
    ORBITS,
    POPULATION_DIAGNOSTICS,
    POPULATION_FIGURES,
    POPULATION_FIT,
    REPORT,
    SYSTEM_FITS,
    of_one_model,
    once,
)

pytestmark = pytest.mark.slow

# The tutorial's own numbers are compared with those of its own model only.
JITTER_PERIODS = {k: v for k, v in of_one_model(ALL_PERIODS).items() if k != "compare_published"}


def test_a_second_run_has_nothing_to_do(run):
    assert "Nothing to be done" in run.snakemake(*SMALL)


def test_a_product_that_is_lost_or_cut_short_is_made_again_also_where_only_other_products_need_it(run):
    (run.path / "results/twin/jitter/exact/1.nc").unlink()
    short = run.path / "results/cluster/posterior.nc"
    short.write_bytes(short.read_bytes()[:1000])
    jobs = run.would_run(*SMALL)
    assert jobs["draw_orbits"] == jobs["fit_cluster"] == 1
    assert not {"scan_periods", "integrate_cluster"} & jobs.keys()


@pytest.mark.parametrize(
    ("changes", "jobs"),
    [
        (
            {"population_models": {"normal": {"mu": [0, 10]}}},
            POPULATION_FIT,
        ),
        (
            {"period_range_days": [1.5, 25]},
            ALL_PERIODS,
        ),
        ({"orbit_prior": {"amplitude_sd_kms": 90}}, ALL_PERIODS),
        ({"draws": {"systems": 900}}, SYSTEM_FITS),
        ({"draws": {"population": 900}}, NUTS_POPULATION),
        ({"draws": {"cluster": 900}}, NUTS_CLUSTER),
        ({"figures": {"colors": {"model": "#009E73"}}}, FIGURES),
        ({"diagnostics": {"r_hat_max": 1.02}}, DIAGNOSTICS),
        ({"diagnostics": {"strict": True}}, once("collect_diagnostics") | REPORT),
        ({"sampler": {"sampled_systems": 2}}, SYSTEM_FITS),
        (
            {"focus_system": "TWIN-10"},
            FOCUS_SYSTEM,
        ),
        ({"noise_prior": {"ln_jitter_kms": {"mean": -1}}}, JITTER_PERIODS),
        ({"noise_prior": {"ln_error_scale": {"mean": 1}}}, REPORT),  # which has the whole configuration
        ({"orbit_prior": {"trend_sd_kms_per_year": 2}}, REPORT),
        ({"detection": {"simulations": 5000}}, REPORT),
        ({"orbit_prior": {"eccentricity": {"up_to": 0.5}}}, REPORT),
        ({"system_models": {"tutorial": {"orbit": "keplerian"}}}, of_one_model(ALL_PERIODS) | ABSTRACT),
        (
            {"criticism": {"replicates": 0}},
            CRITICISM | CLUSTER_DIAGNOSTICS | POPULATION_DIAGNOSTICS,
        ),
        ({"cluster": {"prior": {"mean_distance_sd_kpc": 3}}}, CLUSTER),
        ({"cluster": {"prior": {"ln_error_factor": [-0.5, 1]}}}, CLUSTER),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) and "scan_periods" not in value else None,
)
def test_a_changed_setting_reruns_what_depends_on_it(run, changes, jobs):
    assert run.would_run(*run.overlay(**changes)) == jobs


def write_older(path, text):
    """Write a file as a restored backup would be: other bytes, and a time before all that was made of it."""
    assert path.read_text() != text
    path.write_text(text)
    os.utime(path, (0, 0))


WHOLE_CATALOGUE = {"prepare_visits": 1, **ALL_PERIODS}


def test_a_table_with_other_bytes_reruns_its_catalogue_though_it_is_older(run):
    path = run.path / "data" / "twin.ecsv"
    table = path.read_text()
    write_older(path, table.replace("TWIN-01 ", "TWIN-01 1", 1))
    assert run.would_run(*SMALL) == WHOLE_CATALOGUE
    path.write_text(table)  # newer, with the bytes of the run
    assert run.would_run(*SMALL) == {}


def test_other_numbers_to_compare_with_rerun_the_comparison_though_they_are_older(run):
    path = run.path / "data" / "published.csv"
    write_older(path, path.read_text() + "\n")
    assert run.would_run(*SMALL) == once("compare_published") | REPORT


@pytest.mark.parametrize(
    ("draws", "amplitude", "period_range"),
    [
        (4000, 100, [1.5, 20]),
        (4000.0, 1.0e2, [1.5, 20.0]),
        ("4e3", "1e2", ["15e-1", "2e1"]),
        ("4.0E+3", 100, [1.5, 20]),
    ],
)
def test_a_number_written_in_another_way_reruns_nothing_but_the_report_which_has_it_as_it_is_written(
    run, draws, amplitude, period_range
):
    changes = {"draws": {"exact": draws}, "orbit_prior": {"amplitude_sd_kms": amplitude}}
    assert run.would_run(*run.overlay(**changes, period_range_days=period_range)) == REPORT


def test_dropping_a_system_reruns_its_catalogue(run):
    overlay = run.overlay(systems={"drop": ["TWIN-10"]})
    assert run.would_run(*overlay) == WHOLE_CATALOGUE


def test_adding_a_system_reruns_its_catalogue(run):
    path = run.path / "data" / "twin.ecsv"
    table = Table.read(path)
    more = table[table["system"] == "TWIN-01"]
    more["system"] = "TWIN-15"
    vstack([table, more]).write(path, overwrite=True)
    overlay = run.overlay(systems={"keep": ["TWIN-01", "TWIN-03", "TWIN-10", "TWIN-13", "TWIN-15"]})
    assert run.would_run(*overlay) == WHOLE_CATALOGUE


@pytest.mark.parametrize(
    ("file", "old", "new", "jobs"),
    [
        ("populations/population.py", "TERMS_AT_ONCE = 60_000", "TERMS_AT_ONCE = 50_000", POPULATION_FIT),
        ("pages/style.py", '"font.size": 8', '"font.size": 9', FIGURES),
        ("pages/population.py", "RANK_BINS = 20", "RANK_BINS = 25", POPULATION_FIGURES),
        ("pages/tables.py", '"jitter_kms": 0.0', '"jitter_kms": 0.1', ORBITS),
        (
            "checks/published.py",
            "MEAN_TOLERANCE_SD = 0.2",
            "MEAN_TOLERANCE_SD = 0.3",
            once("compare_published") | REPORT,
        ),
        ("pages/report/page.css", "font-size: 16px", "font-size: 17px", REPORT),
        ("populations/distance.py", "CONVERGED = 2e-5", "CONVERGED = 1e-6", CLUSTER),
        (
            "orbits/scan.py",
            "POINTS_PER_RESOLUTION = 10",
            "POINTS_PER_RESOLUTION = 11",
            ALL_PERIODS,
        ),
        ("populations/population.py", "The full PyMC model", "The whole PyMC model", {}),
        ("orbits/scan.py", "# With few visits ln L", "# Where visits are few ln L", {}),
    ],
    ids=lambda value: value if isinstance(value, str) and value.endswith((".py", ".css")) else "",
)
def test_an_edited_module_reruns_the_rules_that_use_it(run, file, old, new, jobs):
    run.edit(f"workflow/src/starpop/{file}", old, new)
    assert run.would_run(*SMALL) == jobs


def test_touching_every_source_reruns_nothing(run):
    for folder in (
        "workflow/src",
        "workflow/rules",
        "workflow/schemas",
        "workflow/report",
        "config",
        "profiles",
        "data",
    ):
        for path in (run.path / folder).rglob("*"):
            os.utime(path)
    os.utime(run.path / "Snakefile")
    assert run.would_run(*SMALL) == {}
    # nor where the files are too large for Snakemake to compare their bytes
    assert run.would_run(*SMALL, "--max-checksum-file-size", "1") == {}


def test_leaving_out_a_model_reruns_only_what_shows_them_all(run):
    overlay = run.overlay(system_models={"jitter": None})
    assert run.would_run(*overlay) == COMPARISON | once("collect_diagnostics")
