from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Attempt, Dropped, Reading
from schemas.feed import OUTCOMES
from transforms._shared.rejects import RejectError
from transforms._shared.web.fetch import FetchError
from transforms.read.feed_state import FeedState, Policy, settle
from transforms.read.outcome import outcome_of
from transforms.read.schedule import Bounds

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
POLICY = Policy(Bounds(least=timedelta(minutes=5), most=timedelta(hours=6)))
LISTED = "https://a.example/feed"


def attempt(at=NOON, **changes):
    return replace(
        Attempt(
            feed_id="f", feed=LISTED, at=at, outcome="", error="", url=LISTED, http_status=200,
            received_bytes=9, digest=b"one", conditional=False, etag='"1"', last_modified="",
            retry_after_seconds=None, fresh_seconds=None, moved_to="",
        ),
        **changes,
    )  # fmt: skip


def reading(*items, dropped=(), **changes):
    marks = tuple(item.encode().ljust(8, b".") for item in items)
    return replace(Reading("f", marks, tuple(dropped), "", "", None, 0), **changes)


def failed(at=NOON, outcome="SOFT", **changes):
    return attempt(at, outcome=outcome, error="why", digest=b"", etag="", **changes)


def test_items_are_kept_known_or_dropped_and_the_sum_holds():
    state, fetch = settle(FeedState(), attempt(), reading("a", "b"), POLICY)
    assert (fetch.outcome, fetch.entries, fetch.kept, fetch.known) == ("NEW", 2, 2, 0)
    dropped = [Dropped("empty_entry", 3)]
    later = attempt(NOON + timedelta(hours=1), digest=b"two")
    state, fetch = settle(state, later, reading("b", "c", "c", dropped=dropped), POLICY)
    assert (fetch.entries, fetch.kept, fetch.known) == (6, 1, 2)
    _, fetch = settle(state, later, reading("a", "c"), POLICY)
    assert (fetch.outcome, fetch.kept, fetch.known) == ("DUP_ONLY", 0, 2)


def test_an_item_that_left_and_comes_back_is_known():
    state, _ = settle(FeedState(), attempt(), reading("a"), POLICY)
    state, _ = settle(state, attempt(), reading("b"), POLICY)
    assert settle(state, attempt(), reading("a"), POLICY)[1].outcome == "DUP_ONLY"


def test_content_that_could_not_be_used_is_a_failure_of_its_kind():
    refused = reading(refused="not_a_feed", error="a page")
    state, fetch = settle(FeedState(), attempt(), refused, POLICY)
    assert (fetch.outcome, fetch.error, state.failures, state.etag) == (
        "NOT_A_FEED", "a page", 1, "",
    )  # fmt: skip


def test_the_server_is_asked_for_news_only_but_not_for_ever():
    state, _ = settle(FeedState(), attempt(last_modified="Mon"), reading("a"), POLICY)
    day = timedelta(days=1)
    assert state.validators(NOON, day) == (
        ("If-None-Match", '"1"'), ("If-Modified-Since", "Mon"),
    )  # fmt: skip
    at, asked = NOON, 0
    while state.validators(at, day):
        asked += 1
        unchanged = attempt(at, outcome="NOT_MODIFIED", http_status=304, conditional=True)
        state, fetch = settle(state, unchanged, None, POLICY)
        at = at + timedelta(minutes=5)
        assert fetch.outcome == "NOT_MODIFIED"
    assert asked == 19
    assert not state.validators(NOON + day, day)


def test_the_server_is_not_believed_after_a_day_whatever_it_says():
    state, _ = settle(FeedState(), attempt(), reading("a"), POLICY)
    week = timedelta(days=7)
    assert state.validators(NOON + timedelta(hours=23), week)
    assert not state.validators(NOON + timedelta(hours=24), week)


def test_a_failing_feed_is_asked_less_and_less_and_never_given_up():
    state, at, waits = FeedState(), NOON, []
    for _ in range(14):
        state, fetch = settle(state, failed(at, "HARD", http_status=404), None, POLICY)
        waits.append(fetch.next_at - at)
        at = fetch.next_at
    assert waits[:6] == sorted(waits[:6])
    assert max(waits[:11]) <= timedelta(days=1, hours=3)
    assert (waits[-1], fetch.interval_reason) == (timedelta(days=30), "muted")
    state, fetch = settle(state, attempt(at), reading("a"), POLICY)
    assert (fetch.failures, state.points, fetch.interval_reason) == (0, 0.0, "unknown")


def test_passing_troubles_weigh_less_than_lasting_ones():
    def after(outcome):
        state = FeedState()
        for _ in range(4):
            state, fetch = settle(state, failed(outcome=outcome), None, POLICY)
        return fetch.interval_seconds

    assert after("TEMP") < after("SOFT") < after("HARD")


def test_a_feed_that_is_gone_is_probed_once_a_month():
    _, fetch = settle(FeedState(), failed(outcome="HARD", http_status=410), None, POLICY)
    assert (fetch.next_at - NOON, fetch.interval_reason) == (timedelta(days=30), "gone")


def test_a_server_is_left_alone_as_long_as_it_asks_for_but_for_a_day_at_most():
    for asked, hours in ((7200, 2), (10**7, 24)):
        busy = failed(outcome="TEMP", http_status=429, retry_after_seconds=asked)
        _, fetch = settle(FeedState(), busy, None, POLICY)
        assert (fetch.interval_seconds, fetch.interval_reason) == (hours * 3600, "retry_after")


