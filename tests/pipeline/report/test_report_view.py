import json
from datetime import datetime, timezone

import pytest

from pipelines.report import ReportError, load_view
from schemas.tables import DEAD_LETTERS, EVENT_ARTICLES, EVENT_CHANGES, TABLES


def by_id(view):
    return {event.event_id: event for event in view.events}


def test_latest_revision_of_an_event_is_shown(busy):
    assert by_id(load_view(busy.write()))["flood"].title == "River bursts its banks at Ostenby"


def test_latest_revision_of_an_article_is_shown_once(folder):
    folder.event("e")
    folder.article("a", "e", title="old", revision=1)
    folder.article("a", "e", title="new", revision=2)
    view = load_view(folder.write())
    assert [article.title for article in view.events[0].articles] == ["new"]
    assert view.article_count == 1


def test_newest_break_comes_first_then_size_then_id(folder):
    folder.event("small", article_count=1)
    folder.event("large", article_count=9)
    folder.event("also_large", article_count=9)
    folder.event("broke_early", breaking_since=datetime(2024, 3, 4, 7, tzinfo=timezone.utc))
    folder.event("broke_late", breaking_since=datetime(2024, 3, 4, 8, tzinfo=timezone.utc))
    order = [event.event_id for event in load_view(folder.write()).events]
    assert order == ["broke_late", "broke_early", "also_large", "large", "small"]


def test_articles_of_a_merged_event_appear_under_its_survivor(busy):
    view = load_view(busy.write())
    flood = by_id(view)["flood"]
    assert [article.article_id for article in flood.articles] == ["a1", "a2", "a4", "a3"]
    assert flood.absorbed == ("levee",)
    assert "levee" not in by_id(view)
    assert (view.event_count, view.merged_count) == (3, 1)


def test_merge_of_a_merge_leads_to_the_last_survivor(folder):
    folder.event("one")
    folder.event("two", status="merged", merged_into="one")
    folder.event("three", status="merged", merged_into="two")
    folder.article("a", "three")
    (event,) = load_view(folder.write()).events
    assert (event.event_id, event.absorbed) == ("one", ("three", "two"))
    assert [article.article_id for article in event.articles] == ["a"]


UNREAD = ("sightings", "fetch_log", "alerts")  # tables that no view needs


@pytest.mark.parametrize(
    "merges",
    [
        pytest.param({"x": "y", "y": "x"}, id="circle"),
        pytest.param({"x": "x", "y": "y"}, id="into-itself"),
        pytest.param({"x": "gone", "y": None}, id="into-an-unknown-event"),
    ],
)
def test_impossible_merge_hides_no_event(folder, merges):
    for event_id, survivor in merges.items():
        folder.event(event_id, status="merged", merged_into=survivor)
    assert set(by_id(load_view(folder.write()))) == {"x", "y"}


def test_copy_names_its_original_and_its_evidence(busy):
    copy = by_id(load_view(busy.write()))["flood"].articles[-1]
    assert (copy.dup_kind, copy.dup_of, copy.dup_of_title) == (
        "near_verbatim",
        "a1",
        "Ostenby under water",
    )
    assert copy.dup_score == pytest.approx(0.97)
    assert copy.role == "duplicate"


def test_history_keeps_changes_worth_reading_in_time_order(busy):
    changes = by_id(load_view(busy.write()))["flood"].changes
    assert [change.kind for change in changes] == ["created", "breaking", "merged"]


@pytest.mark.parametrize(
    ("state", "since", "expected"),
    [
        ("none", None, "none"),
        ("candidate", None, "candidate"),
        ("breaking", datetime(2024, 3, 4, tzinfo=timezone.utc), "breaking"),
        ("none", datetime(2024, 3, 4, tzinfo=timezone.utc), "over"),
    ],
    ids=["quiet", "candidate", "breaking", "broke-long-ago"],
)
def test_state_tells_an_event_that_once_broke_from_one_that_never_did(
    folder, state, since, expected
):
    folder.event("e", breaking_state=state, breaking_since=since)
    view = load_view(folder.write())
    assert view.events[0].state == expected
    assert view.state_counts == {expected: 1}
    assert view.broke_count == (since is not None)


