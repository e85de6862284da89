"""The figures: graphs that match the models, contours that enclose what they say, and failures that show."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from astropy.table import Table
from pymc.model_graph import ModelGraph

from starpop.checks import criticism
from starpop.inference.densities import Normal, TruncatedNormal, density_from_settings
from starpop.orbits import periods, single
from starpop.orbits.system_model import SystemModel
from starpop.pages import abstract, comparison, eccentricities, pgm, selection, style, systems
from starpop.pages import cluster as draw_cluster
from starpop.pages import criticism as draw_criticism
from starpop.pages import population as draw_population
from starpop.pages.corner import ENCLOSED, contour_levels
from starpop.pages.overview import overview
from starpop.populations import cluster, detection, population

PRIOR = SystemModel(100, 150)
COLORS = style.Colors("k", "b", "r", "0.5")


def models(twin):
    data = np.array([2.0, 1.9]), np.array([0.1, 0.2])
    return {
        "cluster": cluster.build_model(range(len(data[0])), *data, cluster.ClusterPrior(1, 2, (-8, 0))),
        "system": single.build_model(twin[0], PRIOR, (1.5, 20)),
        "population": population.build_model(twin[:2], [PRIOR] * 2, Normal((1, 10), (-2, 3)), (1.5, 20)),
    }


def edges_of(model):
    """The edges among random variables, through deterministic ones."""
    parents = {child: set(names) for child, names in ModelGraph(model).make_compute_graph().items()}
    deterministic = {variable.name for variable in model.deterministics}

    def random_parents(name):
        return set().union(*(random_parents(p) if p in deterministic else {p} for p in parents[name]), set())

    return {(p, rv.name) for rv in model.basic_RVs for p in random_parents(rv.name)}


@pytest.mark.parametrize("name", ["cluster", "system", "population"])
def test_a_drawn_graph_is_the_models_own(name, twin):
    model, graph = models(twin)[name], pgm.GRAPHS[name]
    kinds = {node.name: node.kind for node in graph.nodes}
    fixed = {node for node, kind in kinds.items() if kind == "fixed"}
    data = {variable.name for variable in model.data_vars}
    assert {k for k, v in kinds.items() if v == "free"} == {rv.name for rv in model.free_RVs}
    assert {k for k, v in kinds.items() if v == "observed"} == {rv.name for rv in model.observed_RVs}
    assert {e for e in graph.edges if e[0] not in fixed} == {e for e in edges_of(model) if e[0] not in data}


@pytest.mark.parametrize("name", ["cluster", "system", "population"])
def test_a_drawn_plate_holds_what_the_model_repeats(name, twin):
    model, graph = models(twin)[name], pgm.GRAPHS[name]
    repeated = {rv.name for rv in model.basic_RVs if rv.ndim}
    inside = {node for plate in graph.plates for node in plate.nodes}
    fixed = {node.name for node in graph.nodes if node.kind == "fixed"}
    assert inside - fixed == repeated
    for plate in graph.plates:
        left, bottom, width, height = plate.box
        for node in graph.nodes:
            within = left < node.x < left + width and bottom < node.y < bottom + height
            assert within == (node.name in plate.nodes), (plate.label, node.name)


def test_contours_enclose_the_stated_probability():
    axis = np.linspace(-5, 5, 201)
    density = np.exp(-0.5 * (axis[:, None] ** 2 + axis**2))
    levels = contour_levels(density)
    assert levels == sorted(levels)
    for level, share in zip(reversed(levels), ENCLOSED, strict=True):
        assert density[density >= level].sum() / density.sum() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("words", [3, 60])
def test_a_failed_fit_is_written_across_its_figure_and_over_nothing_else(tmp_path, words):
    figure = style.new_figure(3, 2)
    figure.subplots().plot([0, 1], label="a line")
    legend = figure.legend(loc="outside upper center")
    look = style.Style(100, 30, style.Colors("#000000", "#0072B2", "#D55E00", "#8C8C8C"))
    failed = style.failures({"A": "ok", "B": " ".join(["not converged"] * words), "C": "not sampled"})
    assert failed.startswith("B: not converged") and failed.endswith("(and 1 more)")
    style.save(figure, [str(tmp_path / "f.png"), str(tmp_path / "f.pdf")], look, "catalogue x", failed)
    (warning,) = [text for text in figure.texts if text.get_color() == style.WARNING]
    said = warning.get_text().replace("\n", " ")
    assert said == failed if words == 3 else said.startswith("B: not converged") and said.endswith(" ...")
    extent = warning.get_window_extent()
    assert figure.bbox.x0 <= extent.x0 and extent.x1 <= figure.bbox.x1
    boxes = [extent, legend.get_window_extent(), figure.axes[0].get_window_extent()]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert {p.name for p in tmp_path.iterdir() if p.is_file()} == {"f.png", "f.pdf"}


def test_a_name_is_never_read_as_mathematics():
    assert style.plain("a$b$") == r"a\$b\$"


def test_the_figure_of_criticism_shows_the_smallest_p_values_and_counts_all(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(0.02, 1, (40, 7)), columns=[f"{name}_p" for name in criticism.STATISTICS])
    table[[f"{name}_excess" for name in criticism.EXCESSES]] = 0.5
    table.loc[3, "second_period_excess"] = 7.25
    table["system"] = [f"S{i:02d}" for i in range(40)]
    table.loc[[3, 39], "misfit_p"] = 0.005
    table.loc[5, [f"{name}_p" for name in criticism.STATISTICS]] = np.nan  # too few visits
    residuals = pd.DataFrame({"standardised_residual": np.append(rng.normal(0, 1, 300), np.nan)})
    look = style.Style(100, 30, style.Colors("#000000", "#0072B2", "#D55E00", "#8C8C8C"))
    figure = draw_criticism.systems(table, residuals, look)
    cells, _, normal = figure.axes
    names = [label.get_text() for label in cells.get_yticklabels()]
    assert {"S03", "S39"} < set(names)
    assert len(names) == 31
    assert names[-1] == "below 0.01, expected 0.4"
    assert [text.get_text() for text in cells.texts[-7:]] == ["2", *"000000"]
    assert [text.get_text() for text in cells.texts if "sigma" in text.get_text()] == [r"7.2$\,\sigma$"]
    assert len(normal.lines[-1].get_xdata()) == 300
    style.save(figure, [str(tmp_path / "f.png")], look, "catalogue x")
    nothing = table.iloc[[5]]
    assert len(draw_criticism.systems(nothing, residuals, look).axes) == 1
    without = draw_criticism.systems(table.assign(zero_points_p=np.nan), residuals, look).axes[0]
    assert [label.get_text() for label in without.get_xticklabels()][-2:] == ["correlation", "second\nperiod"]
    style.save(draw_criticism.systems(nothing, residuals, look), [str(tmp_path / "f.png")], look, "catalogue x")


def test_an_interval_beside_its_mean_is_drawn():
    row = {"population_model": "n", "status": "ok", "mean": 1.4350845252864886}
    row |= {"hdi_3%": 1.4350845252864879, "hdi_97%": 1.4350845252864883}
    ax = style.new_figure(3, 2).subplots()
    comparison._interval(ax, 2, pd.DataFrame([row]), {"n": {"color": "k", "marker": "o"}})
    (line,) = ax.collections[0].get_segments()
    np.testing.assert_array_equal(line, [[row["hdi_3%"], 2], [row["hdi_97%"], 2]])
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[row["mean"], 2]])


@pytest.mark.parametrize("ln_bayes", [[4.5, -3.0], [2.0, 3.0], [-1.0, -2.0]])
def test_an_ellipse_has_errors_and_a_circle_an_upper_limit(ln_bayes, tmp_path):
    table = pd.DataFrame(
        {
            "best_mode_period_days": [3.0, 30.0, np.nan],
            "best_mode_period_sd_days": [1e-3, 0.1, np.nan],
            "eccentricity": [0.2, 0.01, np.nan],
            "eccentricity_sd": [0.02, 0.01, np.nan],
            "eccentricity_upper_95": [0.23, 0.03, np.nan],
            "ln_bayes_keplerian": [*ln_bayes, np.nan],
        }
    )
    look = style.Style(80, 10, COLORS)
    figure = eccentricities.diagram(table, look)
    (ax,) = figure.axes
    is_ellipse = np.array(ln_bayes) > 0
    points, limits = ax.lines[0].get_ydata(), ax.lines[-1].get_ydata()
    np.testing.assert_array_equal(points, table["eccentricity"][:2][is_ellipse])
    np.testing.assert_array_equal(limits, table["eccentricity_upper_95"][:2][~is_ellipse])
    assert ax.get_ylim()[1] > 0.03
    style.save(figure, [str(tmp_path / "figure.png")], look, "a source")


def test_a_population_shows_its_eccentricities_and_where_orbits_are_circularised():
    of_e = {"density": "circularised", "mu": [0, 4], "ln_width": [-3, 0]}
    settings = {"population": {"eccentricity": of_e}, "period_range_days": [1, 100]}
    rng = np.random.default_rng(0)
    draws = {"mu_circ": rng.normal(np.log(10), 0.01, 500), "lnwidth_circ": rng.normal(-2, 0.01, 500)}
    exact = xr.DataTree.from_dict({"posterior": xr.Dataset({k: ("draw", v) for k, v in draws.items()})})
    exact.attrs["settings"] = json.dumps(settings)
    rows = {"period_days": [2.0, 60.0], "period_sd_days": [0.01, 0.5]}
    table = pd.DataFrame({f"best_mode_{name}": values for name, values in rows.items()})
    table = table.assign(
        eccentricity=[0.01, 0.5], eccentricity_sd=0.01, eccentricity_upper_95=0.02, ln_bayes_keplerian=[-3.0, 50.0]
    )
    (ax,) = eccentricities.diagram(table, style.Style(80, 10, COLORS), exact).axes
    lines = {line.get_label(): line for line in ax.lines}
    period, middle = lines["population: median"].get_data()
    assert (middle[period < 5] < 0.02).all() and middle[period > 30] == pytest.approx(0.475, abs=0.04)
    (limit,) = (line for label, line in lines.items() if label.startswith("circularised below"))
    assert limit.get_xdata() == pytest.approx([10, 10], rel=1e-2)
    assert ax.get_ylim() == (0, 1)


@pytest.mark.parametrize("named", [True, False])
def test_a_systems_corner_shows_its_period_shape_and_amplitude(named):
    rng = np.random.default_rng(0)
    e, anomaly, omega = rng.normal(0.5, 0.01, 2000), rng.normal(1.0, 0.1, 2000), rng.normal(-0.1, 0.2, 2000)
    amplitude = rng.normal(5, 0.1, 2000)
    draws = {"P": rng.normal(8, 1e-4, 2000), "v0": rng.normal(3, 0.1, 2000), "a": amplitude * np.cos(anomaly + omega)}
    draws |= {"b": -amplitude * np.sin(anomaly + omega)}
    if named:
        draws |= {"e": e, "h": np.sqrt(e) * np.cos(anomaly), "k": np.sqrt(e) * np.sin(anomaly)}
    look = style.Style(80, 10, COLORS)
    figure = systems.orbit_corner("A$1", draws, look)
    lowest = [ax for ax in figure.axes if ax.get_xlabel()]
    if named:
        assert [ax.get_xlabel() for ax in lowest][1:] == ["$e$", r"$\omega$ [deg]", "$K$ [km/s]"]
        low, high = lowest[2].get_xlim()
        assert low == pytest.approx(360 - 5.7 - 40, abs=25) and high == pytest.approx(360 - 5.7 + 40, abs=25)
    else:
        assert [ax.get_xlabel() for ax in lowest][1:] == ["$K$ [km/s]", "$v_0$ [km/s]"]
    assert "no draws" in systems.orbit_corner("A", {"P": np.full(3, np.nan)}, look).texts[0].get_text()


@pytest.mark.parametrize("flags", ["", "multimodal", "no_orbit;multimodal"])
@pytest.mark.parametrize("count", [1, 20, 700])
def test_the_overview_is_drawn_whatever_the_orbits_are(flags, count):
    rng = np.random.default_rng(1)
    names = ["best_mode_period_days", "semi_amplitude_kms"]
    table = pd.DataFrame(10 ** rng.uniform(0, 2, (count, 2)), columns=names)
    table = table.assign(system=[f"S{i}" for i in range(count)], flags=flags, status="ok")
    table.loc[len(table)] = [np.nan, np.nan, "lost", np.nan, "not used: no velocities"]
    plane, shares, *_ = overview(table, style.Style(80, 10, COLORS)).axes
    said = [text.get_text() for text in shares.get_yticklabels()]
    assert set(said) == {"not used", *filter(None, flags.replace("_", " ").split(";"))}
    assert str(count + 1) in shares.get_xlabel()
    assert (count > 500 and not flags) == bool(plane.collections)


@pytest.mark.parametrize("count", [1, 2, 14])
def test_the_abstract_leads_from_the_visits_of_three_systems_to_the_population(twin, count, tmp_path):
    scan = periods.scan_systems(twin[:count], PRIOR, (1.5, 20), 200)
    days = np.arange(count) % 5 + 2.0
    table = pd.DataFrame({"system": [s.system for s in twin[:count]], "period_days": days})
    table = pd.concat([table, pd.DataFrame({"system": ["lost", "single"], "period_days": [np.nan, 1.0]})])
    table["flags"] = np.where(table["system"] == "single", "no_orbit;multimodal", None)
    names = abstract.chosen(table, [*table["system"], "other"])
    shown = table.set_index("system")["period_days"][names]
    assert len(names) == min(count, 3) and shown.is_monotonic_increasing
    assert shown.iloc[[0, -1]].to_list() == [days.min(), days.max()]
    assert abstract.chosen(table[count:], ["lost", "single"]) == ["single"]
    examples = [abstract.example_of(s, scan) for s in twin[:count] if s.system in names]
    for example in examples:
        best = 1 / example.frequency[example.ln_likelihood.argmax()]
        assert np.exp(example.mode[0]) == pytest.approx(best, rel=0.1)
        spread = np.average((example.ln_period - example.mode[0]) ** 2, weights=example.weight) ** 0.5
        assert spread < 1.1 * example.mode[1]
    hyper = {"mu": np.linspace(1.7, 1.9, 50), "lnsigma": np.linspace(-0.5, -0.3, 50)}
    look = style.Style(80, 10, COLORS)
    fitted = draw_population.Fitted(Normal((1, 10), (-2, 3)), hyper, np.log(days), "5 of 9 systems")
    figure = abstract.abstract(examples, fitted, look)
    style.save(figure, [str(tmp_path / "abstract.png")], look, "a source")
    assert "5 of 9 systems" in [text.get_text() for ax in figure.axes if ax.legend_ for text in ax.legend_.texts]
    titles = [text.get_text() for ax in figure.axes for text in ax.texts if text.get_weight() == "bold"]
    assert titles == list(abstract.HEADINGS)
    flat = abstract.example_of(twin[0], scan.assign(peak_ln_period_sd=scan["peak_ln_period_sd"] + np.inf))
    assert flat.mode[1] == abstract.WIDEST


def test_the_abstract_of_systems_none_of_which_is_fitted_has_the_population_alone():
    hyper, look = {"mu": np.full(9, 1.8), "lnsigma": np.full(9, -0.4)}, style.Style(80, 10, COLORS)
    names = abstract.chosen(pd.DataFrame({"system": ["lost"], "period_days": [np.nan], "flags": ""}), ["lost"])
    assert names == []
    fitted = draw_population.Fitted(Normal((1, 10), (-2, 3)), hyper, np.log([2.0, 9.0]), "2 of 3 systems")
    figure = abstract.abstract([], fitted, look)
    assert [ax.get_xlabel() for ax in figure.axes if ax.get_xlabel()] == [r"$\ln(P\,/\,\mathrm{day})$"]


@pytest.mark.parametrize("systems", [3, 0])
def test_a_population_of_amplitudes_is_drawn_beside_its_periods_with_what_it_was_simulated_from(systems):
    scales = {"density": "power_law", "range_kms": [1, 20], "beta": [-3, 3]}
    settings = {"density": "power_law", "beta": [-3, 3], "amplitude": scales}
    both, look = density_from_settings(settings, (2.0, 50.0)), style.Style(80, 10, COLORS)
    hyper = {"beta": np.linspace(-0.1, 0.1, 40), "beta_s": np.linspace(-0.2, 0.2, 40)}
    places = np.log(np.arange(1, systems + 1) * 3.0)
    fitted = draw_population.Fitted(both.of_periods, hyper, places, f"{systems} systems", both.of_s, places)
    truth = (lambda x: both.of_periods.ln_pdf(x, 0.0)), (lambda k: both.of_s.of_ln_amplitude.ln_pdf(k, None, 0.0)[0])
    of_x, of_k = draw_population.density(fitted, look, truth).axes[:2]
    assert of_k.get_xlabel() == r"$\ln(K\,/\,\mathrm{km\,s^{-1}})$"
    for ax in (of_x, of_k):
        mean, simulated = (line.get_ydata() for line in ax.lines[:2])
        np.testing.assert_allclose(np.interp(0.5, [0, 1], [mean.max(), simulated.max()]), simulated.max(), rtol=0.05)
    low, high = of_k.get_xlim()
    assert low < 0
    assert high > np.log(20)


def test_the_map_of_detection_has_the_share_found_in_each_cell_and_the_systems_on_it():
    found = np.linspace(0, 40, 160) > np.random.default_rng(1).uniform(10, 30, 160)
    cell, edges = np.repeat(np.arange(16), 10), np.concatenate([[0], np.geomspace(0.1, 10, 15), [np.inf]])
    x = np.tile(np.linspace(np.log(2), np.log(50), 10), 16)
    stars = detection.Detection((2.0, 50.0), edges, x, x, np.ones(160), cell, found, found)
    orbits = pd.DataFrame({"best_mode_period_days": [5.0, np.nan], "semi_amplitude_p50_kms": [1.0, np.nan]})
    figure = selection.detection_map(stars, orbits, {"delta_rv_kms": 3}, style.Style(50, 4, COLORS))
    above, ax = figure.axes[:2]
    assert above.get_title() == "found: velocities 3 km/s apart, or more"
    simulated, hits = (counted.T[1:-1] for counted in stars.counts())
    shown = np.ma.filled(ax.collections[0].get_array(), np.nan).reshape(simulated.shape)
    np.testing.assert_array_equal(np.isnan(shown), simulated == 0)
    np.testing.assert_array_equal(shown[simulated > 0], (hits / np.maximum(simulated, 1))[simulated > 0])
    (points,) = ax.lines
    assert points.get_xdata().tolist() == [5.0] and points.get_ydata().tolist() == [1.0]


def test_the_density_of_a_sample_stands_beside_what_it_would_be_if_it_were_all():
    rng = np.random.default_rng(1)
    density = TruncatedNormal((0, 4), (-2, 1), (1.5, 50.0))
    corrected, uncorrected = ({"mu": rng.normal(mu, 0.1, 300), "lnsigma": np.full(300, -0.7)} for mu in (2.5, 1.5))
    fitted = draw_population.Fitted(density, corrected, np.array([2.0]), "1")
    figure = selection.densities(fitted, uncorrected, style.Style(50, 4, COLORS))
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    for name, mu in (("posterior mean", 2.5), ("not corrected: mean", 1.5)):
        x, y = lines[name].get_data()
        assert x[np.argmax(y)] == pytest.approx(mu, abs=0.1)
    assert figure.axes[0].get_ylim()[1] >= max(np.max(line.get_ydata()) for line in figure.axes[0].lines)


@pytest.mark.parametrize(
    ("shown", "binary", "hardly", "said"),
    [
        (3, None, (), "3 systems"),
        (2, None, (), "2 of 3 systems"),
        (3, [0.9, 0.1, 0.2], (), "1 of 3 systems"),
        (3, None, ("b",), "2 of 3 systems"),
        (3, None, ("a", "b", "c"), "0 of 3 systems"),
    ],
)
def test_the_systems_shown_with_a_population_are_those_that_have_an_orbit(shown, binary, hardly, said):
    dims = ("chain", "draw", "system")
    names = ["a", "b", "c"]
    periods = np.broadcast_to(np.arange(1.0, shown + 1), (1, 5, shown))
    posterior = xr.Dataset({"lnP": (dims, periods), "mu": (dims[:2], np.full((1, 5), 2.0))})
    posterior = posterior.assign_coords(system=names[:shown])
    if binary is not None:
        posterior["binary"] = (dims, np.broadcast_to(binary, (1, 5, 3)))
    posterior["lnsigma"] = (dims[:2], np.full((1, 5), -1.0))
    exact = xr.DataTree.from_dict({"posterior": posterior, "exact": xr.Dataset(coords={"system": names})})
    population = {"density": "normal", "mu": [0, 4], "ln_sigma": [-2, 1]}
    exact.attrs["settings"] = json.dumps({"population": population, "period_range_days": [1.5, 50.0]})
    fitted = draw_population.fitted_of(exact, hardly)
    assert fitted.count == said
    kept = {name: 1.0 + i for i, name in enumerate(names[:shown]) if name not in hardly}
    expected = [kept["a"]] if binary else list(kept.values())
    assert fitted.ln_periods.tolist() == expected
    assert draw_population.density(fitted, style.Style(50, 4, COLORS)).axes[0].get_xlim()[1] > 2


def test_the_members_of_a_cluster_are_told_by_their_colours_and_its_field_has_a_place_in_the_corner():
    rng, look = np.random.default_rng(0), style.Style(80, 10, COLORS)
    stars = Table({"star": ["a", "b", "c"], "parallax": [2.0, 1.9, 5.0], "parallax_error": [0.1, 0.1, 0.2]})
    plain, told = (draw_cluster.parallaxes(stars, 500, "posterior", look, m) for m in (None, np.array([1, 0.9, 0])))
    assert len(plain.axes) == 1
    assert told.axes[1].get_ylabel() == "probability to be a member"
    np.testing.assert_array_equal(told.axes[0].collections[-1].get_array(), [1, 0.9, 0])
    draws = {name: rng.normal(0.5, 0.01, 500) for name in ("mu_r", "std_r", "f_field", "r[a]", "r[b]", "r[c]")}
    corner = draw_cluster.posterior_corner(draws, stars, {}, look)
    bottom = [ax.get_xlabel() for ax in corner.axes[-6:]]
    assert bottom[:3] == [r"$\mu_r$ [pc]", r"$\sigma_r$ [pc]", r"$f_\mathrm{field}$"]
    assert corner.axes[-4].get_xlim()[1] < 1


@pytest.mark.parametrize(("low", "high"), [(19.5, 21.2), (4.4, 11), (1.0, 1.004), (0.3, 30), (1e-3, 1e6), (2.1, 4.9)])
def test_a_logarithmic_axis_has_two_values_at_least_and_few(low, high):
    ticks = systems.ticks_between(low, high)
    assert 2 <= len(ticks) <= max(systems.MOST_TICKS, 10)
    assert low <= ticks.min() and ticks.max() <= high
