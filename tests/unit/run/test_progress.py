"""A long loop says in the log how far it is, and a short one nothing."""

import logging
import time

import pytest

from starpop.run import progress


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "starpop")
    return caplog


def test_a_long_loop_says_how_far_it_is_also_within_one_item(log, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.1)
    for item in progress.progress(range(4)):
        time.sleep(0.35 if item == 2 else 0.01)
    first, *_ = log.messages
    assert len(log.messages) in (2, 3)
    assert first.startswith("2 of 4 systems in 0 s, ")
    assert first.endswith(" a second, 0 s left.")


def test_a_short_loop_says_nothing_and_gives_every_item(log):
    assert list(progress.progress(["a", "b"])) == ["a", "b"]
    assert log.messages == []


def test_a_loop_that_is_left_says_no_more(log, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.05)
    items = progress.progress(iter("abc"), "catalogues")
    assert next(items) == "a"
    time.sleep(0.12)
    items.close()
    said = len(log.messages)
    assert said >= 1
    assert log.messages[0] == "0 catalogues in 0 s."
    time.sleep(0.12)
    assert len(log.messages) == said


@pytest.mark.parametrize(
    ("done", "count", "seconds", "said"),
    [
        (0, 9, 15, "0 of 9 systems in 15 s."),
        (30, 90, 60, "30 of 90 systems in 60 s, 0.5 a second, 2 min left."),
        (1, 200, 75, "1 of 200 systems in 75 s, 0.013 a second, 4.1 h left."),
        (7, None, 14, "7 systems in 14 s, 0.5 a second."),
    ],
)
def test_what_is_said(done, count, seconds, said):
    assert progress.line(done, count, "systems", seconds) == said
