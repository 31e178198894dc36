"""Records go through Beam into their table, and what is refused comes out as dead letters."""

from datetime import timedelta

import apache_beam as beam
import pytest
from apache_beam.metrics import MetricsFilter
from apache_beam.testing.test_pipeline import TestPipeline as BeamTestPipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas import Assignment, Moved
from tests.emulators.marks import BIGQUERY
from transforms.write.bigquery import append as module
from transforms.write.bigquery.methods import STORAGE_WRITE, STREAMING_INSERTS
from transforms.write.transform import AppendTable

pytestmark = BIGQUERY
METHODS = (STORAGE_WRITE, STREAMING_INSERTS)


def run(transform, records, record, expected):
    """Send records through; gives the counters of write, by name."""
    pipeline = BeamTestPipeline(runner="FnApiRunner")
    made = pipeline | beam.Create(records, reshuffle=False).with_output_types(record)
    letters = made | transform
    named = letters | beam.Map(lambda letter: (letter.stage, letter.reason, letter.key))
    assert_that(named, equal_to(expected))
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace("write"))["counters"]
    return {counter.key.metric.name: counter.committed for counter in counters}


@pytest.mark.parametrize("bounded", [True, False], ids=["ends", "goes-on"])
@pytest.mark.parametrize("method", METHODS)
def test_a_row_too_large_becomes_a_letter_and_the_others_are_appended(
    method, bounded, appender, make_record, prepared, monkeypatch
):
    monkeypatch.setitem(module.MOST_ROW_BYTES, method, 10_000)
    records = [make_record("articles", article_id=name) for name in ("a", "b", "c")]
    records.append(make_record("articles", article_id="large", body="x" * 20_000))
    counters = run(
        AppendTable("articles", appender(method), bounded, most_rows=2, wait_seconds=1),
        records,
        Assignment,
        [("write", "row_too_large", "articles:large/1")],
    )
    found = prepared.rows("SELECT article_id FROM `{d}.articles` ORDER BY article_id")
    assert [row["article_id"] for row in found] == ["a", "b", "c"]
    assert counters["rows_articles"] == 4
    assert counters["refused_articles"] == counters["rejected_row_too_large"] == 1


@pytest.mark.parametrize("bounded", [True, False], ids=["ends", "goes-on"])
def test_a_row_that_bigquery_refuses_becomes_a_letter(
    bounded, appender, make_record, prepared, monkeypatch
):
    real = module.json_row

    def damaged(table, row):
        return real(table, row) | ({"revision": "many"} if row["article_id"] == "b" else {})

    monkeypatch.setattr(module, "json_row", damaged)
    records = [make_record("articles", article_id=name) for name in ("a", "b", "c")]
    counters = run(
        AppendTable("articles", appender(STREAMING_INSERTS), bounded, wait_seconds=1),
        records,
        Assignment,
        [("write", "row_refused", "articles:b/1")],
    )
    assert prepared.one("SELECT COUNT(*) FROM `{d}.articles`") == 2
    assert counters["rejected_row_refused"] == 1


def test_an_article_that_moved_has_two_rows(appender, prepared, make_record):
    at = make_record("articles").compared.embedded.article.event_time
    moved = Moved(
        article_id="a1", revision=1, from_event="e1", to_event="e2", role="member",
        joined_at=at, at=at + timedelta(hours=1), score=0.5, reason="nearer", sequence=9,
    )  # fmt: skip
    run(AppendTable("moved", appender(STORAGE_WRITE), False, wait_seconds=1), [moved], Moved, [])
    found = prepared.rows("SELECT event_id, left_at FROM `{d}.event_articles` ORDER BY event_id")
    assert found == [{"event_id": "e1", "left_at": moved.at}, {"event_id": "e2", "left_at": None}]
