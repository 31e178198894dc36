from collections import Counter
from datetime import datetime, timedelta, timezone
from functools import partial

import apache_beam as beam
import pyarrow.dataset
import pytest
from apache_beam.metrics import MetricsFilter
from apache_beam.testing.test_pipeline import TestPipeline as BeamTestPipeline
from apache_beam.testing.util import assert_that

from schemas import Assignment, Event
from schemas.tables import TABLES
from transforms._shared.records import register_record_coders
from transforms.write.manifest import check_output, commit_run
from transforms.write.output import OutputError
from transforms.write.parquet import ParquetFolder
from transforms.write.rows import ROW_SOURCES
from transforms.write.transform import WriteTables

MIDNIGHT = datetime(2024, 5, 2, tzinfo=timezone.utc)

register_record_coders()


def write(table, records, output, dim=4):
    """Run ``WriteTables`` with one table and return its counters."""
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        given = pipeline | beam.Create(records).with_output_types(ROW_SOURCES[table].record)
        _ = {table: given} | WriteTables(str(output), dim)
    return counters_of(pipeline.result)


def counters_of(result):
    found = result.metrics().query(MetricsFilter().with_namespace("write"))
    totals = Counter()
    for counter in found["counters"]:
        totals[counter.key.metric.name] += counter.committed
    return dict(totals)


def equal_files(output, found):
    assert found == [sorted(files_in(output))]


def files_in(output):
    return {p.relative_to(output).as_posix(): p.read_bytes() for p in output.rglob("*.parquet")}


@pytest.mark.parametrize("name", [table.name for table in TABLES])
def test_files_are_those_of_the_plain_composition(name, make_record, dim, tmp_path):
    source = ROW_SOURCES[name]
    records = [make_record(name), make_record(name)]
    write(name, records, tmp_path / "beam")
    plain = ParquetFolder(tmp_path / "plain", source.table, dim)
    plain.write([source.row(record) for record in records])
    assert files_in(tmp_path / "beam") == files_in(tmp_path / "plain") != {}


@pytest.mark.parametrize("days", [0, 2], ids=["no-record", "two-days"])
def test_paths_are_the_files_written(days, make_record, tmp_path):
    records = [
        make_record("articles", event_time=MIDNIGHT + timedelta(days=day)) for day in range(days)
    ]
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        articles = pipeline | beam.Create(records).with_output_types(ROW_SOURCES["articles"].record)
        paths = {"articles": articles} | WriteTables(str(tmp_path), 4)
        listed = paths | beam.combiners.ToList() | beam.Map(sorted)

        def check(found):
            assert found == [sorted(files_in(tmp_path))]
            assert len(found[0]) == max(days, 1)

        assert_that(listed, check)


def test_all_tables_fit_into_one_pipeline(make_record, tmp_path):
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        made = {
            name: pipeline
            | f"Make{name}" >> beam.Create([make_record(name)]).with_output_types(source.record)
            for name, source in ROW_SOURCES.items()
        }
        _ = made | WriteTables(str(tmp_path), 4)
    assert {path.split("/")[0] for path in files_in(tmp_path)} == set(ROW_SOURCES)


def test_two_tables_of_the_same_records_get_their_own_rows(make_record, tmp_path):
    records = [
        make_record("articles", event_time=MIDNIGHT + timedelta(days=day)) for day in (0, 0, 3)
    ]
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        given = pipeline | beam.Create(records).with_output_types(ROW_SOURCES["articles"].record)
        _ = {
            "articles": given,
            "event_articles": given,
            "alerts": pipeline
            | "None" >> beam.Create([]).with_output_types(ROW_SOURCES["alerts"].record),
        } | WriteTables(str(tmp_path / "beam"), 4)
    for name in ("articles", "event_articles"):
        source = ROW_SOURCES[name]
        plain = ParquetFolder(tmp_path / "plain", source.table, 4)
        plain.write([source.row(record) for record in records])
    ParquetFolder(tmp_path / "plain", ROW_SOURCES["alerts"].table, 4).write_empty()
    assert files_in(tmp_path / "beam") == files_in(tmp_path / "plain") != {}
    counters = counters_of(pipeline.result)
    assert (counters["in"], counters["out"]) == (6, 6)


