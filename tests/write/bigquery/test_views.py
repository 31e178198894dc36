"""The views of a dataset say the same as deploy/sql/duckdb_latest.sql does over files."""

from datetime import datetime, timezone
from pathlib import Path

import duckdb
import pytest

from schemas.tables import ARTICLE_NOTICES, ARTICLES, EVENT_ARTICLES, EVENTS
from tests.emulators.marks import BIGQUERY
from transforms.write.bigquery.methods import FILE_LOADS
from transforms.write.bigquery.store import add_run
from transforms.write.parquet import ParquetFolder

pytestmark = BIGQUERY
SQL = Path(__file__).parents[3] / "deploy" / "sql"
LEFT = datetime(2024, 5, 2, tzinfo=timezone.utc)
TABLES = (ARTICLES, EVENTS, EVENT_ARTICLES, ARTICLE_NOTICES)
VIEWS = {
    "events_latest": "event_id, revision, status, merged_into, title",
    "event_survivors": "event_id, survivor_id",
    "event_articles_latest": "article_id, event_id, revision, sequence, left_at",
    "articles_latest": "article_id, event_id, revision, title",
    "article_notices_latest": "article_id, kind, noticed_at, evidence, event_id, title",
}


def event(name, into=None, revision=1, **columns):
    status = "merged" if into else "active"
    return {"event_id": name, "revision": revision, "status": status, "merged_into": into} | columns


def place(article, name, sequence, left=False, revision=1):
    return {"event_id": name, "article_id": article, "revision": revision, "sequence": sequence,
            "left_at": LEFT if left else None}  # fmt: skip


def article(name, event_id, revision=1, **columns):
    return {"article_id": name, "event_id": event_id, "revision": revision,
            "title": f"{name}.{revision}"} | columns  # fmt: skip


def notice(name, kind, hour, evidence="said"):
    return {"article_id": name, "kind": kind, "evidence": evidence,
            "noticed_at": datetime(2024, 5, 1, hour, tzinfo=timezone.utc)}  # fmt: skip


# Cases that do not touch each other, so that all can lie in one dataset.
PLANTED = {
    "events": [
        *(event("m1", "m2"), event("m2", "m3"), event("m3"), event("m3", revision=5, title="new")),
        *(event("c1", "c2"), event("c2", "c1"), event("into", "c1")),
        event("itself", "itself"),
        *(event("lost", "gone"), event("before", "lost")),
        *(event("w", "v", 2), event("w"), event("v"), event("v", "w", 0)),
        *(event("x", title="b"), event("x", title="a")),
        *(event(name) for name in ("A", "B", "Y", "O")),
        *(event(f"n{number}", f"n{number + 1}") for number in range(300)),
        event("n300"),
    ],
    "articles": [
        *(article("merged", "m1"), article("merged", "m1", 3), article("merged", "m1", 2)),
        *(article(name, "A") for name in ("stays", "moved", "back", "revised", "left", "alone")),
        *(article("at once", "Y"), article("circle", "c1"), article("long", "n0")),
        *(article("told late", "A"), article("told late", "A", 2)),
    ],
    "event_articles": [
        *(place("merged", "m1", 1), place("merged", "m1", 7, revision=3)),
        place("stays", "A", 1),
        *(place("moved", "A", 1), place("moved", "A", 5, True), place("moved", "B", 5)),
        *(place("back", "A", 1), place("back", "A", 5, True), place("back", "B", 5)),
        *(place("back", "B", 9, True), place("back", "A", 9)),
        *(place("at once", "Y", 3), place("at once", "Y", 3, True), place("at once", "O", 3)),
        *(place("revised", "A", 1), place("revised", "A", 4, revision=2)),
        *(place("revised", "A", 7, True, revision) for revision in (1, 2)),
        *(place("revised", "B", 7, revision=revision) for revision in (1, 2)),
        *(place("told late", "B", 5), place("told late", "A", 5, True)),
        *(place("told late", "B", 8, revision=2), place("told late", "A", 1)),
        place("left", "A", 5, True),
        *(place("circle", "c1", 2), place("long", "n0", 2)),
    ],
    "article_notices": [
        *(notice("merged", "corrected", 9, "b"), notice("merged", "corrected", 9, "a")),
        *(notice("merged", "corrected", 8, "first"), notice("merged", "retracted", 10)),
        notice("unknown", "retracted", 1),
    ],
}
UNCOUNTED = {
    "events": [event("A", "B", 9), event("only-there")],
    "articles": [article("stays", "B", 9), article("only-there", "A")],
    "event_articles": [place("stays", "B", 99)],
    "article_notices": [notice("stays", "retracted", 1)],
}


@pytest.fixture
def planted(make_row):
    """``planted(rows, round)``: whole rows by table."""

    def make(cases, number):
        plain = {"events": {"status": "active", "merged_into": None}}
        return {
            table.name: [
                make_row(table.name, round=number) | plain.get(table.name, {}) | columns
                for columns in cases[table.name]
            ]
            for table in TABLES
        }

    return make


@pytest.fixture
def over_files(planted, dim, tmp_path):
    """The views of DuckDB over the planted rows, each once."""
    for table in TABLES:
        ParquetFolder(tmp_path, table, dim).write(planted(PLANTED, 0)[table.name])
    opened = duckdb.connect()
    opened.execute("SET TimeZone = 'UTC'")
    opened.execute(f"SET file_search_path = '{tmp_path}'")
    for name in ("duckdb_latest.sql", "duckdb_notices.sql"):
        opened.execute((SQL / name).read_text(encoding="utf-8"))
    return opened


def stored_over_files(opened, view):
    found = opened.execute(f"SELECT {VIEWS[view]} FROM {view}")
    names = [column[0] for column in found.description]
    return in_order([dict(zip(names, row)) for row in found.fetchall()])


def in_order(rows):
    return sorted(rows, key=lambda row: str(list(row.values())))


def test_the_views_say_the_same_as_those_over_files(prepared, appender, planted, over_files):
    append = appender(FILE_LOADS).append
    counted, again = planted(PLANTED, 1), planted(PLANTED, 1)
    for table in TABLES:
        rows = counted[table.name] + again[table.name][::-1]  # as after a request sent again
        assert append(table, rows + planted(UNCOUNTED, 2)[table.name]) == []
    for view in VIEWS:
        assert prepared.rows(f"SELECT * FROM `{{d}}.{view}`") == [], "no round counts yet"
    add_run(appender(FILE_LOADS), 1, {})
    for view, columns in VIEWS.items():
        expected = stored_over_files(over_files, view)
        assert expected
        found = in_order(prepared.rows(f"SELECT {columns} FROM `{{d}}.{view}`"))
        assert found == expected, view


def test_a_round_that_counts_twice_and_one_that_counts_later_are_seen_once(
    prepared, appender, planted
):
    append = appender(FILE_LOADS).append
    for table in TABLES:
        append(table, planted(PLANTED, 1)[table.name] + planted(UNCOUNTED, 2)[table.name])
    for number in (1, 1, 2):  # a request that was sent again
        add_run(appender(FILE_LOADS), number, {})
    shown = "SELECT event_id, revision FROM `{d}.articles_latest` WHERE article_id = 'stays'"
    assert prepared.rows(shown) == [{"event_id": "B", "revision": 9}]
    merged = "SELECT survivor_id FROM `{d}.event_survivors` WHERE event_id = 'A'"
    assert prepared.one(merged) == "B"
