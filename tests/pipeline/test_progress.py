import io
import sys
import threading

import pytest

from pipelines import progress
from pipelines.progress import Progress, describe

COUNTS = {
    ("read", "out"): 1200,
    ("parse", "out"): 34_000,
    ("parse", "rejected_empty"): 3,
    ("read", "rejected_binary"): 2,
    ("embed", "out"): 16,
    ("dedupe", "out"): 16,
}


@pytest.mark.parametrize(
    ("counts", "rate", "line"),
    [
        ({}, 0.0, "starting"),
        ({("read", "in"): 5}, 0.0, "starting"),
        ({("read", "out"): 5}, 0.0, "5 documents read"),
        ({("read", "rejected_empty"): 1}, 0.0, "1 rejected"),
        (
            COUNTS,
            61.6,
            "1,200 documents read · 34,000 entries · 16 embedded · 5 rejected · 62 embedded/s",
        ),
    ],
    ids=["nothing", "nothing done", "one stage", "only rejects", "all of it"],
)
def test_line_names_what_was_done(counts, rate, line):
    assert describe(counts, rate) == line


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Snapshots:
    """Hand out counts and say when enough were asked for."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.enough = threading.Event()
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if self.asked >= self.wanted:
            self.enough.set()
        return {("read", "out"): self.asked, ("embed", "out"): 10 * (self.asked - 1)}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(progress, "_TERMINAL_SECONDS", 0.001)
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.001)


@pytest.mark.usefixtures("impatient")
def test_log_gets_plain_lines():
    snapshots, stream = Snapshots(3), io.StringIO()
    with Progress(snapshots, stream):
        assert snapshots.enough.wait(10)
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["1 documents read", "2 documents read · 10 embedded"]
    assert "\r" not in stream.getvalue()


@pytest.mark.usefixtures("impatient")
def test_terminal_gets_one_line_that_is_wiped_at_the_end():
    snapshots, stream = Snapshots(3), Terminal()
    with Progress(snapshots, stream):
        assert snapshots.enough.wait(10)
    assert stream.getvalue().startswith("\r\x1b[K1 documents read\r\x1b[K2 documents read")
    assert stream.getvalue().endswith("\r\x1b[K")
    assert "\n" not in stream.getvalue()


def test_short_run_says_nothing():
    stream = io.StringIO()
    with Progress(lambda: COUNTS, stream):
        pass
    assert stream.getvalue() == ""


@pytest.mark.usefixtures("impatient")
def test_no_thread_is_left_even_when_the_block_fails():
    before, snapshots = set(threading.enumerate()), Snapshots(1)
    with pytest.raises(KeyError), Progress(snapshots, io.StringIO()):
        assert snapshots.enough.wait(10)
        assert set(threading.enumerate()) > before
        raise KeyError
    assert set(threading.enumerate()) <= before


@pytest.mark.usefixtures("impatient")
def test_messages_go_to_the_standard_error_of_the_moment(monkeypatch):
    stream, snapshots = io.StringIO(), Snapshots(2)
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(snapshots):
        assert snapshots.enough.wait(10)
    assert "documents read" in stream.getvalue()


def test_rate_needs_a_second_of_embedding(monkeypatch):
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    shown = Progress(lambda: {}, io.StringIO())
    assert shown._rate({}) == 0.0
    assert shown._rate({("embed", "out"): 16}) == 0.0
    now = 100.5
    assert shown._rate({("embed", "out"): 40}) == 0.0
    now = 104.0
    assert shown._rate({("embed", "out"): 200}) == 50.0
