"""Put together the row of an event and the log of what happened to it."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from schemas import Event, EventChange, EventState, LanguageCount, Mention, Notice
from schemas.article import UNKNOWN_FAMILY
from schemas.ids import change_id
from schemas.notice import CORRECTED, RETRACTED
from transforms.score.breaking import entropy, follow, window_at
from transforms.score.told import Told, told_of

_TYPE = "org.newsevents.event."


def score_event(
    state: EventState,
    window: timedelta,
    before: Told | None = None,
    taken_over: Told | None = None,
) -> tuple[Event, tuple[EventChange, ...]] | None:
    """Describe an event with its counts and breaking state, and what happened to it.

    Args:
        state: the event as the cluster stage left it.
        window: how long an event may be quiet before it is closed.
        before: the last revision, if there was one.
        taken_over: the last revision of the first event that broke of those it took over.

    Returns:
        The event as of the partition's clock, as the next revision, and what happened since the
        last one in time order; None when nothing did that a reader would care about. Undated
        articles count as members but do not stretch the event's span.
    """
    ordered = sorted(state.mentions, key=_arrival)
    latest = {told.article_id: told for told in ordered}  # the last revision
    dated = [told for told in ordered if told.dated] or ordered
    first, last = dated[0].at, max(told.at for told in dated)
    as_of = max(state.clock, last)
    broken = before if before and before.breaking_since else taken_over
    breaking = follow(dated, as_of, before, broken)
    alert_id = broken.alert_id if broken else state.event_id if breaking.since else ""
    now = window_at([told for told in dated if told.timely], as_of)
    copies = {told.article_id for told in ordered if told.role == "duplicate"}
    families = [told.family for told in latest.values()]
    published = [told.published_at for told in dated if told.published_at]
    languages = Counter(told.language for told in latest.values())
    event = Event(
        event_id=state.event_id,
        revision=before.revision + 1 if before else 1,
        status=state.status,
        merged_into=state.merged_into,
        title=state.title,
        summary="\n".join(state.summary),
        summary_article_ids=state.summary_article_ids,
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
        alert_id=alert_id,
        cohesion_mean=state.cohesion_mean,
        cohesion_min=state.cohesion_min,
        contested=state.contested,
        novelty=state.novelty,
        centroid=state.centroid,
        embedding_model=state.embedding_model,
        correction_count=_articles(state.notices, CORRECTED),
        retraction_count=_articles(state.notices, RETRACTED),
    )
    if before is not None and told_of(event).material == before.material and not state.news:
        return None
    noticed = _noticed(event, state, latest)
    return event, (*_changes(event, ordered, before, broken is None, window), *noticed)


def _articles(notices: Sequence[Notice], counted: str) -> int:
    return len({notice.article_id for notice in notices if notice.counts_as == counted})


def _noticed(
    event: Event, state: EventState, latest: Mapping[str, Mention]
) -> Iterator[EventChange]:
    """Tell of each article that was corrected or taken back, once."""
    for notice in state.news:
        told = latest.get(notice.article_id)
        data = {
            "article_id": notice.article_id, "evidence": notice.evidence, "kind": notice.kind,
            "title": told.title if told else "",
        }  # fmt: skip
        yield _change(event, notice.counts_as, notice.noticed_at, data, notice.article_id)


def _arrival(told: Mention) -> tuple[bool, datetime, str, int]:
    return (not told.dated, told.at, told.article_id, told.revision)


def _changes(
    event: Event,
    ordered: Sequence[Mention],
    before: Told | None,
    may_break: bool,
    window: timedelta,
) -> Iterator[EventChange]:
    if before is None:
        seed = next((told for told in ordered if told.role == "seed"), ordered[0])
        data: dict[str, Any] = {"article_ids_added": [seed.article_id], "title": seed.title}
        yield _change(event, "created", event.first_seen_at, data)
    elif event.status == "active":
        data = {"articles": event.article_count, "title": event.title}
        yield _change(event, "updated", event.counts_as_of, data)
    if event.breaking_since is not None and may_break:
        reasons = [vars(reason) for reason in event.breaking_reasons]
        data = {
            "score": round(event.breaking_score, 4), "reasons": reasons, "title": event.title
        }  # fmt: skip
        yield _change(event, "breaking", event.breaking_since, data)
    if event.status == "merged":
        data = {"merged_into": event.merged_into, "articles": event.article_count}
        yield _change(event, "merged", event.counts_as_of, data)
    if event.status == "closed":
        data = {"articles": event.article_count, "quiet_days": window / timedelta(days=1)}
        yield _change(event, "closed", event.last_seen_at + window, data)


def _change(
    event: Event, kind: str, at: datetime, data: dict[str, Any], article: str = ""
) -> EventChange:
    # An event is updated more than once, perhaps twice at one time; the rest happens to it once,
    # or once to each of its articles.
    what = f"{kind}#{article or event.revision}" if article or kind == "updated" else kind
    return EventChange(
        id=change_id(event.event_id, what, at.isoformat()),
        type=_TYPE + kind,
        subject=event.event_id,
        time=at,
        data=json.dumps({"revision": event.revision, **data}, ensure_ascii=False, sort_keys=True),
    )