def test_counts_cover_what_the_page_leaves_out(busy):
    view = load_view(busy.write(), max_events=1, max_articles=2)
    assert len(view.events) == 1
    assert len(view.events[0].articles) == 2
    assert view.events[0].articles_found == 4
    assert (view.event_count, view.article_count, view.copy_count) == (3, 7, 1)
    assert len(view.events[0].dots) == 4


def test_rejects_are_grouped_by_reason_most_frequent_first(busy):
    rejects = load_view(busy.write()).rejects
    assert [(group.reason, group.count) for group in rejects] == [("empty", 3), ("not_a_feed", 1)]
    assert rejects[1].letters[0].error == "It is an HTML page."


def test_many_rejects_of_one_reason_are_counted_but_not_all_loaded(folder):
    folder.event("e")
    folder.article("a", "e")
    for number in range(25):
        folder.reject(f"file:///{number:02d}", "empty")
    (group,) = load_view(folder.write()).rejects
    assert (group.count, len(group.letters)) == (25, 20)


def test_article_whose_event_has_no_row_is_counted_as_such(folder):
    folder.event("e")
    folder.article("a", "e")
    folder.article("lost", "gone")
    assert load_view(folder.write()).orphan_count == 1


def test_hours_count_originals_and_copies_apart(busy):
    hours = load_view(busy.write()).hours
    assert [(hour.at.hour, hour.originals, hour.copies) for hour in hours] == [
        (6, 5, 0),
        (7, 1, 1),
    ]


@pytest.mark.parametrize("name", [EVENT_ARTICLES.name, EVENT_CHANGES.name, DEAD_LETTERS.name])
def test_missing_side_table_leaves_its_part_out(busy, name):
    output = busy.write()
    for path in (busy.path / name).rglob("*.parquet"):
        path.unlink()
    view = load_view(output)
    assert view.event_count == 3
    assert view.events[0].articles[0].evidence


def test_run_that_found_nothing_gives_an_empty_view(folder):
    view = load_view(folder.write())
    assert (view.events, view.event_count, view.article_count) == ((), 0, 0)


@pytest.mark.parametrize(
    ("run", "repeats"),
    [
        pytest.param({"counts": {"repeats": 4}}, 4, id="one-total"),
        pytest.param({"counts": {"a": {"repeats": 1}, "b": {"repeats": 2}}}, 3, id="per-stage"),
        pytest.param({"counts": {"repeats": "many"}}, None, id="not-a-number"),
        pytest.param({"counts": [1, 2]}, None, id="counts-not-an-object"),
        pytest.param([1], None, id="not-an-object"),
        pytest.param("{ broken", None, id="not-json"),
        pytest.param("[" * 100_000, None, id="nested-too-deeply"),
        pytest.param(None, None, id="missing"),
    ],
)
def test_odd_run_file_never_stops_the_report(folder, run, repeats):
    folder.event("e")
    folder.run = run
    assert load_view(folder.write()).repeat_count == repeats


def test_unfinished_run_is_told(busy):
    output = busy.write()
    assert not load_view(output).unfinished
    (busy.path / ".unfinished").touch()
    assert load_view(output).unfinished


