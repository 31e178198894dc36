"""Files of every schema version so far, as strangers and we ourselves read them.

``golden/v<version>`` was written once, when that version was made, and never changes: users keep
such files. For a new version run ``PYTHONPATH=. python tests/contract/test_golden_files.py`` and
add the line it prints to WRITTEN.
"""

import base64
import hashlib
import json
import runpy
import shutil
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pipelines.report.tables import open_tables
from pipelines.resume import OutputSeeds
from schemas import SCHEMA_VERSION
from schemas.tables import TABLES, Column, Table
from transforms.write.parquet import ParquetFolder
from transforms.write.rows import ROW_SOURCES

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
ROWS_FILE = "rows.json"  # what the files of a version hold
VIEWS = ("duckdb_latest.sql", "duckdb_notices.sql")
DIM = 4

# Digest of all files of a version. One that differs means that users' files are no longer tested.
WRITTEN = {
    "v3": "9c48788948656af46f2b8a85112cec3979c777a6a98e1ce5945d38b65a28559c",
}

NEW_VERSION = (
    "raise SCHEMA_VERSION in schemas/__init__.py and add golden files of that version with "
    "PYTHONPATH=. python tests/contract/test_golden_files.py; never change old ones"
)

READERS = {
    "duckdb": lambda path: (
        duckdb.sql(f"FROM read_parquet('{path}/*/*.parquet', hive_partitioning = true)")
        .to_arrow_table()
        .to_pylist()
    ),
    "pandas": lambda path: pandas.read_parquet(path).to_dict("records"),
    "polars": lambda path: polars.read_parquet(path).to_dicts(),
    "pyarrow": lambda path: ds.dataset(path, partitioning="hive").to_table().to_pylist(),
}

# Further rows of a table, as what differs from its first one; "bare" leaves out all it can.
MORE_ROWS = {
    "articles": (
        {"bare": True, "article_id": "a2", "embedding": np.array([0.5, -0.5, 0.5, 0.4], "f4")},
        {"article_id": "a3", "event_id": "e0", "embedding": np.array([0, 1, 0, 0], "f4"),
         "dup_kind": "near_verbatim", "dup_of": "a1", "dup_score": 0.875},
    ),
    "events": (
        {"bare": True, "event_id": "e0", "status": "active", "title": "Brücke gesperrt – 「橋」"},
        {"event_id": "e2", "status": "active", "merged_into": None},
    ),
    "event_articles": (
        {"bare": True, "article_id": "a2", "sequence": 2},
        {"event_id": "e0", "article_id": "a3", "sequence": 3},
    ),
    "dead_letters": ({"key": "file:///in/3.txt", "payload": b""},),
    "fetch_log": ({"bare": True, "feed_id": "f2"},),
    "alerts": ({"bare": True, "outcome": "planned", "body": "{}"},),
    "sightings": ({"article_id": "a2", "identity_key": "example.org"},),
}  # fmt: skip


def golden_rows(table, first):
    """Make the rows that a version's file of a table holds, out of its first one."""
    bare = {
        column.name: [] if column.repeated else None
        for column in table.columns
        if column.nullable or (column.repeated and not column.vector)
    }
    return [
        first,
        *(
            first
            | (bare if change.get("bare") else {})
            | {k: change[k] for k in change.keys() - {"bare"}}
            for change in MORE_ROWS.get(table.name, ())
        ),
    ]


def to_json(value):
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return value.tolist()


def from_json(value):
    if value.keys() == {"base64"}:
        return base64.b64decode(value["base64"])
    return datetime.fromisoformat(value["time"]) if value.keys() == {"time"} else value


def expected_rows(version):
    """Give the rows of each table that were written into a version's files, by their order."""
    text = (GOLDEN / version / ROWS_FILE).read_text(encoding="utf-8")
    return json.loads(text, object_hook=from_json)


def digest(folder):
    """Name the files below a folder by what they are called and hold."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return total.hexdigest()


def type_of(field):
    return f"{field.type}{'' if field.nullable else ' not null'}"


def differences(table: Table, folder):
    """Say how a table's definition differs from a golden file of it; descriptions do not count."""
    files = sorted((folder / table.name).rglob("*.parquet"))
    if not files:
        return [f"{table.name}: no golden file"]
    old, new = pq.read_schema(files[0]), table.arrow_schema(DIM)
    if new.equals(old):
        return []
    told = [f"{table.name}.{name}: gone" for name in old.names if name not in new.names]
    for field in new:
        if field.name not in old.names:
            told.append(f"{table.name}.{field.name}: new")
        elif not field.equals(old.field(field.name)):
            was = type_of(old.field(field.name))
            told.append(f"{table.name}.{field.name}: was {was}, is {type_of(field)}")
    return told or [f"{table.name}: the order of its columns changed"]


