"""The Parquet files as Spark reads them: types, rows, latest views, vectors, partitions.

Spark comes from a pinned file into an environment of its own (0.5 GB) and needs Java 17 or later.
"""

import json
import re
import shutil
import subprocess
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.dataset as ds
import pytest

from schemas import SCHEMA_VERSION
from schemas.tables import TABLES
from tests.environments import environment
from transforms.write.parquet import ParquetFolder
from transforms.write.rows import ROW_SOURCES

HERE = Path(__file__).parent
SQL = HERE.parents[1] / "deploy" / "sql"
GOLDEN = HERE / "golden" / f"v{SCHEMA_VERSION}"
DIM = 4
VIEWS = {
    "events_latest": ["event_id"],
    "event_survivors": ["event_id"],
    "event_articles_latest": ["article_id"],
    "articles_latest": ["article_id"],
}
VECTORS = {"embedding", "centroid"}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
LATER = datetime(2024, 5, 3, tzinfo=timezone.utc)
OLDEST_JAVA = 17

# Rows beside those of the golden files, as what differs: events that were merged in a chain and in
# a circle, articles with a later revision and in another event than at first.
MORE = {
    "events": [
        {"event_id": name, "revision": 1, "status": status, "merged_into": into}
        for name, status, into in (
            ("m1", "merged", "m2"), ("m2", "merged", "m3"), ("m3", "active", None),
            ("c1", "merged", "c2"), ("c2", "merged", "c1"),
            ("lost", "merged", "gone"), ("e2", "active", None),
        )
    ] + [{"event_id": "m3", "revision": 5, "status": "active", "merged_into": None}],
    "articles": [
        {"article_id": name, "revision": revision, "event_id": event,
         "title": f"{name}.{revision}", "embedding": [0.5, -0.5, 0.25, last]}
        for name, revision, event, last in (
            ("b1", 1, "m1", 0.0), ("b1", 3, "m1", 0.5), ("b1", 2, "m1", 1.0), ("b2", 1, "c1", 0.25),
            ("b3", 1, "m2", -0.5), ("b4", 1, "e2", -1.0),
        )
    ],
    "event_articles": [
        {"article_id": name, "revision": revision, "event_id": event, "sequence": sequence,
         "left_at": left}
        for name, revision, event, sequence, left in (
            ("b1", 1, "m1", 1, None), ("b1", 3, "m1", 7, None),
            ("b3", 1, "m2", 2, None), ("b3", 1, "m2", 5, LATER), ("b3", 1, "e2", 5, None),
            ("b4", 1, "e2", 3, None), ("b4", 1, "e2", 3, LATER), ("b4", 1, "m3", 3, None),
        )
    ],
}  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.spark]


def java():
    """The version of Java there is; 0 when there is none."""
    if shutil.which("java") is None:
        return 0
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0


def first_row(table):
    return ds.dataset(GOLDEN / table.name, partitioning=None).head(1).to_pylist()[0]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The golden files and more rows."""
    folder = tmp_path_factory.mktemp("spark") / "out"
    shutil.copytree(GOLDEN, folder)
    for name, changes in MORE.items():
        table = ROW_SOURCES[name].table
        rows = [first_row(table) | change for change in changes]
        for row in rows:
            row |= {name: np.array(row[name], "f4") for name in VECTORS & row.keys()}
        ParquetFolder(folder, table, DIM).write(rows)
    return folder


@pytest.fixture(scope="module")
def spark(output, tmp_path_factory):
    """What Spark says of them."""
    if java() < OLDEST_JAVA:
        pytest.skip(f"Spark needs Java {OLDEST_JAVA} or later")
    python = environment(HERE / "spark.txt")
    reader, views = HERE / "spark_reader.py", SQL / "spark_latest.sql"
    done = subprocess.run(
        [python, reader, output, views, *(table.name for table in TABLES)],
        cwd=tmp_path_factory.mktemp("work"),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def database(output):
    with duckdb.connect() as opened:
        opened.execute(f"SET file_search_path = '{output}'")
        opened.execute((SQL / "duckdb_latest.sql").read_text(encoding="utf-8"))
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def spark_type(column):
    scalars = {
        "string": "string", "bytes": "binary", "bool": "boolean", "int32": "int",
        "int64": "bigint", "float32": "float", "float64": "double", "timestamp": "timestamp",
    }  # fmt: skip
    if column.type == "struct":
        fields = ",".join(f"{field.name}:{spark_type(field)}" for field in column.fields)
        inner = f"struct<{fields}>"
    else:
        inner = scalars[column.type]
    return f"array<{inner}>" if column.repeated else inner


def plain(value):
    """Say a value as the reader says it."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return value.isoformat() if isinstance(value, date) else value


