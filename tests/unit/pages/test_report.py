"""What the report says of a run, and that names from a table are nothing but names in it."""

import numpy as np
import pandas as pd
import pytest

from pages_in_browser import opened
from starpop.checks import flags
from starpop.checks.statistics import STATISTICS
from starpop.orbits.visits import Visits
from starpop.pages.report import alone, contents, page, systems, tables_of_run
from starpop.run import status

NASTY = [
    "toString",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "Ω & 'ß' \"q\"",
    "{{ 7 * 7 }}",
]


def made_orbits(names, **changed):
    count = len(names)
    columns = {
        "system": names,
        "n_visits": 12,
        "baseline_days": 1000.0,
        "best_mode_period_days": np.linspace(2, 20, count),
        "best_mode_period_sd_days": 1e-5,
        "semi_amplitude_kms": np.linspace(30, 3, count),
        "semi_amplitude_sd_kms": 0.2,
        "mode_weight": 1.0,
        "flags": "",
        "status": "ok",
        **changed,
    }
    return pd.DataFrame(columns)


def made_run(names, **changed):
    """The tables of a run of a system model `s` with population models `a` and `b`."""
    models = {"system_model": ["s", "s"], "population_model": ["a", "b"]}
    comparison = pd.DataFrame(
        {"scope": "population", **models, "ln_evidence": [-3.0, -5.0], "ln_odds": [0.0, -2.0]}
    ).assign(difference=0.0, difference_se=0.0)
    quantities = ["mean_ln_period", "ln_sd_ln_period"]
    sensitivity = pd.DataFrame(
        [
            ("s", name, "as configured", quantity, mean, 0.1)
            for name in "ab"
            for quantity, mean in zip(quantities, (2.0, -0.5), strict=True)
        ],
        columns=["system_model", "population_model", "prior", "parameter", "mean", "sd"],
    )
    fits = pd.DataFrame({"fit": ["s/a exact", "s/b exact", "s/X"], "status": "ok"}).assign(
        r_hat=[np.nan, np.nan, 1.004], ess_bulk=900.0, ess_tail=800.0, divergences=0.0
    )
    summary = pd.DataFrame(
        {"parameter": ["mu", "lnP[X]", "mu"], "method": ["exact", "exact", "nuts"], "mean": [2.0, 1.0, 2.1]}
    )
    tables = {
        "systems": pd.DataFrame({"n_visits": [5, 9], "baseline_days": [10.0, 90.0], "rv_err_median_kms": 0.1}),
        "rejected": pd.DataFrame({"row": [3], "system": [NASTY[1]], "value": [NASTY[2]], "reason": ["no number"]}),
        "diagnostics": fits,
        "comparison": comparison,
        "sensitivity": sensitivity,
        "orbits": {"s": made_orbits(names)},
        "agreement": {
            "s": pd.DataFrame(
                {
                    "section": "systems",
                    "parameter": ["a", "b"],
                    "mean_z": [1.0, -6.0],
                    "sd_z": [0.5, 0.5],
                    "agrees": [True, False],
                    "note": ["", ""],
                }
            )
        },
        "criticism": {"s": pd.DataFrame({f"{name}_p": [0.001, 0.5] for name in STATISTICS})},
        "summaries": dict.fromkeys(["s/a", "s/b"], summary.assign(sd=0.1, **{"hdi_3%": 1.8, "hdi_97%": 2.2})),
        "predictions": {
            "s/a": pd.DataFrame(
                {"statistic": ["mean"], "p_value": [0.3], "p_posterior_predictive": [0.4], "calibrated": [True]}
            )
        },
        "members": {},
        "selections": {},
    }
    return tables_of_run.Run("mine", **(tables | changed))


def made_page(run, charts=None, figures=()):
    origin = {"sha256": "ab" * 32, "scale": "UTC", "period_range_days": [1.5, 20], "versions": {"starpop": "0"}}
    asked = {
        "catalogs": {"mine": {"path": "mine.csv"}},
        "system_models": {"s": {"noise": "jitter"}},
        "population_models": {},
    }
    context = (
        contents.contents(run)
        | contents.settings(asked, "mine")
        | {"origin": origin, "figures": figures, "models": {"s": "noise jitter"}, "populations": {}}
        | {"selection": {"visits": 5}}
    )
    data = {model: systems.table(orbits) | {"charts": charts or {}} for model, orbits in run.orbits.items()}
    return page.render(context, {"models": data, "flags": flags.MEANING, "kinds": status.KINDS, "first": "s"})