def test_feeds_told_to_slow_down_do_not_come_back_together():
    def wait(name):
        busy = failed(outcome="TEMP", http_status=429, feed_id=name)
        return settle(FeedState(), busy, None, POLICY)[1].interval_seconds

    waits = [wait(str(number)) for number in range(20)]
    assert max(waits) - min(waits) > 1800
    assert wait("0") == waits[0]


def test_a_move_is_believed_after_five_sightings_over_three_days():
    state, target = FeedState(), "https://b.example/feed"
    for day in (0, 0.1, 0.2, 0.3, 1, 2):
        moved = attempt(NOON + timedelta(days=day), moved_to=target)
        state, _ = settle(state, moved, reading("a"), POLICY)
        assert state.believed_url(LISTED) == LISTED
    moved = attempt(NOON + timedelta(days=3), moved_to=target)
    state, _ = settle(state, moved, reading("a"), POLICY)
    assert state.believed_url(LISTED) == target
    there = attempt(NOON + timedelta(days=4), url=target)
    state, _ = settle(state, there, reading("a"), POLICY)
    assert state.believed_url(LISTED) == target
    state, _ = settle(state, failed(NOON + timedelta(days=5)), None, POLICY)
    assert state.believed_url(LISTED) == LISTED
    state, _ = settle(state, attempt(NOON + timedelta(days=6)), reading("a"), POLICY)
    assert (state.believed_url(LISTED), state.moves) == (LISTED, 0)


def test_a_maintenance_page_does_not_move_a_feed():
    state = FeedState()
    for day in range(9):
        target = "https://b.example/feed" if day % 2 else ""
        moved = attempt(NOON + timedelta(days=day), moved_to=target)
        state, _ = settle(state, moved, reading("a"), POLICY)
    assert state.believed_url(LISTED) == LISTED


def test_the_operator_sets_the_pace_of_a_feed():
    state, _ = settle(FeedState(), attempt(), reading("a"), POLICY, timedelta(minutes=2))
    assert timedelta(seconds=120) <= state.next_at - NOON <= timedelta(seconds=132)


def test_what_the_feed_and_its_server_say_of_its_pace_is_heard():
    _, fetch = settle(FeedState(), attempt(fresh_seconds=3600.0), reading("a"), POLICY)
    assert (fetch.interval_reason, fetch.interval_seconds >= 3600) == ("max_age", True)
    _, fetch = settle(FeedState(), attempt(), reading("a", update_seconds=7200.0), POLICY)
    assert (fetch.interval_reason, fetch.interval_seconds >= 7200) == ("update_period", True)


_times = st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)).map(
    lambda at: at.replace(tzinfo=timezone.utc)
)
_attempts = st.builds(
    attempt,
    at=_times,
    outcome=st.sampled_from(["", *OUTCOMES[2:]]),
    http_status=st.none() | st.integers(100, 599),
    etag=st.text(max_size=5),
    retry_after_seconds=st.none() | st.floats(0, 1e9),
    fresh_seconds=st.none() | st.floats(0, 1e9),
    moved_to=st.sampled_from(["", "https://b.example/"]),
    conditional=st.booleans(),
)


@given(st.lists(st.tuples(_attempts, st.lists(st.text("ab", max_size=2), max_size=4)), max_size=8))
def test_a_state_survives_its_bytes_whatever_happened(history):
    state = FeedState()
    for one, items in history:
        state, fetch = settle(state, one, None if one.outcome else reading(*items), POLICY)
        assert fetch.outcome in OUTCOMES
        assert fetch.next_at > one.at
        assert fetch.entries == fetch.kept + fetch.known + sum(d.count for d in fetch.dropped)
        assert FeedState.from_bytes(state.to_bytes()) == state
        assert FeedState.from_bytes(state.to_bytes(with_items=False), state.items) == state


@pytest.mark.parametrize(
    "packed", [b"", b"[]", b"{}", b'{"format":2}', b'{"format":1,"x":1}', b"\xff",
               b'{"format":1,"points":"x"}', b'{"format":1,"rhythm":{}}']
)  # fmt: skip
def test_bytes_of_something_else_are_no_state(packed):
    with pytest.raises(ValueError, match=r".*"):
        FeedState.from_bytes(packed)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RejectError("private_address", ""), "SSRF_DENIED"),
        (RejectError("deadline", ""), "DEADLINE"),
        (RejectError("too_large", ""), "TOO_BIG"),
        (RejectError("unknown_host", ""), "SOFT"),
        (RejectError("connection_failed", ""), "TEMP"),
        (RejectError("bot_wall", ""), "WALL"),
        (FetchError("http_status", "", status=404), "HARD"),
        (FetchError("http_status", "", status=410), "HARD"),
        (FetchError("http_status", "", status=403), "BLOCKED"),
        (FetchError("http_status", "", status=403, headers={"cf-mitigated": "challenge"}), "WALL"),
        (FetchError("http_status", "", status=429), "TEMP"),
        (FetchError("http_status", "", status=503), "TEMP"),
        (FetchError("http_status", "", status=500), "SOFT"),
        (FetchError("http_status", "", status=204), "SOFT"),
    ],
)
def test_every_failure_is_of_one_kind(error, outcome):
    assert outcome_of(error) == outcome