def test_times_beyond_the_calendar_become_unknown(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.event("e")
    folder.write()
    (path,) = (folder.path / "events").rglob("*.parquet")
    table = pq.read_table(path, partitioning=None)
    place = table.schema.get_field_index("last_seen_at")
    far = pa.array([2**62], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    pq.write_table(table.set_column(place, table.schema.field(place), far), path)
    assert load_view(str(folder.path)).events[0].last_seen_at is None


def test_files_still_being_written_are_not_read(busy):
    output = busy.write()
    (busy.path / "events" / "date=2024-03-04" / ".part-1.parquet").write_bytes(b"half")
    (busy.path / "events" / "date=2024-03-04" / ".part-1.parquet.12-3.tmp").write_bytes(b"half")
    assert load_view(output).event_count == 3


def test_folder_name_with_glob_characters_is_read_literally(tmp_path, busy):
    busy.path = tmp_path / "a[1]*?"
    assert load_view(busy.write()).event_count == 3


def test_file_url_of_the_folder_is_accepted(busy):
    busy.write()
    assert load_view(busy.path.as_uri()).event_count == 3


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(ReportError, match="nowhere: no such folder"):
        load_view(str(tmp_path / "nowhere"))


def test_folder_without_tables_names_what_is_missing(tmp_path):
    with pytest.raises(ReportError, match="no Parquet files in articles/ and events/"):
        load_view(str(tmp_path))


def test_other_storage_is_refused():
    with pytest.raises(ReportError, match=r"^bigquery:p\.d: a report reads local folders only"):
        load_view("bigquery:p.d")


@pytest.mark.parametrize("table", [t.name for t in TABLES if t.name not in UNREAD])
def test_damaged_file_is_named(busy, table):
    output = busy.write()
    path = next((busy.path / table).rglob("*.parquet"))
    path.write_bytes(b"PAR1 not at all")
    with pytest.raises(ReportError) as caught:
        load_view(output)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_damaged_inside_is_named(busy):
    output = busy.write()
    path = next((busy.path / "articles").rglob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[4:2000] = b"\xff" * 1996  # the footer stays whole, the pages do not
    path.write_bytes(data)
    with pytest.raises(ReportError) as caught:
        load_view(output)
    assert str(path) in str(caught.value)


def test_foreign_file_in_a_table_is_named(busy):
    import pyarrow as pa
    import pyarrow.parquet as pq

    output = busy.write()
    path = busy.path / "events" / "part-foreign.parquet"
    pq.write_table(pa.table({"n": [1]}), path)
    with pytest.raises(ReportError, match="lacks the column event_id"):
        load_view(output)


def test_versions_and_counts_are_kept_as_written(busy):
    view = load_view(busy.write())
    assert json.loads(json.dumps(view.versions)) == busy.run["versions"]
    assert view.counts == busy.run["counts"]


def decide(folder, article_id, role, probability, threshold, best):
    """Say what the join model said about an article that is in the folder already."""
    (row,) = [r for r in folder.rows["event_articles"] if r["article_id"] == article_id]
    row |= {"role": role, "best_score": probability, "threshold": threshold, "best_event_id": best}


@pytest.fixture
def decided(folder):
    """``decided(granularity, threshold)``: two events that nearly are one, and a far third."""

    def make(granularity, threshold):
        for event in ("fire", "inquiry", "regatta"):
            folder.event(event)
            folder.article(f"{event}-seed", event)
        folder.article("fire-member", "fire", 5)
        decide(folder, "fire-seed", "seed", 0.0, 0.0, "")
        decide(folder, "inquiry-seed", "seed", 0.2, threshold, "fire")
        decide(folder, "regatta-seed", "seed", 0.01, threshold, "fire")
        decide(folder, "fire-member", "member", 0.3, threshold, "fire")
        folder.run["options"] = {"granularity": granularity}
        return load_view(folder.write()).dial

    return make


def test_the_broader_granularity_would_join_what_opened_an_event(decided):
    dial = decided("event", 0.25)
    assert (dial.granularity, dial.other, dial.found) == ("event", "story", 1)
    assert dial.other_threshold == pytest.approx(0.069, abs=0.001)
    (turn,) = dial.turned
    assert (turn.article_id, turn.opened, turn.event_id) == ("inquiry-seed", True, "inquiry")
    assert (turn.other_title, turn.probability) == ("Event fire", pytest.approx(0.2))


def test_the_narrower_would_open_an_event_for_what_joined(decided):
    dial = decided("story", 0.1)
    assert (dial.other, dial.found) == ("event", 1)
    (turn,) = dial.turned
    assert (turn.article_id, turn.opened, turn.event_title) == ("fire-member", False, "Event fire")


def test_what_a_merge_has_joined_already_would_not_change(decided, folder):
    folder.event("inquiry", revision=2, status="merged", merged_into="fire")
    assert decided("event", 0.25).found == 0


@pytest.mark.parametrize("granularity", [None, 3, "week", ["event"]])
def test_a_folder_that_does_not_say_its_granularity_shows_none(decided, granularity):
    assert decided(granularity, 0.25) is None


def test_a_folder_without_thresholds_shows_none(busy):
    busy.run["options"] = {"granularity": "event"}
    assert load_view(busy.write()).dial is None
