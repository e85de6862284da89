"""The digests of a rule's code and of a user's files change with what they do and hold, and with nothing else."""

import ast
import hashlib
import os
import textwrap

import pytest

from starpop.run import provenance
from starpop.run.provenance import data_digest, source_digest, sources


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


@pytest.mark.parametrize(
    "script",
    [
        "def main():\n    {}\n    return y\n",
        "try:\n    y = 0\nfinally:\n    {}\n",
        "try:\n    y = 0\nexcept OSError:\n    {}\n",
        "for i in range(2):\n    pass\nelse:\n    {}\n",
        "match 1:\n    case 1:\n        {}\n",
        "with open('a'):\n    class A:\n        {}\n",
    ],
)
def test_an_import_counts_wherever_it_stands(project, script):
    edit(project / "script.py", script.format("from starpop.other import y"))
    before = source_digest(project / "script.py")
    edit(project / "starpop" / "other.py", "y = 2\n")
    assert source_digest(project / "script.py") != before


def test_a_source_is_parsed_once_until_it_changes(project, monkeypatch):
    script = project / "script.py"
    before = source_digest(script)
    provenance._read.cache_clear()
    parsed = []
    monkeypatch.setattr(
        provenance.ast, "parse", lambda content, parse=ast.parse: parsed.append(content) or parse(content)
    )
    assert source_digest(script) == before
    assert not parsed
    edit(project / "starpop" / "far.py", "def f(x):\n    return 3 * x\n")
    assert source_digest(script) != before
    assert len(parsed) == 1


@pytest.mark.parametrize("kept", ["", "[", "3", "[]", '["a", "b", ["c"]]', b"\xff"])
def test_what_is_kept_of_a_source_may_be_damaged(project, kept):
    before = source_digest(project / "script.py")
    file = project / "starpop" / "__pycache__" / "far.source.json"
    assert file.is_file()
    file.write_bytes(kept if isinstance(kept, bytes) else kept.encode())
    provenance._read.cache_clear()
    assert source_digest(project / "script.py") == before


def test_a_folder_that_cannot_keep_it_is_no_reason_to_stop(project):
    (project / "starpop" / "__pycache__").write_text("a file where the folder should be")
    assert source_digest(project / "script.py")


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A file that counts as large, and the count of how often files have been read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provenance, "LARGE_BYTES", 10)
    monkeypatch.setattr(provenance, "YOUNGEST_NS", -1)
    read = []

    def file_digest(file, kind):
        read.append(file.name)
        return real(file, kind)

    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", file_digest)
    path = tmp_path / "large.csv"
    path.write_text("many rows of a table")
    return path, read


def test_the_digest_of_files_follows_their_bytes_and_their_order(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("one")
    b.write_text("two")
    digests = [data_digest(paths) for paths in ([str(a)], [str(b)], [str(a), str(b)], [str(b), str(a)])]
    assert len(set(digests)) == 4
    os.utime(a, (0, 0))
    assert data_digest([str(a)]) == digests[0]
    a.write_text("two")
    assert data_digest([str(a)]) == digests[1]


def test_a_large_file_is_read_once_until_it_changes(large):
    path, read = large
    first = data_digest(["large.csv"])
    assert data_digest([str(path)]) == first
    assert len(read) == 1
    before = path.stat()
    path.write_text("many rows of A table")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert data_digest(["large.csv"]) != first
    assert len(read) == 2


def test_a_file_that_has_just_been_written_is_read_again(large, monkeypatch):
    _, read = large
    monkeypatch.setattr(provenance, "YOUNGEST_NS", 10**12)
    assert data_digest(["large.csv"]) == data_digest(["large.csv"])
    assert len(read) == 2


@pytest.mark.parametrize(
    "memory", ["", "{", "[]", '{"FILE": 3}', '{"FILE": []}', '{"FILE": [1, 2, "x", "y"]}', b"\xff"]
)
def test_a_damaged_memory_is_no_reason_to_stop(large, memory):
    path, read = large
    first = data_digest(["large.csv"])
    damaged = memory if isinstance(memory, bytes) else memory.replace("FILE", str(path)).encode()
    provenance.MEMORY.write_bytes(damaged)
    assert data_digest(["large.csv"]) == first
    assert data_digest(["large.csv"]) == first
    assert len(read) == 2


def test_a_memory_that_cannot_be_written_is_no_reason_to_stop(large):
    _, read = large
    provenance.MEMORY.parent.write_text("a file where the folder should be")
    assert data_digest(["large.csv"]) == data_digest(["large.csv"])
    assert len(read) == 2