@pytest.mark.parametrize("at_once", [1, 3, 1_000])
def test_tables_written_in_place_have_the_same_files_and_counts(
    at_once, make_record, tmp_path, monkeypatch
):
    monkeypatch.setattr("transforms.write.transform.ROWS_AT_ONCE", at_once)
    monkeypatch.setattr("transforms.write.parquet.ROWS_AT_ONCE", at_once)
    days = (9, 0, 0, 3, 0, 4)
    records = [
        make_record("articles", event_time=MIDNIGHT + timedelta(days=day), article_id=f"{n:032x}")
        for n, day in enumerate(days)
    ]
    found = []
    for name, in_place in (("grouped", ()), ("in_place", ("articles", "event_articles"))):
        with BeamTestPipeline(runner="FnApiRunner") as pipeline:
            given = pipeline | beam.Create(records, reshuffle=False).with_output_types(Assignment)
            pair = beam.Create([make_record("events")] * 2).with_output_types(Event)
            paths = {
                "articles": given,
                "event_articles": given,
                "events": pipeline | "Events" >> pair,
            } | WriteTables(str(tmp_path / name), 4, in_place)
            check = partial(equal_files, tmp_path / name)
            assert_that(paths | beam.combiners.ToList() | beam.Map(sorted), check)
        counters = counters_of(pipeline.result)
        assert counters.pop("microseconds") > 0
        found.append((files_in(tmp_path / name), counters))
    assert found[0] == found[1]
    assert len(found[0][0]) == 2 * len(set(days)) + 1


def test_rows_are_counted_per_table(make_record, tmp_path):
    records = [make_record("dead_letters")] * 3
    counters = write("dead_letters", records, tmp_path)
    assert counters.pop("microseconds") > 0
    assert counters == {"in": 3, "out": 3, "rows_dead_letters": 3}
    assert pyarrow.dataset.dataset(tmp_path / "dead_letters").count_rows() == 3


def test_second_run_changes_no_file(make_record, tmp_path):
    def state():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}

    write("events", [make_record("events")], tmp_path)
    before = state()
    write("events", [make_record("events")], tmp_path)
    assert state() == before != {}


def test_whole_run_again_changes_nothing(make_record, tmp_path):
    def run():
        check_output(str(tmp_path), "digest", overwrite=False)
        for name in ROW_SOURCES:
            write(name, [make_record(name)] if name != "dead_letters" else [], tmp_path)
        commit_run(str(tmp_path), list(files_in(tmp_path)), {"arguments_digest": "digest"})
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    first = run()
    assert run() == first
    assert len(first) == len(ROW_SOURCES) + 1


def test_record_of_another_table_fails_before_the_run(make_record, tmp_path):
    with pytest.raises(Exception, match=r"requires.*Assignment.*Event"):
        pipeline = BeamTestPipeline(runner="FnApiRunner")
        events = pipeline | beam.Create([make_record("events")]).with_output_types(Event)
        _ = {"articles": events} | WriteTables(str(tmp_path), 4)


def test_output_that_fails_ends_the_run_and_names_the_path(make_record, tmp_path):
    (tmp_path / "events").write_text("in the way")
    with pytest.raises(OutputError, match=r"events/date=2024-05-01.*: move what is in the way"):
        write("events", [make_record("events")], tmp_path)


def test_unknown_table_is_refused():
    pipeline = BeamTestPipeline(runner="FnApiRunner")
    with pytest.raises(ValueError, match="no table article: one of articles, events"):
        _ = {"article": pipeline | beam.Create([])} | WriteTables("out", 4)


def test_output_that_is_not_local_is_refused_at_construction():
    with pytest.raises(ValueError, match="gs is not supported"):
        WriteTables("gs://bucket/out", 4)
