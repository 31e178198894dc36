from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from schemas import SCHEMA_VERSION, ChannelReading, DuplicateVerdict, Left
from schemas.tables import TABLES
from transforms.write.rows import ROW_SOURCES, utc_date

ONE_HOUR_EAST = timezone(timedelta(hours=1))


@pytest.fixture
def row(make_record):
    return lambda table, **changes: ROW_SOURCES[table].row(make_record(table, **changes))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_row_has_exactly_the_columns_of_its_table_in_order(table, row):
    assert list(row(table.name)) == [column.name for column in table.columns]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_row_says_the_schema_version(table, row):
    assert row(table.name)["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_time_of_a_record_is_its_partition_column(table, make_record, row):
    time = ROW_SOURCES[table.name].time(make_record(table.name))
    assert time == row(table.name)[table.partition_by]


@pytest.mark.parametrize(
    "column",
    ["source_name", "domain", "origin_publisher", "feed_url", "description", "body", "image_url"],
)
def test_nothing_said_is_null_where_the_column_allows_it(column, row):
    assert row("articles", **{column: ""})[column] is None


def test_nothing_said_stays_an_empty_text_in_a_required_column(row):
    assert row("articles", publisher_family="")["publisher_family"] == ""


def test_article_that_copies_nothing_has_no_overlap_to_report(row):
    article = row("articles")
    assert article["dup_kind"] == "none"
    assert [article[f"dup_{what}"] for what in ("of", "score", "evidence")] == [None] * 3


def test_copy_keeps_its_verdict(row):
    copy = row("articles", verdict=DuplicateVerdict("contained", "a0", 0.5, "half of it"))
    found = [copy[f"dup_{what}"] for what in ("kind", "of", "score", "evidence")]
    assert found == ["contained", "a0", 0.5, "half of it"]


def test_vector_bytes_become_float32_numbers(row):
    for cell in (row("articles")["embedding"], row("events")["centroid"]):
        assert cell.dtype == np.float32
        assert cell.tolist() == [0.5, -0.5, 0.5, 0.5]


def test_nested_records_become_structs(row):
    event = row("events")
    assert event["keywords"] == [{"term": "bridge", "weight": 0.5}]
    assert event["breaking_reasons"] == [
        {"code": "families_60m", "value": 2.0, "threshold": 3.0, "passed": False}
    ]


def test_article_joins_its_event_at_its_event_time(row):
    moment = datetime(2024, 4, 30, 8, tzinfo=timezone.utc)
    assert row("event_articles", event_time=moment)["joined_at"] == moment


def test_membership_keeps_what_was_measured(make_record):
    decided = replace(
        make_record("event_articles"),
        threshold=0.25,
        best_event_id="e1",
        best_score=0.875,
        channels=(ChannelReading("names_best", 0.5, 0.0),),
    )
    row = ROW_SOURCES["event_articles"].row(decided)
    assert (row["threshold"], row["best_event_id"], row["best_score"]) == (0.25, "e1", 0.875)
    assert row["channels"] == [{"name": "names_best", "best": 0.5, "second": 0.0}]
    assert (row["second_event_id"], row["second_score"], row["left_at"]) == (None, 0.0, None)


def test_events_an_article_left_are_rows_of_their_own(make_record):
    left = datetime(2024, 5, 2, tzinfo=timezone.utc)
    moved = replace(
        make_record("event_articles"),
        role="seed",
        threshold=0.25,
        earlier=(
            Left("e3", left, "merged into e2", True, 0.5),
            Left("e2", left, "merged into e1", True, 0.5),
        ),
    )
    source = ROW_SOURCES["event_articles"]
    rows = source.rows(moved)
    assert [(row["event_id"], row["role"], row["left_at"], row["evidence"]) for row in rows] == [
        ("e1", "member", None, "near"),
        ("e3", "seed", left, "merged into e2"),
        ("e2", "member", left, "merged into e1"),
    ]
    assert {(row["article_id"], row["joined_at"], row["threshold"]) for row in rows} == {
        ("a1", source.time(moved), 0.25)
    }


def test_other_tables_have_one_row_per_record(make_record):
    moved = replace(
        make_record("articles"), earlier=(Left("e0", datetime(2024, 5, 2), "moved", False, 0.5),)
    )
    assert len(ROW_SOURCES["articles"].rows(moved)) == 1


def test_change_is_a_cloudevent_of_this_system(row):
    change = row("event_changes")
    assert (change["source"], change["specversion"]) == ("/newsevents", "1.0")


def test_times_are_written_in_utc(row):
    local = datetime(2024, 5, 1, 0, 30, tzinfo=ONE_HOUR_EAST)
    written = row("dead_letters", first_failed_at=local)["first_failed_at"]
    assert written == local
    assert written.utcoffset() == timedelta(0)


def test_time_without_a_zone_is_refused(row):
    with pytest.raises(ValueError, match="without a zone"):
        row("dead_letters", first_failed_at=datetime(2024, 5, 1))


def test_date_of_a_partition_is_the_utc_date():
    assert utc_date(datetime(2024, 5, 1, 0, 30, tzinfo=ONE_HOUR_EAST)) == "2024-04-30"


@pytest.mark.parametrize(
    ("table", "column", "value", "written"),
    [
        ("articles", "title", "half \ud83d pair", "half ? pair"),
        ("articles", "authors", ("\udcff",), ["?"]),
        ("dead_letters", "key", "file:///in/\udce9.txt", "file:///in/?.txt"),
        ("articles", "title", "whole \U0001f600 pair", "whole \U0001f600 pair"),
    ],
    ids=["text", "list", "undecodable-file-name", "valid-text"],
)
def test_text_that_no_column_can_hold_is_repaired(table, column, value, written, row):
    assert row(table, **{column: value})[column] == written
