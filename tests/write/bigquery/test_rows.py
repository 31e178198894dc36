"""Rows are in BigQuery what they are here, whichever way they came."""

import base64
import json
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from schemas.tables import ARTICLES, EVENT_ARTICLES, EVENTS, TABLES
from tests.emulators.marks import BIGQUERY
from transforms.write.bigquery.methods import METHODS
from transforms.write.bigquery.rows import (
    arrow_rows,
    json_bytes,
    json_row,
    plain_row,
    row_id,
    row_name,
)

NAMES = [table.name for table in TABLES]
FINE = datetime(2024, 5, 1, 23, 59, 59, 999_999, tzinfo=timezone.utc)
ODD = 'Zoë said "no"\\ \U0001f30a\u2028\n\t' + "؟"
VECTOR = np.array([0.1, -1e-38, 3.4028235e38, 1 / 3], "<f4")
ODD_VALUES = {
    "string": ODD, "bytes": bytes(range(256)), "bool": False, "int32": -(2**31), "int64": 2**53 + 1,
    "float32": float(np.float32(0.1)), "float64": 0.1 + 0.2, "timestamp": FINE,
}  # fmt: skip


def odd_value(column):
    """A value at the edge of what the column takes; null or empty where that is allowed."""
    if column.vector:
        return VECTOR
    if column.repeated:
        one = struct(column) if column.type == "struct" else ODD_VALUES[column.type]
        return [one, one] if column.name in ("channels", "keywords", "authors") else []
    return None if column.nullable else ODD_VALUES[column.type]


def struct(column):
    return {field.name: ODD_VALUES[field.type] for field in column.fields}


@pytest.fixture
def rows_of_kind(make_row):
    """``rows_of_kind(table)``: an ordinary row, and one of odd values."""
    return lambda table: [
        make_row(table.name),
        {column.name: odd_value(column) for column in table.columns} | {"round": 1},
    ]


def as_read(row):
    """What a query gives for a row."""
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in row.items()}


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_json_and_arrow_and_plain_rows_say_the_same(table, rows_of_kind):
    rows = rows_of_kind(table)
    plain = [plain_row(table, row) for row in rows]
    assert plain == [as_read(row) for row in rows]
    assert arrow_rows(table, rows).to_pylist() == plain
    for row, expected in zip(rows, plain):
        assert json.loads(json_bytes(table, row)) == json_row(table, row)
        assert unwritten(table.columns, json_row(table, row)) == expected


def unwritten(columns, row):
    """Read a JSON row by the types of its columns."""

    def one(column, value):
        if column.type == "struct":
            return unwritten(column.fields, value)
        if column.type == "bytes":
            return base64.b64decode(value)
        return datetime.fromisoformat(value) if column.type == "timestamp" else value

    return {
        column.name: [one(column, v) for v in row[column.name]]
        if column.repeated
        else None
        if row[column.name] is None
        else one(column, row[column.name])
        for column in columns
    }


def test_times_are_written_in_utc_to_the_microsecond(make_row):
    row = make_row("articles", event_time=FINE)
    assert json_row(ARTICLES, row)["event_time"] == "2024-05-01T23:59:59.999999+00:00"
    assert json_row(ARTICLES, make_row("articles"))["event_time"].endswith(":00.000000+00:00")


def test_half_of_a_character_makes_no_row_that_cannot_be_sent(make_record):
    from transforms.write.rows import article_row

    row = article_row(make_record("articles", title="half \udcff of it", authors=("\ud800",)))
    assert json.loads(json_bytes(ARTICLES, row))["title"] == "half ? of it"
    assert arrow_rows(ARTICLES, [row]).to_pylist()[0]["authors"] == ["?"]


def test_a_number_that_is_none_is_refused_before_it_is_sent(make_row):
    with pytest.raises(ValueError, match="Out of range float"):
        json_bytes(EVENTS, make_row("events", novelty=float("nan")))


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_the_same_row_has_the_same_id_and_another_key_or_round_has_another(table, make_row):
    row = make_row(table.name)
    name = row_id(table, row)
    assert row_id(table, make_row(table.name)) == name
    others = [row | {"round": 1}]
    for column in table.key:
        value = row[column]
        later = value + (timedelta(seconds=1) if isinstance(value, datetime) else 1 if isinstance(
            value, int) else "x")  # fmt: skip
        others.append(row | {column: later})
    assert len({name, *(row_id(table, other) for other in others)}) == len(others) + 1


def test_the_id_of_a_row_does_not_change_between_versions(make_row):
    # BigQuery drops rows of an id that it saw lately: a repeated attempt must give the same.
    name = "e34f1e9e8815bf0b"
    assert row_id(EVENT_ARTICLES, make_row("event_articles"))[:16] == name


def test_a_row_is_named_by_its_key_and_no_name_is_endless(make_row):
    assert row_name(ARTICLES, make_row("articles")) == "articles:a1/1"
    assert len(row_name(ARTICLES, make_row("articles", article_id="x" * 10**6))) < 300


@pytest.mark.parametrize("method", METHODS)
class TestStored:
    pytestmark = BIGQUERY

    def test_every_table_gives_back_what_was_appended(
        self, method, appender, rows_of_kind, prepared
    ):
        append = appender(method).append
        for table in TABLES:
            rows = rows_of_kind(table)
            assert append(table, rows) == []
            found = prepared.rows(f"SELECT * FROM `{{d}}.{table.name}` ORDER BY round")
            assert found == [as_read(row) for row in rows], table.name
            for row in found:
                for name in {"embedding", "centroid"} & row.keys():
                    assert np.array_equal(np.float32(row[name]), rows[row["round"]][name])

    def test_many_rows_arrive_in_requests_that_bigquery_takes(
        self, method, appender, make_row, prepared, monkeypatch
    ):
        from transforms.write.bigquery import append as module

        monkeypatch.setitem(module.MOST_ROW_BYTES, method, 20_000)
        rows = [make_row("articles", article_id=f"a{n}", body="x" * 1000) for n in range(50)]
        assert appender(method).append(ARTICLES, rows) == []
        assert prepared.one("SELECT COUNT(DISTINCT article_id) FROM `{d}.articles`") == 50

    def test_no_rows_make_no_request(self, method, appender, faults):
        from tests.emulators.faults import ALWAYS

        fault = faults.add("/", "accessDenied", ALWAYS)
        assert appender(method).append(ARTICLES, []) == []
        assert fault.met == 0
