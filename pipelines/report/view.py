"""What a report shows, read from the tables of one output folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from pipelines.report.tables import (
    UNFINISHED_FILE,
    ReportError,
    Tables,
    open_tables,
    output_folder,
    read_steadily,
)
from schemas import BreakingReason, EntityCount, Keyword, LanguageCount
from schemas.event import GRANULARITIES
from transforms.cluster.join_model import other_threshold

MAX_DOTS = 400  # per event; beyond it the timeline shows an even sample
MAX_REJECTS_PER_REASON = 20
MAX_CHANGES = 12  # per event
MAX_TURNED = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class ArticleView:
    """The latest revision of one article, and why it is in its event."""

    article_id: str
    revision: int
    title: str
    url: str
    publisher: str
    language: str
    event_time: datetime | None
    published_at: datetime | None
    published_at_source: str
    published_at_precision: str
    published_at_flag: str
    first_seen_at: datetime | None
    access_state: str
    role: str  # seed, member, duplicate, update; "" when event_articles has no row
    score: float | None
    evidence: str
    dup_kind: str
    dup_of: str
    dup_of_title: str  # "" when the original is not in the tables
    dup_score: float | None
    dup_evidence: str
    notice: str = ""  # kinds of what was noted of it, with spaces
    notice_evidence: str = ""


@dataclass(frozen=True)
class Dot:
    """One article on the timeline."""

    at: datetime
    copy: bool


@dataclass(frozen=True)
class Hour:
    """How many articles one hour brought."""

    at: datetime
    originals: int
    copies: int


@dataclass(frozen=True)
class Change:
    """Something that happened to an event."""

    at: datetime
    kind: str  # created, merged, closed, breaking, corrected or retracted


@dataclass(frozen=True)
class EventView:
    """The latest revision of one event, with the articles of the events merged into it."""

    event_id: str
    revision: int
    status: str
    title: str
    summary: str
    representative_article_id: str
    keywords: tuple[Keyword, ...]
    entities: tuple[EntityCount, ...]
    languages: tuple[LanguageCount, ...]
    first_published_at: datetime | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    article_count: int
    duplicate_count: int
    publisher_family_count: int
    source_diversity: float
    counts_as_of: datetime | None
    state: str  # none, candidate, breaking, developing, fading or over: broke, but long ago
    breaking_since: datetime | None
    breaking_score: float
    breaking_reasons: tuple[BreakingReason, ...]
    cohesion_mean: float
    cohesion_min: float
    contested: bool
    articles: tuple[ArticleView, ...] = ()  # in time order, at most max_articles
    articles_found: int = 0  # rows of the articles table that belong here
    dots: tuple[Dot, ...] = ()
    changes: tuple[Change, ...] = ()
    absorbed: tuple[str, ...] = ()  # events merged into this one
    correction_count: int = 0  # articles that were corrected,
    retraction_count: int = 0  # taken back or gone


@dataclass(frozen=True)
class Turned:
    """A decision that the other granularity would have made the other way."""

    event_id: str
    event_title: str
    article_id: str
    title: str
    opened: bool  # the article opened its event and would have joined another
    other_id: str  # the event it would have joined, or did join
    other_title: str
    probability: float


@dataclass(frozen=True)
class Dial:
    """What ``--granularity`` decided here, and what its other value would change."""

    granularity: str
    threshold: float  # least probability to join
    other: str
    other_threshold: float
    turned: tuple[Turned, ...]  # at most MAX_TURNED, surest first
    found: int


@dataclass(frozen=True)
class DeadLetter:
    stage: str
    key: str
    error: str
    first_failed_at: datetime | None
    replayable: bool


@dataclass(frozen=True)
class RejectGroup:
    """Dead letters of one reason; the first ``MAX_REJECTS_PER_REASON`` in full."""

    reason: str
    count: int
    letters: tuple[DeadLetter, ...]


@dataclass(frozen=True)
class ReportView:
    """Everything a report says; ``events`` is ordered by newest break, then by size."""

    output: str
    events: tuple[EventView, ...]  # at most max_events
    event_count: int  # events that stand for themselves: not merged into another
    merged_count: int
    broke_count: int  # of event_count: broke at some time
    article_count: int
    revision_count: int  # texts of these articles: more than articles when some changed
    copy_count: int
    repeat_count: int | None  # None when run.json does not say
    orphan_count: int  # articles whose event has no row
    unfinished: bool  # a run is still going on here, or was interrupted
    rejects: tuple[RejectGroup, ...]  # most frequent first
    hours: tuple[Hour, ...] = ()
    dial: Dial | None = None  # None when the tables do not say
    state_counts: dict[str, int] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)  # of run.json
    versions: dict[str, Any] = field(default_factory=dict)  # of run.json

    @property
    def rejected_count(self) -> int:
        return sum(group.count for group in self.rejects)


def load_view(output: str, *, max_events: int = 2000, max_articles: int = 50) -> ReportView:
    """Read the latest revision of everything in the folder a run has written.

    Events beyond ``max_events`` and articles beyond ``max_articles`` per event are counted but
    not loaded.

    Raises:
        ReportError: the folder is missing, holds no tables, or holds a file that cannot be read.
    """
    return read_steadily(lambda: _load_view(output, max_events, max_articles))


def _load_view(output: str, max_events: int, max_articles: int) -> ReportView:
    folder = output_folder(output)
    run = _read_run(folder / "run.json")
    with open_tables(folder) as tables:
        tables.resolve_merges()
        articles = articles_by_event(tables.articles(max_events, max_articles))
        dots = _dots_by_event(tables.article_times(max_events))
        changes = _changes_by_event(tables.changes(max_events))
        absorbed = tables.absorbed()
        totals = tables.totals()
        events = tuple(
            make_event(
                row,
                articles.get(row["event_id"], ()),
                dots.get(row["event_id"], ()),
                changes.get(row["event_id"], ()),
                absorbed.get(row["event_id"], ()),
            )
            for row in tables.events(max_events)
        )
        return ReportView(
            output=output,
            events=events,
            event_count=totals["events"],
            merged_count=totals["merged"],
            broke_count=totals["broke"],
            article_count=totals["articles"],
            revision_count=totals["revisions"],
            copy_count=totals["copies"],
            repeat_count=_repeats(run["counts"]),
            orphan_count=totals["orphans"],
            unfinished=(folder / UNFINISHED_FILE).exists(),
            rejects=_reject_groups(tables.rejects(MAX_REJECTS_PER_REASON)),
            hours=_hours(tables.hours()),
            dial=_dial(tables, run["options"].get("granularity")),
            state_counts=tables.state_counts(),
            counts=run["counts"],
            versions=run["versions"],
        )


def _read_run(path: Path) -> dict[str, dict[str, Any]]:
    """Read run.json, or as much of it as makes sense: a report is possible without it."""
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        run = {}
    parts = run if isinstance(run, dict) else {}
    return {
        name: part if isinstance(part := parts.get(name), dict) else {}
        for name in ("counts", "versions", "options")
    }


def _dial(tables: Tables, granularity: object) -> Dial | None:
    threshold = tables.threshold()
    if granularity not in GRANULARITIES or threshold is None or not 0.0 < threshold < 1.0:
        return None
    name = str(granularity)
    (other,) = (one for one in GRANULARITIES if one != name)
    least = other_threshold(threshold, name)
    rows = tables.turned(least, MAX_TURNED)
    turned = [
        Turned(
            event_id=row["event_id"],
            event_title=row["event_title"] or "",
            article_id=row["article_id"],
            title=row["title"] or "",
            opened=row["opened"],
            other_id=row["other_id"] or "",
            other_title=row["other_title"],
            probability=row["best_score"],
        )
        for row in rows
    ]
    return Dial(name, threshold, other, least, tuple(turned), rows[0]["found"] if rows else 0)


def _repeats(counts: dict[str, Any]) -> int | None:
    """Find the number of repeats, given as one total or per stage."""
    per_stage = [part.get("repeats") for part in counts.values() if isinstance(part, dict)]
    for found in ([counts.get("repeats")], per_stage):
        numbers = [n for n in found if isinstance(n, int) and not isinstance(n, bool)]
        if numbers:
            return sum(numbers)
    return None


def moment(micros: int | None) -> datetime | None:
    """Turn microseconds since 1970 into a time; None outside the calendar."""
    if micros is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None


def make_event(
    row: dict[str, Any],
    articles: tuple[ArticleView, ...],
    dots: tuple[Dot, ...],
    changes: tuple[Change, ...],
    absorbed: tuple[str, ...],
) -> EventView:
    return EventView(
        event_id=row["event_id"],
        revision=row["revision"],
        status=row["status"],
        title=row["title"],
        summary=row["summary"],
        representative_article_id=row["representative_article_id"],
        keywords=tuple(Keyword(k["term"], k["weight"]) for k in _structs(row["keywords"], "term")),
        entities=tuple(
            EntityCount(e["text"], e["count"]) for e in _structs(row["entities"], "text")
        ),
        languages=tuple(
            LanguageCount(e["code"], e["count"]) for e in _structs(row["languages"], "code")
        ),
        first_published_at=moment(row["first_published_at"]),
        first_seen_at=moment(row["first_seen_at"]),
        last_seen_at=moment(row["last_seen_at"]),
        article_count=row["article_count"],
        duplicate_count=row["duplicate_count"],
        publisher_family_count=row["publisher_family_count"],
        source_diversity=row["source_diversity"],
        counts_as_of=moment(row["counts_as_of"]),
        state=row["state"],
        breaking_since=moment(row["breaking_since"]),
        breaking_score=row["breaking_score"],
        breaking_reasons=tuple(
            BreakingReason(r["code"], r["value"], r["threshold"], bool(r["passed"]))
            for r in _structs(row["breaking_reasons"], "code", "value", "threshold")
        ),
        cohesion_mean=row["cohesion_mean"],
        cohesion_min=row["cohesion_min"],
        contested=row["contested"],
        articles=articles,
        articles_found=row["articles_found"],
        dots=dots,
        changes=changes,
        absorbed=absorbed,
        correction_count=row.get("correction_count") or 0,
        retraction_count=row.get("retraction_count") or 0,
    )


def _structs(values: list[dict[str, Any] | None] | None, *needed: str) -> Iterator[dict[str, Any]]:
    """Pass on the structs of a list column that have their needed fields."""
    for value in values or ():
        if value is not None and all(value.get(name) is not None for name in needed):
            yield value


def articles_by_event(rows: list[dict[str, Any]]) -> dict[str, tuple[ArticleView, ...]]:
    found: dict[str, list[ArticleView]] = {}
    for row in rows:
        times = {
            name: moment(row[name]) for name in ("event_time", "published_at", "first_seen_at")
        }
        event_id = row.pop("event_id")
        found.setdefault(event_id, []).append(ArticleView(**(row | times)))
    return {event_id: tuple(articles) for event_id, articles in found.items()}


def _dots_by_event(rows: list[dict[str, Any]]) -> dict[str, tuple[Dot, ...]]:
    found: dict[str, tuple[Dot, ...]] = {}
    for row in rows:
        dots = [
            Dot(at, bool(one["copy"]))
            for one in row["times"]
            if (at := moment(one["at"])) is not None
        ]
        step = -(-len(dots) // MAX_DOTS) or 1
        found[row["event_id"]] = tuple(dots[::step])
    return found


def _changes_by_event(rows: list[dict[str, Any]]) -> dict[str, tuple[Change, ...]]:
    found: dict[str, list[Change]] = {}
    for row in rows:
        at = moment(row["time"])
        changes = found.setdefault(row["event_id"], [])
        if at is not None and len(changes) < MAX_CHANGES:
            changes.append(Change(at, row["kind"]))
    return {event_id: tuple(changes) for event_id, changes in found.items()}


def _hours(rows: list[dict[str, Any]]) -> tuple[Hour, ...]:
    return tuple(
        Hour(at, row["originals"], row["copies"])
        for row in rows
        if (at := moment(row["hour"])) is not None
    )


def _reject_groups(rows: list[dict[str, Any]]) -> tuple[RejectGroup, ...]:
    counts: dict[str, int] = {}
    letters: dict[str, list[DeadLetter]] = {}
    for row in rows:
        counts[row["reason"]] = row["of_this_reason"]
        letters.setdefault(row["reason"], []).append(
            DeadLetter(
                stage=row["stage"],
                key=row["key"],
                error=row["error"],
                first_failed_at=moment(row["first_failed_at"]),
                replayable=row["replayable"],
            )
        )
    groups = [RejectGroup(reason, counts[reason], tuple(letters[reason])) for reason in letters]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.reason)))


__all__ = [
    "ArticleView",
    "Change",
    "DeadLetter",
    "Dial",
    "Dot",
    "EventView",
    "Hour",
    "RejectGroup",
    "ReportError",
    "ReportView",
    "Turned",
    "articles_by_event",
    "load_view",
    "make_event",
    "moment",
]
