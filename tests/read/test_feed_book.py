from dataclasses import replace
from datetime import datetime, timedelta, timezone

from schemas import Attempt, Reading
from transforms.read.feed import parse_feed
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import FeedState, Policy

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
FEEDS = [parse_feed(f"https://{name}.example/f", {}) for name in "abc"]


def answer(feed, at=NOON, **changes):
    return replace(
        Attempt(
            feed_id=feed.feed_id, feed=feed.name, at=at, outcome="", error="", url=feed.url,
            http_status=200, received_bytes=1, digest=b"d", conditional=False, etag="",
            last_modified="", retry_after_seconds=None, fresh_seconds=None, moved_to="",
        ),
        **changes,
    )  # fmt: skip


def test_a_feed_is_asked_once_until_its_answer_was_judged():
    book = FeedBook(FEEDS, Policy())
    assert list(book.due(NOON)) == FEEDS
    assert list(book.due(NOON)) == []
    book.answered(answer(FEEDS[0]))
    assert list(book.due(NOON + timedelta(days=1))) == []
    (fetch,) = book.settle([Reading(FEEDS[0].feed_id, (b"12345678",), (), "", "", None, 0)])
    assert (fetch.outcome, book.settle([])) == ("NEW", [])
    assert list(book.due(NOON + timedelta(days=1))) == [FEEDS[0]]


def test_what_an_earlier_run_knew_is_gone_on_from():
    later = FeedState(next_at=NOON + timedelta(hours=1))
    failing = replace(later, failures=2, points=1.0, error="why")
    book = FeedBook(FEEDS, Policy(), {FEEDS[0].feed_id: later, FEEDS[1].feed_id: failing})
    assert list(book.due(NOON)) == [FEEDS[2]]
    assert list(book.due(NOON, every=True)) == [FEEDS[0]]
    assert [h.failures for h in book.health(NOON)] == [0, 2]


def test_feeds_that_a_list_names_again_are_known():
    named = parse_feed("https://d.example/f", {})
    later = FeedState(next_at=NOON + timedelta(hours=1))
    book = FeedBook(FEEDS, Policy(), {named.feed_id: later})
    assert len(book) == 3
    book.add([named, FEEDS[0]])
    assert len(book) == 4
    assert named not in list(book.due(NOON))


def test_files_are_not_asked_by_the_clock():
    book = FeedBook([parse_feed("feed.xml", {})], Policy())
    assert list(book.due(NOON)) == []
    assert [feed.address for feed in book.local()] == ["feed.xml"]
