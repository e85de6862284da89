"""A small run from end to end, and the messages of mistakes."""

import numpy as np
import pandas as pd
import pytest
import yaml
from astropy.table import Table

from .conftest import SMALL

TABLES = ("collect_diagnostics", "join_tables")
SYSTEMS = ["TWIN-01", "TWIN-03", "TWIN-10", "TWIN-13"]


def test_a_dry_run_needs_no_downloaded_data(fresh):
    jobs = fresh.would_run()
    assert jobs["scan_periods"] == jobs["fit_systems"] == 2
    assert "fetch_apogee" not in jobs
    assert not (fresh.path / "results").exists()


def test_a_selection_adds_what_makes_it_and_shows_it_and_so_does_a_target(fresh):
    detection = {"simulate_detection": 2, "plot_detection": 2}
    every = fresh.would_run(*SMALL)
    selected = fresh.would_run(*fresh.overlay(catalogs={"twin": {"selection": {"delta_rv_kms": 1}}}))
    assert selected == every | detection | {"select_systems": 2, "plot_selection": 2}
    asked = fresh.would_run(*SMALL, "--", "detect")
    assert detection.items() <= asked.items()
    assert not {"integrate_population", "select_systems"} & asked.keys()


@pytest.mark.slow
def test_a_small_run_makes_every_product(finished):
    results = finished.path / "results"
    orbits = pd.read_csv(results / "twin/tutorial/orbits.csv")
    used = orbits[~orbits["status"].str.startswith("not used")]
    assert list(used["system"]) == SYSTEMS
    assert len(orbits) == 14
    assert (pd.read_csv(results / "twin/diagnostics.csv")["status"] == "ok").all()
    assert used["period_days"].to_numpy() == pytest.approx([2.8411, 8.1466, 14.40, 2.6603], rel=1e-3)
    summary = pd.read_csv(results / "twin/tutorial/normal/summary.csv").set_index("parameter")
    assert set(summary.loc["mu", "method"]) == {"exact", "nuts"}
    assert summary.loc["mu", "mean"].to_numpy() == pytest.approx(1.7, abs=0.6)
    assert {"lnP[TWIN-10]", "a[TWIN-10]", "b[TWIN-10]", "v0[TWIN-10]", "lnsigma"} <= set(summary.index)
    assert len(list(results.rglob("figures/*.png"))) == len(list(results.rglob("figures/*.pdf"))) == 35
    assert all(path.stat().st_size > 1000 for path in results.rglob("figures/*"))
    assert not list(results.rglob(".*part*"))


@pytest.mark.slow
def test_a_report_can_be_made(run):
    run.snakemake(*SMALL, "--report", "report.html")
    assert (run.path / "report.html").stat().st_size > 100_000


@pytest.mark.slow
def test_a_failed_diagnostic_is_said_at_the_end_and_can_be_an_error(run):
    loose = run.overlay(diagnostics={"ess_min": 1e9})
    assert "FAILED: cluster: not converged: ess_bulk" in run.snakemake(*loose, "--until", *TABLES)
    systems = pd.read_csv(run.path / "results/twin/tutorial/diagnostics.csv").set_index("fit")
    assert systems.loc[SYSTEMS, "status"].str.contains("not converged: .*ess_bulk").all()
    # which are those of the exact answer, whatever NUTS
    orbits = pd.read_csv(run.path / "results/twin/tutorial/orbits.csv").set_index("system")
    assert (orbits.loc[SYSTEMS, "status"] == "ok").all()
    strict = run.overlay(diagnostics={"ess_min": 1e9, "strict": True})
    said = run.snakemake(*strict, "--until", *TABLES, check=False)
    assert "Error: diagnostics.strict: " in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"catalog": "mine"}, "catalog: 'mine' is not one of apogee, twin, auto."),
        ({"bathes": 3}, "bathes: unknown key"),
        ({"catalog": "apogee"}, "catalogs.apogee.path: no file 'data/apogee-binaries.fits' in "),
    ],
)
def test_a_mistake_in_the_configuration_stops_at_once_without_a_traceback(fresh, changes, message):
    said = fresh.snakemake("--dry-run", *fresh.overlay(**changes), check=False)
    assert message in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_mistake_in_the_selection_is_said_by_the_job(fresh):
    said = fresh.snakemake(*fresh.overlay(systems={"keep": ["TWIN-99"]}), check=False)
    assert "- systems.keep: 'TWIN-99' is not in the table, which has 14 systems." in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_table_that_cannot_be_used_is_told_all_that_is_wrong_with_it(fresh):
    (fresh.path / "data" / "mine.csv").write_text("star,bjd,V,e\nA,56000.1,fast,0.1\n")
    entry = {"path": "data/mine.csv", "columns": {"system": "star", "time": "bjd", "rv": "v", "rv_err": "e"}}
    mine = fresh.overlay(catalog="mine", catalogs={"mine": entry}, systems={"keep": "all"})
    said = fresh.snakemake(*mine, "--until", "prepare_visits", check=False)
    for line in (
        "Error: data/mine.csv: this table cannot be used:",
        "- columns.rv: the table has no column 'v'; it has star, bjd, V, e. Did you mean 'V'?",
        "- column 'bjd' has no unit in the table and none in the configuration",
    ):
        assert line in said
    assert "Traceback" not in said


