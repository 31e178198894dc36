"""Rows as CSV, Parquet and RSS."""

import csv
import io
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import defusedxml.ElementTree as ElementTree
import feedparser
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.serve.exports import cell, to_csv, to_parquet, to_rss

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-cmd", "'-cmd"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"), ("\rx", "'\rx"), ("  =x", "'  =x"), ("plain", "plain"),
        (-1.5, "-1.5"), (None, ""), (True, "true"), (NOON, "2026-03-02T12:00:00Z"),
        (["=a", "b"], "'=a; b"), ([{"term": "a"}], '[{"term": "a"}]'), ("nul\x00", "nul"),
    ],
    ids=repr,
)  # fmt: skip
def test_no_cell_is_a_formula(value, said):
    assert cell(value) == said


def test_csv_holds_commas_quotes_and_lines():
    table = pa.table({"title": ['a, "b"\nc', "d"], "n": [1, 2]})
    rows = list(csv.reader(io.StringIO(to_csv(table).decode(), newline="")))
    assert rows == [["title", "n"], ['a, "b"\nc', "1"], ["d", "2"]]


def test_parquet_comes_back_as_it_was():
    table = pa.table({"title": ["a"], "at": [NOON]})
    assert pq.read_table(io.BytesIO(to_parquet(table))).equals(table)


def event(**changes):
    return {
        "event_id": "flood", "alert_id": None, "title": "River & <b>town</b>\x00\x0b",
        "summary": "It <i>rained</i>.", "keywords": [{"term": "dyke"}, None],
        "breaking_since": NOON, "first_seen_at": NOON,
    } | changes  # fmt: skip


def feed(*events, built=NOON):
    return to_rss(events, "Breaking", "http://localhost:8000", "/breaking.rss", built)


def test_rss_is_what_readers_expect():
    text = feed(event())
    (item,) = ElementTree.fromstring(text).iter("item")
    assert item.find("guid").text == "flood"
    assert item.find("guid").get("isPermaLink") == "false"
    assert item.find("link").text == "http://localhost:8000/events/flood"
    assert parsedate_to_datetime(item.find("pubDate").text) == NOON
    parsed = feedparser.parse(text)
    assert not parsed.bozo
    assert parsed.version == "rss20"
    assert parsed.entries[0].title == "River & <b>town</b>"
    assert parsed.entries[0].summary == "It &lt;i&gt;rained&lt;/i&gt;."


def test_an_event_with_an_alert_is_named_by_it():
    (item,) = ElementTree.fromstring(feed(event(alert_id="first"))).iter("item")
    assert item.find("guid").text == "first"


def test_a_feed_without_events_is_a_feed():
    parsed = feedparser.parse(feed(built=None))
    assert (parsed.bozo, parsed.entries) == (False, [])
