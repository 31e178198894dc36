from datetime import datetime, timezone
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from schemas.tables import EVENT_ARTICLES
from transforms.write.parquet import ParquetFolder
from transforms.write.rows import ROW_SOURCES

VIEWS = Path(__file__).parents[2] / "deploy/sql/duckdb_latest.sql"
NEW_COLUMNS = (
    "left_at",
    "contested",
    "threshold",
    "best_event_id",
    "best_score",
    "second_event_id",
    "second_score",
    "votes",
    "sequence",
    "channels",
)
LEFT = datetime(2024, 5, 2, tzinfo=timezone.utc)


@pytest.fixture
def database(make_record, dim, tmp_path):
    """``database(*event_articles)``: the views over one row of each table and these rows."""

    def connect(*event_articles):
        for table, source in ROW_SOURCES.items():
            rows = [source.row(make_record(table))]
            if table in ("articles", "events", "event_articles"):
                rows.append(rows[0] | {"revision": 7})
            if table == "event_articles":
                rows += event_articles
            ParquetFolder(tmp_path, source.table, dim).write(rows)
        opened = duckdb.connect()
        opened.execute(f"SET file_search_path = '{tmp_path}'")
        return opened

    return connect


def make_old(folder):
    """Take the new columns out of every file of event_articles."""
    for path in (folder / "event_articles").rglob("*.parquet"):
        pq.write_table(pq.read_table(path, partitioning=None).drop_columns(NEW_COLUMNS), path)


def test_the_views_show_the_newest_revision_of_each_row(database):
    opened = database()
    opened.execute(VIEWS.read_text(encoding="utf-8"))
    for view in ("articles_latest", "events_latest", "event_articles_latest"):
        assert opened.execute(f"SELECT revision FROM {view}").fetchall() == [(7,)]


def test_the_event_an_article_is_in_comes_before_the_one_it_left(database, make_record):
    row = ROW_SOURCES["event_articles"].row(make_record("event_articles")) | {"revision": 7}
    left = row | {"event_id": "e0", "left_at": datetime(2024, 5, 2, tzinfo=timezone.utc)}
    opened = database(left)
    opened.execute(VIEWS.read_text(encoding="utf-8"))
    assert opened.execute("SELECT event_id FROM event_articles_latest").fetchall() == [("e1",)]


def test_files_without_the_new_columns_can_be_read(database, tmp_path):
    opened = database()
    make_old(tmp_path)
    opened.execute(VIEWS.read_text(encoding="utf-8"))
    found = opened.execute(f"SELECT {', '.join(NEW_COLUMNS)} FROM event_articles_latest")
    assert found.fetchall() == [(None,) * len(NEW_COLUMNS)]


def test_old_and_new_files_can_be_read_together(database, dim, make_record, tmp_path):
    opened = database()
    make_old(tmp_path)
    newer = ROW_SOURCES["event_articles"].row(make_record("event_articles")) | {
        "revision": 8,
        "threshold": 0.5,
    }
    ParquetFolder(tmp_path, EVENT_ARTICLES, dim).write([newer])
    opened.execute(VIEWS.read_text(encoding="utf-8"))
    found = opened.execute("SELECT revision, threshold FROM event_articles_latest")
    assert found.fetchall() == [(8, 0.5)]


@pytest.fixture
def views(make_record, dim, tmp_path):
    """``views(articles=..., events=..., event_articles=...)``: the views over such rows.

    Each row is a dict of the columns that matter; each lies in a file of its own.
    """

    def connect(**tables):
        for table in ("articles", "events", "event_articles"):
            source = ROW_SOURCES[table]
            row = source.row(make_record(table))
            row |= {"status": "active", "merged_into": None} if table == "events" else {}
            for number, columns in enumerate(tables.get(table, ())):
                folder = tmp_path / f"{number}"
                (path,) = ParquetFolder(folder, source.table, dim).write([row | columns])
                target = (tmp_path / path).with_name(f"{number}.parquet")
                target.parent.mkdir(parents=True, exist_ok=True)
                (folder / path).rename(target)
            if table not in tables:
                ParquetFolder(tmp_path, source.table, dim).write_empty()
        opened = duckdb.connect()
        opened.execute(f"SET file_search_path = '{tmp_path}'")
        opened.execute(VIEWS.read_text(encoding="utf-8"))
        return opened

    return connect


def place(event, sequence, left=False, article="a", revision=1, **columns):
    return {
        "event_id": event,
        "article_id": article,
        "revision": revision,
        "sequence": sequence,
        "left_at": LEFT if left else None,
    } | columns


def event(name, into=None, revision=1, **columns):
    status = "merged" if into else "active"
    return {"event_id": name, "revision": revision, "status": status, "merged_into": into} | columns


def pairs(database, query):
    return dict(database.execute(query).fetchall())


