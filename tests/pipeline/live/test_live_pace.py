from datetime import timedelta

import pytest

from pipelines.live.pace import Pace, Speed, span


def ends(pace, make_round, *times):
    return [pace.ended(make_round(), at) for at in times]


def test_rounds_begin_when_the_poll_is_due(make_round, after):
    pace = Pace(60)
    assert ends(pace, make_round, after(0), after(5), after(61)) == [None, 5.0, 1.0]
    assert pace.next_at == after(120)
    assert pace.rounds == 2


def test_round_longer_than_the_poll_is_followed_at_once(make_round, after):
    pace = Pace(10)
    assert ends(pace, make_round, after(0), after(25), after(26)) == [None, 25.0, 1.0]
    assert pace.next_at == after(35)


def test_part_of_a_long_round_leaves_the_next_one_due(make_round, make_assignment, after):
    pace = Pace(60)
    ends(pace, make_round, after(0), after(20))
    part = make_round(2, articles=[make_assignment(first_seen_at=after(20.5))])
    assert pace.ended(part, after(30)) == 9.5
    assert pace.next_at == after(60)


def test_early_round_for_a_fresh_file_moves_the_next_one(make_round, make_letter, after):
    pace = Pace(60)
    ends(pace, make_round, after(0), after(1))
    early = make_round(2, dead_letters=[make_letter(at=after(3))])
    assert pace.ended(early, after(4)) == 1.0
    assert pace.next_at == after(63)


def test_single_round_has_no_next(make_round, after):
    pace = Pace(None)
    assert ends(pace, make_round, after(0), after(5)) == [None, 5.0]
    assert pace.next_at is None


def test_speed_is_of_the_last_moments(after):
    speed = Speed(10)
    assert speed.per_second(0, after(0)) == 0.0
    assert speed.per_second(50, after(0.5)) == 0.0
    assert speed.per_second(100, after(2)) == 50.0
    for second in range(3, 30):
        last = speed.per_second(100, after(second))
    assert last == 0.0


def test_speed_begins_anew_with_the_counter(after):
    speed = Speed(10)
    speed.per_second(1000, after(0))
    assert speed.per_second(5, after(2)) == 0.0
    assert speed.per_second(25, after(4)) == 10.0


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=119), "119 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=48), "2 days"),
    ],
)
def test_span_takes_the_unit_that_fits(length, text):
    assert span(length) == text
