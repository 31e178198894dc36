"""Events made of invented articles at given minutes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas import Assignment, ComparedArticle, DuplicateVerdict, EventState
from schemas.ids import event_id
from transforms.cluster.mention import mention_of
from transforms.score.event import score_event
from transforms.score.told import told_of

EVENT = event_id("a0")


@pytest.fixture
def assigned(make_embedded, make_article):
    """``assigned(id, minute, family, role=..., **article_changes)``."""

    def make(article_id, minute, family="one.example", role="member", **changes):
        at = make_article().event_time + timedelta(minutes=minute)
        changes = {"event_time": at, "published_at": at, "publisher_family": family} | changes
        copy = role == "duplicate"
        verdict = DuplicateVerdict(
            "near_verbatim" if copy else "none", "a0" if copy else "", 0.9 * copy, ""
        )
        embedded = make_embedded(article_id=article_id, **changes)
        return Assignment(ComparedArticle(embedded, verdict, ()), EVENT, role, 0.9, "why", False)

    return make


@pytest.fixture
def state(make_article, assigned):
    """``state(assignments=..., clock_minute=..., **changes)``: the event as cluster left it."""

    def make(assignments=(), clock_minute=120, **changes):
        assignments = assignments or [assigned("a0", 0, role="seed")]
        articles = [assignment.compared.embedded.article for assignment in assignments]
        speaker = min(articles, key=lambda article: article.article_id)
        fields = {
            "event_id": EVENT,
            "status": "active",
            "merged_into": "",
            "title": speaker.title,
            "representative_article_id": speaker.article_id,
            "summary": (speaker.description,),
            "summary_article_ids": (speaker.article_id,),
            "keywords": (),
            "entities": (),
            "cohesion_mean": 0.8,
            "cohesion_min": 0.7,
            "contested": False,
            "novelty": 0.8,
            "centroid": b"\0" * 256,
            "embedding_model": "test",
            "clock": make_article().event_time + timedelta(minutes=clock_minute),
            "mentions": tuple(mention_of(a.compared, a.role) for a in assignments),
        }
        return EventState(**(fields | changes))

    return make


@pytest.fixture
def told_that(state):
    """``told_that(breaking, as_of)``: what is kept of a revision that said that."""

    def make(breaking, as_of):
        event, _ = score_event(state(), timedelta(days=14))
        event = replace(
            event,
            counts_as_of=as_of,
            breaking_state=breaking.state,
            breaking_since=breaking.since,
            breaking_score=breaking.score,
            breaking_reasons=breaking.reasons,
        )
        return told_of(event)

    return make
