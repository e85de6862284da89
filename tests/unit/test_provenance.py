"""The digest of the code behind a rule changes with what the code does, and with nothing else."""

import textwrap

import pytest

from starpop import provenance
from starpop.provenance import source_digest, sources


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A package of two modules and a script that imports one, which imports the other."""
    package = tmp_path / "starpop"
    package.mkdir()
    monkeypatch.setattr(provenance, "PACKAGE", package)
    (package / "__init__.py").write_text('"""Package."""\n')
    (package / "near.py").write_text("from starpop.far import f\n\n\ndef g(x):\n    return f(x)\n")
    (package / "far.py").write_text('def f(x):\n    """Double."""\n    return 2 * x\n')
    (package / "other.py").write_text("y = 1\n")
    (tmp_path / "script.py").write_text("from starpop import near\n\nprint(near.g(1))\n")
    provenance._read.cache_clear()
    yield tmp_path
    provenance._read.cache_clear()


def edit(path, text):
    path.write_text(textwrap.dedent(text))
    provenance._read.cache_clear()


def test_imports_are_followed_transitively(project):
    assert [p.name for p in sources(project / "script.py")] == ["script.py", "__init__.py", "far.py", "near.py"]


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("starpop/far.py", 'def f(x):\n    """Twice."""\n    # a comment\n    return 2 * x\n', False),
        ("starpop/far.py", "def f(x):\n    return 3 * x\n", True),
        ("starpop/near.py", "from starpop.far import f\n\ndef g(x):\n    return f(x) + 1\n", True),
        ("starpop/other.py", "y = 2\n", False),
        ("script.py", "from starpop import near\n\nprint(near.g(2))\n", True),
        ("script.py", "from starpop import near\n\n\nprint(near.g(1))  # the same\n", False),
    ],
)
def test_the_digest_follows_the_code(project, file, text, changes):
    before = source_digest(project / "script.py")
    edit(project / file, text)
    assert (source_digest(project / "script.py") != before) is changes


def test_an_import_inside_a_function_counts(project):
    edit(project / "script.py", "def main():\n    from starpop.other import y\n    return y\n")
    before = source_digest(project / "script.py")
    edit(project / "starpop" / "other.py", "y = 2\n")
    assert source_digest(project / "script.py") != before