def test_the_answer_is_that_of_the_likeliest_models_which_can_be_trusted():
    run = made_run(["A"])
    assert contents.best_pair(run) == "s/a"
    found = contents.answer(run, "s/a")
    assert found["typical_days"] == pytest.approx(np.exp(2.0))
    assert found["spread_days"] == pytest.approx([np.exp(2 - np.exp(-0.5)), np.exp(2 + np.exp(-0.5))])
    assert [row["parameter"] for row in found["hyper"]] == ["mu"]
    failed = run.diagnostics.assign(status=["not converged", "ok", "ok"])
    assert contents.best_pair(made_run(["A"], diagnostics=failed)) == "s/b"
    nothing = failed.assign(status="not converged")
    assert contents.best_pair(made_run(["A"], diagnostics=nothing)) == "s/a"


def without_population(*names, **changed):
    """The tables of a run of two system models, `s` and the likelier `t`, without a population."""
    orbits = {
        model: made_orbits(list(names), ln_evidence=ln_evidence, **changed)
        for model, ln_evidence in (("s", -20.0), ("t", -18.0))
    }
    of_pairs = {"comparison": None, "sensitivity": None, "summaries": {}, "predictions": {}, "agreement": {}}
    return made_run(list(names), orbits=orbits, **of_pairs)


def page_of_star(**changed):
    """The page of a star alone, without its line ends."""
    return " ".join(made_page(without_population("A & B", **changed)).split())


def test_of_a_star_alone_the_answer_is_its_orbit_under_the_likelier_model():
    said = page_of_star(eccentricity=0.3, eccentricity_sd=0.01)
    assert "The period of A &amp; B is <strong>2.000000 ± 0.000010 days</strong>, and its semi-amplitude" in said
    assert "with an eccentricity of <strong>0.300 ± 0.010</strong>." in said
    second = f'<code>s</code></th><td class="n">{page.MINUS}2</td>'
    assert said.index("<code>t</code></th>") < said.index(second)
    assert 'href="#assumptions"' not in said and "scatter by more than their errors" not in said
    assert "beside these there is a jitter of 0.50 ± 0.10 km/s" in page_of_star(jitter_kms=0.5, jitter_sd_kms=0.1)


def test_of_a_star_alone_what_is_doubtful_is_said_in_the_answer():
    unsure = {"semi_amplitude_p16_kms": 1.0, "semi_amplitude_p50_kms": 2.0, "semi_amplitude_p84_kms": 5.0}
    said = page_of_star(mode_weight=0.7, flags="multimodal;drift", **unsure)
    assert "Several periods of A &amp; B are possible: the likeliest is <strong>2.000000 ± 0.000010" in said
    assert "with probability <strong>0.7</strong>" in said
    assert "2 (1 to 5)" in said
    assert "<li>drift: There is more than none, but a trend is nearly as likely" in said
    said = page_of_star(flags="no_orbit")
    assert "The visits of A &amp; B hardly show an orbit" in said
    without_flags = alone.answer(without_population("A", flags=np.nan).orbits)  # as an empty cell is read
    assert without_flags["flags"] == {} and without_flags["models"][0]["flags"] == []
    assert alone.answer(without_population("A", flags="no_orbit").orbits)["figure"] == "focus_time_series"


def test_a_model_that_a_star_was_not_fitted_with_is_not_the_likeliest():
    orbits = dict(without_population("A").orbits)
    orbits["u"] = orbits["s"].assign(ln_evidence=np.nan, best_mode_period_days=np.nan, status="not fitted: why")
    found = alone.answer(orbits)
    assert list(found["odds"]) == ["t", "s", "u"] and found["odds"]["s"] == -2
    assert [said["model"] for said in found["models"]] == ["t", "s"]
    assert "The period of A is" in " ".join(made_page(made_run(["A"], orbits=orbits, summaries={})).split())


def test_of_systems_without_a_population_the_answer_is_the_table():
    run = without_population("A", "B")
    said = " ".join(made_page(run).split())
    assert 'The orbits of the 2 systems stand <a href="#systems">below</a>; no population was fitted' in said
    assert f"the ln odds of the system models are 0 of <code>t</code>, {page.MINUS}4 of <code>s</code>" in said
    assert alone.answer(run.orbits)["figure"] == "overview"


