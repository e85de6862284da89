"""The same bytes whatever a run's circumstances."""

import hashlib

import numpy as np
import pytest
from astropy.table import Table

from .conftest import copy_project


def csv_digests(project):
    """Of all tables but those of single batches."""
    return {
        str(path.relative_to(project.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((project.path / "results").rglob("*.csv"))
        if not path.stem.isdigit()
    }


@pytest.mark.slow
def test_the_tables_depend_on_nothing_but_the_data_and_the_configuration(finished, tmp_path, monkeypatch):
    """Not on cores, batches, the order of rows and systems, the folder, the locale, the time zone, or threads."""
    elsewhere = copy_project(tmp_path / "un dossier à côté")
    path = elsewhere.path / "data" / "twin.ecsv"
    table = Table.read(path)
    table[np.random.default_rng(0).permutation(len(table))].write(path, overwrite=True)
    for name, value in {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "C", "OMP_NUM_THREADS": "3"}.items():
        monkeypatch.setenv(name, value)
    makers = ("collect_diagnostics", "compare_published", "join_tables", "compare_models")
    # anew: libraries ask for the locale and for threads where they are loaded
    elsewhere.snakemake(*elsewhere.overlay(batches=1), "--until", *makers, cores=1, anew=True)
    ours, theirs = csv_digests(elsewhere), csv_digests(finished)
    assert len(ours) == 30
    assert ours == {name: theirs[name] for name in ours}
