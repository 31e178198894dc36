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
    "channels",
)


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
