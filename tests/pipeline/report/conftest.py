"""Output folders as a run writes them, made row by row."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.tables import TABLES, Table

DIM = 4
START = datetime(2024, 3, 4, 6, 0, tzinfo=timezone.utc)
HOSTILE_TITLE = (
    "<script>document.title='owned'</script>\"><img src=x onerror=document.title='owned'>"
)
_EMPTY = {
    "string": "",
    "bytes": b"",
    "bool": False,
    "int32": 0,
    "int64": 0,
    "float32": 0.0,
    "float64": 0.0,
    "timestamp": START,
}


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


class Folder:
    """Rows of the five tables, written as hive-partitioned Parquet by ``write``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in TABLES}
        self.run: Any = {
            "counts": {"read": {"out": 9}, "identify": {"in": 9, "repeats": 2}},
            "versions": {"newsevents": "0.1.0", "python": "3.11"},
        }

    def article(self, article_id: str, event_id: str, minutes: float = 0, **changes: Any) -> None:
        """Add an article and its membership; ``changes`` replaces columns of its row."""
        row = {
            "article_id": article_id,
            "revision": 1,
            "url": f"https://{article_id}.example/story",
            "title": f"Story {article_id}",
            "publisher_family": f"{article_id}.example",
            "language": "en",
            "published_at": at(minutes),
            "published_at_source": "feed",
            "published_at_precision": "second",
            "published_at_flag": "ok",
            "first_seen_at": at(minutes + 2),
            "event_time": at(minutes),
            "access_state": "open",
            "dup_kind": "none",
            "event_id": event_id,
            "event_score": 0.9,
            "event_evidence": "dense 0.81, terms 0.44; 0.31 ahead of the next event",
        }
        self.rows["articles"].append(row | changes)
        role = "duplicate" if changes.get("dup_kind", "none") != "none" else "member"
        self.rows["event_articles"].append(
            {
                "event_id": event_id,
                "article_id": article_id,
                "joined_at": at(minutes),
                "role": role,
                "score": 0.9,
                "evidence": (row | changes)["event_evidence"],
            }
        )

    def event(self, event_id: str, minutes: float = 0, **changes: Any) -> None:
        row = {
            "event_id": event_id,
            "revision": 1,
            "status": "active",
            "title": f"Event {event_id}",
            "summary": "The council met on Monday. It put the decision off.",
            "representative_article_id": "",
            "first_seen_at": at(minutes),
            "last_seen_at": at(minutes + 30),
            "updated_at": at(minutes + 30),
            "counts_as_of": at(minutes + 30),
            "article_count": 1,
            "unique_article_count": 1,
            "publisher_family_count": 1,
            "breaking_state": "none",
        }
        self.rows["events"].append(row | changes)

    def reject(self, key: str, reason: str, error: str = "The file is empty.") -> None:
        self.rows["dead_letters"].append(
            {"stage": "parse", "key": key, "reason": reason, "error": error}
        )

    def write(self) -> str:
        """Write the tables and run.json; gives the folder as a command would take it."""
        for table in TABLES:
            write_table(self.path, table, self.rows[table.name])
        if self.run is not None:
            text = self.run if isinstance(self.run, str) else json.dumps(self.run)
            (self.path / "run.json").write_text(text, encoding="utf-8")
        return str(self.path)


def write_table(folder: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    """Write one file a date; an empty table becomes one file without rows."""
    schema = table.arrow_schema(DIM)
    days: dict[str, list[dict[str, Any]]] = {} if rows else {"1970-01-01": []}
    for row in rows:
        full = {column.name: _default(column) for column in table.columns} | row
        days.setdefault(str(full[table.partition_by].date()), []).append(full)
    for day, part in days.items():
        target = folder / table.name / f"date={day}"
        target.mkdir(parents=True, exist_ok=True)
        name = f"part-{len(list(target.iterdir())):04d}.parquet"
        pq.write_table(pa.Table.from_pylist(part, schema=schema), target / name)


def _default(column: Any) -> Any:
    if column.vector:
        return [1.0] + [0.0] * (DIM - 1)
    if column.repeated:
        return []
    return None if column.nullable else _EMPTY[column.type]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty output folder to fill."""
    return Folder(tmp_path / "out")


@pytest.fixture
def busy(folder: Folder) -> Folder:
    """Four events: one breaking with a copy, one merged into it, one quiet, one hostile."""
    folder.event(
        "flood",
        30,
        revision=2,
        title="River bursts its banks at Ostenby",
        article_count=4,
        unique_article_count=3,
        duplicate_count=1,
        publisher_family_count=4,
        last_seen_at=at(90),
        breaking_state="breaking",
        breaking_since=at(50),
        breaking_score=0.82,
        breaking_reasons=[
            {"code": "families_60m", "value": 4.0, "threshold": 3.0, "passed": True},
            {"code": "lunar_phase", "value": 0.2, "threshold": 0.5, "passed": False},
        ],
        keywords=[{"term": "flood", "weight": 3.1}],
        entities=[{"text": "Ostenby", "count": 4}],
        languages=[{"code": "en", "count": 3}, {"code": "de", "count": 1}],
        representative_article_id="a2",
        contested=True,
    )
    folder.event("flood", 30, revision=1, title="An older headline of the flood")
    folder.event("levee", 45, status="merged", merged_into="flood", title="Levee gives way")
    folder.event("council", 10, article_count=2, title="Council puts off the vote")
    folder.event("attack", 70, article_count=1, title=HOSTILE_TITLE, summary=HOSTILE_TITLE)
    folder.article("a1", "flood", 30, title="Ostenby under water")
    folder.article(
        "a2",
        "flood",
        40,
        published_at_source="text",
        published_at_precision="day",
        revision=2,
        title="River over its banks",
    )
    folder.article(
        "a3",
        "flood",
        90,
        title="Town flooded",
        dup_kind="near_verbatim",
        dup_of="a1",
        dup_score=0.97,
        dup_evidence="97 of 100 word triples are shared",
    )
    folder.article("a4", "levee", 45, title="Levee gives way at Ostenby")
    folder.article("b1", "council", 10)
    folder.article("b2", "council", 25, published_at=None, published_at_flag="missing")
    folder.article(
        "c1",
        "attack",
        70,
        title=HOSTILE_TITLE,
        url="javascript:document.title='owned'",
        publisher_family="<b>x</b>",
        event_evidence="</details></main><script>document.title='owned'</script>",
    )
    folder.rows["event_changes"] += [
        {
            "id": f"x{n}",
            "source": "/newsevents",
            "specversion": "1.0",
            "type": f"org.newsevents.event.{kind}",
            "subject": subject,
            "time": at(minutes),
            "data": "{}",
        }
        for n, (subject, kind, minutes) in enumerate(
            [("flood", "created", 30), ("levee", "created", 45), ("flood", "updated", 46),
             ("flood", "breaking", 50), ("levee", "merged", 55)]
        )
    ]  # fmt: skip
    for number in range(3):
        folder.reject(f"file:///in/empty{number}.txt", "empty")
    folder.reject("https://x.example/<script>", "not_a_feed", "It is an HTML page.")
    return folder
