"""The site is built of a finished run without a warning, leads nowhere that is not there, and needs no network."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import run_results
from sphinx.errors import ExtensionError

import starpop
from conftest import ROOT
from starpop.run.products import products

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


class Page(HTMLParser):
    """The anchors of a page, where its links lead, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors, self.links, self.loaded = set(), set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        if tag in LOADED and given.get("rel") not in ("index", "search", "next", "prev", "canonical"):
            self.loaded.add(given.get(LOADED[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> dict[Path, Page]:
    """The pages of the site, newly built."""
    try:
        run_results.RunResults(ROOT)
    except ExtensionError:
        pytest.skip("there is no finished run: `make reproduce` first")
    folder = tmp_path_factory.mktemp("html")
    options = ["-W", "--keep-going", "-n", "-q", "-d", str(folder.with_name("doctrees"))]
    command = [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(folder)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return {path: Page(path) for path in folder.rglob("*.html")}


@pytest.mark.slow
def test_every_link_within_the_site_and_every_file_that_it_loads_is_there(site):
    assert len(site) > 15
    for path, page in site.items():
        for target in page.links | page.loaded:
            if "://" in target or target.startswith(("mailto:", "data:")):
                assert target in page.links, f"{path.name} loads {target}"
                continue
            file, _, anchor = unquote(target).partition("#")
            there = (path.parent / file.partition("?")[0]).resolve() if file else path
            assert there.is_file(), f"{path.name}: {target}"
            if anchor and there in site:
                assert anchor in site[there].anchors, f"{path.name}: {target}"


@pytest.mark.slow
def test_the_references_have_every_name_and_every_product(site):
    anchors = {path.name: page.anchors for path, page in site.items()}
    assert {f"starpop.{name}" for name in starpop.__all__} <= anchors["library.html"]
    assert {name.replace("_", "-") for name in products()} <= anchors["products.html"]


def test_without_a_finished_run_it_is_said_what_to_do(tmp_path):
    script = tmp_path / "docs" / "_ext" / "run_results.py"
    script.parent.mkdir(parents=True)
    shutil.copy2(run_results.__file__, script)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "src")}
    said = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    assert said.returncode == 1
    assert re.match(r"Error: .*results: there is no finished run of apogee or twin.*make reproduce", said.stderr)
    assert "Traceback" not in said.stderr


@pytest.fixture
def run(tmp_path) -> run_results.RunResults:
    """A run of which there are two tables."""
    folder = tmp_path / "results" / "twin" / "tutorial"
    folder.mkdir(parents=True)
    (folder.parent / "published.csv").write_text("section,quantity\n")
    (folder / "orbits.csv").write_text("system,period_days\nA,2.5\nB,-3.25\nC,\n")
    return run_results.RunResults(tmp_path)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("period_days .1f system=A", "2.5"),
        ("period_days .2f row=1", "-3.25"),
        ("system s period_days=2.5", "A"),
        ("max(period_days) .1f", "2.5"),
        ("largest(period_days) .2f", "3.25"),
        ("count(system) .0f", "3"),
    ],
)
def test_a_number_of_the_pages_is_a_cell_of_a_table(run, text, shown):
    assert run.catalogue == "twin"
    assert run.value(f"tutorial/orbits.csv {text}") == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tutorial/orbits.csv period_days .1f", "3 rows are so; one is needed"),
        ("tutorial/orbits.csv period .1f row=0", "there is no column period; the table has system, period_days"),
        ("jitter/orbits.csv period_days .1f row=0", "the run has no such product"),
    ],
)
def test_a_number_that_is_not_there_stops_the_build(run, text, said):
    with pytest.raises(ExtensionError, match=said):
        run.value(text)