def ordered(rows, key):
    """Sort rows by their key, and then by all they say."""
    return sorted(rows, key=lambda row: ([str(row[name]) for name in key], json.dumps(row)))


def test_types_are_those_of_the_tables(spark):
    """A time is an instant (``timestamp``, not ``timestamp_ntz``), a vector an array of floats."""
    for table in TABLES:
        expected = {column.name: spark_type(column) for column in table.columns}
        assert spark["types"][table.name] == expected | {"date": "date"}, table.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_are_those_that_pyarrow_reads(spark, output, table):
    rows = ds.dataset(output / table.name, partitioning="hive").to_table().to_pylist()
    expected = [dict(sorted(plain(row).items())) for row in rows]
    found = [dict(sorted(row.items())) for row in spark["rows"][table.name]]
    assert ordered(found, table.key) == ordered(expected, table.key)


@pytest.mark.parametrize(("view", "key"), VIEWS.items(), ids=VIEWS)
def test_latest_views_say_what_duckdb_says(spark, database, view, key):
    relation = database.sql(f"SELECT * FROM {view}")
    rows = [dict(zip(relation.columns, row)) for row in relation.fetchall()]
    expected = [dict(sorted(plain(row).items())) for row in rows]
    found = [dict(sorted(row.items())) for row in spark["views"][view]]
    assert ordered(found, key) == ordered(expected, key)


def test_the_rows_put_the_views_to_the_test(spark):
    survivors = {row["event_id"]: row["survivor_id"] for row in spark["views"]["event_survivors"]}
    assert survivors["m1"] == survivors["m2"] == survivors["m3"] == "m3"
    assert (survivors["c1"], survivors["c2"], survivors["lost"]) == ("c1", "c2", "lost")
    articles = {row["article_id"]: row for row in spark["views"]["articles_latest"]}
    assert (articles["b1"]["title"], articles["b1"]["event_id"]) == ("b1.3", "m3")
    assert [articles[name]["event_id"] for name in ("b2", "b3", "b4")] == ["c1", "e2", "m3"]


def test_the_nearest_article_is_found_by_its_vector(spark, database):
    expected = database.sql(
        """SELECT other.article_id, list_cosine_similarity(asked.embedding, other.embedding) AS near
        FROM articles_latest AS asked, articles_latest AS other
        WHERE asked.article_id = 'a1' AND other.article_id <> 'a1'
        ORDER BY near DESC, other.article_id"""
    ).fetchall()
    assert [name for name, _ in spark["cosines"]] == [name for name, _ in expected]
    assert [near for _, near in spark["cosines"]] == pytest.approx(
        [near for _, near in expected], abs=1e-6
    )


def test_a_day_is_chosen_by_the_partition(spark, output):
    days = ds.dataset(output / "articles", partitioning="hive").to_table(["date"])["date"]
    first = min(days.to_pylist())
    assert spark["day"] == days.to_pylist().count(first)
    assert re.search(r"PartitionFilters: \[.*date#\d+ = 1999-01-01", spark["plan"])
