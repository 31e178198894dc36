"""Which old partitions may go, so that what stays still makes sense and can be gone on from."""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from schemas.tables import TABLES
from transforms._shared.shards import SHARDS_PER_WINDOW, WINDOW_DAYS
from transforms.write.merging import UnusableError, inspect

_MORE_DAYS = 2  # than the window: what a run that goes on looks at is cut in slices of days
_COLUMNS = {
    "articles": ("article_id", "event_id", "revision", "time_known"),
    "events": ("event_id", "merged_into", "revision", "status"),
    "event_articles": ("article_id", "event_id", "revision", "left_at", "sequence"),
    "sightings": ("article_id",),
    "alerts": ("alert_id", "event_id", "revision"),
    "article_notices": ("article_id",),
}  # first the column that names what a newer row is newer of, then the event


def window_days(run: Mapping[str, Any]) -> float:
    """Say how many days the window of a run was, by its run.json."""
    options = run.get("options")
    days = options.get("window_days") if isinstance(options, dict) else None
    return float(days) if isinstance(days, (int, float)) else WINDOW_DAYS


def least_days(run: Mapping[str, Any]) -> int:
    """Say how many days a run that goes on from an output needs."""
    window = window_days(run)
    return max(math.ceil(window) + _MORE_DAYS, math.ceil(window * (1 + 1 / SHARDS_PER_WINDOW)))


@dataclass(frozen=True)
class Retention:
    """What may be removed of an output, and what has to stay though it is old."""

    removable: dict[str, tuple[str, ...]]  # dates by table
    before: str = ""  # dates before this one are old; "" when there is no article
    open_events: int = 0  # old partitions kept because events in them are open
    referred_to: int = 0  # old partitions kept because of rows that stay
    unreadable: int = 0  # old partitions kept because nobody can say what is in them
    dims: dict[str, int] = field(default_factory=dict)  # numbers in the vectors of each table
    article_rows: int = 0  # that go
    articles: frozenset[str] = frozenset()  # that have no row left
    sighted: frozenset[str] = frozenset()  # that have a sighting left


def retain(
    folder: Path, partitions: Mapping[str, Mapping[str, Iterable[str]]], keep_days: int
) -> Retention:
    """Decide which partitions are older than ``keep_days`` and needed by nobody.

    Counted back from the newest article whose time is known. What is never given up:

    - rows of an event that is open, of its articles, and of alerts about it;
    - the newest row of an event, an article or a membership of which older rows stay: these would
      be taken for the newest;
    - the row of an event that an article that stays is in.

    Holds some 200 bytes for each row of the tables named in ``_COLUMNS``.

    Args:
        partitions: names of the files that count, by table and date.
    """
    tables = _Tables(folder, partitions)
    newest = tables.newest()
    if newest is None:
        return Retention({})
    before = (date.fromisoformat(newest) - timedelta(days=keep_days)).isoformat()
    return _Decision(tables, before).made()


class _Row(NamedTuple):
    date: str  # of its partition
    name: str  # article_id; of an event event_id
    event: str  # of an event the one it was merged into; "" when it was not
    revision: int
    mark: Any  # time_known, status or left_at
    sequence: int


