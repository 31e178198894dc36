"""What is usual for a publisher is learned from its own past, and from nothing else."""

from datetime import datetime, timedelta, timezone

import pytest

from transforms._shared.shards import seconds
from transforms.cluster.usual_rates import NEW, UsualRates

MONDAY = datetime(2026, 3, 2, tzinfo=timezone.utc)


@pytest.fixture
def watch(make_article):
    """``watch(rates, hours, family)``: one article at each of these hours; the last rate."""

    def make(rates, hours, family="one.example", **changes):
        rate = None
        for number, hour in enumerate(hours):
            at = MONDAY + timedelta(hours=hour)
            article = make_article(article_id=f"{family}{number}", event_time=at, published_at=at,
                                   publisher_family=family, **changes)  # fmt: skip
            rate = rates.observe(article, seconds(at))
        return rate

    return make


def test_a_publisher_that_nobody_knows_is_new(watch):
    assert watch(UsualRates(), [0]) == NEW


def test_a_burst_is_not_held_against_itself(watch):
    assert watch(UsualRates(), [0, *[24 + n / 100 for n in range(50)]]).per_hour < 0.3


@pytest.mark.parametrize(("each_hour", "expected"), [(1, 1.0), (10, 10.0), (0.2, 0.2)])
def test_a_steady_pace_becomes_the_rate(watch, each_hour, expected):
    hours = [n / each_hour for n in range(int(5 * 24 * each_hour))]
    rate = watch(UsualRates(), hours)
    assert rate.per_hour == pytest.approx(expected, rel=0.15)
    assert rate.hours > 100


def test_the_hour_of_the_day_counts(watch):
    mornings = [24 * day + 8 + n / 10 for day in range(10) for n in range(10)]
    rates = UsualRates()
    watch(rates, mornings)
    assert watch(rates, [24 * 10 + 8]).per_hour > 3 * watch(rates, [24 * 10 + 20]).per_hour


def test_publishers_are_counted_apart_and_unknown_ones_are_not(watch):
    rates = UsualRates()
    watch(rates, [n / 10 for n in range(500)], "busy.example")
    assert watch(rates, [60], "other.example") == NEW
    watch(rates, [n / 10 for n in range(500)], "unknown")
    assert watch(rates, [60], "unknown") == NEW


@pytest.mark.parametrize(
    "changes",
    [{"published_at_precision": "day"}, {"time_known": False}],
    ids=lambda c: next(iter(c)),
)
def test_times_that_are_not_of_publication_do_not_count(watch, changes):
    rates = UsualRates()
    assert watch(rates, [n / 10 for n in range(500)], **changes) == NEW
    assert watch(rates, [60]) == NEW


def test_what_left_the_window_is_forgotten(watch):
    rates = UsualRates(timedelta(days=2))
    watch(rates, [n / 10 for n in range(100)])
    assert watch(rates, [24 * 4]) == NEW
    rates.forget(seconds(MONDAY + timedelta(days=9)))
    assert rates._counts == {}
