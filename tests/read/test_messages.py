import gzip
import json
import random
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import Document, Dropped, Fetch, Rejected
from schemas.feed import OUTCOMES
from schemas.ids import feed_id
from transforms._shared.rejects import RejectError
from transforms.read.feed_state import FeedState
from transforms.read.fetch_message import fetch_bytes, parse_fetch
from transforms.read.messages import (
    MOST_MESSAGE_BYTES,
    Message,
    feed_message,
    read_message,
)
from transforms.read.origin import Limits

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
SUBSCRIPTION = "projects/press-desk/subscriptions/news"
KEY = f"pubsub:{SUBSCRIPTION}/17"
FEED = "https://harbourpost.example/feed.xml"
RSS = b"<rss><channel><title>Harbour Post</title></channel></rss>"
JSON_FEED = b'{"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": []}'
SITEMAP = (
    b'<urlset xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">'
    b"<url><news:news/></url></urlset>"
)
MAIL = b"From: a@harbourpost.example\nSubject: Ferry aground\n\nThe ferry ran aground at noon.\n"
WARC = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
OPML = b"<opml><body><outline xmlUrl='https://a.example/f'/></body></opml>"
FETCH = Fetch(
    feed_id=feed_id(FEED),
    feed=FEED,
    fetched_at=NOON - timedelta(seconds=3),
    outcome="NEW",
    error="",
    url=FEED,
    http_status=200,
    received_bytes=57,
    entries=4,
    kept=2,
    known=1,
    dropped=(Dropped("no_link", 1),),
    deleted=0,
    failures=0,
    next_at=NOON + timedelta(minutes=9),
    interval_seconds=543.0,
    interval_reason="rate",
    state=FeedState(answered_at=NOON, items=b"12345678").to_bytes(),
)


def read(data, limits=None, **attributes):
    message = Message(data, attributes, "17", NOON)
    return list(read_message(message, SUBSCRIPTION, *([limits] if limits else [])))


def polled(content=RSS, kind="feed", **changes):
    """A document as the poller gives it."""
    document = Document(
        key=FEED,
        url="https://www.harbourpost.example/rss?page=1",
        kind=kind,
        input_kind=kind,
        content=content,
        charset="iso-8859-1",
        received_at=NOON - timedelta(seconds=40, microseconds=17),
        feed_id=feed_id(FEED),
        backfill=True,
    )
    return replace(document, **changes)


@pytest.mark.parametrize(
    ("data", "kind", "input_kind"),
    [
        (b'{"title": "Ferry aground", "text": "At noon."}', "json", "json"),
        (b"<html><body><p>The ferry ran aground.</p></body></html>", "html", "html"),
        (b"The ferry ran aground at noon.", "text", "txt"),
        ("Fähre läuft auf Grund".encode("latin-1"), "text", "txt"),
        (MAIL, "email", "eml"),
        (RSS, "feed", "feed"),
        (JSON_FEED, "json_feed", "json_feed"),
        (SITEMAP, "news_sitemap", "news_sitemap"),
        (gzip.compress(RSS), "feed", "feed"),
        (gzip.compress(gzip.compress(MAIL)), "email", "eml"),
    ],
)
def test_what_a_message_holds_is_told_by_its_content(data, kind, input_kind):
    (document,) = read(data)
    assert (document.kind, document.input_kind) == (kind, input_kind)
    assert (document.key, document.url, document.received_at) == (KEY, KEY, NOON)
    assert (document.feed_id, document.backfill) == ("", False)


def test_each_line_of_json_lines_is_a_document_and_all_tell_of_the_past():
    lines = b'{"title": "One"}\n{"title": \n{"title": "Three"}\n'
    one, broken, three = read(lines, backfill="true", url="https://wire.example/")
    assert (one.key, three.key) == (f"{KEY}#L1", f"{KEY}#L3")
    assert one.backfill and three.backfill
    assert one.url == "https://wire.example/"
    assert (broken.key, broken.reason) == (f"{KEY}#L2", "broken_json")


def test_an_article_is_known_by_the_address_it_came_from_without_its_secrets():
    (document,) = read(b"A story.", url="https://user:pw@wire.example/7?token=abc&page=2")
    assert (document.url, document.key) == ("https://wire.example/7?token=REDACTED&page=2", KEY)


@pytest.mark.parametrize(
    ("content", "kind"), [(RSS, "feed"), (JSON_FEED, "json_feed"), (SITEMAP, "news_sitemap")]
)
@pytest.mark.parametrize("url", [FEED, "file:///in/feed%20one.xml"])
def test_the_document_of_a_feed_comes_out_as_it_went_in(content, kind, url):
    document = polled(content, kind, url=url, key=url)
    assert read(*feed_message(document)[:1], **feed_message(document).attributes) == [document]


def test_a_feed_after_a_server_s_warnings_stays_a_feed():
    document = polled(b"Warning: mysql is slow\n" + RSS)
    assert read(document.content, **feed_message(document).attributes) == [document]


