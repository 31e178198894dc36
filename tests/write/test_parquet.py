from datetime import datetime, timedelta, timezone

import duckdb
import pandas
import polars
import pyarrow.dataset
import pyarrow.parquet
import pytest

from schemas import SCHEMA_VERSION
from schemas.tables import TABLES
from transforms.write.parquet import ParquetFolder
from transforms.write.rows import ROW_SOURCES

MIDNIGHT = datetime(2024, 5, 2, tzinfo=timezone.utc)
TABLE_NAMES = [table.name for table in TABLES]

READERS = {
    "duckdb": lambda path: duckdb.read_parquet(f"{path}/**/*.parquet").to_arrow_table().to_pylist(),
    "duckdb-sql": lambda path: sql("select * from", path).to_arrow_table().to_pylist(),
    "pandas": lambda path: pandas.read_parquet(path).to_dict("records"),
    "polars": lambda path: polars.read_parquet(f"{path}/**/*.parquet").to_dicts(),
    "polars-folder": lambda path: polars.read_parquet(path).to_dicts(),
    "pyarrow": lambda path: (
        pyarrow.dataset.dataset(path, partitioning="hive").to_table().to_pylist()
    ),
}


def sql(select, path, rest=""):
    return duckdb.sql(f"{select} read_parquet('{path}/**/*.parquet') {rest}")


@pytest.fixture
def rows(make_record):
    """``rows(table_name, *changes)``: one row for each dict of changes."""
    return lambda name, *changes: [
        ROW_SOURCES[name].row(make_record(name, **change)) for change in changes
    ]


@pytest.fixture
def folder(tmp_path, dim):
    """``folder(table_name)``: where rows of that table go."""
    return lambda name, **options: ParquetFolder(tmp_path, ROW_SOURCES[name].table, dim, **options)


def days(name, *offsets):
    """Make the changes that move a record to days after MIDNIGHT, with a key of its own."""
    table = ROW_SOURCES[name].table
    time = "event_time" if name == "event_articles" else table.partition_by
    key = {"event_articles": "article_id", "dead_letters": "key"}.get(name, table.key[0])
    return [
        {time: MIDNIGHT + timedelta(days=offset), key: f"id{number}"}
        for number, offset in enumerate(offsets)
    ]


def ids(path):
    return pyarrow.parquet.read_table(path, partitioning=None)["article_id"].to_pylist()


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
        return datetime.fromtimestamp(value.timestamp(), timezone.utc)
    return value


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("name", TABLE_NAMES)
def test_every_reader_gets_the_rows_back(name, reader, rows, folder, tmp_path):
    written = rows(name, *days(name, 0, 0, 1))
    folder(name).write(written)
    columns = list(written[0])
    read = [plain({column: row[column] for column in columns}) for row in reader(tmp_path / name)]
    key = ROW_SOURCES[name].table.key
    in_order = sorted(read, key=lambda row: [row[column] for column in key])
    assert in_order == [plain(row) for row in written]


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("name", TABLE_NAMES)
def test_every_reader_opens_a_table_without_rows(name, reader, folder, tmp_path):
    assert folder(name).write_empty() == f"{name}/date=1970-01-01/part-empty.parquet"
    assert reader(tmp_path / name) == []


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_the_empty_file_does_not_disturb_later_rows(reader, rows, folder, tmp_path):
    folder("articles").write_empty()
    folder("articles").write(rows("articles", *days("articles", 0, 1)))
    assert [row["article_id"] for row in reader(tmp_path / "articles")] == ["id0", "id1"]


@pytest.mark.parametrize("with_rows", [True, False], ids=["rows", "no-rows"])
def test_date_can_be_queried_with_and_without_rows(with_rows, rows, folder, tmp_path):
    if with_rows:
        folder("articles").write(rows("articles", *days("articles", 0, 1, 1)))
    else:
        folder("articles").write_empty()
    counted = sql("select date, count(*) from", tmp_path / "articles", "group by 1 order by 1")
    found = [(str(date), n) for date, n in counted.fetchall()]
    assert found == ([("2024-05-02", 1), ("2024-05-03", 2)] if with_rows else [])


