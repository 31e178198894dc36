"""Put together the row of an event and the log of what happened to it."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from schemas import Assignment, Event, EventChange, EventState, LanguageCount
from schemas.article import UNKNOWN_FAMILY
from schemas.ids import change_id
from transforms._shared.words import first_sentences
from transforms.score.breaking import (
    Breaking,
    entropy,
    follow,
    mention,
    window_at,
)

_TYPE = "org.newsevents.event."


def score_event(
    state: EventState, assignments: Sequence[Assignment], window: timedelta
) -> tuple[Event, tuple[EventChange, ...]]:
    """Describe an event with its counts and breaking state, and what happened to it.

    Args:
        state: the event as the cluster stage left it.
        assignments: its articles, at least one, in any order; of a merged event those it had.
        window: how long an event may be quiet before it is closed.

    Returns:
        The event as of the partition's clock, and its changes in time order. Undated articles
        count as members but do not stretch the event's span.
    """
    ordered = sorted(assignments, key=_arrival)
    articles = [assignment.compared.embedded.article for assignment in ordered]
    latest = {article.article_id: article for article in articles}  # the last revision
    dated = [article for article in articles if article.time_known] or articles
    first, last = dated[0].event_time, max(article.event_time for article in dated)
    mentions = [mention(assignment) for assignment in ordered]
    if any(article.time_known for article in articles):
        mentions = [m for m, article in zip(mentions, articles) if article.time_known]
    as_of = max(state.clock, last)
    breaking = follow(mentions, state.novelty, as_of)
    now = window_at(mentions, as_of)
    copies = {a.compared.embedded.article.article_id for a in ordered if a.role == "duplicate"}
    families = [article.publisher_family for article in latest.values()]
    published = [article.published_at for article in dated if article.published_at]
    languages = Counter(article.language for article in latest.values())
    speaker = latest.get(state.representative_article_id)  # as it reads now
    summary = first_sentences(speaker.body or speaker.description) if speaker else state.summary
    event = Event(
        event_id=state.event_id,
        revision=1,
        status=state.status,
        merged_into=state.merged_into,
        title=speaker.title if speaker else state.title,
        summary=summary,
        summary_article_ids=(state.representative_article_id,) if summary else (),
        representative_article_id=state.representative_article_id,
        keywords=state.keywords,
        entities=state.entities,
        languages=tuple(LanguageCount(code, n) for code, n in sorted(languages.items())),
        first_published_at=min(published, default=None),
        first_seen_at=first,
        last_seen_at=last,
        updated_at=last,
        article_count=len(latest),
        unique_article_count=len(latest) - len(copies),
        duplicate_count=len(copies),
        publisher_family_count=len(set(families) - {UNKNOWN_FAMILY}) or 1,
        source_diversity=entropy(families),
        articles_15m=now.articles_15m,
        articles_60m=now.articles_60m,
        families_60m=now.families_60m,
        counts_as_of=as_of,
        breaking_state=breaking.state,
        breaking_since=breaking.since,
        breaking_score=breaking.score,
        breaking_reasons=breaking.reasons,
        cohesion_mean=state.cohesion_mean,
        cohesion_min=state.cohesion_min,
        contested=state.contested,
        centroid=state.centroid,
        embedding_model=state.embedding_model,
    )
    return event, tuple(_changes(event, ordered, breaking, window))


def _arrival(assignment: Assignment) -> tuple[bool, datetime, str, int]:
    article = assignment.compared.embedded.article
    return (not article.time_known, article.event_time, article.article_id, article.revision)


def _changes(
    event: Event, ordered: Sequence[Assignment], breaking: Breaking, window: timedelta
) -> list[EventChange]:
    seed = next((a for a in ordered if a.role == "seed"), ordered[0])
    seed_article = seed.compared.embedded.article
    changes = [
        _change(
            event.event_id,
            "created",
            event.first_seen_at,
            {"article_ids_added": [seed_article.article_id], "title": seed_article.title},
        )
    ]
    if breaking.since is not None:
        reasons = [vars(reason) for reason in breaking.reasons]
        data = {"score": round(breaking.score, 4), "reasons": reasons, "title": event.title}
        changes.append(_change(event.event_id, "breaking", breaking.since, data))
    if event.status == "merged":
        data = {"merged_into": event.merged_into, "articles": event.article_count}
        changes.append(_change(event.event_id, "merged", event.counts_as_of, data))
    if event.status == "closed":
        data = {"articles": event.article_count, "quiet_days": window / timedelta(days=1)}
        changes.append(_change(event.event_id, "closed", event.last_seen_at + window, data))
    return changes


def _change(event: str, kind: str, at: datetime, data: dict[str, Any]) -> EventChange:
    return EventChange(
        id=change_id(event, kind, at.isoformat()),
        type=_TYPE + kind,
        subject=event,
        time=at,
        data=json.dumps({"revision": 1, **data}, ensure_ascii=False, sort_keys=True),
    )
