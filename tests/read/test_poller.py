import os
import threading
from datetime import datetime, timedelta, timezone

import pytest

from schemas import Document, Reading, Rejected
from transforms._shared.web.fetch import Fetched, FetchError
from transforms.parse.document import parse_document
from transforms.parse.reading import read
from transforms.read.feed import parse_feed
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import FeedState, Policy
from transforms.read.origin import Limits
from transforms.read.poller import Poller
from transforms.read.reader import Reader
from transforms.read.schedule import Bounds

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
OTHER = "https://other.example/feed"
FEED = "https://echo.example/feed?key=secret"


class Site:
    """Answers every address with what it holds now."""

    def __init__(self):
        self.items = ["a"]
        self.error = None
        self.asked = []
        self.held = {}  # addresses that answer only when their event is set

    def fetch(self, url, headers=(), accept=""):
        self.asked.append(url)
        if url in self.held:
            self.held[url].wait(10)
        if self.error:
            raise self.error
        items = "".join(
            f"<item><title>{name}</title><link>{url}/{name}</link></item>" for name in self.items
        )
        body = f"<rss><channel><title>One</title>{items}</channel></rss>".encode()
        return Fetched(url, body, "application/rss+xml", "")


@pytest.fixture
def clock():
    return [NOON]


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def poller(site, clock):
    def make(feeds=(), patterns=(), bounds=None, **settings):
        reader = Reader(site, lambda: clock[0], Limits(), frozenset(feeds), stored=False)
        book = FeedBook([parse_feed(line) for line in feeds], Policy(bounds or Bounds()))
        return Poller(reader, book, patterns, lambda: clock[0], **settings)

    return make


def kinds(items):
    return [type(item).__name__ for item in items]


def poll(polled):
    """Take a round through parse, as the pipeline does; gives its items and its fetches."""
    items = list(polled.round())
    readings = [
        read(item, parse_document(item, 100)) for item in items if isinstance(item, Document)
    ]
    return items, polled.settle(readings)


def test_a_feed_is_asked_when_its_time_has_come(poller, site, clock):
    polled = poller([FEED], bounds=Bounds(least=timedelta(minutes=5), most=timedelta(minutes=20)))
    items, (fetch,) = poll(polled)
    assert (kinds(items), fetch.outcome, fetch.kept) == (["Document"], "NEW", 1)
    assert timedelta(minutes=5) <= fetch.next_at - NOON <= timedelta(minutes=22)
    clock[0] = fetch.next_at - timedelta(seconds=1)
    assert poll(polled) == ([], [])
    clock[0] = fetch.next_at
    items, (fetch,) = poll(polled)
    assert (kinds(items), fetch.outcome, fetch.entries) == (["Skipped"], "DUP_ONLY", 0)


def test_the_first_answer_of_a_feed_and_the_first_after_an_outage_tell_of_the_past(
    poller, site, clock
):
    polled, told = poller([FEED], every=True), []
    for hours in (0, 1, 7, 9, 1):
        clock[0] += timedelta(hours=hours)
        site.items = [f"{clock[0]:%d-%H}", *site.items]
        ((document,), _) = poll(polled)
        entries = parse_document(document, 100).entries
        assert {entry.backfill for entry in entries} == {document.backfill}
        told.append(document.backfill)
    assert told == [True, False, False, True, False]


def test_each_round_can_take_every_feed(poller, site, clock):
    polled = poller([FEED], every=True)
    assert [poll(polled)[1][0].outcome for _ in range(3)] == ["NEW", "DUP_ONLY", "DUP_ONLY"]
    site.items = ["b", "a"]
    _, (fetch,) = poll(polled)
    assert (fetch.outcome, fetch.kept, fetch.known) == ("NEW", 1, 1)


def test_equal_content_is_handed_on_again_after_a_while(poller, clock):
    polled = poller([FEED], every=True, read_again=timedelta(hours=3))
    found = []
    for hours in (0, 1, 2, 4, 5):
        clock[0] = NOON + timedelta(hours=hours)
        found += kinds(poll(polled)[0])
    assert found == ["Document", "Skipped", "Skipped", "Document", "Skipped"]


