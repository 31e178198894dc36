from pathlib import Path

import duckdb

from transforms.write.parquet import ParquetFolder
from transforms.write.rows import ROW_SOURCES

VIEWS = Path(__file__).parents[2] / "deploy/sql/duckdb_latest.sql"


def test_the_views_show_the_newest_revision_of_each_row(make_record, dim, tmp_path):
    for table, source in ROW_SOURCES.items():
        rows = [source.row(make_record(table))]
        if table in ("articles", "events", "event_articles"):
            rows.append(rows[0] | {"revision": 7})
        ParquetFolder(tmp_path, source.table, dim).write(rows)
    database = duckdb.connect()
    database.execute(f"SET file_search_path = '{tmp_path}'")
    database.execute(VIEWS.read_text(encoding="utf-8"))
    for view in ("articles_latest", "events_latest", "event_articles_latest"):
        assert database.execute(f"SELECT revision FROM {view}").fetchall() == [(7,)]
