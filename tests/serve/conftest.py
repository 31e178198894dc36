"""Outputs written round by round with the pipeline's own writer, and clients of the server."""

import importlib.util
import json
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipelines.serve.app import make_app
from pipelines.serve.index import Index
from schemas import SCHEMA_VERSION
from schemas.tables import TABLES
from transforms.write.output import replace_file
from transforms.write.parquet import ParquetFolder

DIM = 2
START = datetime(2026, 3, 2, 6, 0, tzinfo=timezone.utc)
HOSTILE = "<script>document.title='owned'</script>\"><img src=x onerror=x()>\u202egnp.exe"
_TABLES = {table.name: table for table in TABLES}
_EMPTY = {
    "string": "", "bytes": b"", "bool": False, "int32": 0, "int64": 0, "float32": 0.0,
    "float64": 0.0, "timestamp": START,
}  # fmt: skip


def at(minutes):
    return START + timedelta(minutes=minutes)


class Output:
    """Rows are collected, and written as a round by ``commit``."""

    def __init__(self, path):
        self.path = path
        self.rounds = 0
        self.sequence = 0
        self._rows = {name: [] for name in _TABLES}
        self._tables = {name: ParquetFolder(path, table, DIM) for name, table in _TABLES.items()}
        path.mkdir(parents=True, exist_ok=True)

    def moment(self, minutes):
        return at(minutes)

    def add(self, table, **row):
        defaults = {column.name: _default(column) for column in _TABLES[table].columns}
        self._rows[table].append(defaults | {"schema_version": SCHEMA_VERSION} | row)

    def article(self, name, event_id, minutes=0, **changes):
        """Add an article and say which event it joined."""
        self.sequence += 1
        row = {
            "article_id": name, "revision": 1, "url": f"https://{name}.example/story",
            "title": f"Story {name}", "publisher_family": f"{name}.example", "language": "en",
            "published_at": at(minutes), "published_at_source": "feed",
            "published_at_precision": "second", "published_at_flag": "ok",
            "first_seen_at": at(minutes), "event_time": at(minutes), "access_state": "open",
            "dup_kind": "none", "event_id": event_id, "event_score": 0.9,
            "event_evidence": "dense 0.81", "sequence": self.sequence,
        } | changes  # fmt: skip
        self.add("articles", **row)
        role = "member" if row["dup_kind"] == "none" else "duplicate"
        self.joins(name, event_id, minutes, role=role, evidence=row["event_evidence"])

    def joins(self, name, event_id, minutes=0, **changes):
        row = {
            "event_id": event_id, "article_id": name, "revision": 1, "joined_at": at(minutes),
            "score": 0.9, "role": "member", "evidence": "dense 0.81", "sequence": self.sequence,
        }  # fmt: skip
        self.add("event_articles", **(row | changes))

    def event(self, name, minutes=0, **changes):
        row = {
            "event_id": name, "revision": 1, "status": "active", "title": f"Event {name}",
            "summary": "The council met. It put the decision off.",
            "first_seen_at": at(minutes), "last_seen_at": at(minutes + 30),
            "updated_at": at(minutes + 30), "counts_as_of": at(minutes + 30),
            "article_count": 1, "publisher_family_count": 1, "breaking_state": "none",
        }  # fmt: skip
        self.add("events", **(row | changes))

    def change(self, name, event_id, kind, minutes=0):
        self.add("event_changes", id=name, source="/newsevents", specversion="1.0",
                 type=f"org.newsevents.event.{kind}", subject=event_id, time=at(minutes),
                 data="{}")  # fmt: skip

    def commit(self):
        """Write the round; it counts from the moment run.json names it."""
        self.rounds += 1
        for name, rows in self._rows.items():
            for row in rows:
                row["round"] = self.rounds
            for path, data in self._tables[name].files(rows, f"{self.rounds:09d}-"):
                replace_file(self.path / path, data)
            rows.clear()
        run = {
            "files": [], "rounds": self.rounds, "options": {"window_days": 14.0},
            "arguments_digest": "d", "versions": {"newsevents": "0.1.0"},
            "timings": {"started_at": "2026-03-02T06:00:00+00:00"},
        }  # fmt: skip
        replace_file(self.path / "run.json", json.dumps(run).encode())
        return self


def _default(column):
    if column.vector:
        return [1.0] + [0.0] * (DIM - 1)
    if column.repeated:
        return []
    return None if column.nullable else _EMPTY[column.type]


