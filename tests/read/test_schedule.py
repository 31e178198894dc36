"""When a feed is due again: what is learnt, what bounds it, and what servers ask for."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.read.schedule import (
    Bounds,
    Rhythm,
    hints_from_headers,
    interval,
    jittered,
)

START = datetime(2026, 3, 2, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BOUNDS = Bounds()
ENTRIES = 20

gaps = st.timedeltas(min_value=MINUTE, max_value=3 * DAY)
answers = st.lists(st.tuples(gaps, st.integers(0, ENTRIES)), max_size=8)
hints = st.dictionaries(
    st.sampled_from(["ttl", "update_period", "max_age"]), st.timedeltas(-DAY, 400 * DAY)
)


def learn(answers, rhythm=None, at=START):
    """Let a rhythm learn from (gap, new items) pairs, after a first fetch."""
    rhythm = rhythm or Rhythm().after(ENTRIES, ENTRIES, at, None)
    for gap, new in answers:
        rhythm, at = rhythm.after(ENTRIES if new else 0, new, at + gap, at), at + gap
    return rhythm


def steady(new, gap=HOUR, times=200):
    return learn([(gap, new)] * times)


def wait(rhythm, bounds=BOUNDS):
    return interval(rhythm, bounds).wait


def test_nothing_is_known_after_the_first_fetch():
    first = Rhythm().after(ENTRIES, ENTRIES, START, None)
    assert interval(first, BOUNDS) == (BOUNDS.first, "unknown", BOUNDS.least)
    assert interval(Rhythm(), BOUNDS).reason == "unknown"


@given(answers, hints)
@settings(deadline=None)  # the machine may be busy
def test_an_interval_is_within_bounds_whatever_came(answers, floors):
    found = interval(learn(answers), BOUNDS, floors)
    assert BOUNDS.least <= found.floor <= found.wait <= BOUNDS.most


@given(answers, st.floats(1, 50))
@settings(deadline=None)
def test_a_faster_feed_is_never_fetched_later(answers, times):
    rhythm = learn(answers)
    faster = replace(
        rhythm,
        items_by_hour=tuple(items * times for items in rhythm.items_by_hour),
        recent=rhythm.recent * times,
    )
    assert wait(faster) <= wait(rhythm)


@given(st.lists(st.tuples(gaps, st.integers(0, 9), st.integers(0, 9)), max_size=8))
@settings(deadline=None)
def test_more_new_items_never_put_off_the_next_fetch(answers):
    fewer = learn([(gap, new) for gap, new, _ in answers])
    more = learn([(gap, new + extra) for gap, new, extra in answers])
    assert wait(more) <= wait(fewer) + timedelta(milliseconds=1)


def test_the_interval_is_one_over_the_root_of_the_rate():
    once, four_times = steady(1), steady(4)
    assert wait(once) / wait(four_times) == pytest.approx(2, rel=0.05)


def test_patience_is_what_unseen_items_wait_together():
    rhythm = steady(1)
    for minutes in (1, 4, 16):
        due = wait(rhythm, Bounds(patience=timedelta(minutes=minutes))) / HOUR
        assert due**2 / 2 * 60 == pytest.approx(minutes, rel=0.05)  # at an item an hour


def test_a_silent_feed_is_fetched_less_and_less_down_to_the_bound():
    rhythm, at = Rhythm().after(ENTRIES, ENTRIES, START, None), START
    waits = []
    for _ in range(60):
        waits.append(wait(rhythm))
        rhythm, at = rhythm.after(0, 0, at + waits[-1], at), at + waits[-1]
    assert waits == sorted(waits)
    assert waits[8] < HOUR
    assert interval(rhythm, BOUNDS) == (BOUNDS.most, "most", BOUNDS.least)


def test_a_burst_from_a_silent_feed_is_followed_at_once():
    quiet = learn([(6 * HOUR, 0)] * 100)
    assert wait(quiet) == BOUNDS.most
    awake = learn([(6 * HOUR, 3), (15 * MINUTE, 4)], quiet, START + 600 * HOUR)
    assert wait(awake) < 15 * MINUTE


def test_a_burst_is_forgotten_within_a_day():
    quiet = learn([(6 * HOUR, 0)] * 100)
    after = learn([(6 * HOUR, 10), *[(HOUR, 0)] * 24], quiet, START + 600 * HOUR)
    assert wait(after) > HOUR


def test_a_sleeping_publisher_is_left_alone_until_shortly_after_it_wakes():
    day = [(HOUR, 6 if 8 <= hour < 20 else 0) for hour in range(1, 25)]
    rhythm = learn(day * 30)
    evening = learn([(HOUR, 0)] * 22, rhythm, START + 30 * DAY)
    assert wait(evening) > 4 * wait(learn([(HOUR, 6)] * 12, rhythm, START + 30 * DAY))


def test_a_feed_that_holds_little_is_fetched_before_it_overflows():
    patient = Bounds(patience=10 * HOUR)
    rhythm = replace(steady(1), holds=4)
    found = interval(rhythm, patient)
    assert found.reason == "room"
    assert found.wait / HOUR == pytest.approx(2, rel=0.05)  # half of four, at an item an hour


def test_an_answer_of_new_items_only_counts_for_more():
    gap, seen = HOUR, Rhythm().after(5, 5, START, None)
    all_new = seen.after(5, 5, START + gap, START)
    with_known = seen.after(6, 5, START + gap, START)
    assert all_new.recent == 2 * with_known.recent


def test_an_answer_after_an_outage_does_not_slow_a_busy_feed():
    busy = steady(10)
    at = START + 200 * HOUR
    again = busy.after(ENTRIES, ENTRIES, at + 7 * DAY, at)
    assert sum(again.rates()) == pytest.approx(sum(busy.rates()), rel=0.1)


def test_an_unchanged_feed_still_holds_what_it_held():
    assert steady(0).holds == ENTRIES


@pytest.mark.parametrize("since", [START, START + HOUR])
def test_a_clock_that_went_back_teaches_nothing(since):
    rhythm = steady(1)
    assert rhythm.after(9, 9, START, since) == replace(
        rhythm, fetched_at=rhythm.after(0, 0, START, None).fetched_at, holds=9
    )


@pytest.mark.parametrize(
    ("floors", "expected"),
    [
        ({}, (15 * MINUTE, "unknown", 5 * MINUTE)),
        ({"ttl": MINUTE}, (15 * MINUTE, "unknown", 5 * MINUTE)),
        ({"ttl": 10 * MINUTE}, (15 * MINUTE, "unknown", 10 * MINUTE)),
        ({"ttl": HOUR}, (HOUR, "ttl", HOUR)),
        ({"ttl": HOUR, "max_age": 2 * HOUR}, (2 * HOUR, "max_age", 2 * HOUR)),
        ({"update_period": 7 * DAY}, (6 * HOUR, "most", 6 * HOUR)),
        ({"ttl": -HOUR}, (15 * MINUTE, "unknown", 5 * MINUTE)),
    ],
)
def test_hints_are_floors_within_the_bounds(floors, expected):
    assert interval(Rhythm(), BOUNDS, floors) == expected


def test_a_hint_does_not_make_a_feed_lose_items():
    found = interval(steady(15), BOUNDS, {"update_period": 6 * HOUR})
    assert found.reason == "room"
    assert found.wait < HOUR


def test_an_override_wins():
    asked = interval(steady(15), BOUNDS, {"ttl": 2 * HOUR}, override=MINUTE)
    assert asked == (MINUTE, "override", MINUTE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"least": timedelta(0)},
        {"least": HOUR},
        {"most": MINUTE},
        {"patience": timedelta(0)},
    ],
)
def test_bounds_out_of_order_are_refused(wrong):
    with pytest.raises(ValueError, match=r"expected|patience"):
        Bounds(**wrong)


@given(answers)
@settings(deadline=None)
def test_a_stored_rhythm_goes_on_as_if_it_had_not_been_stored(answers):
    rhythm = learn(answers)
    assert Rhythm.from_json(json.loads(json.dumps(rhythm.to_json()))) == rhythm
    assert len(json.dumps(rhythm.to_json())) < 1000


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"hours": None},
        {"hours": "nan"},
        {"recent": -1.0},
        {"items_by_hour": [1.0]},
        {"items_by_hour": 3},
        {"holds": "many"},
        {"holds": -1},
    ],
)
def test_a_broken_rhythm_is_refused(change):
    with pytest.raises(ValueError, match=r"rhythm|invalid literal"):
        Rhythm.from_json({**Rhythm().to_json(), **change})
    with pytest.raises(ValueError, match="rhythm"):
        Rhythm.from_json({})


@given(st.timedeltas(MINUTE, 10 * DAY), st.text(), st.datetimes(timezones=st.just(timezone.utc)))
def test_jitter_is_bounded_and_the_same_again(wait, feed, at):
    shifted = jittered(wait, feed, at)
    assert shifted == jittered(wait, feed, at)
    assert 0.9 * wait - timedelta.resolution <= shifted <= 1.1 * wait + timedelta.resolution


@given(st.timedeltas(MINUTE, DAY), st.timedeltas(MINUTE, DAY), st.text())
def test_jitter_stays_above_the_floor(wait, floor, feed):
    assert floor <= jittered(wait, feed, START, floor) <= max(floor, 1.1 * wait) + MINUTE


@pytest.mark.parametrize("floor", [timedelta(0), HOUR])
def test_jitter_spreads_feeds_and_fetches(floor):
    by_feed = {jittered(HOUR, f"https://{n}.example/feed", START, floor) for n in range(50)}
    by_time = {jittered(HOUR, "feed", START + n * HOUR, floor) for n in range(50)}
    assert len(by_feed) == len(by_time) == 50
    assert max(by_feed) - min(by_feed) > 5 * MINUTE


def test_jitter_is_the_same_in_every_time_zone():
    elsewhere = START.astimezone(timezone(timedelta(hours=9)))
    assert jittered(HOUR, "feed", elsewhere) == jittered(HOUR, "feed", START)


NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": 'Public, Max-Age="600"'}, 600),
        ({"cache-control": "max-age=600, max-age=5"}, 600),
        ({"cache-control": "max-age=600", "age": "100"}, 500),
        ({"cache-control": "max-age=600", "age": "700"}, None),
        ({"cache-control": "max-age=600", "age": "old"}, 600),
        ({"cache-control": "max-age=0", "expires": "Mon, 02 Mar 2026 13:00:00 GMT"}, None),
        ({"cache-control": "max-age=-5"}, None),
        ({"cache-control": "max-age=1e9"}, None),
        ({"cache-control": "max-age=" + "9" * 500}, 30 * 86400),
        ({"cache-control": "no-cache, max-age=600"}, None),
        ({"cache-control": "no-store", "expires": "Mon, 02 Mar 2026 13:00:00 GMT"}, None),
        ({"cache-control": "private", "expires": "Mon, 02 Mar 2026 13:00:00 GMT"}, 3600),
        ({"expires": "Mon, 02 Mar 2026 13:00:00 -0000"}, 3600),
        (
            {
                "expires": "Mon, 02 Mar 2026 13:00:00 GMT",
                "date": "Mon, 02 Mar 2026 12:50:00 GMT",
            },
            600,
        ),
        ({"expires": "Mon, 02 Mar 2026 11:00:00 GMT"}, None),
        ({"expires": "Thu, 31 Dec 9999 23:59:59 GMT"}, 30 * 86400),
        ({"expires": "0"}, None),
        ({"expires": "-1"}, None),
        ({"expires": "soon"}, None),
    ],
)
def test_what_servers_say_about_freshness(headers, seconds):
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert hints_from_headers(headers, NOW) == expected


@given(
    st.dictionaries(
        st.sampled_from(["cache-control", "expires", "age", "date"]),
        st.text()
        | st.from_regex(r"(max-age|no-cache)? ?=? ?[0-9]{0,20},?")
        | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,5} Mar [0-9]{1,6} [0-9:]{0,9} ([A-Z]|\+)[0-9]*"),
    )
)
@settings(deadline=None)
def test_garbage_in_headers_is_no_hint_or_a_usable_one(headers):
    hint = hints_from_headers(headers, NOW)
    assert hint is None or timedelta(0) < hint <= timedelta(days=30)
