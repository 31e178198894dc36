"""What an output says of alerts: which were planned, which were settled, and of which events."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pipelines.alerts.planning import follow
from pipelines.resume import event_of
from schemas import Alert, Event
from schemas.alert import PLANNED
from schemas.ids import is_web_url
from schemas.tables import EVENTS
from transforms.write.manifest import read_run
from transforms.write.parquet import EMPTY_FILE
from transforms.write.rounds import committed_files

Row = dict[str, Any]
_ALERT_COLUMNS = [
    *(field.name for field in fields(Alert) if field.name not in ("body", "settled_at")), "round",
]  # fmt: skip
_FATE_COLUMNS = (
    "event_id", "revision", "status", "merged_into", "breaking_since", "counts_as_of",
)  # fmt: skip
_EVENT_COLUMNS = [
    column.name for column in EVENTS.columns if not column.vector and column.name != "round"
]
_MOST_DAYS = 31  # of articles that are looked through for one address


@dataclass(frozen=True)
class Stored:
    """The alerts and events of an output as they are now."""

    planned: tuple[Alert, ...]  # in the order of sending, without their bodies
    pending: tuple[Alert, ...]  # those of them that were not settled, with their bodies
    survivors: dict[str, str]  # events that were merged, with what they are part of now
    events: tuple[Event, ...]  # the last revision of each that broke or that an alert is about
    as_of: datetime | None  # the latest time that a row of an event refers to


def read_stored(folder: Path) -> Stored:
    """Read it from the files that count; those that are damaged are passed over.

    Hold ``files_lock`` meanwhile where a compaction may be under way.
    """
    planned: dict[tuple[str, str, int], tuple[int, Alert]] = {}
    settled = set()
    for row in _rows(folder, "alerts", _ALERT_COLUMNS):
        name = (row["sink"], row["alert_id"], row["revision"])
        if row["outcome"] == PLANNED:
            planned[name] = (row["round"], _alert(row))
        else:
            settled.add(name)
    ordered = [planned[name] for name in sorted(planned, key=lambda n: (planned[n][0], n))]
    alerts = tuple(alert for _, alert in ordered)
    pending = [a for a in alerts if (a.sink, a.alert_id, a.revision) not in settled]
    latest: dict[str, Row] = {}
    for row in _rows(folder, "events", _FATE_COLUMNS):
        known = latest.get(row["event_id"])
        if known is None or row["revision"] > known["revision"]:
            latest[row["event_id"]] = row
    into = {n: r["merged_into"] for n, r in latest.items() if r["status"] == "merged"}
    survivors = {name: follow(name, into) for name in into}
    about = {survivors.get(alert.event_id, alert.event_id) for alert in alerts}
    wanted = {
        name: row["revision"]
        for name, row in latest.items()
        if name in about or (row["status"] == "active" and row["breaking_since"] is not None)
    }
    return Stored(
        planned=alerts,
        pending=_with_bodies(folder, pending),
        survivors=survivors,
        events=_events(folder, wanted),
        as_of=max((row["counts_as_of"] for row in latest.values()), default=None),
    )


def _events(folder: Path, wanted: dict[str, int]) -> tuple[Event, ...]:
    """Give one revision of each of some events."""
    found = {
        row["event_id"]: row
        for row in _rows(folder, "events", _EVENT_COLUMNS, only=("event_id", set(wanted)))
        if row["revision"] == wanted[row["event_id"]]
    }
    return tuple(event_of(row) for row in found.values())


def _with_bodies(folder: Path, pending: Sequence[Alert]) -> tuple[Alert, ...]:
    if not pending:
        return ()
    keys = {alert.key for alert in pending}
    rows = _rows(folder, "alerts", ("key", "body"), only=("key", keys))
    bodies = {row["key"]: row["body"] for row in rows if row["body"]}
    return tuple(replace(alert, body=bodies[alert.key]) for alert in pending)


def find_url(folder: Path, article_id: str, first: datetime, last: datetime) -> str:
    """Give the address of an article of an event; "" when it is not found.

    Args:
        first: event time of the event's first article, and ``last`` of its last one: only days
            between them are looked through.
    """
    days = {f"date={first:%Y-%m-%d}", f"date={last:%Y-%m-%d}"}
    for path in (folder / "articles").glob("date=*"):
        if min(days) <= path.name <= max(days):
            days.add(path.name)
    wanted = sorted(days)[-_MOST_DAYS:]
    columns = ("article_id", "revision", "url", "canonical_url")
    try:
        found = list(_rows(folder, "articles", columns, wanted, ("article_id", {article_id})))
    except FileNotFoundError:
        return ""  # a link is not worth waiting for a compaction
    if not found:
        return ""
    row = max(found, key=lambda row: int(row["revision"]))
    url: str = row["url"] if is_web_url(row["url"]) else row["canonical_url"]
    return url


def _rows(
    folder: Path,
    table: str,
    columns: Sequence[str] | None,
    days: Iterable[str] | None = None,
    only: tuple[str, set[str]] | None = None,
) -> Iterator[Row]:
    """Read the rows of a table; columns that a file of another version lacks are left out."""

    run = read_run(str(folder)) or {"files": []}
    wanted = None if days is None else set(days)
    if only is not None and not only[1]:
        return
    for path in committed_files(folder, run):
        name, day, file = path.split("/")
        if name != table or file == EMPTY_FILE or (wanted is not None and day not in wanted):
            continue
        for row in _read(folder / path, columns, only):
            yield {key: _plain(value) for key, value in row.items()}


def _read(
    path: Path, columns: Sequence[str] | None, only: tuple[str, set[str]] | None
) -> list[Row]:
    import pyarrow.parquet as pq

    matching = [(only[0], "in", only[1])] if only else None
    try:
        there = set(pq.read_schema(path).names)
        chosen = None if columns is None else [name for name in columns if name in there]
        rows: list[Row] = pq.read_table(
            path, columns=chosen, partitioning=None, filters=matching, use_threads=False
        ).to_pylist()
    except FileNotFoundError:
        raise  # a compaction took it; whoever asks may ask again
    except Exception:  # pyarrow meets damage with whatever it runs into; the run names the file
        return []
    return rows


def _plain(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


def _alert(row: Row) -> Alert:
    values: Row = {name: "" if row[name] is None else row[name] for name in _ALERT_COLUMNS[:-1]}
    for name in ("why", "previous_event_ids"):
        values[name] = tuple(values[name])
    return Alert(**values | {"body": "", "settled_at": None})
