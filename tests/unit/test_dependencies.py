"""pyproject.toml, environment.yml and requirements.lock name the same things, and no index."""

import re
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from conftest import ROOT

CONDA_NAMES = {"snakemake": "snakemake-minimal"}
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def direct():
    return {r.name: r.specifier for r in map(Requirement, PROJECT["project"]["dependencies"])}


def test_environment_yml_has_the_direct_dependencies():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    listed += next(section["pip"] for section in listed if isinstance(section, dict))
    conda = {r.name: r.specifier for r in map(Requirement, filter(lambda line: isinstance(line, str), listed))}
    assert not conda.pop("pip")
    assert str(conda.pop("python")) == PROJECT["project"]["requires-python"]
    assert conda == {CONDA_NAMES.get(name, name): specifier for name, specifier in direct().items()}


def test_the_lock_pins_every_direct_dependency_within_its_bounds():
    pins = dict(re.findall(r"^([a-z0-9.-]+)==([^ ;]+)", LOCK, re.MULTILINE))
    development = {r.name: r.specifier for r in map(Requirement, PROJECT["dependency-groups"]["dev"])}
    for name, specifier in (direct() | development).items():
        assert Version(pins[name]) in specifier, name


def test_the_lock_has_hashes_and_no_address():
    blocks = re.split(r"\n(?=[a-z])", LOCK.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"https?:|file:|--index|--find-links|--trusted-host", LOCK)


def test_min_version_of_the_snakefile_is_the_projects():
    bound = re.search(r'min_version\("([^"]+)"\)', (ROOT / "Snakefile").read_text())
    assert f">={bound[1]}" == str(direct()["snakemake"])