def plain(value):
    """Undo what readers do differently: arrays for lists, NaN or NaT for null, own time types."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if value is None or value != value:
        return None
    if isinstance(value, datetime):
        assert value.utcoffset().total_seconds() == 0
        return datetime.fromtimestamp(value.timestamp(), timezone.utc)
    return value


VERSIONS = sorted(path.name for path in GOLDEN.glob("v*"))
VERSION_TABLES = [
    (version, name) for version in VERSIONS for name in sorted(expected_rows(version))
]


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def database(version):
    """Open the golden files of a version as ``docs/tables.md`` says."""
    with duckdb.connect() as opened:
        opened.execute(f"SET file_search_path = '{GOLDEN / version}'")
        for name in VIEWS:
            opened.execute((ROOT / "deploy" / "sql" / name).read_text(encoding="utf-8"))
        yield opened


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_as_in_the_golden_files_of_its_version(table):
    told = differences(table, GOLDEN / f"v{SCHEMA_VERSION}")
    assert not told, f"version {SCHEMA_VERSION} is in use: {'; '.join(told)}: {NEW_VERSION}"


def test_golden_files_are_never_changed():
    found = {version: digest(GOLDEN / version) for version in VERSIONS}
    assert found == WRITTEN, f"golden files differ from what was written: {NEW_VERSION}"


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(("version", "name"), VERSION_TABLES)
def test_a_stranger_reads_the_rows_and_their_date(version, name, reader):
    expected = expected_rows(version)[name]
    found = [plain(row) for row in reader(GOLDEN / version / name)]
    (folder,) = (path.name for path in (GOLDEN / version / name).iterdir())
    assert {f"date={row.pop('date')}" for row in found} == {folder}
    assert found == expected


def test_types_are_what_strangers_expect(version):
    articles = GOLDEN / version / "articles"
    relation = duckdb.read_parquet(f"{articles}/*/*.parquet")
    in_duckdb = dict(zip(relation.columns, map(str, relation.types)))
    in_pandas = pandas.read_parquet(articles).dtypes
    in_polars = polars.read_parquet(articles).schema
    in_arrow = ds.dataset(articles, partitioning="hive").schema
    assert in_duckdb["event_time"] == "TIMESTAMP WITH TIME ZONE"
    assert str(in_pandas["event_time"]) == "datetime64[us, UTC]"
    assert in_polars["event_time"] == polars.Datetime("us", "UTC")
    assert in_arrow.field("event_time").type == pa.timestamp("us", "UTC")
    assert in_duckdb["authors"] == "VARCHAR[]"
    assert in_polars["authors"] == polars.List(polars.String)
    assert in_duckdb["embedding"] == "FLOAT[]"
    assert in_polars["embedding"] == polars.Array(polars.Float32, DIM)
    assert pa.types.is_fixed_size_list(in_arrow.field("embedding").type)


def test_structs_in_lists_have_named_fields(version):
    events = GOLDEN / version / "events"
    relation = duckdb.read_parquet(f"{events}/*/*.parquet")
    in_duckdb = dict(zip(relation.columns, map(str, relation.types)))
    assert in_duckdb["keywords"] == "STRUCT(term VARCHAR, weight FLOAT)[]"
    in_polars = polars.read_parquet(events).explode("keywords").unnest("keywords")
    assert "bridge" in in_polars["term"].to_list()
    assert in_polars.schema["weight"] == polars.Float32


def test_a_day_is_chosen_by_the_partition(version):
    articles = GOLDEN / version / "articles"
    count = "SELECT count(*) FROM read_parquet(?) WHERE date = ?"
    glob = f"{articles}/*/*.parquet"
    with duckdb.connect() as opened:  # the shared one would be left with an open result
        assert opened.execute(count, [glob, "2024-05-01"]).fetchall() == [(3,)]
        assert opened.execute(count, [glob, "2024-05-02"]).fetchall() == [(0,)]
    dataset = ds.dataset(articles, partitioning="hive")
    assert dataset.count_rows(filter=ds.field("date") == "2024-05-01") == 3


@pytest.mark.parametrize(
    "nearness",
    [
        "list_cosine_similarity(asked.embedding, other.embedding)",
        f"1 - array_cosine_distance(asked.embedding::FLOAT[{DIM}], other.embedding::FLOAT[{DIM}])",
    ],
    ids=["list", "array"],
)
def test_duckdb_finds_the_nearest_article(database, nearness):
    found = database.sql(
        f"""SELECT other.article_id, {nearness} AS cosine
        FROM articles_latest AS asked, articles_latest AS other
        WHERE asked.article_id = 'a1' AND other.article_id <> 'a1' ORDER BY cosine DESC"""
    ).fetchall()
    assert [name for name, _ in found] == ["a2", "a3"]
    assert [cosine for _, cosine in found] == pytest.approx([0.99589, -0.5], abs=1e-4)


def test_others_get_the_embedding_as_a_matrix(version):
    articles = GOLDEN / version / "articles"
    table = ds.dataset(articles, partitioning="hive").to_table()
    flat = table["embedding"].combine_chunks().flatten().to_numpy()
    expected = np.array([row["embedding"] for row in expected_rows(version)["articles"]], "f4")
    assert (flat.reshape(len(table), DIM) == expected).all()
    assert (np.stack(pandas.read_parquet(articles)["embedding"]) == expected).all()
    assert (polars.read_parquet(articles)["embedding"].to_numpy() == expected).all()


def test_the_views_of_today_show_what_is_so_now(database):
    there = database.sql("SELECT article_id, event_id FROM articles_latest ORDER BY 1").fetchall()
    assert there == [("a1", "e0"), ("a2", "e0"), ("a3", "e0")]
    assert database.sql("SELECT article_id, kind FROM article_notices_latest").fetchall() == [
        ("a1", "retracted")
    ]


def test_the_report_of_today_opens_them(version):
    with open_tables(GOLDEN / version) as tables:
        tables.resolve_merges()
        assert {event["event_id"] for event in tables.events(10)} == {"e0", "e2"}
        assert len(tables.articles(10, 10)) == 3


def test_a_run_goes_on_from_files_of_its_version(tmp_path):
    """One of an older version is passed over, and said to be."""
    shutil.copytree(GOLDEN / f"v{SCHEMA_VERSION}", tmp_path / "out")
    files = [path.relative_to(tmp_path / "out") for path in tmp_path.rglob("*.parquet")]
    run = {"files": [path.as_posix() for path in files], "rounds": 0}
    (tmp_path / "out" / "run.json").write_text(json.dumps(run))
    seeds = OutputSeeds(str(tmp_path / "out"), 14.0, 0)
    assert seeds.load() == (3, 2)
    assert seeds.unusable() == []
    titles = {event.event_id: event.title for event in seeds.events()}
    assert titles == {"e0": "Brücke gesperrt – 「橋」", "e2": "Bridge closed"}
    assert [notice.article_id for notice in seeds.notices()] == ["a1"]


THINGS = Table(
    "things",
    "Things.",
    (
        Column("id", "string", "Name."),
        Column("at", "timestamp", "When."),
        Column("size", "int32", "How big."),
    ),
    ("id",),
    "at",
)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (lambda *known: known[:-1], ["things.size: gone"]),
        (lambda *known: (*known, replace(known[0], name="mood")), ["things.mood: new"]),
        (
            lambda *known: (*known[:-1], replace(known[-1], nullable=True)),
            ["things.size: was int32 not null, is int32"],
        ),
        (lambda *known: known[::-1], ["things: the order of its columns changed"]),
        (lambda *known: (replace(known[0], description="Other."), *known[1:]), []),
    ],
    ids=["gone", "new", "nullable", "order", "description"],
)
def test_a_changed_table_is_told_by_its_columns(columns, told, tmp_path):
    ParquetFolder(tmp_path, THINGS, DIM).write_empty()
    changed = replace(THINGS, columns=columns(*THINGS.columns))
    assert differences(changed, tmp_path) == told


def test_a_table_without_golden_files_is_told(tmp_path):
    assert differences(THINGS, tmp_path) == ["things: no golden file"]


def write():
    """Write the golden files of this version, from the records of the tests of ``write``."""
    version = f"v{SCHEMA_VERSION}"
    folder = GOLDEN / version
    if folder.exists():
        raise SystemExit(f"{folder} is there already: {NEW_VERSION}")
    records = runpy.run_path(str(ROOT / "tests" / "write" / "conftest.py"))["RECORDS"]
    rows = {}
    for name, source in ROW_SOURCES.items():
        made = golden_rows(source.table, source.row(records[name]()))
        rows[name] = sorted(made, key=lambda row: [row[key] for key in source.table.key])
        ParquetFolder(folder, source.table, DIM).write(rows[name])
    text = json.dumps(rows, default=to_json, indent=1, ensure_ascii=False)
    (folder / ROWS_FILE).write_text(text + "\n", encoding="utf-8")
    print(f'    "{version}": "{digest(folder)}",')


if __name__ == "__main__":
    write()
