"""A download is verified, never half-written, and never over something else."""

import hashlib
import time

import pytest

from starpop.run.errors import InputError
from starpop.run.fetch import fetch

CONTENT = b"a table"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def url(tmp_path):
    (tmp_path / "source").write_bytes(CONTENT)
    return (tmp_path / "source").as_uri()


def test_the_file_is_put_in_place(tmp_path, url):
    fetch(url, tmp_path / "data" / "t.fits", SHA256)
    assert (tmp_path / "data" / "t.fits").read_bytes() == CONTENT
    assert "already here" in fetch("https://nowhere.invalid", tmp_path / "data" / "t.fits", SHA256)


def test_another_content_is_not_kept(tmp_path, url):
    with pytest.raises(InputError, match="it was not kept"):
        fetch(url, tmp_path / "t.fits", "0" * 64)
    assert not (tmp_path / "t.fits").exists()


def test_a_file_that_is_there_is_never_overwritten(tmp_path, url):
    (tmp_path / "t.fits").write_bytes(b"mine")
    with pytest.raises(InputError, match="move it away"):
        fetch(url, tmp_path / "t.fits", SHA256)
    assert (tmp_path / "t.fits").read_bytes() == b"mine"


def test_without_a_network_it_says_where_to_put_the_file(tmp_path):
    start = time.monotonic()
    with pytest.raises(InputError, match=r"put a copy at .*t\.fits"):
        fetch((tmp_path / "absent").as_uri(), tmp_path / "t.fits", SHA256, deadline_seconds=1.5)
    assert time.monotonic() - start < 5