def test_a_large_feed_is_packed_and_comes_out_whole():
    lines = b"".join(b"<!-- %d -->" % number for number in range(1_000_000))
    document = polled(RSS + lines, charset="")
    data, attributes = feed_message(document)
    assert len(data) < MOST_MESSAGE_BYTES < len(document.content)
    assert data == feed_message(document).data
    assert read(data, **attributes) == [document]


def test_a_feed_that_is_too_large_when_packed_is_refused_by_name():
    content = RSS + random.Random(1).randbytes(MOST_MESSAGE_BYTES)
    with pytest.raises(RejectError, match=f"{FEED}: .* do not fit") as caught:
        feed_message(polled(content))
    assert caught.value.reason == "too_large"


def test_an_address_too_long_for_an_attribute_gives_way_to_the_listed_one():
    attributes = feed_message(polled(url=f"{FEED}?{'x' * 2000}")).attributes
    assert attributes["url"] == FEED
    with pytest.raises(RejectError):
        feed_message(polled(key=f"{FEED}?{'x' * 2000}"))


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("2026-03-02T11:59:20Z", NOON - timedelta(seconds=40)),
        ("2026-03-02T13:59:20.25+02:00", NOON - timedelta(seconds=39.75)),
        ("2026-03-02t11:59:20.123456789z", NOON - timedelta(seconds=39.876544)),
        ("2026-03-02T12:00:00.000001Z", NOON),  # after it was published
        ("2099-01-01T00:00:00Z", NOON),
        ("2026-03-01T11:59:59Z", NOON),  # absurdly long before
        ("0001-01-02T00:00:00Z", NOON),
        ("", NOON),
    ],
)
def test_a_message_was_received_when_it_says_so_if_that_can_be(said, taken):
    (document,) = read(b"A story.", received_at=said)
    assert document.received_at == taken


def test_a_charset_is_taken_from_either_attribute():
    (document,) = read(b"A story.", content_type="text/plain; charset=Windows-1251")
    assert document.charset == "windows-1251"
    (document,) = read(b"A story.", content_type="text/plain; charset=a", charset="KOI8-R")
    assert document.charset == "koi8-r"
    (document,) = read(b"A story.", charset="\0 no charset; at all")
    assert document.charset == ""


def test_a_feed_without_an_id_is_named_by_its_address():
    (document,) = read(RSS, feed_url=FEED)
    assert (document.key, document.url, document.feed_id) == (FEED, FEED, feed_id(FEED))


def test_attributes_of_others_are_passed_over():
    (document,) = read(b"A story.", googclient_schemaid="x", kind="document", tenant="7")
    assert document.kind == "text"


def bomb():
    return gzip.compress(b"A line.\n" * 10_000_000)


@pytest.mark.parametrize(
    ("data", "attributes", "reason"),
    [
        (b"", {}, "empty"),
        (b" \n\t", {}, "empty"),
        (b" \n\t", {"feed_url": FEED}, "empty"),
        (b"\x89PNG\r\n\x1a\n", {}, "binary"),
        (bytes(range(256)) * 4, {}, "binary"),
        (gzip.compress(RSS)[:-9], {}, "broken_gzip"),
        (gzip.compress(b"") * 1500, {}, "broken_gzip"),
        (bomb(), {}, "too_large"),
        (OPML, {}, "unsupported"),
        (WARC, {}, "unsupported"),
        (b"<sitemapindex><sitemap/></sitemapindex>", {}, "sitemap_index"),
        (b"<note><to>me</to></note>", {}, "unsupported"),
        (b"<html><body>Sign in</body></html>", {"feed_url": FEED}, "not_a_feed"),
        (b"A story.", {"feed_url": FEED}, "not_a_feed"),
        (WARC, {"feed_url": FEED}, "unsupported"),
        (b"A story.", {"kind": "poem"}, "bad_attribute"),
        (b"A story.", {"backfill": "yes"}, "bad_attribute"),
        (b"A story.", {"received_at": "yesterday"}, "bad_attribute"),
        (b"A story.", {"received_at": "2026-03-02T11:59:20"}, "bad_attribute"),
        (b"A story.", {"received_at": "2026-02-30T11:59:20Z"}, "bad_attribute"),
        (b"A story.", {"received_at": "0001-01-01T00:00:00+23:59"}, "bad_attribute"),
        (b"A story.", {"url": "javascript:alert(1)"}, "bad_attribute"),
        (b"A story.", {"url": "file:///etc/passwd"}, "bad_attribute"),
        (b"A story.", {"url": "https://a.example/ <b>"}, "bad_attribute"),
        (b"A story.", {"url": "https://a.example/\u202egpj"}, "bad_attribute"),
        (RSS, {"feed_url": "ftp://a.example/"}, "bad_attribute"),
        (RSS, {"feed_id": feed_id(FEED)}, "bad_attribute"),
        (RSS, {"feed_url": FEED, "feed_id": "../../x"}, "bad_attribute"),
        (b"", {"kind": "fetch"}, "broken_fetch"),
    ],
)
def test_poison_becomes_a_dead_letter_that_names_its_message(data, attributes, reason):
    (letter,) = read(data, **attributes)
    assert isinstance(letter, Rejected)
    assert (letter.stage, letter.reason) == ("read", reason)
    assert letter.key == KEY
    assert letter.first_failed_at == NOON
    assert "\n" not in letter.error and letter.error
    assert letter.payload == data[: 64 * 1024]