@pytest.fixture
def output(tmp_path):
    """An empty output to fill."""
    return Output(tmp_path / "out")


@pytest.fixture
def busy(output):
    """One event that breaks, with a copy and a merged event, a quiet and a hostile one."""
    output.event(
        "flood", 30, revision=2, title="River bursts its banks at Östenby", article_count=4,
        duplicate_count=1, publisher_family_count=4, last_seen_at=at(90),
        breaking_state="breaking", breaking_since=at(50), breaking_score=0.82,
        breaking_reasons=[
            {"code": "families_60m", "value": 4.0, "threshold": 3.0, "passed": True},
            {"code": "lunar_phase", "value": 0.2, "threshold": 0.5, "passed": False},
        ],
        keywords=[{"term": "dyke", "weight": 3.1}], entities=[{"text": "Ostenby", "count": 4}],
        languages=[{"code": "en", "count": 3}, {"code": "de", "count": 1}],
        representative_article_id="a2", summary_article_ids=["a1"], contested=True,
    )  # fmt: skip
    output.event("flood", 30, revision=1, title="An older headline of the flood")
    output.event("levee", 45, status="merged", merged_into="flood", title="Levee gives way")
    output.event("council", 10, title="Council puts off the vote", article_count=2)
    output.event("attack", 70, title=HOSTILE, summary=HOSTILE,
                 keywords=[{"term": HOSTILE, "weight": 1.0}])  # fmt: skip
    output.article("a1", "flood", 30, title="Ostenby under water")
    output.article("a2", "flood", 40, title="River over its banks", language="de")
    output.article("a3", "flood", 90, title="Town flooded", dup_kind="near_verbatim", dup_of="a1",
                   dup_score=0.97, dup_evidence="97 of 100 word triples are shared")  # fmt: skip
    output.article("a4", "levee", 45, title="Levee gives way at Ostenby")
    output.article("b1", "council", 10)
    output.article("b2", "council", 25, published_at=None, published_at_flag="missing")
    output.article("c1", "attack", 70, title=HOSTILE, url="javascript:document.title='owned'",
                   publisher_family="<b>x</b>", event_evidence=HOSTILE)  # fmt: skip
    for n, (event_id, kind, minutes) in enumerate(
        [("flood", "created", 30), ("levee", "created", 45), ("flood", "breaking", 50),
         ("levee", "merged", 55), ("attack", "corrected", 71)]
    ):  # fmt: skip
        output.change(f"x{n}", event_id, kind, minutes)
    for n in range(3):
        output.add("dead_letters", stage="read", key=f"file:///in/empty{n}.txt", reason="empty",
                   error="The file is empty.")  # fmt: skip
    output.add("dead_letters", stage="parse", key=HOSTILE, reason="not_a_feed", error=HOSTILE)
    for minutes, outcome, failures in ((0, "NEW", 0), (15, "TEMP", 1), (30, "TEMP", 2)):
        output.add("fetch_log", feed_id="f1", feed="https://slow.example/rss", outcome=outcome,
                   fetched_at=at(minutes), next_at=at(minutes + 15), failures=failures,
                   kept=3 * (not failures), interval_seconds=900.0,
                   error="timed out" if failures else None)  # fmt: skip
    output.add("fetch_log", feed_id="f2", feed=f"https://x.example/{HOSTILE}", outcome="NEW",
               fetched_at=at(5), next_at=at(20), kept=1, interval_seconds=900.0)  # fmt: skip
    return output.commit()


@pytest.fixture
def index(busy):
    """The index of ``busy``."""
    made = Index(busy.path)
    made.refresh()
    yield made
    made.close()


@pytest.fixture
def client(index):
    """A client of a server that looks at its output only when told to."""
    app = make_app(index, look_seconds=0)
    with TestClient(app, base_url="http://localhost", follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def chromium_module():
    """The driver of the browser; tests lie in no package."""
    spec = importlib.util.spec_from_file_location(
        "chromium", Path(__file__).with_name("chromium.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def chromium(chromium_module, tmp_path):
    """A headless browser, or the test is skipped."""
    if chromium_module.BROWSER is None:
        pytest.skip("no Chromium found; on Debian: apt-get install chromium")
    browser = chromium_module.Chromium(tmp_path / "profile")
    yield browser
    browser.close()
    shutil.rmtree(tmp_path / "profile", ignore_errors=True)