def test_of_a_sample_it_says_who_is_in_it_and_of_a_star_how_likely_it_is_a_binary():
    selection = pd.DataFrame({"system": ["A", "B"], "selected": [True, False], "reason": ["", "visits 3 < 5"]})
    members = pd.DataFrame(
        {"system": ["A"], "ln_predictive": [1.0], "information_nat": [0.25], "binary_probability": [0.75]}
    )
    run = made_run(["A", "B"], members={"s/a": members}, selections={"s": selection})
    table = systems.table(contents.orbits_with_membership(run)["s"])
    assert table["statuses"] == ["ok", "not in the sample: visits 3 < 5"]
    columns = {column["name"]: column for column in table["columns"]}
    assert columns["binary_probability"]["values"] == [0.75, None]
    assert columns["information_nat"]["values"] == [0.25, None] and columns["information_nat"]["unit"] == ""
    assert contents.answer(run, "s/a")["selected"] == 1
    said = " ".join(made_page(run).split())
    assert "the stars of which visits is at least 5." in said
    assert "Those are 1 of 2 under the system model <code>s</code>" in said


def test_what_is_not_to_be_trusted_is_said():
    run = made_run(["A", "B"], orbits={"s": made_orbits(["A", "B"], flags=["at_range_end", ""])})
    said = contents.verdict(run)
    assert said["passed"]
    assert "at_range_end 1 (A)" in said["orbits"]["s"]
    assert "1 of 2 orbits are not to be trusted" in made_page(run)
    failed = run.diagnostics.assign(status=["ok", "ok", "not converged: ess_bulk"])
    assert not contents.verdict(made_run(["A"], diagnostics=failed))["passed"]
    unchecked = contents.verdict(
        made_run(["A"], diagnostics=failed.assign(status=["ok", "not checked: few", "not checked: few"]))
    )
    assert said["informed"] and unchecked["passed"] and not unchecked["informed"]


def test_the_certificate_names_what_disagrees():
    found = contents.certificate(made_run(["A"]), "s")
    assert found["largest"] == 6.0
    assert found["disagree"] == ["systems b"]


def test_a_table_has_the_columns_of_which_something_is_known():
    table = systems.table(made_orbits(["A", "B"], flags=["", "multimodal;misfit"], status=["ok", "not fitted: why"]))
    assert [column["name"] for column in table["columns"]] == [
        "best_mode_period_days",
        "semi_amplitude_kms",
        "n_visits",
        "mode_weight",
        "baseline_days",
    ]
    assert table["doubtful"] == [1]


def test_of_very_many_systems_those_worth_a_second_look_are_in_the_table(monkeypatch):
    monkeypatch.setattr(systems, "MOST_ROWS", 3)
    table = systems.table(made_orbits(list("ABCD"), flags=["", "multimodal", "", "at_range_end"]))
    assert table["names"] == ["B", "D"]
    assert table["total"] == 4


def test_charts_show_the_visits_the_orbit_and_the_draws():
    time = np.linspace(0, 30, 12)
    visits = Visits("A", time, 10 * np.cos(2 * np.pi * time / 7), np.full(12, 0.1))
    orbit = {"P": 7.0, "a": 10.0, "b": 0.0, "v0": 0.0}
    draws = {"P": np.full(1000, 7.0) + 1e-6 * np.arange(1000), "a": np.full(1000, 3.0), "b": np.full(1000, 4.0)}
    charts = systems.charts(visits, orbit, draws, None)
    assert "periodogram" not in charts
    assert charts["folded"]["residual"] == pytest.approx(np.zeros(12), abs=1e-9)
    assert charts["folded"]["curve"][0] == pytest.approx(10.0)
    assert len(charts["posterior"]["period"]) == systems.DRAWS
    assert charts["posterior"]["other"][0] == 5
    assert charts["posterior"]["middle_days"] == charts["folded"]["period_days"] == 7.0
    assert np.ptp(charts["posterior"]["period"]) == pytest.approx(999e-6 * 86400, rel=1e-6)
    elsewhere = systems.charts(visits, orbit | {"P": 5.0}, draws, None)
    assert elsewhere["posterior"]["middle_days"] == pytest.approx(7.0005, abs=1e-6)


