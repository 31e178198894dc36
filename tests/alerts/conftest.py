"""Events that break, and sinks that want to hear of them."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from pipelines.alerts.planning import Planner
from pipelines.alerts.sinks import Sink
from schemas import BreakingReason, EntityCount, Event, Keyword, LanguageCount

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()

_EVENT = Event(
    event_id="e1",
    revision=1,
    status="active",
    merged_into="",
    title="Grain warehouse ablaze on Port Ellery docks",
    summary="A grain warehouse burned on the docks. Nobody was hurt.",
    summary_article_ids=("a1",),
    representative_article_id="a1",
    keywords=(Keyword("warehouse", 2.0), Keyword("docks", 1.5)),
    entities=(EntityCount("Port Ellery", 3),),
    languages=(LanguageCount("en", 3),),
    first_published_at=NOON,
    first_seen_at=NOON,
    last_seen_at=NOON,
    updated_at=NOON,
    article_count=4,
    unique_article_count=3,
    duplicate_count=1,
    publisher_family_count=3,
    source_diversity=0.5,
    articles_15m=2,
    articles_60m=4,
    families_60m=3,
    counts_as_of=NOON,
    breaking_state="breaking",
    breaking_since=NOON,
    breaking_score=0.8,
    breaking_reasons=(BreakingReason("independent_families_60m", 3.0, 3.0, True),),
    alert_id="",
    cohesion_mean=0.8,
    cohesion_min=0.7,
    contested=False,
    novelty=0.8,
    centroid=b"",
    embedding_model="test",
)


@pytest.fixture
def make_event():
    """``make_event(minutes=0, **changes)``: an event as of so many minutes after it broke."""

    def make(minutes=0, **changes):
        return replace(_EVENT, **{"counts_as_of": NOON + timedelta(minutes=minutes)} | changes)

    return make


@pytest.fixture
def make_sink():
    """``make_sink(**changes)``: a sink without filters."""
    return lambda **changes: Sink(**{"name": "desk", "url": "https://desk.example/in"} | changes)


@pytest.fixture
def plan(make_sink):
    """``plan(*rounds, sinks=)``: what is planned for each round, one after the other."""

    def run(*rounds, sinks=None, now=NOON):
        planner = Planner(sinks or (make_sink(),), (), {})
        return [planner.plan(events, now, lambda event: "") for events in rounds]

    return run
