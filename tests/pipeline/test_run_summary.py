import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.run_summary import counts_of, stage_seconds, summary_line, sums_hold

COUNTERS = {
    ("read", "in"): 5,
    ("read", "out"): 4,
    ("read", "rejected_empty"): 1,
    ("read", "skipped_warc_request"): 7,
    ("parse", "in"): 4,
    ("parse", "out"): 1200,
    ("parse", "rejected_empty"): 2,
    ("parse", "rejected_truncated_feed"): 1,
    ("identify", "in"): 1200,
    ("identify", "out"): 1190,
    ("identify", "repeats_same_url"): 7,
    ("identify", "repeats_same_text"): 3,
    ("identify", "updates"): 4,
    ("extract", "rejected_no_text"): 5,
    ("extract", "microseconds"): 1_234_567,
    ("write", "rows_articles"): 1185,
    ("write", "rows_dead_letters"): 9,
    ("write", "rows_events"): 400,
    ("score", "opened"): 330,
    ("score", "merged"): 9,
}


def test_counts_are_arranged_and_add_up():
    counts = counts_of(COUNTERS)
    stages = counts.pop("stages")
    assert counts == {
        "read": 1204,
        "articles": 1185,
        "repeats": 10,
        "rejected": 9,
        "rejected_again": 0,
        "events": 321,
        "rejected_by_reason": {"empty": 3, "no_text": 5, "truncated_feed": 1},
    }
    assert sums_hold(counts)
    assert stages["identify"]["updates"] == 4
    assert stages["read"]["skipped_warc_request"] == 7


def test_time_is_no_count():
    assert "microseconds" not in str(counts_of(COUNTERS))
    assert stage_seconds(COUNTERS) == {"extract": 1.235}


def test_run_without_any_item_adds_up():
    counts = counts_of({})
    assert counts["read"] == counts["articles"] == counts["events"] == 0
    assert counts["rejected_by_reason"] == counts["stages"] == {}
    assert sums_hold(counts)


@pytest.mark.parametrize(
    "counter",
    [
        ("parse", "out"),
        ("identify", "repeats_same_url"),
        ("write", "rows_articles"),
        ("write", "rows_dead_letters"),
        ("read", "rejected_empty"),
        ("parse", "rejected_empty"),
    ],
    ids="-".join,
)
def test_one_lost_item_is_noticed(counter):
    lost = COUNTERS | {counter: COUNTERS[counter] - 1}
    assert not sums_hold(counts_of(lost))


@settings(deadline=None)  # the machine may be busy
@given(st.permutations(list(COUNTERS)))
def test_order_of_the_counters_does_not_matter(order):
    shuffled = {name: COUNTERS[name] for name in order}
    assert repr(counts_of(shuffled)) == repr(counts_of(COUNTERS))


def test_summary_is_one_line_with_the_reasons():
    assert summary_line(counts_of(COUNTERS), 12.345) == (
        "1,204 items read = 1,185 articles + 10 repeats + 9 rejected "
        "(3 empty, 5 no_text, 1 truncated_feed); 321 events; 12.3 s"
    )


def test_summary_without_rejects_names_no_reason():
    assert summary_line(counts_of({}), 0) == (
        "0 items read = 0 articles + 0 repeats + 0 rejected; 0 events; 0.0 s"
    )