def test_a_cluster_of_the_users_takes_the_place_of_the_simulated_one(fresh):
    (fresh.path / "data" / "stars.csv").write_text("source_id,plx,e\n1,2.0,0.1\n2,2.1,0.1\n")
    columns = {"star": "source_id", "parallax": "plx", "parallax_error": "e"}
    table = {"path": "data/stars.csv", "columns": columns, "units": {"parallax": "mas"}}
    jobs = fresh.would_run(*fresh.overlay(cluster={"table": table}))
    assert jobs["prepare_stars"] == jobs["fit_cluster"] == jobs["plot_cluster"] == 1
    assert not {"simulate_cluster", "compare_published"} & jobs.keys()
    fresh.snakemake(*fresh.overlay(cluster={"table": table}), "--until", "prepare_stars")
    assert "sha256" in (fresh.path / "results/cluster/stars/stars.ecsv").read_text()


@pytest.mark.slow
def test_a_cluster_has_a_folder_of_its_own_its_stars_names_and_an_answer_also_without_nuts(fresh):
    parallaxes = np.random.default_rng(1).normal(5, 0.05, 12)
    rows = [f"HD {i},{parallax:.4f},0.05\n" for i, parallax in enumerate(parallaxes)]
    (fresh.path / "pleiades.csv").write_text("star,plx,e\n" + "".join(rows))
    columns = {"star": "star", "parallax": "plx", "parallax_error": "e"}
    table = {"path": "pleiades.csv", "columns": columns, "units": {"parallax": "mas"}}
    folder = "results/cluster/pleiades"
    changes = {"cluster": {"table": table}, "sampler": {"backend": "none"}}
    fresh.snakemake(*fresh.overlay(**changes), "--", f"{folder}/summary.csv", f"{folder}/figures/corner.png")
    assert {path.name for path in (fresh.path / "results/cluster").iterdir()} == {"pleiades"}
    summary = pd.read_csv(fresh.path / folder / "summary.csv").set_index("parameter")
    assert {"mu_r", "std_r", "r[HD 0]", "r[HD 11]"} <= set(summary.index)
    assert set(summary["method"]) == {"exact"}
    status = pd.read_csv(fresh.path / folder / "diagnostics.csv").set_index("fit")["status"]
    assert status["cluster"] == "not checked: sampler.backend is none"
    assert status["cluster exact"] == "ok"
    table["path"] = "hyades.csv"
    (fresh.path / "hyades.csv").write_text("star,plx,e\n" + "".join(rows[:10]))
    jobs = fresh.would_run(*fresh.overlay(**changes), "--", "results/cluster/hyades/summary.csv")
    assert jobs["prepare_stars"] == jobs["integrate_cluster"] == jobs["diagnose_cluster"] == 1


@pytest.mark.slow
def test_a_star_alone_has_its_orbit_for_an_answer_and_no_population(fresh):
    rng = np.random.default_rng(2)
    times = np.sort(rng.uniform(0, 900, 40))
    rv = 56 * np.cos(2 * np.pi * times / 4.2308) + rng.normal(0, 7, 40)
    np.savetxt(fresh.path / "51peg.txt", np.column_stack([times, rv, np.full(40, 7.0)]))
    columns = {"time": "col1", "rv": "col2", "rv_err": "col3"}
    entry = {"path": "51peg.txt", "system": "51 Peg", "columns": columns, "units": {"time": "d", "rv": "m/s"}}
    star = {"catalog": "peg", "catalogs": {"peg": entry | {"time": {"zero_jd": 2450000}}}, "systems": {"keep": "all"}}
    short = {"period_range_days": [2, 10], "batches": 1, "sampler": {"backend": "none"}}
    said = fresh.snakemake(*fresh.overlay(**star, **short))
    assert "One star makes no population: each system is fitted alone; not used: population_models (normal)." in said
    results = fresh.path / "results"
    assert {path.name for path in results.iterdir()} == {"benchmarks", "model_graphs", "peg"}
    assert not list(results.rglob("hyper_posterior.nc")) and not list(results.rglob("*comparison*"))
    for model in ("tutorial", "jitter"):
        orbit = pd.read_csv(results / "peg" / model / "orbits.csv").iloc[0]
        assert orbit["status"] == "ok" and orbit["period_days"] == pytest.approx(4.2308, abs=1e-2)
    assert "The period of 51 Peg is <strong>4.2" in (results / "peg/report.html").read_text()