def test_every_failure_is_counted_until_it_works_again(poller, site, clock):
    polled = poller([FEED], every=True)
    site.error = FetchError("http_status", "status 503", replayable=True, status=503)
    items, (fetch,) = poll(polled)
    assert (kinds(items), fetch.outcome, fetch.failures) == (["Rejected"], "TEMP", 1)
    assert poll(polled) == ([], [])  # it is left alone for a while
    clock[0] = fetch.next_at
    poll(polled)
    (health,) = polled.health()
    assert (health.failures, health.error, health.changed_at) == (2, "status 503", None)
    assert "secret" not in health.feed
    site.error = None
    clock[0] += timedelta(days=1)
    poll(polled)
    (health,) = polled.health()
    assert (health.failures, health.error, health.changed_at) == (0, "", None)


def test_a_feed_is_silent_when_it_is_quiet_far_longer_than_it_used_to_be(poller, site, clock):
    polled = poller([FEED], every=True)
    for hour in range(-2, 12, 2):
        clock[0] = NOON + timedelta(hours=hour)
        site.items = [str(hour)]
        poll(polled)
    for hours, silent in ((5, False), (14, False), (18, True)):
        clock[0] = NOON + timedelta(hours=10 + hours)
        poll(polled)
        assert polled.health()[0].silent is silent, hours
    site.items = ["again"]
    poll(polled)
    assert not polled.health()[0].silent


def test_no_feed_waits_for_one_that_hangs(poller, site):
    hanging = "https://hangs.example/feed"
    site.held[hanging] = threading.Event()
    polled = poller([hanging, *(f"https://f{n}.example/" for n in range(100))])
    items, fetches = poll(polled)
    assert (len(items), len(fetches), polled.unsettled) == (100, 100, True)
    assert poll(polled) == ([], [])
    site.held[hanging].set()
    items, (fetch,) = poll(polled)
    assert (kinds(items), fetch.feed, polled.unsettled) == (["Document"], hanging, False)


def test_the_only_round_waits_for_all(poller, site):
    hanging = "https://hangs.example/feed"
    site.held[hanging] = threading.Event()
    threading.Timer(1.5, site.held[hanging].set).start()
    items, _ = poll(poller([hanging, FEED], every=True, patient=True))
    assert kinds(items) == ["Document", "Document"]


def test_few_feeds_of_one_domain_are_asked_for_at_once(poller, site):
    feeds = [f"https://f{number}.paper.com/" for number in range(4)]
    for feed in feeds:
        site.held[feed] = threading.Event()
    polled = poller(feeds)
    list(polled.round())
    assert len(site.asked) == 2
    for feed in feeds:
        site.held[feed].set()


def test_the_feeds_of_a_list_are_feeds_of_their_own(poller, site):
    class Opml(Site):
        def fetch(self, url, headers=(), accept=""):
            if not url.endswith("opml"):
                return super().fetch(url, headers, accept)
            outlines = "".join(f'<outline xmlUrl="https://{n}.example/f"/>' for n in "ab")
            return Fetched(url, f"<opml><body>{outlines}</body></opml>".encode(), "", "")

    polled = poller(["https://list.example/opml"], every=True)
    polled.reader = Reader(Opml(), polled.now, Limits())
    items = list(polled.round())
    readings = [i for i in items if isinstance(i, Reading)]
    documents = [i for i in items if isinstance(i, Document)]
    readings += [read(item, parse_document(item, 100)) for item in documents]
    fetches = {fetch.feed: fetch for fetch in polled.settle(readings)}
    assert fetches["https://list.example/opml"].kept == 2
    assert {fetch.outcome for fetch in fetches.values()} == {"NEW"}
    assert len(fetches) == 3


def test_a_run_that_goes_on_asks_for_the_feeds_of_a_list_that_did_not_change(poller, clock):
    listing, feed = "https://list.example/opml", "https://a.example/f"

    class Opml(Site):
        def fetch(self, url, headers=(), accept=""):
            if url != listing:
                return super().fetch(url, headers, accept)
            body = f'<opml><body><outline xmlUrl="{feed}"/></body></opml>'
            return Fetched(url, body.encode(), "", "", headers={"etag": '"1"'})

    states, site = {}, Opml()
    for kept in (1, 0, 0):
        polled = poller([listing])
        polled.reader = Reader(site, polled.now, Limits())
        polled.book = FeedBook([parse_feed(listing)], Policy(), states)
        items = list(polled.round())
        readings = [item for item in items if isinstance(item, Reading)]
        readings += [read(i, parse_document(i, 100)) for i in items if isinstance(i, Document)]
        fetches = {fetch.feed: fetch.kept for fetch in polled.settle(readings)}
        assert fetches == {listing: kept, feed: kept}
        states = polled.book.states()
        clock[0] += timedelta(hours=7)