class _Tables:
    """The columns of all tables that the decision is made by."""

    def __init__(self, folder: Path, partitions: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
        self.dates = {name: sorted(dates) for name, dates in partitions.items()}
        self.rows: dict[str, list[_Row]] = {table.name: [] for table in TABLES}
        self.unreadable: set[tuple[str, str]] = set()
        self.dims: dict[str, int] = {}
        for table in TABLES:
            for day in self.dates[table.name]:
                for name in partitions[table.name][day]:
                    path = folder / table.name / f"date={day}" / name
                    try:
                        self.dims[table.name] = inspect(path, table, "").dim
                        self.rows[table.name] += _rows(path, _COLUMNS.get(table.name, ()), day)
                    except UnusableError:
                        self.unreadable.add((table.name, day))

    def newest(self) -> str | None:
        rows = self.rows["articles"]
        known = max((row.date for row in rows if row.mark), default=None)
        return known or max((row.date for row in rows), default=None)

    def latest(self, table: str, place: Callable[[_Row], Any]) -> dict[str, _Row]:
        """Give the row of greatest place by name."""
        found: dict[str, _Row] = {}
        for row in self.rows[table]:
            known = found.get(row.name)
            if known is None or place(row) > place(known):
                found[row.name] = row
        return found


def _rows(path: Path, columns: tuple[str, ...], day: str) -> Iterator[_Row]:
    if not columns:
        return
    try:
        with pq.ParquetFile(path) as file:
            rows = file.read(columns=list(dict.fromkeys(columns)), use_threads=False)
        values = [rows.column(name).to_pylist() for name in columns]
        values += [[default] * len(rows) for default in ("", "", 0, None, 0)[len(columns) :]]
    except Exception as error:  # pyarrow meets damage with whatever it runs into
        raise UnusableError(str(error)) from error
    for name, event, revision, mark, sequence in zip(*values):
        yield _Row(day, sys.intern(name), sys.intern(event or ""), revision, mark, sequence)


def _revision(row: _Row) -> Any:
    return row.revision


def _membership(row: _Row) -> tuple[Any, ...]:
    return row.name, row.revision, row.event, row.sequence


class _Decision:
    def __init__(self, tables: _Tables, before: str) -> None:
        self._tables, self._before = tables, before
        self._left = {_membership(row) for row in tables.rows["event_articles"] if row.mark}
        self._events = tables.latest("events", _revision)
        self._articles = tables.latest("articles", _revision)
        self._places = tables.latest("event_articles", self._place)
        self._kept: dict[str, set[tuple[str, str]]] = defaultdict(set)  # by reason

    def _place(self, row: _Row) -> Any:
        # One decision can put an article into an event and take it out again.
        return row.sequence, _membership(row) not in self._left, row.revision

    def made(self) -> Retention:
        self._keep("unreadable", self._tables.unreadable)
        self._keep("open", self._of_open_events())
        self._keep_newest("articles", self._articles)
        self._keep_newest("event_articles", self._places)
        self._keep("referred", self._events_of_articles_that_stay())
        self._keep_newest("events", self._events)
        names = [table.name for table in TABLES]
        return Retention(
            removable={
                name: tuple(day for day in self._tables.dates[name] if not self._stays(name, day))
                for name in names
            },
            before=self._before,
            open_events=len(self._kept["open"]),
            referred_to=len(self._kept["referred"]),
            unreadable=len(self._kept["unreadable"]),
            dims=self._tables.dims,
            article_rows=sum(
                not self._stays("articles", row.date) for row in self._tables.rows["articles"]
            ),
            articles=frozenset(self._articles) - self._staying("articles"),
            sighted=frozenset(self._staying("sightings")),
        )

    def _staying(self, table: str) -> set[str]:
        return {row.name for row in self._tables.rows[table] if self._stays(table, row.date)}

    def _keep(self, reason: str, partitions: Iterable[tuple[str, str]]) -> bool:
        """Keep old partitions that nothing kept so far; says whether there were any."""
        new = {one for one in partitions if not self._stays(*one)}
        self._kept[reason] |= new
        return bool(new)

    def _stays(self, table: str, day: str) -> bool:
        return day >= self._before or any((table, day) in kept for kept in self._kept.values())

    def _event_of(self, article_id: str) -> str:
        """Name the event an article is in now; "" when no row says."""
        place = self._places.get(article_id)
        if place is not None and place.mark is None:
            return place.event
        return self._articles[article_id].event if article_id in self._articles else ""

    def _of_open_events(self) -> set[tuple[str, str]]:
        rows = self._tables.rows
        ids = self._articles.keys() | self._places.keys()
        event_of = {article_id: self._event_of(article_id) for article_id in ids}
        is_open = {name for name, row in self._events.items() if row.mark == "active"}
        is_open |= set(event_of.values()) - self._events.keys() - {""}  # their rows were lost
        of_open = {article_id for article_id, event in event_of.items() if event in is_open}
        found = {("events", row.date) for row in rows["events"] if row.name in is_open}
        for table in ("articles", "event_articles", "sightings", "article_notices"):
            for row in rows[table]:
                joined = table == "event_articles" and row.event in is_open
                if joined or row.name in of_open:
                    found.add((table, row.date))
        found |= {("alerts", r.date) for r in rows["alerts"] if self._survivor(r.event) in is_open}
        return found

    def _survivor(self, event: str) -> str:
        """Name the event that one is part of now."""
        met = {event}
        while event in self._events and (into := self._events[event].event) and into not in met:
            met.add(into)
            event = into
        return event

    def _events_of_articles_that_stay(self) -> set[tuple[str, str]]:
        needed = {
            self._event_of(row.name)
            for row in self._tables.rows["articles"]
            if self._stays("articles", row.date)
        }
        return {("events", row.date) for name, row in self._events.items() if name in needed}

    def _keep_newest(self, table: str, latest: dict[str, _Row]) -> None:
        """Keep partitions that hold the newest of several rows, as long as another one stays."""
        more = True
        while more:
            dates = {(table, latest[name].date) for name in self._staying(table)}
            more = self._keep("referred", dates)
