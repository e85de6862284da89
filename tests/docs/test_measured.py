"""The pages show what the benchmarks measured: every figure that they name is there, with its day."""

import re

import measured
import pytest
from sphinx.errors import ExtensionError

from conftest import ROOT

PRINTED = """2026-01-02, starpop 0.1.0: a machine

### The cost

| noise | median [s] | 95% |
|---|---|---|
| reported | 0.172 | 1.04 |
| jitter | 0.5 | 3e-05 |

Something more.

### Another

| systems |
|---|
| 2000 |

### Of a column without a name

|  | exponent |
|---|---|
| scan | 0.8 |
"""


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A benchmark of two tables."""
    (tmp_path / "cost.md").write_text(PRINTED)
    monkeypatch.setattr(measured, "MEASURED", tmp_path)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('cost "The cost" "median [s]" .2f noise=reported', "0.17"),
        ('cost "The cost" 95% .0e noise=jitter', "3e-05"),
        ("cost Another systems s", "2000"),
        ('cost "Of a column without a name" exponent .2f =scan', "0.80"),
    ],
)
def test_a_figure_of_the_pages_is_a_cell_of_what_a_benchmark_printed(text, shown, kept):
    assert measured.value(text) == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("price Another systems s", "no benchmark has been kept of that name; there are cost"),
        ("cost Other systems s", "there is no table 'Other'; there are 'The cost', 'Another', 'Of"),
        ("cost Another stars s", "there is no column 'stars'; the table has 'systems'"),
        ('cost "The cost" 95% s', "2 rows are so; one is needed"),
    ],
)
def test_a_figure_that_is_not_there_stops_the_build(text, said, kept):
    with pytest.raises(ExtensionError, match=said):
        measured.value(text)


def test_every_figure_that_a_page_names_has_been_kept_with_its_day_and_version():
    found = 0
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for role in re.findall(r"\{measured\}`([^`]+)`", text):
            assert measured.value(role)
            found += 1
        for arguments, columns in re.findall(r"\{measured-table\} (.*)\n:columns: (.*)\n", text):
            table = measured.measured(*arguments.split(maxsplit=1))
            assert set(re.split(r"\s*;\s*", columns)) <= set(table), arguments
            found += 1
    assert found > 5
    for kept in measured.MEASURED.glob("*.md"):
        assert re.match(r"\d{4}-\d\d-\d\d, starpop [\d.]+.*: ", kept.read_text(encoding="utf-8")), kept