def test_a_message_without_an_id_is_named_by_its_content():
    (letter,) = read_message(Message(b"", {}, "", NOON), SUBSCRIPTION)
    assert letter.key.startswith(f"pubsub:{SUBSCRIPTION}/sha256:e3b0c442")


def test_an_item_beyond_the_limit_is_refused():
    (letter,) = read(b"A story. " * 100, Limits(1000, 100))
    assert letter.reason == "too_large"


def test_more_lines_than_anybody_publishes_are_refused_together():
    *documents, letter = read(b'{"title": "One"}\n' * 20_000)
    assert len(documents) == 10_000
    assert (letter.key, letter.reason) == (KEY, "too_large")


NAMES = ["kind", "url", "feed_url", "feed_id", "received_at", "content_type", "charset", "backfill"]
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["fetch", "document", "true", FEED, "file:///a", "http://[::1", feed_id(FEED), "text/html",
         "2026-03-02T11:59:20Z", "9999-12-31T23:59:59-23:59", "utf-16", "\ud800", "x" * 2000]
    ),
)  # fmt: skip
SEEDS = [RSS, JSON_FEED, SITEMAP, MAIL, OPML, WARC, b'{"title": 1}\n{', fetch_bytes(FETCH)]
SEEDS += [gzip.compress(one) for one in SEEDS]


@st.composite
def contents(draw):
    """Bytes of any kind, and ours with a part replaced."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=300))
    seed = draw(st.sampled_from(SEEDS))
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(seed))] * 2)))
    return seed[:start] + draw(st.binary(max_size=20)) + seed[end:]


@settings(max_examples=400, deadline=None)
@given(contents(), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5))
def test_any_bytes_and_attributes_give_documents_fetches_or_dead_letters(data, attributes):
    for item in read(data, **attributes):
        assert isinstance(item, (Document, Fetch, Rejected))
        if isinstance(item, Rejected):
            assert item.stage == "read"
            item.error.encode()
        if isinstance(item, Document):
            assert NOON - timedelta(days=1) <= item.received_at <= NOON
            f"{item.key}{item.url}{item.charset}{item.feed_id}".encode()


# Fetches.


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_fetch_comes_out_as_it_went_in(outcome):
    fetch = replace(FETCH, outcome=outcome, http_status=None if outcome == "TEMP" else 404)
    assert read(fetch_bytes(fetch), kind="fetch") == [fetch]


def test_what_a_later_poller_adds_to_a_fetch_is_passed_over():
    values = json.loads(fetch_bytes(FETCH)) | {"mood": "good"}
    assert parse_fetch(json.dumps(values).encode(), NOON) == FETCH


def test_secrets_in_a_fetch_are_redacted_again():
    found = parse_fetch(fetch_bytes(replace(FETCH, url=f"{FEED}?token=abc")), NOON)
    assert found.url == f"{FEED}?token=REDACTED"


def test_a_poller_s_clock_may_be_a_little_fast():
    assert parse_fetch(fetch_bytes(FETCH), FETCH.fetched_at - timedelta(minutes=14)) == FETCH


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("feed_id", "x"),
        ("feed_id", None),
        ("feed", 7),
        ("feed", "x" * 5000),
        ("outcome", "GREAT"),
        ("http_status", 99),
        ("http_status", True),
        ("http_status", "200"),
        ("received_bytes", -1),
        ("received_bytes", 2**60),
        ("received_bytes", 1.5),
        ("entries", 5),
        ("failures", True),
        ("dropped", {}),
        ("dropped", [{"reason": "no_link"}]),
        ("dropped", [{"reason": "<b>", "count": 1}]),
        ("dropped", [{"reason": "a", "count": 0}] * 200),
        ("fetched_at", "2026-03-02T11:59:57"),
        ("fetched_at", "2027-03-02T11:59:57+00:00"),
        ("fetched_at", "2025-03-02T11:59:57+00:00"),
        ("next_at", "2026-03-02T11:59:56+00:00"),
        ("next_at", "2036-03-02T11:59:56+00:00"),
        ("next_at", "0001-01-01T00:00:00+23:59"),
        ("interval_seconds", float("nan")),
        ("interval_seconds", 10**400),
        ("interval_seconds", -1),
        ("interval_reason", "because of <script>"),
        ("state", "e30="),
        ("state", "%%%"),
        ("state", None),
    ],
)
def test_a_fetch_that_cannot_be_is_refused(name, value):
    values = json.loads(fetch_bytes(FETCH)) | {name: value}
    with pytest.raises(RejectError) as caught:
        parse_fetch(json.dumps(values).encode(), NOON)
    assert caught.value.reason == "broken_fetch"


def test_no_field_of_a_fetch_may_be_missing():
    whole = json.loads(fetch_bytes(FETCH))
    for name in whole.keys() - {"http_status"}:
        with pytest.raises(RejectError):
            parse_fetch(json.dumps({k: v for k, v in whole.items() if k != name}).encode(), NOON)