def test_a_system_has_one_period_and_another_only_where_it_is_another(browser, tmp_path):
    modes = {"best_mode_period_days": [2.8411462, 5.0, 7.0], "best_mode_period_sd_days": [1.4e-5, 1e-4, 1e-3]}
    every = {"period_days": [2.8411468, 5.5, 9.0], "period_sd_days": [1.4e-5, 0.1, 3.0]}
    orbits = made_orbits(["A", "B", "C"], **modes, **every)
    drawn = {key: [0.1, 0.2] for key in ("phase", "rv", "curve", "error", "total_error", "day", "residual")}
    none = {"period": [], "other": []}
    charts = {
        name: {"folded": drawn | {"period_days": period, "instrument": None}, "posterior": none}
        for name, period in {"A": 2.84114557, "B": 8.1234567}.items()
    }
    path = tmp_path / "report.html"
    path.write_text(made_page(made_run([], orbits={"s": orbits}), charts), encoding="utf-8")
    said = {
        "A": "Period 2.841146 ± 0.000014 d.",
        "B": "Period 8.123457 d, of the highest posterior density; the mean of the heaviest mode is 5.00000 ± 0.00010 "
        "d; the mean of all modes is 5.50 ± 0.10 d.",
        "C": "Period 7.0000 ± 0.0010 d.",  # that of the heaviest mode: it has no charts
    }
    with opened(browser, path) as seen:
        for name, text in said.items():
            seen.page.get_by_role("button", name=name, exact=True).click()
            assert seen.page.locator("#system-body > .lead").inner_text() == text
            assert not seen.page.locator("#system dt", has_text="period").count()
            seen.page.keyboard.press("Escape")
        assert seen.errors == []


def test_numbers_are_short_and_none_where_there_are_none():
    assert systems.rounded([1.0, np.nan, 1 / 3, np.inf]) == [1, None, 0.3333333, None]
    assert page.number(0.1234567) == "0.1235"
    assert page.number(-1.5e-7) == "\N{MINUS SIGN}1.500 \N{MULTIPLICATION SIGN} 10^\N{MINUS SIGN}7"
    assert page.number(None) == page.number(np.nan) == ""
    assert page.plus_minus((2.841146, 0.0000143)) == "2.841146 ± 0.000014"
    assert [page.number(x, 3) for x in (999.7, 99.97, 12345.6)] == ["1,000", "100", "12,300"]
    assert page.number(-np.inf) == "\N{MINUS SIGN}\N{INFINITY}"
    assert page.plus_minus((1.0, np.inf)) == page.plus_minus((1.0, np.nan)) == "1"
    assert page.plus_minus((-3.0, 12.3)) == "\N{MINUS SIGN}3 ± 12"


def test_an_alternative_text_is_whole_sentences_that_say_enough():
    assert page.alternative("Left: this. Right: that, which is much longer than the first. More.") == (
        "Left: this. Right: that, which is much longer than the first."
    )
    assert page.alternative("One sentence") == "One sentence"


def test_without_nuts_there_is_nothing_to_compare():
    empty = pd.DataFrame(columns=["section", "parameter", "mean_z", "sd_z", "agrees", "note"])
    run = made_run(["A"], agreement={"s": empty})
    assert contents.certificate(run, "s")["parameters"] == 0
    unsampled = run.diagnostics.assign(r_hat=np.nan)
    said = made_page(made_run(["A"], agreement={"s": empty}, diagnostics=unsampled))
    assert "nothing to compare" in said
    assert "No fit was sampled" in said


def test_systems_that_were_not_used_or_fitted_are_not_counted_and_the_pairs_passed_over_are_named():
    orbits = made_orbits(["A", "B", "C"], status=["ok", "not used: too few visits", "not fitted: why"])
    failed = made_run(["A"]).diagnostics.assign(status=["not converged", "ok", "ok"])
    run = made_run(["A"], orbits={"s": orbits}, diagnostics=failed)
    assert contents.answer(run, "s/b")["systems"] == 1
    assert "not that of s/a" in made_page(run)
    assert "not that of" not in made_page(made_run(["A"]))


