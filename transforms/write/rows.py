"""Rows of the tables: each record becomes a dict with exactly the columns of its table."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from typing import Any

import numpy as np

from schemas import (
    SCHEMA_VERSION,
    Alert,
    Assignment,
    Event,
    EventChange,
    Fetch,
    Moved,
    Notice,
    Rejected,
    Sighting,
)
from schemas.tables import (
    ALERTS,
    ARTICLE_NOTICES,
    ARTICLES,
    DEAD_LETTERS,
    EVENT_ARTICLES,
    EVENT_CHANGES,
    EVENTS,
    FETCH_LOG,
    SIGHTINGS,
    TABLES,
    Column,
    Table,
)

Row = dict[str, Any]

CHANGE_SOURCE = "/newsevents"
CLOUDEVENTS_VERSION = "1.0"


def article_row(assignment: Assignment) -> Row:
    """Make the row of an article: its text, its copy verdict, its event and its vector."""
    compared = assignment.compared
    verdict, embedded = compared.verdict, compared.embedded
    return _row(
        ARTICLES,
        vars(embedded.article)
        | {
            "dup_kind": verdict.kind,
            "dup_of": verdict.of,
            "dup_score": None if verdict.kind == "none" else verdict.score,
            "dup_evidence": verdict.evidence,
            "event_id": assignment.event_id,
            "event_score": assignment.score,
            "event_evidence": assignment.evidence,
            "usual_rate": assignment.usual_rate,
            "usual_rate_hours": assignment.usual_rate_hours,
            "novelty": assignment.novelty,
            "own_text": assignment.own_text,
            "sequence": assignment.sequence,
            "embedding": embedded.embedding,
            "embedding_model": embedded.embedding_model,
        },
    )


def event_row(event: Event) -> Row:
    """Make the row of one revision of an event."""
    return _row(EVENTS, vars(event))


def event_article_row(assignment: Assignment) -> Row:
    """Make the row that ties an article to its event; it joined at its event time."""
    article = assignment.compared.embedded.article
    opened_another = assignment.role == "seed" and assignment.earlier
    return _row(
        EVENT_ARTICLES,
        vars(assignment)
        | {
            "article_id": article.article_id,
            "revision": article.revision,
            "joined_at": article.event_time,
            "left_at": None,
            "role": "member" if opened_another else assignment.role,
            "sequence": assignment.earlier[-1].sequence
            if assignment.earlier
            else assignment.sequence,
        },
    )


def earlier_event_article_rows(assignment: Assignment) -> list[Row]:
    """Make the rows of the events the article was in before, each with when and why it left."""
    now = event_article_row(assignment)
    rows = [
        now
        | {
            "event_id": left.event_id,
            "left_at": _utc(left.at),
            "score": left.score,
            "evidence": _text(left.reason),
            "sequence": left.sequence,
        }
        for left in assignment.earlier
    ]
    if rows:
        rows[0]["role"] = assignment.role
    return rows


def moved_rows(moved: Moved) -> list[Row]:
    """Make the two rows of an article that went to another event after it was written.

    What was measured when it joined is in the row it got then.
    """
    left = {
        "event_id": moved.from_event,
        "article_id": moved.article_id,
        "revision": moved.revision,
        "joined_at": moved.joined_at,
        "left_at": moved.at,
        "role": moved.role,
        "score": moved.score,
        "evidence": moved.reason,
        "contested": False,
        "threshold": 0.0,
        "best_event_id": "",
        "best_score": 0.0,
        "second_event_id": "",
        "second_score": 0.0,
        "votes": False,
        "sequence": moved.sequence,
        "channels": (),
    }
    joined = left | {
        "event_id": moved.to_event,
        "left_at": None,
        "role": "member" if moved.role == "seed" else moved.role,
        "evidence": f"moved here: {moved.reason}",
    }
    return [_row(EVENT_ARTICLES, left), _row(EVENT_ARTICLES, joined)]


def sighting_row(sighting: Sighting) -> Row:
    """Make the row of what is remembered of an article."""
    return _row(SIGHTINGS, vars(sighting))


def event_change_row(change: EventChange) -> Row:
    """Make the CloudEvent of a change."""
    return _row(
        EVENT_CHANGES,
        vars(change) | {"source": CHANGE_SOURCE, "specversion": CLOUDEVENTS_VERSION},
    )


def dead_letter_row(rejected: Rejected) -> Row:
    """Make the row of an item that could not be processed."""
    return _row(DEAD_LETTERS, vars(rejected))


def fetch_row(fetch: Fetch) -> Row:
    """Make the row of one request for a feed."""
    return _row(FETCH_LOG, vars(fetch))


def alert_row(alert: Alert) -> Row:
    """Make the row of a revision of an alert, planned or settled."""
    return _row(ALERTS, vars(alert))


def notice_row(notice: Notice) -> Row:
    """Make the row that says an article was corrected or taken back."""
    return _row(ARTICLE_NOTICES, vars(notice))


def _no_rows(_: Any) -> list[Row]:
    return []


@dataclass(frozen=True)
class RowSource:
    """How the records of one class fill one table."""

    table: Table
    record: type
    row: Callable[[Any], Row]
    time: Callable[[Any], datetime]  # what its rows hold in Table.partition_by
    more: Callable[[Any], list[Row]] = _no_rows  # rows beside the first

    def rows(self, record: Any) -> list[Row]:
        """Make all rows of a record."""
        return [self.row(record), *self.more(record)]


def _joined_at(assignment: Assignment) -> datetime:
    return assignment.compared.embedded.article.event_time


def _first_seen_at(event: Event) -> datetime:
    return event.first_seen_at


def _changed_at(change: EventChange) -> datetime:
    return change.time


def _failed_at(rejected: Rejected) -> datetime:
    return rejected.first_failed_at


def _seen_at(sighting: Sighting) -> datetime:
    return sighting.seen_at


def _fetched_at(fetch: Fetch) -> datetime:
    return fetch.fetched_at


def _planned_at(alert: Alert) -> datetime:
    return alert.planned_at


def _noticed_at(notice: Notice) -> datetime:
    return notice.noticed_at


ROW_SOURCES = {
    source.table.name: source
    for source in (
        RowSource(ARTICLES, Assignment, article_row, _joined_at),
        RowSource(EVENTS, Event, event_row, _first_seen_at),
        RowSource(
            EVENT_ARTICLES, Assignment, event_article_row, _joined_at, earlier_event_article_rows
        ),
        RowSource(EVENT_CHANGES, EventChange, event_change_row, _changed_at),
        RowSource(DEAD_LETTERS, Rejected, dead_letter_row, _failed_at),
        RowSource(SIGHTINGS, Sighting, sighting_row, _seen_at),
        RowSource(FETCH_LOG, Fetch, fetch_row, _fetched_at),
        RowSource(ALERTS, Alert, alert_row, _planned_at),
        RowSource(ARTICLE_NOTICES, Notice, notice_row, _noticed_at),
    )
}


MOVED = "moved"  # records that go into event_articles as well


def table_of(name: str) -> Table:
    """Give the table that records of a name of ``ROW_SOURCES``, or ``MOVED``, go into.

    Raises:
        ValueError: there is no such name.
    """
    if name == MOVED:
        return EVENT_ARTICLES
    if name not in ROW_SOURCES:
        raise ValueError(f"no table {name}: one of {', '.join(ROW_SOURCES)}")
    return ROW_SOURCES[name].table


def rows_of(name: str, record: Any) -> list[Row]:
    """Make all rows of a record of a name of ``ROW_SOURCES``, or of ``MOVED``."""
    return moved_rows(record) if name == MOVED else ROW_SOURCES[name].rows(record)


def utc_date(moment: datetime) -> str:
    """Name the hive partition of a moment, as YYYY-MM-DD in UTC."""
    return _utc(moment).date().isoformat()


def _row(table: Table, values: Row) -> Row:
    values = values | {"round": 0, "schema_version": SCHEMA_VERSION}
    return {name: cell(values[name]) for name, cell in _cells_of(table.name)}


_Cell = Callable[[Any], Any]


@cache
def _cells_of(table: str) -> tuple[tuple[str, _Cell], ...]:
    return _cells(next(one for one in TABLES if one.name == table).columns)


def _cells(columns: tuple[Column, ...]) -> tuple[tuple[str, _Cell], ...]:
    """Say, once for all rows, what makes the cell of each column."""
    return tuple((column.name, _cell(column)) for column in columns)


def _cell(column: Column) -> _Cell:
    if column.vector:
        return _vector
    scalar = _scalar(column)
    if column.repeated:
        return lambda values: [scalar(value) for value in values]
    if column.nullable:
        return lambda value: None if value is None or value == "" else scalar(value)
    return lambda value: None if value is None else scalar(value)


def _scalar(column: Column) -> _Cell:
    if column.type == "struct":
        cells = _cells(column.fields)
        return lambda value: {name: cell(getattr(value, name)) for name, cell in cells}
    if column.type == "string":
        return _text
    return _utc if column.type == "timestamp" else _same


def _vector(value: bytes) -> Any:
    return np.frombuffer(value, dtype="<f4")


def _same(value: Any) -> Any:
    return value


def _text(value: str) -> str:
    # JSON and file names can hold half of a surrogate pair, which no UTF-8 column can.
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone in a record: {moment.isoformat()}")
    return moment.astimezone(timezone.utc)