def test_one_star_of_the_tutorials_catalogue_has_nothing_published_and_may_be_looked_for(fresh):
    entry = {"system": "all of them", "columns": {"system": None}, "selection": {"visits": 5}}
    alone = fresh.overlay(catalogs={"twin": entry})
    jobs = fresh.would_run(*alone)
    assert not {"compare_published", "select_systems"} & jobs.keys()
    assert fresh.would_run(*alone, "--", "detect")["simulate_detection"] == 2


def test_systems_are_fitted_alone_where_there_is_no_population_model(fresh):
    jobs = fresh.would_run(*fresh.overlay(population_models={"normal": None}))
    assert jobs["fit_systems"] == 4 and jobs["diagnose_systems"] == jobs["plot_systems"] == 2
    assert not {name for name in jobs if "population" in name or "abstract" in name or name == "compare_models"}


@pytest.mark.slow
def test_of_many_systems_nuts_checks_some_and_the_tables_say_how_many(run):
    tables = [f"results/twin/tutorial/{name}" for name in ("diagnostics.csv", "agreement.csv", "orbits.csv")]
    run.snakemake(*run.overlay(sampler={"sampled_systems": 1}), "--", *tables)
    diagnosed, compared, orbits = (pd.read_csv(run.path / table) for table in tables)
    assert list(diagnosed["fit"].iloc[:1]) == ["3 other systems"]
    assert len(diagnosed) == 2
    of_systems = compared.loc[compared["section"] == "systems", "parameter"]
    assert of_systems.str.contains(diagnosed["fit"].iloc[1], regex=False).all()
    assert (orbits["status"] == "ok").sum() == 4


@pytest.mark.slow
def test_systems_called_by_numbers_run_as_circles_and_ellipses_side_by_side(fresh):
    rng = np.random.default_rng(1)
    names = ["007", "51", "NA"]
    rows = [
        f"{name},{2459000 + t:.4f},{20 * np.cos(2 * np.pi * t / (3 + k)) + rng.normal(0, 0.2):.4f},0.2\n"
        for k, name in enumerate(names)
        for t in np.sort(rng.uniform(0, 60, 12))
    ]
    (fresh.path / "mine.csv").write_text("star,bjd,v,e\n" + "".join(rows))
    columns = {"system": "star", "time": "bjd", "rv": "v", "rv_err": "e"}
    entry = {"path": "mine.csv", "columns": columns, "units": {"time": "d", "rv": "km/s"}}
    changes = {"catalog": "mine", "catalogs": {"mine": entry}, "systems": {"keep": "all"}}
    changes |= {"sampler": {"backend": "none"}, "period_range_days": [2, 6], "draws": {"exact": 500}, "batches": 1}
    changes |= {"criticism": {"replicates": 0}}  # which are not looked at
    ellipse = {"orbit": "keplerian", "trend": 0, "noise": "reported"}
    of_e = {"density": "circularised", "mu": "auto", "ln_width": [-3, 1]}
    both = {"density": "power_law", "beta": [-3, 3], "eccentricity": of_e}
    changes |= {"system_models": {"jitter": None, "ellipse": ellipse}, "population_models": {"circularised": both}}
    results = fresh.path / "results/mine"
    products = [f"results/mine/{name}" for name in ("tutorial/orbits.csv", "diagnostics.csv", "report.html")]
    fresh.snakemake(*fresh.overlay(**changes), "--", *products)
    pairs = {path.parent.relative_to(results).as_posix() for path in results.glob("*/*/exact.nc")}
    assert pairs == {"tutorial/normal", "ellipse/normal", "ellipse/circularised"}
    assert not (fresh.path / "results/cluster").exists()  # which is the tutorial's
    graphs = (fresh.path / "results/model_graphs/figures").glob("*.png")
    assert {path.stem for path in graphs} == {"system", "population"}
    for folder in ("ellipse", "ellipse/circularised"):
        assert (results / folder / "figures/eccentricities.pdf").is_file()
    ellipses = pd.read_csv(results / "ellipse/orbits.csv")
    assert (ellipses["eccentricity_upper_95"] < 0.1).all() and ellipses["eccentricity"].notna().all()
    orbits = pd.read_csv(results / "tutorial/orbits.csv", dtype={"system": str}, keep_default_na=False)
    assert list(orbits["system"]) == names
    assert orbits["period_days"].astype(float).to_numpy() == pytest.approx([3, 4, 5], rel=0.01)
    statuses = pd.read_csv(results / "diagnostics.csv", keep_default_na=False).set_index("fit")["status"]
    assert {f"tutorial/{name}" for name in names} < set(statuses.index)
    assert not statuses.index.str.startswith("cluster").any()
    assert (results / "figures/forest.png").is_file()
    assert "No fit was sampled" in (results / "report.html").read_text()