def test_last_microsecond_of_a_day_stays_in_that_day(rows, folder):
    late = {"event_time": MIDNIGHT - timedelta(microseconds=1), "article_id": "late"}
    early = {"event_time": MIDNIGHT, "article_id": "early"}
    paths = folder("articles").write(rows("articles", early, late))
    dates = [path.split("/")[1] for path in paths]
    assert dates == ["date=2024-05-01", "date=2024-05-02"]


def test_rows_are_sorted_by_the_key(rows, folder, tmp_path):
    changes = [{"article_id": "b"}, {"article_id": "a", "revision": 2}, {"article_id": "a"}]
    (path,) = folder("articles").write(rows("articles", *changes))
    table = pyarrow.parquet.read_table(tmp_path / path, partitioning=None)
    keys = list(zip(table["article_id"].to_pylist(), table["revision"].to_pylist()))
    assert keys == [("a", 1), ("a", 2), ("b", 1)]


def test_order_of_arrival_leaves_no_trace(rows, folder, tmp_path):
    written = rows("articles", *days("articles", 0, 0, 0))
    (first,) = folder("articles").write(written)
    content = (tmp_path / first).read_bytes()
    (second,) = folder("articles").write(reversed(written))
    assert second == first
    assert (tmp_path / second).read_bytes() == content


def test_writing_again_does_not_touch_the_file(rows, folder, tmp_path):
    written = rows("articles", *days("articles", 0))
    (path,) = folder("articles").write(written)
    before = (tmp_path / path).stat()
    folder("articles").write(written)
    after = (tmp_path / path).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_same_rows_with_other_content_replace_the_file(rows, folder, tmp_path):
    (first,) = folder("articles").write(rows("articles", {"title": "before"}))
    (second,) = folder("articles").write(rows("articles", {"title": "after"}))
    assert first == second
    table = pyarrow.parquet.read_table(tmp_path / first, partitioning=None)
    assert table["title"].to_pylist() == ["after"]


def test_other_rows_of_the_same_day_go_to_another_file(rows, folder):
    (first,) = folder("articles").write(rows("articles", {"article_id": "a"}))
    (second,) = folder("articles").write(rows("articles", {"article_id": "b"}))
    assert first != second


def test_large_day_is_cut_after_sorting(rows, folder, tmp_path):
    changes = [{"article_id": name} for name in "dbeca"]
    paths = folder("articles", max_rows=2).write(rows("articles", *changes))
    assert [ids(tmp_path / path) for path in paths] == [["a", "b"], ["c", "d"], ["e"]]


def test_dead_letters_that_look_the_same_are_all_kept(rows, folder, tmp_path):
    same = rows("dead_letters", *[{}] * 5)
    paths = folder("dead_letters", max_rows=2).write(same)
    assert len(set(paths)) == 3
    assert pyarrow.dataset.dataset(tmp_path / "dead_letters").count_rows() == 5


def test_dead_letters_with_one_id_are_ordered_by_content(rows, folder, tmp_path):
    pair = rows("dead_letters", {"error": "second"}, {"error": "first"})
    (path,) = folder("dead_letters").write(pair)
    content = (tmp_path / path).read_bytes()
    folder("dead_letters").write(reversed(pair))
    assert (tmp_path / path).read_bytes() == content


def test_file_carries_its_contract(rows, folder, tmp_path):
    (path,) = folder("articles").write(rows("articles", {}))
    schema = pyarrow.parquet.read_schema(tmp_path / path)
    assert schema.metadata[b"schema_version"].decode() == SCHEMA_VERSION
    assert schema.metadata[b"table"] == b"articles"
    assert schema.field("title").metadata[b"description"] == b"Headline as plain text."


def test_file_has_the_schema_of_its_table(rows, folder, tmp_path, dim):
    (path,) = folder("events").write(rows("events", {}))
    schema = pyarrow.parquet.read_schema(tmp_path / path)
    assert schema.equals(ROW_SOURCES["events"].table.arrow_schema(dim))


def test_file_is_compressed_with_zstd(rows, folder, tmp_path):
    (path,) = folder("articles").write(rows("articles", {}))
    group = pyarrow.parquet.ParquetFile(tmp_path / path).metadata.row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"ZSTD"}


def test_vector_of_another_length_is_refused(rows, folder):
    written = rows("articles", {"embedding": b"\x00" * 12})
    with pytest.raises(ValueError, match=r"articles\.embedding has 3 numbers, not 4"):
        folder("articles").write(written)
