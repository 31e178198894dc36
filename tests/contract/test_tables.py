"""The tables' contract: one definition, two schemas that agree, and rows that fill them.

After a wanted change, write the recorded contract anew with
``PYTHONPATH=. python tests/contract/test_tables.py`` and raise ``SCHEMA_VERSION``.
"""

import json
from collections import defaultdict
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from schemas import SCHEMA_VERSION
from schemas.tables import TABLES
from transforms.write.rows import ROW_SOURCES

RECORDED = Path(__file__).parents[1] / "data" / "contract" / "tables.json"

# What a record knows and no table shows; anything else must reach a column.
NOT_WRITTEN = {
    "Alert": set(),
    "Assignment": {
        "compared.embedded.article.key",
        "compared.embedded.article.notices.0.article_id",
        "compared.embedded.article.notices.0.kind",
        "compared.embedded.article.notices.0.noticed_at",
        "compared.embedded.article.notices.0.evidence",
        "compared.embedded.article.quoted",
        "compared.embedded.article.trimmed",
        "compared.further",
        "compared.neighbours.0.article_id",
        "compared.neighbours.0.cosine",
        "compared.neighbours.0.containment",
        "compared.neighbours.0.via",
        "earlier.0.merged",
    },
    "Event": set(),
    "EventChange": set(),
    "Fetch": set(),
    "Notice": set(),
    "Rejected": set(),
    "Sighting": set(),
}
CONSTANT_COLUMNS = {"round", "schema_version", "source", "specversion"}
LATER_COLUMNS = {"left_at"}  # null in the first row of a record; the rows after it fill them

BIGQUERY_TYPES = {
    "STRING": pa.types.is_string,
    "BYTES": pa.types.is_binary,
    "BOOLEAN": pa.types.is_boolean,
    "INTEGER": pa.types.is_integer,
    "FLOAT": pa.types.is_floating,
    "TIMESTAMP": pa.types.is_timestamp,
    "RECORD": pa.types.is_struct,
}


@pytest.fixture(params=TABLES, ids=lambda table: table.name)
def table(request):
    return request.param


@pytest.fixture(params=ROW_SOURCES.values(), ids=ROW_SOURCES)
def source(request):
    return request.param


def contract():
    """Describe every table in a form whose changes read well in a review."""
    tables = {
        table.name: {
            "description": table.description,
            "key": list(table.key),
            "partition_by": table.partition_by,
            "vectors": [column.name for column in table.columns if column.vector],
            "bigquery": table.bigquery_schema(),
        }
        for table in TABLES
    }
    return {"schema_version": SCHEMA_VERSION, "tables": tables}


def assert_same_column(arrow, bigquery):
    assert arrow.name == bigquery["name"]
    kind = arrow.type
    repeated = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
    if repeated:
        assert not kind.value_field.nullable
        kind = kind.value_type
    expected = "REPEATED" if repeated else "NULLABLE" if arrow.nullable else "REQUIRED"
    assert bigquery["mode"] == expected
    assert BIGQUERY_TYPES[bigquery["type"]](kind)
    assert arrow.metadata[b"description"].decode() == bigquery["description"]
    inner = list(kind) if pa.types.is_struct(kind) else []
    assert_same_columns(inner, bigquery.get("fields", []))


def assert_same_columns(arrow, bigquery):
    assert len(arrow) == len(bigquery)
    for arrow_field, bigquery_field in zip(arrow, bigquery):
        assert_same_column(arrow_field, bigquery_field)


def test_arrow_and_bigquery_agree_column_by_column(table):
    assert_same_columns(list(table.arrow_schema(4)), table.bigquery_schema())


def test_comparison_of_schemas_sees_a_difference():
    bigquery = TABLES[0].bigquery_schema()
    bigquery[0]["mode"] = "NULLABLE"
    with pytest.raises(AssertionError):
        assert_same_columns(list(TABLES[0].arrow_schema(4)), bigquery)


def test_vectors_have_the_dimension_of_the_encoder(table):
    for column in table.columns:
        if column.vector:
            assert table.arrow_schema(7).field(column.name).type.list_size == 7


def test_times_are_microseconds_in_utc(table):
    times = [field.type for field in table.arrow_schema(4) if pa.types.is_timestamp(field.type)]
    assert set(times) == {pa.timestamp("us", tz="UTC")}


def every_column(columns):
    for column in columns:
        yield column
        yield from every_column(column.fields)


def test_every_column_says_what_it_means(table):
    assert table.description.endswith(".")
    for column in every_column(table.columns):
        assert column.description.strip(), column.name


def test_column_names_are_unique_and_leave_date_to_the_partition(table):
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert "date" not in names


def test_key_columns_exist_and_are_never_null(table):
    by_name = {column.name: column for column in table.columns}
    for name in table.key:
        assert not by_name[name].nullable
        assert not by_name[name].repeated


def test_partition_column_is_a_time_that_is_never_null(table):
    (column,) = [column for column in table.columns if column.name == table.partition_by]
    assert (column.type, column.nullable, column.repeated) == ("timestamp", False, False)


def test_contract_is_the_recorded_one():
    assert contract() == json.loads(RECORDED.read_text()), (
        "the tables changed: raise SCHEMA_VERSION and write the recorded contract anew, "
        "see the top of this file"
    )


def test_every_table_has_rows():
    assert [source.table for source in ROW_SOURCES.values()] == list(TABLES)


def leaves(value, path=()):
    """Name every field below a record that holds a value of its own."""
    if is_dataclass(value):
        for field in fields(value):
            yield from leaves(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, tuple) and is_dataclass(value[0]):
        yield from leaves(value[0], (*path, 0))
    else:
        yield path


def with_other(value, path):
    """Copy a record with the one field at ``path`` changed."""
    if not path:
        return other(value)
    name, *rest = path
    if name == 0:
        return (with_other(value[0], rest), *value[1:])
    return replace(value, **{name: with_other(getattr(value, name), rest)})


def other(value):
    match value:
        case bool():
            return not value
        case datetime():
            return value + timedelta(days=1)
        case bytes():
            return bytes(reversed(value))
        case str():
            return value + "x"
        case tuple():
            return (*value, "x")
        case _:
            return value + 0.5


def differing_columns(one, two):
    def plain(cell):
        return cell.tolist() if isinstance(cell, np.ndarray) else cell

    return {name for name in one if plain(one[name]) != plain(two[name])}


def any_column_differs(some, others):
    return any(differing_columns(one, two) for one, two in zip(some, others, strict=True))


def test_every_field_of_a_record_reaches_a_column_or_is_listed(build_record):
    written = defaultdict(set)
    known = defaultdict(set)
    for source in ROW_SOURCES.values():
        record = build_record(source.record)
        name = source.record.__name__
        for path in leaves(record):
            known[name].add(".".join(map(str, path)))
            if any_column_differs(source.rows(record), source.rows(with_other(record, path))):
                written[name].add(".".join(map(str, path)))
    assert {name: known[name] - written[name] for name in known} == NOT_WRITTEN


def test_every_column_is_filled_from_a_field(source, build_record):
    record = build_record(source.record)
    row = source.row(record)
    filled = set()
    for path in leaves(record):
        filled |= differing_columns(row, source.row(with_other(record, path)))
    assert set(row) - filled <= CONSTANT_COLUMNS | LATER_COLUMNS
    assert {name for name, cell in row.items() if cell is None} <= LATER_COLUMNS


if __name__ == "__main__":
    RECORDED.parent.mkdir(parents=True, exist_ok=True)
    RECORDED.write_text(json.dumps(contract(), indent=2) + "\n")
