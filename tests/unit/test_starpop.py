"""The package itself: what its import leaves behind."""

import os

import starpop


def test_compiled_functions_older_than_a_source_that_they_may_contain_are_deleted(tmp_path):
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    ages = {"inner.py": 30, "outer.py": 20, "other.py": 0}
    ages |= {"__pycache__/outer.f-9.py313.nbi": 25, "__pycache__/outer.f-9.py313.1.nbc": 24}
    ages |= {"__pycache__/inner.g-3.py313.nbi": 10, "__pycache__/other.cpython-313.pyc": 99}
    for name, age in ages.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))

    def left():
        return sorted(path.name for path in cache.iterdir())

    # outer is newer than what was compiled before it; other has nothing compiled
    os.utime(tmp_path / "outer.py", (1e9 - 22, 1e9 - 22))
    starpop._forget_outdated_code(tmp_path)
    assert left() == ["inner.g-3.py313.nbi", "other.cpython-313.pyc"]
    os.utime(tmp_path / "inner.py", (1e9, 1e9))
    starpop._forget_outdated_code(tmp_path)
    assert left() == ["other.cpython-313.pyc"]
    starpop._forget_outdated_code(tmp_path)
    assert left() == ["other.cpython-313.pyc"]