@pytest.mark.slow
def test_a_sample_is_taken_from_a_survey_and_its_population_found_in_spite_of_that(fresh):
    changes = {"catalogs": {"selected": {"simulation": {"systems": 120}}}, "figures": {"dpi": 60, "max_systems": 6}}
    changes |= {"detection": {"simulations": 1500}, "sampler": {"sampled_systems": 1, "tune": 500}}
    changes |= {"draws": {"exact": 200, "population": 1000, "joint_systems": 50}}
    (fresh.path / "overlay.yaml").write_text(yaml.safe_dump(changes))
    folder = "results/selected/field"
    tables = [f"{folder}/{name}" for name in ("selection.csv", "detection.csv", "normal/summary.csv")]
    tables += [f"{folder}/normal/diagnostics.csv", f"{folder}/normal/criticism.csv", f"{folder}/agreement.csv"]
    figures = [f"{folder}/figures/detection.png", f"{folder}/normal/figures/selection.png"]
    fresh.snakemake("--configfile", "config/selection.yaml", "overlay.yaml", "--", *tables, *figures)
    selection, detection, summary, diagnosed, _, agreement = (pd.read_csv(fresh.path / table) for table in tables)
    assert len(selection) == 120
    kept = selection["selected"]
    np.testing.assert_array_equal(kept, selection["semi_amplitude_over_error"] >= 5)
    assert selection["reason"][~kept].str.startswith("semi_amplitude_over_error ").all()
    assert 50 < kept.sum() < 110
    assert detection["simulated"].sum() >= 1500
    found = summary[~summary["parameter"].str.contains("[", regex=False)].set_index(["parameter", "method"])
    for name, true in (("mu", 3.5), ("lnsigma", 0.0)):
        mean, sd = found.loc[(name, "exact"), ["mean", "sd"]]
        assert abs(mean - true) < 4 * sd
    assert found.loc[("mu", "uncorrected"), "mean"] < found.loc[("mu", "exact"), "mean"] - 0.1
    drawn = summary.loc[summary["method"] == "exact", "parameter"].str.extract(r"lnP\[(.*)\]")[0].dropna()
    assert len(drawn) == 50 and set(drawn) <= set(selection["system"][kept])
    assert diagnosed.set_index("fit")["status"]["field/normal over nodes"] == "ok"
    hyper = agreement[agreement["parameter"].isin(["mu", "lnsigma"])]
    assert len(hyper) == 2 and hyper["agrees"].all()


