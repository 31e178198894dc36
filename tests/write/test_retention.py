import json
from datetime import datetime, timedelta, timezone

import duckdb
import pytest

from schemas.tables import TABLES
from transforms.write.compaction import Compaction, compacting, finished_run
from transforms.write.locks import files_lock
from transforms.write.parquet import ParquetFolder
from transforms.write.retention import least_days, retain
from transforms.write.rows import ROW_SOURCES

START = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
TIME = {table.name: table.partition_by for table in TABLES}


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def put(output, make_record, dim):
    """``put(table, day, **columns)``: write one row of that day; gives its file."""
    listed = []

    def write(table, day, **columns):
        row = ROW_SOURCES[table].row(make_record(table))
        row |= {"status": "closed", "merged_into": None} if table == "events" else {}
        row |= {TIME[table]: START + timedelta(days=day)} | columns
        listed.extend(ParquetFolder(output, ROW_SOURCES[table].table, dim).write([row]))
        (output / "run.json").write_text(json.dumps({"files": listed}))
        return output / listed[-1]

    return write


@pytest.fixture
def story(put):
    """``story(name, *days, status)``: an event and its articles, one a day."""

    def write(name, *days, status="closed"):
        put("events", days[0], event_id=name, status=status)
        for number, day in enumerate(days):
            article = f"{name}-{number}"
            put("articles", day, article_id=article, event_id=name)
            put("event_articles", day, article_id=article, event_id=name, sequence=number)
            put("sightings", day, article_id=article)
            put("event_changes", day, id=article)

    return write


@pytest.fixture
def keep(output):
    """``keep(days)``: remove older ones; gives what was decided and what was passed over."""

    def run(days):
        with compacting(output) as work:
            one = Compaction(output, finished_run(output), work)
            retention = retain(output, one.partitions, days)
            one.remove_old(retention)
        return retention, [(file.path, file.why) for file in one.passed_over]

    return run


def days(output, table):
    """Name the days of a table that have rows, counted from the first."""
    found = duckdb.sql(f"SELECT DISTINCT date FROM '{output}/{table}/*/*.parquet' ORDER BY date")
    return [(day - START.date()).days for (day,) in found.fetchall()]


def all_days(output):
    tables = ("articles", "events", "event_articles", "sightings", "event_changes")
    return {tuple(days(output, table)) for table in tables}


def test_days_long_before_the_newest_article_go(story, keep, output):
    story("old", 0)
    story("edge", 10)
    story("new", 30)
    keep(20)
    assert all_days(output) == {(10, 30)}
    assert not list(output.glob("*/date=2024-05-01"))


def test_rows_of_an_open_event_and_of_its_articles_stay(story, keep, output):
    story("long", 0, 3, status="active")
    story("old", 5)
    story("new", 30)
    retention, _ = keep(20)
    assert days(output, "events") == [0, 30]
    assert days(output, "articles") == [0, 3, 30]
    assert days(output, "event_articles") == [0, 3, 30]
    assert days(output, "sightings") == [0, 3, 30]
    assert days(output, "event_changes") == [30]
    assert retention.open_events == 7


def test_event_that_was_closed_later_is_not_open(story, put, keep, output):
    story("old", 0, status="active")
    put("events", 0, event_id="old", revision=2, status="closed")
    story("new", 30)
    assert keep(20)[0].open_events == 0
    assert days(output, "events") == [30]


def test_article_that_moved_into_an_open_event_stays(story, put, keep, output):
    story("old", 0)
    story("open", 29, status="active")
    left = {"article_id": "old-0", "sequence": 9}
    put("event_articles", 0, event_id="old", left_at=START, **left)
    put("event_articles", 0, event_id="open", left_at=None, **left)
    keep(20)
    assert days(output, "articles") == [0, 29]
    assert days(output, "event_articles") == [0, 29]


def test_event_whose_row_was_lost_counts_as_open(story, put, keep, output):
    put("articles", 0, article_id="a", event_id="lost")
    story("new", 30)
    keep(20)
    assert days(output, "articles") == [0, 30]


def test_row_of_an_event_stays_as_long_as_one_of_its_articles(story, keep, output):
    story("long", 0, 5, 12)
    story("new", 30)
    retention, _ = keep(20)
    assert days(output, "articles") == [12, 30]
    assert days(output, "events") == [0, 30]
    assert retention.referred_to == 1


