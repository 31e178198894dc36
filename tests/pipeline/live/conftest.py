"""Rounds, events and feeds as the live view is told of them."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from schemas import Assignment, ComparedArticle, DuplicateVerdict, Event, EventChange, Rejected
from transforms.read.feed_book import FeedHealth
from transforms.write.rounds import Round

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)

_EVENT = Event(
    event_id="e1",
    revision=1,
    status="active",
    merged_into="",
    title="Old bridge closed",
    summary="",
    summary_article_ids=(),
    representative_article_id="a1",
    keywords=(),
    entities=(),
    languages=(),
    first_published_at=NOON,
    first_seen_at=NOON,
    last_seen_at=NOON,
    updated_at=NOON,
    article_count=12,
    unique_article_count=10,
    duplicate_count=2,
    publisher_family_count=5,
    source_diversity=0.5,
    articles_15m=0,
    articles_60m=0,
    families_60m=0,
    counts_as_of=NOON,
    breaking_state="none",
    breaking_since=None,
    breaking_score=0.1,
    breaking_reasons=(),
    alert_id="",
    cohesion_mean=0.8,
    cohesion_min=0.7,
    contested=False,
    novelty=0.8,
    centroid=b"",
    embedding_model="test",
)


@pytest.fixture
def after():
    """``after(seconds)``: a time after noon."""
    return lambda seconds=0.0: NOON + timedelta(seconds=seconds)


@pytest.fixture
def make_event():
    """``make_event(**changes)``: an event with some fields changed."""
    return lambda **changes: replace(_EVENT, **changes)


@pytest.fixture
def make_assignment(make_embedded):
    """``make_assignment(kind="none", **article_changes)``."""

    def make(kind="none", **changes):
        verdict = DuplicateVerdict(kind, "" if kind == "none" else "a1", 0.9, "")
        compared = ComparedArticle(make_embedded(**changes), verdict, ())
        return Assignment(compared, "e1", "member", 0.9, "why", False)

    return make


@pytest.fixture
def make_letter():
    """``make_letter(reason, stage="read", at=NOON)``: a dead letter."""

    def make(reason="http_status", stage="read", at=NOON):
        return Rejected(stage, "https://news.example", reason, "gone", b"", "0" * 64, at, True)

    return make


@pytest.fixture
def make_change():
    """``make_change(kind="breaking", subject="e1")``."""

    def make(kind="breaking", subject="e1"):
        return EventChange("c1", f"org.newsevents.event.{kind}", subject, NOON, "{}")

    return make


@pytest.fixture
def make_round():
    """``make_round(number, articles=[...], events=[...], ...)``: a round with these records."""

    def make(number=1, **records):
        return Round(number, Counter({name: len(r) for name, r in records.items()}), records)

    return make


@pytest.fixture
def make_feed():
    """``make_feed(**changes)``: how a feed is doing; well, unless changed."""
    healthy = FeedHealth("https://news.example/feed", NOON, 0, "", False)
    return lambda **changes: replace(healthy, **changes)