@pytest.mark.slow
def test_a_survey_is_simulated_and_its_population_found_again(fresh):
    """Of more systems than are drawn jointly, so that their nodes are condensed; NUTS checks the population."""
    changes = {"catalogs": {"survey": {"simulation": {"systems": 300}}}, "batches": 2}
    changes |= {"figures": {"dpi": 60, "max_systems": 6}}
    changes |= {"sampler": {"sampled_systems": 1, "tune": 500}, "draws": {"exact": 200, "population": 1000}}
    (fresh.path / "overlay.yaml").write_text(yaml.safe_dump(changes))
    folder = "results/survey/survey"
    tables = [f"{folder}/{name}" for name in ("orbits.csv", "close/summary.csv", "close/diagnostics.csv")]
    figures = [f"{folder}/figures/overview.png", f"{folder}/close/figures/density.png"]
    fresh.snakemake("--configfile", "config/survey.yaml", "overlay.yaml", "--", *tables, *figures)
    orbits, summary, diagnosed = (pd.read_csv(fresh.path / table) for table in tables)
    assert list(orbits["system"]) == [f"S{k:08d}" for k in range(300)]
    assert (orbits["status"] == "ok").all()
    assert (diagnosed.set_index("fit")["status"][["survey/close exact", "survey/close over nodes"]] == "ok").all()
    found = summary[summary["method"] == "exact"].set_index("parameter")
    for name, true in (("mu", 3.5), ("lnsigma", 0.2)):
        assert abs(found.loc[name, "mean"] - true) < 4 * found.loc[name, "sd"]
    drawn = found.index.str.startswith("lnP[").sum()
    assert drawn == 200
    truth = Table.read(fresh.path / "results/simulated/survey/truth/0.fits").to_pandas()
    sure = orbits["mode_weight"] > 0.99
    assert sure.sum() > 200
    apart = np.abs(orbits["period_days"] / truth["period_days"] - 1)[sure]
    assert (apart < 1e-2).mean() > 0.98


@pytest.mark.slow
def test_the_stars_of_a_simulated_field_have_probabilities_that_are_held_against_who_is_a_binary(fresh):
    changes = {"catalogs": {"field": {"simulation": {"systems": 60}}}}
    (fresh.path / "overlay.yaml").write_text(yaml.safe_dump(changes))
    folder = "results/field/field/fraction"
    files = [f"{folder}/{name}" for name in ("reliability.csv", "systems.csv", "figures/reliability.png")]
    fresh.snakemake("--configfile", "config/fraction.yaml", "overlay.yaml", "--", *files)
    reliability, systems = (pd.read_csv(fresh.path / path) for path in files[:2])
    truth = Table.read(fresh.path / "results/simulated/field/truth/0.fits").to_pandas()
    assert reliability["stars"].sum() == len(systems) == len(truth) == 60
    binaries = np.isfinite(truth["period_days"])
    assert (reliability["stars"] * reliability["binary_share"]).sum() == pytest.approx(binaries.sum())
    assert reliability["deviation_sd"].abs().max() < 4
    assert (systems["information_nat"] >= 0).all()
    assert systems["binary_probability"][binaries.to_numpy()].mean() > 0.6


@pytest.mark.slow
def test_a_population_of_amplitudes_goes_all_the_way_with_every_check(fresh):
    """Of few binaries: the full model too; and the amplitudes of a simulated field are found."""
    parameters = {"F": None, "mu": None, "lnsigma": None, "beta": 0.0, "mu_s": 2.0, "lnsigma_s": -0.5}
    narrow = {"density": "truncated_normal", "range_kms": [0.3, 40], "mu": "auto", "ln_sigma": [-1, 1]}
    simulation = {
        "systems": 10,
        "population_model": "both",
        "parameters": parameters,
        "survey": {"visits": [18, 24], "rv_err_kms": [0.05, 0.1]},
    }
    changes = {
        "catalogs": {"field": {"period_range_days": [2, 40], "simulation": simulation}},
        "population_models": {
            "assumed": None,
            "inferred": None,
            "both": {"density": "power_law", "beta": [-2, 2], "amplitude": narrow},
        },
        "sampler": {"chains": 2, "tune": 300},
        "draws": {"exact": 400, "population": 300, "systems": 300},
        "criticism": {"replicates": 119},
    }
    (fresh.path / "overlay.yaml").write_text(yaml.safe_dump(changes))
    folder = "results/field/field/both"
    names = (
        "exact.nc",
        "posterior.nc",
        "criticism.csv",
        "summary.csv",
        "figures/density.png",
        "figures/criticism.png",
    )
    files = [f"{folder}/{name}" for name in names]
    fresh.snakemake("--configfile", "config/amplitudes.yaml", "overlay.yaml", "--", *files)
    summary = pd.read_csv(fresh.path / files[3]).set_index(["method", "parameter"])
    mean, sd = summary.loc[("exact", "mu_s"), ["mean", "sd"]]
    assert abs(mean - 2.0) < 4 * sd
    # of NUTS over all orbits: the scale of each
    in_full = summary.loc["nuts"]
    assert in_full.index.str.startswith("lns[").sum() == 10
    assert abs(in_full.loc["mu_s", "mean"] - mean) < 0.5 * sd
    assert pd.read_csv(fresh.path / files[2])["statistic"].str.endswith("_lnK").sum() == 5