def test_newest_row_stays_as_long_as_older_ones(story, put, keep, output):
    story("new", 30)
    put("events", 12, event_id="e", status="active")
    put("events", 5, event_id="e", revision=2)  # an earlier article came late
    put("events", 2, event_id="e", revision=3)
    put("articles", 12, article_id="a", event_id="new")
    put("articles", 1, article_id="a", event_id="new", revision=2)
    put("event_articles", 12, article_id="a", event_id="new", sequence=3)
    put("event_articles", 1, article_id="a", event_id="new", revision=2, sequence=4)
    keep(20)
    assert days(output, "events") == [2, 12, 30]
    assert days(output, "articles") == [1, 12, 30]
    assert days(output, "event_articles") == [1, 12, 30]


def test_days_are_counted_back_from_an_article_whose_time_is_known(story, put, keep, output):
    story("old", 0)
    put("articles", 300, article_id="undated", event_id="old", time_known=False)
    keep(20)
    assert days(output, "articles") == [0, 300]


def test_table_that_loses_its_last_rows_can_still_be_read(story, put, keep, output):
    story("new", 30)
    put("dead_letters", 0)
    keep(20)
    assert days(output, "dead_letters") == []
    assert (output / "dead_letters/date=1970-01-01/part-empty.parquet").exists()


def test_output_without_articles_loses_nothing(put, keep, output):
    put("dead_letters", 0)
    assert keep(1)[0].before == ""
    assert days(output, "dead_letters") == [0]


@pytest.mark.parametrize("kind", ["foreign", "damaged"])
def test_day_that_holds_something_else_stays(kind, story, put, keep, output):
    path = put("dead_letters", 0)
    story("new", 30)
    if kind == "foreign":
        (path.parent / "notes.txt").write_text("mine")
    else:
        path.write_bytes(b"PAR1 no")
    retention, passed = keep(20)
    assert path.exists()
    why = "dead_letters/date=2024-05-01/notes.txt", "keeps an old partition in place"
    assert passed == ([why] if kind == "foreign" else [])
    assert retention.unreadable == (kind == "damaged")


def test_late_article_that_is_just_being_written_stops_the_removal(
    story, keep, output, monkeypatch
):
    from transforms.write import compaction

    story("old", 0)
    story("new", 30)
    rename = compaction.os.rename

    def late(source, target):
        if source.parent.name == "articles" and not list(source.glob("late")):
            (source / "late").write_text("just now")
        rename(source, target)

    monkeypatch.setattr(compaction.os, "rename", late)
    keep(20)
    assert (output / "articles/date=2024-05-01/late").read_text() == "just now"
    assert len(list((output / "articles/date=2024-05-01").iterdir())) == 2
    assert days(output, "events") == [30]


def test_days_on_another_disk_are_removed_file_by_file(story, keep, output, monkeypatch):
    from transforms.write import compaction

    def elsewhere(*_):
        raise OSError(18, "Invalid cross-device link")

    story("old", 0)
    story("new", 30)
    monkeypatch.setattr(compaction.os, "rename", elsewhere)
    keep(20)
    assert all_days(output) == {(30,)}
    assert not list(output.glob("*/date=2024-05-01"))


def test_lock_is_free_afterwards(story, keep, output):
    story("old", 0)
    story("new", 30)
    keep(20)
    with files_lock(output):
        pass


@pytest.mark.parametrize(
    ("run", "least"),
    [
        ({"options": {"window_days": 14.0}}, 16),
        ({"options": {"window_days": 2.5}}, 5),
        ({"options": {"window_days": 70}}, 80),  # a slice of the window is ten days
        ({"options": {"window_days": "many"}}, 16),
        ({}, 16),
    ],
)
def test_a_run_that_goes_on_needs_its_window_and_more(run, least):
    assert least_days(run) == least


def test_alerts_about_an_open_event_stay_and_others_go(story, put, keep, output):
    story("open", 0, status="active")
    story("over", 0)
    story("new", 30)
    put("alerts", 0, alert_id="open", event_id="open")
    put("alerts", 1, alert_id="over", event_id="over")
    keep(20)
    assert days(output, "alerts") == [0]


def test_alerts_about_an_event_that_was_merged_into_an_open_one_stay(story, put, keep, output):
    story("open", 0, status="active")
    put("events", 0, event_id="first", status="merged", merged_into="second")
    put("events", 0, event_id="second", status="merged", merged_into="open")
    put("events", 1, event_id="circle", status="merged", merged_into="circle")
    story("new", 30)
    put("alerts", 2, alert_id="first", event_id="first")
    put("alerts", 3, alert_id="circle", event_id="circle")
    keep(20)
    assert days(output, "alerts") == [2]


def test_notices_of_articles_of_an_open_event_stay_and_others_go(story, put, keep, output):
    story("open", 0, status="active")
    story("over", 0)
    story("new", 30)
    put("article_notices", 1, article_id="open-0")
    put("article_notices", 2, article_id="over-0")
    keep(20)
    assert days(output, "article_notices") == [1]
