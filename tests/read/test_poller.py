import os
from datetime import datetime, timedelta, timezone

import pytest

from schemas import Rejected
from transforms._shared.rejects import RejectError
from transforms._shared.web.fetch import Fetched
from transforms.read.origin import Limits
from transforms.read.poller import Poller
from transforms.read.reader import Reader

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
FEED = "https://echo.example/feed?key=secret"


class Site:
    """Answers every address with what it holds now."""

    def __init__(self):
        self.body = b"<rss><channel><title>One</title></channel></rss>"
        self.error = None
        self.asked = []

    def fetch(self, url, *, trusted=True):
        self.asked.append(url)
        if self.error:
            raise RejectError("http_status", self.error, replayable=True)
        return Fetched(url, self.body, "application/rss+xml", "")


@pytest.fixture
def clock():
    return [NOON]


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def poller(site, clock):
    def make(feeds=(), patterns=(), **settings):
        reader = Reader(site, lambda: clock[0], Limits(), frozenset(feeds), stored=False)
        return Poller(reader, feeds, patterns, lambda: clock[0], **settings)

    return make


def kinds(items):
    return [type(item).__name__ for item in items]


def test_a_feed_that_did_not_change_is_skipped_but_once_an_hour(poller, site, clock):
    polled = poller([FEED])
    found = []
    for minutes in (0, 1, 30, 62, 63):
        clock[0] = NOON + timedelta(minutes=minutes)
        found += kinds(polled.round())
    assert found == ["Document", "Skipped", "Skipped", "Document", "Skipped"]
    site.body = site.body.replace(b"One", b"Two")
    assert kinds(polled.round()) == ["Document"]


def test_every_failure_comes_and_is_counted_until_it_works_again(poller, site, clock):
    polled = poller([FEED])
    site.error = "503"
    assert kinds([*polled.round(), *polled.round()]) == ["Rejected", "Rejected"]
    (health,) = polled.health()
    assert (health.failures, health.error, health.changed_at) == (2, "503", None)
    assert "secret" not in health.feed
    site.error = None
    assert kinds(polled.round()) == ["Document"]
    (health,) = polled.health()
    assert (health.failures, health.error, health.changed_at) == (0, "", None)


def test_a_feed_is_silent_when_it_is_quiet_far_longer_than_it_used_to_be(poller, site, clock):
    polled = poller([FEED])
    for hour in range(-2, 12, 2):
        clock[0] = NOON + timedelta(hours=hour)
        site.body = b"<rss><channel><title>%d</title></channel></rss>" % hour
        list(polled.round())
    for hours, silent in ((5, False), (14, False), (18, True)):
        clock[0] = NOON + timedelta(hours=10 + hours)
        list(polled.round())
        assert polled.health()[0].silent is silent, hours
    site.body = b"<rss/>"
    list(polled.round())
    assert not polled.health()[0].silent


def test_files_are_read_when_they_are_new_or_changed(poller, clock, tmp_path):
    polled = poller(patterns=[str(tmp_path / "in")])
    assert list(polled.round()) == []
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("Words of a story.")
    stamp = (NOON - timedelta(days=400)).timestamp()
    os.utime(folder / "a.txt", (stamp, stamp))
    (document,) = polled.round()
    assert document.received_at == NOON
    assert list(polled.round()) == []
    (folder / "a.txt").write_text("Other words of a story.")
    os.utime(folder / "a.txt", (stamp, stamp))
    assert kinds(polled.round()) == ["Document"]
    (folder / "a.txt").unlink()
    assert list(polled.round()) == []


def test_a_file_that_may_still_be_written_waits(poller, clock, tmp_path):
    polled = poller(patterns=[str(tmp_path / "*.txt")])
    path = tmp_path / "a.txt"
    path.write_text("Half a")
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    assert list(polled.round()) == []
    assert polled.unsettled
    path.write_text("Half a story, and the rest.")
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    clock[0] += timedelta(seconds=3)
    (document,) = polled.round()
    assert document.content == b"Half a story, and the rest."
    assert not polled.unsettled


def test_a_file_from_the_future_is_read_at_once(poller, clock, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("A story.")
    os.utime(path, (4e9, 4e9))
    assert kinds(poller(patterns=[str(path)]).round()) == ["Document"]


def test_the_output_is_not_read(poller, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text("{}")
    os.utime(tmp_path / "out" / "run.json", (1, 1))
    polled = poller(patterns=[str(tmp_path / "**")], outside=str(tmp_path / "out"))
    assert list(polled.round()) == []


def test_a_round_ends_between_two_sources_when_asked_to(poller, site, tmp_path):
    (tmp_path / "a.txt").write_text("A story.")
    os.utime(tmp_path / "a.txt", (1, 1))
    polled = poller([FEED], [str(tmp_path / "a.txt")], stopping=lambda: True)
    assert list(polled.round()) == []
    assert site.asked == []


def test_many_feeds_come_in_their_order(poller, site):
    feeds = [f"https://f{number}.example/" for number in range(300)]
    items = list(poller(feeds).round())
    assert [item.key for item in items] == feeds
    assert len(site.asked) == 300


def test_a_local_feed_file_is_read_when_it_changed(poller, clock, tmp_path):
    path = tmp_path / "feed.xml"
    path.write_bytes(b"<rss><channel><title>One</title></channel></rss>")
    os.utime(path, (1, 1))
    polled = poller([str(path)])
    assert kinds(polled.round()) == ["Document"]
    assert list(polled.round()) == []
    path.write_bytes(b"<html>no feed</html>")
    os.utime(path, (1, 1))
    (item,) = polled.round()
    assert isinstance(item, Rejected)
    assert item.reason == "not_a_feed"
