"""Which watched files are read again, and when."""

import os
from datetime import datetime, timedelta, timezone

import pytest

from schemas import Rejected
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import Policy
from transforms.read.poller import Poller

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


class FakeReader:
    """Notes which files it is asked for; fails for the reasons it is given, one each time."""

    def __init__(self):
        self.asked = []
        self.reasons = []

    def read(self, path):
        self.asked.append(os.path.basename(path))
        if self.reasons:
            reason = self.reasons.pop(0)
            yield Rejected("read", path, reason, "broken: mend it", b"", "f" * 64, NOON, True)


@pytest.fixture
def clock():
    return [NOON]


@pytest.fixture
def reader():
    return FakeReader()


@pytest.fixture
def polled(reader, clock, tmp_path):
    """A poller of a folder with one file of long ago."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.txt"
    path.write_text("A story.")
    os.utime(path, (1, 1))
    return Poller(
        reader,
        FeedBook([], Policy(), {}),
        [str(tmp_path / "in")],
        lambda: clock[0],
        read_again=timedelta(hours=6),
    )


def rounds(polled, clock, *minutes):
    for passed in minutes:
        clock[0] = NOON + timedelta(minutes=passed)
        list(polled.round())


def test_file_that_was_unreadable_once_is_tried_again(polled, reader, clock):
    reader.reasons = ["unreadable", "unreadable"]
    rounds(polled, clock, 0, 1, 2, 3, 4)
    assert reader.asked == ["a.txt"] * 3


def test_file_that_was_read_and_refused_is_left_alone(polled, reader, clock):
    reader.reasons = ["broken_json"]
    rounds(polled, clock, 0, 1, 2)
    assert reader.asked == ["a.txt"]


def test_unchanged_file_is_read_again_after_a_while(polled, reader, clock):
    rounds(polled, clock, 0, 359, 361, 719, 722)
    assert reader.asked == ["a.txt"] * 3


def test_file_with_an_older_date_than_before_is_read_once(polled, reader, clock, tmp_path):
    rounds(polled, clock, 0, 1)
    os.utime(tmp_path / "in" / "a.txt", (0, 0))
    rounds(polled, clock, 2, 3, 4)
    assert reader.asked == ["a.txt"] * 2


def test_links_that_lead_to_themselves_do_not_stop_a_round(polled, reader, clock, tmp_path):
    (tmp_path / "in" / "loop").symlink_to("loop")
    (tmp_path / "in" / "round").symlink_to(".")
    rounds(polled, clock, 0, 1)
    assert reader.asked == ["a.txt"]
