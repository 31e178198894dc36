"""Records to write, each with every field filled."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from schemas import (
    Alert,
    Article,
    Assignment,
    BreakingReason,
    ComparedArticle,
    Dropped,
    DuplicateVerdict,
    EmbeddedArticle,
    EntityCount,
    Event,
    EventChange,
    Fetch,
    Keyword,
    LanguageCount,
    Notice,
    Rejected,
    Sighting,
)

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
DIM = 4
VECTOR = np.array([0.5, -0.5, 0.5, 0.5], dtype="<f4").tobytes()
MODEL = "tiny@0123456789ab#4"

_ARTICLE = Article(
    key="file:///in/1.txt",
    article_id="a1",
    revision=1,
    url="https://news.example/1?utm_source=x",
    canonical_url="https://news.example/1",
    source_name="The Example",
    domain="news.example",
    publisher_family="news.example",
    origin_publisher="Wire",
    feed_url="https://news.example/feed",
    input_kind="rss",
    title="Bridge closed",
    description="The old bridge is closed.",
    body="The old bridge is closed.\n\nTraffic goes round.",
    quoted="Somebody said so.",
    authors=("Ann Example", "Bo Example"),
    image_url="https://news.example/1.jpg",
    language="en",
    language_confidence=0.75,
    word_count=8,
    published_at=NOON - timedelta(hours=1),
    published_at_source="feed",
    published_at_precision="second",
    published_at_flag="ok",
    first_seen_at=NOON,
    event_time=NOON - timedelta(hours=1),
    time_known=True,
    extraction_method="trafilatura",
    access_state="open",
    content_hash="c" * 64,
)
_EVENT = Event(
    event_id="e1",
    revision=1,
    status="merged",
    merged_into="e0",
    title="Bridge closed",
    summary="The old bridge is closed. Traffic goes round.",
    summary_article_ids=("a1",),
    representative_article_id="a1",
    keywords=(Keyword("bridge", 0.5),),
    entities=(EntityCount("Example Town", 2),),
    languages=(LanguageCount("en", 2),),
    first_published_at=NOON,
    first_seen_at=NOON,
    last_seen_at=NOON,
    updated_at=NOON,
    article_count=2,
    unique_article_count=1,
    duplicate_count=1,
    publisher_family_count=2,
    source_diversity=1.0,
    articles_15m=1,
    articles_60m=2,
    families_60m=2,
    counts_as_of=NOON,
    breaking_state="breaking",
    breaking_since=NOON,
    breaking_score=0.5,
    breaking_reasons=(BreakingReason("families_60m", 2.0, 3.0, False),),
    alert_id="",
    cohesion_mean=0.75,
    cohesion_min=0.5,
    contested=True,
    novelty=0.25,
    centroid=VECTOR,
    embedding_model=MODEL,
)
_CHANGE = EventChange("c1", "org.newsevents.event.created", "e1", NOON, '{"title": "Bridge"}')
_REJECTED = Rejected(
    "parse", "file:///in/2.txt", "binary", "not text: remove it", b"\x00", "f" * 64, NOON, False
)


_SIGHTING = Sighting("a1", 2, "news.example", NOON, b"\x02state")
_FETCH = Fetch(
    "f1", "https://news.example/feed", NOON, "NEW", "", "https://news.example/feed", 200, 1234, 4,
    2, 1, (Dropped("empty_entry", 1),), 0, 0, NOON, 900.0, "rate", b"{}",
)  # fmt: skip
_ALERT = Alert(
    "desk", "e1", 1, "delivered", "k1", "org.newsevents.alert.breaking", ("broke",), "e1", ("e2",),
    3, "breaking", "Old bridge closed", 3, 0, 0, NOON, "cloudevents", "{}", 2, NOON, "http_503",
    "the server answered with status 503",
)  # fmt: skip
_NOTICE = Notice("a1", "retracted", NOON, "at:deleted-entry ref=tag:news.example,2024:1")
_ORIGINAL = DuplicateVerdict("none", "", 0.0, "")


def make_assignment(verdict=_ORIGINAL, embedding=VECTOR, **changes):
    embedded = EmbeddedArticle(replace(_ARTICLE, **changes), embedding, MODEL)
    return Assignment(ComparedArticle(embedded, verdict, ()), "e1", "member", 0.875, "near", False)


RECORDS = {
    "articles": make_assignment,
    "events": lambda **changes: replace(_EVENT, **changes),
    "event_articles": make_assignment,
    "event_changes": lambda **changes: replace(_CHANGE, **changes),
    "dead_letters": lambda **changes: replace(_REJECTED, **changes),
    "fetch_log": lambda **changes: replace(_FETCH, **changes),
    "alerts": lambda **changes: replace(_ALERT, **changes),
    "article_notices": lambda **changes: replace(_NOTICE, **changes),
    "sightings": lambda **changes: replace(_SIGHTING, **changes),
}


@pytest.fixture
def dim():
    """Numbers in the vectors of ``make_record``'s records."""
    return DIM


@pytest.fixture
def make_record():
    """``make_record(table_name, **changes)``: a record for that table."""
    return lambda table_name, **changes: RECORDS[table_name](**changes)