MOVES = {
    "never": ([place("A", 1)], "A"),
    "once": ([place("A", 1), place("A", 5, left=True), place("B", 5)], "B"),
    "back": (
        [
            place("A", 1),
            *(place("A", 5, left=True), place("B", 5)),
            *(place("B", 9, left=True), place("A", 9)),
        ],
        "A",
    ),
    "at once": ([place("Y", 3), place("Y", 3, left=True), place("O", 3)], "O"),
    "at once, other names": ([place("O", 3), place("O", 3, left=True), place("Y", 3)], "Y"),
    "with its revision": (
        [
            *(place("A", 1), place("A", 4, revision=2)),
            *(place("A", 7, left=True, revision=n) for n in (1, 2)),
            *(place("B", 7, revision=n) for n in (1, 2)),
        ],
        "B",
    ),
    "before its revision": (
        [place("A", 1), place("A", 5, left=True), place("B", 5), place("B", 8, revision=2)],
        "B",
    ),
    "as a run that ends tells it": ([place("B", 5), place("A", 5, left=True)], "B"),
}


@pytest.mark.parametrize("doubled", [False, True], ids=["once", "doubled"])
@pytest.mark.parametrize(("rows", "expected"), MOVES.values(), ids=MOVES)
def test_an_article_is_where_the_last_decision_put_it(rows, expected, doubled, views):
    article = {"article_id": "a", "event_id": rows[0]["event_id"], "sequence": 1}
    database = views(articles=[article] * (1 + doubled), event_articles=rows + rows[::-1] * doubled)
    found = database.execute("SELECT event_id, left_at FROM event_articles_latest").fetchall()
    assert found == [(expected, None)]
    found = database.execute("SELECT article_id, event_id FROM articles_latest").fetchall()
    assert found == [("a", expected)]


def test_an_article_that_only_left_is_where_its_row_says(views):
    database = views(
        articles=[{"article_id": "a", "event_id": "B"}],
        event_articles=[place("A", 5, left=True)],
    )
    assert pairs(database, "SELECT article_id, event_id FROM articles_latest") == {"a": "B"}


def test_an_article_without_a_place_is_where_its_row_says(views):
    database = views(articles=[{"article_id": "a", "event_id": "A"}])
    assert pairs(database, "SELECT article_id, event_id FROM articles_latest") == {"a": "A"}


def test_merged_events_lead_to_the_survivor(views):
    database = views(
        events=[event("one", "two"), event("two", "three"), event("three"), event("four")],
        articles=[{"article_id": name, "event_id": name} for name in ("one", "two", "four")],
        event_articles=[place("one", 1, article="one"), place("two", 1, article="four")],
    )
    assert pairs(database, "SELECT event_id, survivor_id FROM event_survivors") == {
        "one": "three",
        "two": "three",
        "three": "three",
        "four": "four",
    }
    assert pairs(database, "SELECT article_id, event_id FROM articles_latest") == {
        "one": "three",
        "two": "three",
        "four": "three",
    }


def test_only_the_last_revision_of_an_event_merges_it(views):
    database = views(events=[event("a", "b", 2), event("a"), event("b"), event("b", "a", 0)])
    survivors = pairs(database, "SELECT event_id, survivor_id FROM event_survivors")
    assert survivors == {"a": "b", "b": "b"}


@pytest.mark.parametrize(
    ("merges", "survivors"),
    [
        ({"x": "y", "y": "x"}, {"x": "x", "y": "y"}),
        ({"x": "x"}, {"x": "x"}),
        ({"w": "x", "x": "y", "y": "x"}, {"w": "w", "x": "x", "y": "y"}),
        ({"x": "gone"}, {"x": "x"}),
        ({"w": "x", "x": "gone"}, {"w": "x", "x": "x"}),
    ],
    ids=["circle", "itself", "into-a-circle", "unknown", "chain-to-unknown"],
)
def test_impossible_merges_end_and_lose_no_event(merges, survivors, views):
    database = views(events=[event(name, into) for name, into in merges.items()])
    assert pairs(database, "SELECT event_id, survivor_id FROM event_survivors") == survivors


def test_long_chain_of_merges_ends(views, make_record, dim, tmp_path):
    database = views()
    row = ROW_SOURCES["events"].row(make_record("events"))
    rows = [row | event(f"{n}", f"{n + 1}") for n in range(300)] + [row | event("300")]
    ParquetFolder(tmp_path, ROW_SOURCES["events"].table, dim).write(rows)
    found = database.execute("SELECT DISTINCT survivor_id FROM event_survivors").fetchall()
    assert found == [("300",)]


def test_doubled_rows_count_once(views):
    rows = {
        "articles": [{"article_id": "a", "event_id": "A"}, {"article_id": "b", "event_id": "A"}],
        "events": [event("A"), event("A", revision=2), event("B", "A")],
        "event_articles": [place("A", 1), place("A", 2, article="b")],
    }
    once = views(**rows)
    views_of = ("articles_latest", "events_latest", "event_articles_latest", "event_survivors")
    expected = [once.execute(f"SELECT * FROM {view} ORDER BY ALL").fetchall() for view in views_of]
    twice = views(**{table: found * 2 for table, found in rows.items()})
    found = [twice.execute(f"SELECT * FROM {view} ORDER BY ALL").fetchall() for view in views_of]
    assert found == expected
    assert [len(some) for some in found] == [2, 2, 2, 2]


def test_the_views_are_one_file_that_the_report_uses_too():
    from pipelines.report import tables

    assert tables.latest_views() in VIEWS.read_text(encoding="utf-8")
    assert tables.latest_views().count("CREATE OR REPLACE VIEW") == 4
    assert "read_parquet" not in tables.latest_views()
