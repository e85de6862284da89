"""What the pages tell a reader to write works: configurations, classes, commands, and the notebook."""

import re
import time
from pathlib import Path

import config_reference
import generated
import numpy as np
import pytest
import yaml

import starpop
from conftest import ROOT
from starpop.inference.density import Density
from starpop.orbits.system_model import SystemModel
from starpop.populations import population
from starpop.populations.simulate import Survey, simulate_system
from starpop.run.check_config import check

PAGES = [ROOT / "README.md", ROOT / "config" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCHEMA, CONFIG = config_reference.SCHEMA, yaml.safe_load(config_reference.DEFAULTS.read_text())


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code of a page."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def laid_over(config, overlay):
    """A configuration with another laid over it, as Snakemake does it."""
    if not isinstance(overlay, dict) or not isinstance(config, dict):
        return overlay
    return config | {key: laid_over(config.get(key), value) for key, value in overlay.items()}


@pytest.mark.parametrize(
    ("page", "text"),
    [
        pytest.param(page, text, id=f"{page.stem}-{i}")
        for page in PAGES
        for i, text in enumerate(blocks(page, "yaml"))
        if page.stem != "extending"  # whose density only its reader has
    ],
)
def test_every_configuration_is_one(page, text):
    overlay = yaml.safe_load(text)
    checked = check(laid_over(CONFIG, overlay), SCHEMA, [CONFIG, overlay])
    assert overlay.keys() <= checked.keys()


def test_the_reference_of_the_configuration_is_that_of_the_schema():
    tables = config_reference.reference()
    text = config_reference.README.read_text(encoding="utf-8")
    assert text == config_reference.readme_with(tables), "python docs/_ext/config_reference.py"
    for key in (
        "`catalogs.NAME.columns.rv_err`",
        "| `draws.exact` |  | `10000` |",
        "`circularised` | `mu`, `ln_width`",
    ):
        assert key in tables


def test_every_file_and_command_that_is_named_is_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
        for path in re.findall(r"(?:config|profiles|docs|workflow|tests|benchmarks)/[\w./]+\w", text):
            if path.endswith((".py", ".yaml", ".md")):
                assert (ROOT / path).exists(), f"{page.name}: {path}"
        assert set(re.findall(r"(?:^|`)make ([\w-]+)", text, re.MULTILINE)) <= targets, page.name


def test_a_density_and_a_noise_of_ones_own_are_few_lines_and_work(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(Density, "registered", dict(Density.registered))
    code = blocks(ROOT / "docs" / "extending.md", "python")
    assert all(len(text.splitlines()) < 40 for text in code)
    names: dict = {"__name__": "extending"}
    for text in code:
        exec(compile(text, "extending.md", "exec"), names)
    mean, sd = names["logistic"].moments()["mu"]
    assert mean == pytest.approx(names["normal"].moments()["mu"][0], abs=0.5 * sd)
    density = Density.registered["logistic"](mu=(1, 10), ln_scale=(-3, 3))
    x = np.linspace(-60, 60, 200_001)
    assert np.trapezoid(np.exp(density.ln_pdf(x, 1.5, 0.3)), x) == pytest.approx(1, abs=1e-9)
    noise, error, step = names["Squared"](0, 2), np.array([0.1, 2.0]), 1e-5
    ends = (np.log(noise.variance(np.array([[u]]), error)) for u in (0.7 - step, 0.7 + step))
    slope = -np.subtract(*ends) / (4 * step)
    np.testing.assert_allclose(noise.share(np.array([0.7]), error), slope, rtol=1e-8)
    assert np.isfinite(names["draws"]["ln_square"]).all()


def test_the_guide_to_selection_puts_back_what_is_not_seen():
    rng, period_range = np.random.default_rng(2), (2.0, 50.0)
    model, survey = SystemModel(0.1, 50, amplitude_scaling="kepler"), Survey((6, 10), (200, 300), (0.05, 0.05))
    visits = [simulate_system(f"S{i}", x, survey, model, rng)[0] for i, x in enumerate(rng.normal(2.5, 0.7, 150))]
    (code,) = blocks(ROOT / "docs" / "fractions.md", "python")
    names = {"visits": visits, "model": model, "period_range": period_range}
    names["likelihoods"] = [starpop.likelihood(one, model, period_range) for one in visits]
    exec(compile(code, "fractions.md", "exec"), names)
    assert 20 < len(names["sample"]) < 100
    everyone, seen = (population.posterior(names[name], names["density"]) for name in ("likelihoods", "sample"))
    moments = [found.moments()["mu"] for found in (everyone, names["corrected"], seen)]
    (truth, _), (corrected, sd), (uncorrected, _) = moments
    assert uncorrected < truth - 0.3
    assert abs(corrected - truth) < 2 * sd


@pytest.mark.slow
def test_the_notebook_goes_from_a_table_to_a_population():
    start = time.monotonic()
    notebook = generated.run_notebook(ROOT / "docs" / "notebook.ipynb")
    said = "\n".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "14 systems, 321 visits, 0 rows not used" in said
    assert float(re.search(r"mu = ([\d.]+)", said)[1]) == pytest.approx(1.8, abs=0.1)
    assert time.monotonic() - start < generated.TIMEOUT
    kept = generated.nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in kept.cells)


def test_a_notebooks_pictures_and_words_stand_below_their_cells(tmp_path):
    cell = generated.nbformat.v4.new_code_cell("plot()")
    cell.outputs = [
        generated.nbformat.v4.new_output("stream", text="said\n"),
        generated.nbformat.v4.new_output("display_data", {"image/png": "aGk=", "text/plain": "<Figure>"}),
    ]
    page = generated.notebook_page(generated.nbformat.v4.new_notebook(cells=[cell]), tmp_path)
    assert page.split("\n\n")[:2] == ["```python\nplot()\n```", "```text\nsaid\n```"]
    assert (tmp_path / "notebook_0.png").read_bytes() == b"hi"