def test_stars_without_an_orbit_and_an_answer_that_is_a_prior_are_said():
    orbits = made_orbits(["A", "B"], flags=["", "multimodal;no_orbit"])
    assert "1 of the 2 hardly have an orbit" in made_page(made_run(["A"], orbits={"s": orbits}))
    assert list(systems.doubtful(orbits)) == [False, True]
    uninformed = made_run(["A"]).diagnostics.assign(status=["hardly informed: mu", "ok", "ok"])
    run = made_run(["A"], diagnostics=uninformed)
    assert not contents.verdict(run)["informed"]
    assert "mostly the prior" in made_page(run)
    assert "mostly the prior" not in made_page(made_run(["A"]))


def test_p_values_are_called_calibrated_where_they_are():
    table = pd.DataFrame(
        {"statistic": ["sd"], "p_value": [np.nan], "p_posterior_predictive": [0.4], "calibrated": [True]}
    )
    assert contents.prediction("s/a", table) == {"pair": "s/a", "p": [("sd", 0.4)], "calibrated": False}
    assert contents.prediction("s/a", table.assign(p_value=0.3))["calibrated"]


def test_the_figure_of_the_answer_is_that_of_its_own_models():
    item = {"src": "", "width": 2, "height": 1, "inches": 1, "alt": "", "caption": ""}
    paths = [f"results/mine/{folder}/figures/density.png" for folder in ("s/a", "my_s/a")]
    figures = [{"category": "Population", "figures": [item | {"path": path} for path in paths]}]
    before, _, after = made_page(made_run(["A"]), figures=figures).partition('id="data"')
    assert [path in before for path in paths] == [True, False]
    assert [path in after for path in paths] == [False, True]  # each stands in the page once


@pytest.mark.parametrize(
    ("columns", "made_by", "present"),
    [
        ({"version": "0.1", "code": "ab"}, "with starpop 0.1 (code ab)", True),
        ({"version": "0.1", "code": "cd"}, "with starpop 0.1 (code cd)", False),
        ({}, "with a version that is not recorded", False),
    ],
)
def test_it_is_said_with_which_code_the_calibration_was_run(columns, made_by, present):
    table = pd.DataFrame({"case": "a", "parameter": ["mu", "b"], "catalogs": 500, "status": "ok"}).assign(**columns)
    said = made_page(made_run(["A"], calibration=table, chain="ab"))
    assert f"run in this folder {made_by}: 2 of 2 parameters" in said
    assert ("That is not of the code that made this page" in said) is not present


def test_what_is_in_brackets_of_a_model_is_told_too_and_what_it_has_not_is_left_out():
    model = {"density": "power_law", "offsets": False, "noise_prior": {"sd": 1}, "eccentricity": {"density": "beta"}}
    assert contents.in_words(model) == "density power_law, eccentricity (density beta)"


def test_hyper_parameters_are_told_in_plain_letters():
    (row,) = contents.answer(made_run(["A"]), "s/a")["hyper"]
    assert row["meaning"] == "\N{GREEK SMALL LETTER MU}, centre of ln(P/d)"


@pytest.mark.parametrize(
    ("flags_of_one", "expected"),
    [
        ("", status.SURE),
        ("trend;misfit", status.SURE),
        ("multimodal", status.DOUBTFUL),
        ("at_range_end", status.DOUBTFUL),
        ("multimodal;no_orbit", status.HARDLY),
        ("no_orbit;better_outside_range", status.DOUBTFUL),
    ],
)
def test_a_system_is_of_one_kind(flags_of_one, expected):
    assert status.kind(flags_of_one) == expected


@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_nothing_but_a_name(name, browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(made_page(made_run([name, "B"])), encoding="utf-8")
    with opened(browser, path) as seen:
        assert seen.names() == [name, "B"]
        seen.page.locator("button.name").first.click()
        assert seen.page.locator("#system-title").inner_text() == name
        seen.page.keyboard.press("Escape")
        seen.page.get_by_text("rows that were not used").click()
        assert seen.page.get_by_role("cell", name=NASTY[1]).first.is_visible()
        seen.page.get_by_label("Search").fill(name)
        seen.page.get_by_role("button", name=name, exact=True).wait_for()
        seen.page.get_by_label("Search").fill("nobody")
        seen.page.get_by_text("No matching records").wait_for()
        seen.page.evaluate("step(1)")
        assert seen.dialogs == []
        assert seen.errors == []
