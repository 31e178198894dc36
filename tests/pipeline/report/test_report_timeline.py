from datetime import datetime, timedelta, timezone

import pytest

from pipelines.report import load_view
from pipelines.report.timeline import WIDTH, Axis, make_axis
from pipelines.report.view import Hour

NOON = datetime(2024, 3, 4, 12, tzinfo=timezone.utc)
EARLIEST = datetime(1, 1, 1, tzinfo=timezone.utc)
LATEST = datetime(9999, 12, 31, 23, 59, tzinfo=timezone.utc)


@pytest.fixture
def events(busy):
    return load_view(busy.write()).events


def test_axis_holds_every_report(events):
    axis = make_axis(events)
    times = [dot.at for event in events for dot in event.dots]
    assert all(axis.covers(at) for at in times)


@pytest.mark.parametrize("stray", [EARLIEST, LATEST], ids=["ancient", "far-future"])
def test_one_wrong_date_does_not_stretch_the_axis(folder, stray):
    for number in range(8):
        folder.event(f"e{number}", number * 60)
    folder.event("stray", first_seen_at=stray, last_seen_at=stray)
    axis = make_axis(load_view(folder.write()).events)
    assert axis.end - axis.start < timedelta(days=1)
    assert axis.x(stray) in (0.0, WIDTH)


@pytest.mark.parametrize("at", [EARLIEST, LATEST, NOON], ids=["earliest", "latest", "usual"])
def test_single_instant_still_has_an_axis(folder, at):
    folder.event("e", first_seen_at=at, last_seen_at=at)
    axis = make_axis(load_view(folder.write()).events)
    assert axis.start < axis.end
    assert 0 <= axis.x(at) <= WIDTH
    assert axis.ranges()
    axis.bars([Hour(at.replace(minute=0), 1, 0)])


def test_axis_without_events_exists():
    assert make_axis([]).start < make_axis([]).end


@pytest.mark.parametrize(
    ("days", "labels"),
    [
        (0.5, ["all times"]),
        (3, ["all times", "last 24 hours"]),
        (20, ["all times", "last 7 days", "last 24 hours"]),
        (400, ["all times", "last 30 days", "last 7 days", "last 24 hours"]),
    ],
)
def test_ranges_offered_are_clearly_shorter_than_the_whole(days, labels):
    axis = Axis(NOON, NOON + timedelta(days=days))
    assert [part.label for part in axis.ranges()] == labels


@pytest.mark.parametrize("minutes", [20, 300, 2_000, 30_000, 900_000, 40_000_000, 4_000_000_000])
def test_axis_of_any_length_has_a_handful_of_ticks_in_order(minutes):
    ticks = Axis(EARLIEST, EARLIEST + timedelta(minutes=minutes)).ranges()[0].ticks
    percents = [tick.percent for tick in ticks]
    assert 1 <= len(ticks) <= 8
    assert percents == sorted(percents)


def test_lane_draws_originals_and_copies_apart(events):
    flood = next(event for event in events if event.event_id == "flood")
    lane = make_axis(events).lane(flood)
    assert lane.originals.count("h0") == 3
    assert lane.copies.count("h0") == 1
    assert lane.broke


def test_bars_add_up_to_the_highest_column():
    axis = Axis(NOON, NOON + timedelta(hours=10))
    step, bars = axis.bars([Hour(NOON, 3, 1), Hour(NOON + timedelta(hours=4), 1, 0)])
    assert step == timedelta(hours=1)
    assert [(bar.originals, bar.copies) for bar in bars] == [(75.0, 25.0), (25.0, 0.0)]
