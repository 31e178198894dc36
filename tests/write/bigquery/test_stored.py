"""What a run that goes on reads back: the last window, of the rounds that count."""

from datetime import datetime, timedelta, timezone

import pytest

from pipelines.stored_rows import DatasetRows, stored_rows
from schemas.tables import ARTICLES, EVENTS, FETCH_LOG
from tests.emulators.marks import BIGQUERY
from transforms._shared.shards import SHARDS_PER_WINDOW
from transforms.write.bigquery.methods import STREAMING_INSERTS
from transforms.write.bigquery.store import add_run
from transforms.write.bigquery.stored import read_batches, window_start

pytestmark = BIGQUERY
NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
WINDOW = 7 * DAY
SPARE = WINDOW / SHARDS_PER_WINDOW + DAY


@pytest.fixture
def store(prepared, appender, make_row):
    """``store(table, round=…, **columns)``: append a row."""

    def append(table, **columns):
        row = make_row(table.name, **({"round": 1} | columns))
        assert appender(STREAMING_INSERTS).append(table, [row]) == []

    add_run(appender(STREAMING_INSERTS), 1, {})
    return append


def start(prepared):
    found = window_start(prepared.dataset, WINDOW)
    return found and found.replace(microsecond=0)


def test_without_articles_everything_is_read(prepared, store):
    assert start(prepared) is None
    store(EVENTS, status="active", merged_into=None, first_seen_at=NOON - 90 * DAY)
    assert start(prepared) is None
    store(ARTICLES, time_known=False, event_time=NOON)
    assert start(prepared) is None, "its time is not known"


def test_the_window_and_what_open_events_began_with_are_read(prepared, store):
    store(ARTICLES, event_time=NOON - 20 * DAY)
    store(ARTICLES, article_id="a2", event_time=NOON)
    usual = (NOON - WINDOW - SPARE).replace(microsecond=0)
    assert abs(start(prepared) - usual) <= timedelta(seconds=1)
    store(EVENTS, event_id="young", status="active", first_seen_at=NOON - DAY)
    store(EVENTS, event_id="merged", status="merged", first_seen_at=NOON - 90 * DAY)
    store(EVENTS, event_id="closed", status="active", first_seen_at=NOON - 80 * DAY)
    store(EVENTS, event_id="closed", status="closed", revision=2, first_seen_at=NOON - 80 * DAY)
    store(EVENTS, event_id="cut off", status="active", round=2, first_seen_at=NOON - 70 * DAY)
    assert abs(start(prepared) - usual) <= timedelta(seconds=1)
    store(EVENTS, event_id="open", status="active", first_seen_at=NOON - 60 * DAY)
    assert start(prepared) == NOON - 61 * DAY


def test_rows_of_a_round_that_was_cut_off_do_not_move_the_window(prepared, store):
    store(ARTICLES, event_time=NOON)
    before = start(prepared)
    store(ARTICLES, article_id="a2", event_time=NOON + 30 * DAY, round=2)
    assert start(prepared) == before


def test_only_rows_that_count_and_lie_in_the_window_are_read(prepared, store, appender):
    for name, number, days in (("old", 1, 40), ("new", 1, 0), ("cut off", 2, 0), ("later", 3, 0)):
        store(ARTICLES, article_id=name, round=number, event_time=NOON - days * DAY)
    add_run(appender(STREAMING_INSERTS), 3, {})

    def read(rounds, since):
        batches = read_batches(prepared.dataset, "articles", ("article_id",), rounds, since)
        return sorted(row["article_id"] for batch in batches for row in batch.to_pylist())

    assert read(1, None) == ["new", "old"]
    assert read(1, NOON - DAY) == ["new"]
    assert read(3, NOON - DAY) == ["later", "new"]
    assert read(0, None) == []


def test_what_is_known_of_feeds_is_read_for_longer(prepared, store):
    store(FETCH_LOG, fetched_at=NOON - 40 * DAY)
    store(FETCH_LOG, feed_id="f2", fetched_at=NOON - 50 * DAY)
    batches = read_batches(prepared.dataset, "fetch_log", ("feed_id",), 1, NOON)
    assert [row["feed_id"] for batch in batches for row in batch.to_pylist()] == ["f1"]


def test_no_row_of_a_dataset_is_lost_by_itself(bigquery):
    rows = stored_rows(bigquery.output, 3, 7.0)
    assert rows == DatasetRows(bigquery.dataset, 3, 7.0)
    assert not rows.is_lost("a1", 1, {})
    assert rows.lost_articles(10, 4) == 0
    assert rows.unusable() == ()