def test_an_answer_that_could_not_be_handed_on_is_taken_as_not_given(poller, site, clock):
    polled = poller([FEED])
    (document,) = polled.round()
    polled.put_back(document.feed_id, NOON + timedelta(minutes=5))
    assert polled.settle([]) == []
    assert poll(polled) == ([], [])
    clock[0] += timedelta(minutes=5)
    (again,), (fetch,) = poll(polled)
    assert again.backfill
    assert (fetch.outcome, fetch.kept, fetch.failures) == ("NEW", 1, 0)


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


def test_feeds_that_a_watched_list_names_are_in_the_log(poller, site, tmp_path):
    (tmp_path / "a.opml").write_text(f'<opml><body><outline xmlUrl="{OTHER}"/></body></opml>')
    os.utime(tmp_path / "a.opml", (1, 1))
    items, (fetch,) = poll(poller(patterns=[str(tmp_path / "*.opml")]))
    assert (kinds(items), fetch.feed, fetch.outcome) == (["Document"], OTHER, "NEW")


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


def test_a_run_of_one_round_waits_for_a_file_that_may_still_be_written(
    poller, clock, tmp_path, monkeypatch
):
    path = tmp_path / "a.txt"
    path.write_text("Half a story")
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    monkeypatch.setattr("time.sleep", lambda _: path.write_text("Half a story, and the rest."))
    polled = poller(patterns=[str(tmp_path / "*.txt")], patient=True)
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


def test_what_is_under_way_is_finished_when_the_round_is_to_end(poller, site):
    stop = threading.Event()
    polled = poller([FEED], stopping=stop.is_set)
    fetch = site.fetch

    def stop_and_fetch(url, headers=(), accept=""):
        stop.set()
        return fetch(url)

    site.fetch = stop_and_fetch
    assert kinds(polled.round()) == ["Document"]


def test_many_feeds_come_in_one_round(poller, site):
    feeds = [f"https://f{number}.example/" for number in range(300)]
    items = list(poller(feeds).round())
    assert sorted(item.key for item in items) == sorted(feeds)
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


def test_feeds_of_a_domain_that_asks_to_be_left_alone_are_answered_for(poller, site):
    feeds = [f"https://f{number}.paper.com/" for number in range(5)]
    site.error = FetchError(
        "http_status", "slow down", status=429, headers={"retry-after": "3600"}, replayable=True
    )
    items, fetches = poll(poller(feeds, every=True, patient=True))
    assert len(site.asked) < 5
    assert {fetch.outcome for fetch in fetches} == {"TEMP"}
    assert sorted(fetch.feed for fetch in fetches) == feeds
    assert sum(item.reason == "not_asked" for item in items) == 5 - len(site.asked)


def test_a_request_whose_answer_nobody_waits_for_is_answered_for(poller, site):
    stop, hanging = threading.Event(), "https://hangs.example/feed"
    site.held[hanging] = threading.Event()
    threading.Timer(0.3, stop.set).start()
    items, (fetch,) = poll(poller([hanging], stopping=stop.is_set))
    assert (items[0].reason, fetch.outcome) == ("cut_short", "TEMP")
    site.held[hanging].set()


def test_a_moved_feed_burdens_the_domain_it_moved_to(poller, site):
    feeds = [f"https://site{number}.com/" for number in range(4)]
    polled = poller(feeds, every=True)
    moved = FeedState(moved_to="https://new.com/f", moves=9, moved_since=NOON)
    polled.book = FeedBook(
        [parse_feed(f) for f in feeds], Policy(), {parse_feed(f).feed_id: moved for f in feeds}
    )
    site.held["https://new.com/f"] = threading.Event()
    list(polled.round())
    assert len(site.asked) == 2
    site.held["https://new.com/f"].set()
