"""What the package says of itself in several files is the same in all, and what a contributor is sent to is there."""

import json
import re
import tomllib

import yaml

import starpop
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
ZENODO = json.loads((ROOT / ".zenodo.json").read_text())


def test_all_files_tell_the_same_version():
    assert PROJECT["version"] == CITATION["version"] == starpop.__version__


def test_all_files_tell_the_same_authors_licence_and_keywords():
    named = [
        [entry["name"] for entry in listed] for listed in (PROJECT["authors"], CITATION["authors"], ZENODO["creators"])
    ]
    assert named[0] == named[1] == named[2]
    assert PROJECT["license"] == CITATION["license"] == ZENODO["license"]
    assert PROJECT["keywords"] == CITATION["keywords"] == ZENODO["keywords"]


def test_what_the_catalogue_of_workflows_asks_for_is_there():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["conda"] is (ROOT / "environment.yml").is_file()
    for path in ("workflow/Snakefile", "config/README.md", "LICENSE"):
        assert (ROOT / path).is_file()
    assert {"snakemake", "workflow"} <= set(re.findall(r"\w+", (ROOT / "README.md").read_text().lower()))


def test_the_files_that_the_contributors_guide_names_are_there():
    named = re.findall(r"`((?:[\w.]+/)+[\w.]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 10
    package = ROOT / "workflow" / "src" / "starpop"
    assert [path for path in named if not (ROOT / path).exists() and not (package / path).exists()] == []


def test_the_templates_of_issues_ask_for_something():
    templates = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len(templates) == 3
    for path in templates:
        form = yaml.safe_load(path.read_text())
        assert form["name"] and form["description"]
        identifiers = [field["id"] for field in form["body"]]
        assert len(set(identifiers)) == len(identifiers)
        assert any(field.get("validations", {}).get("required") for field in form["body"])
