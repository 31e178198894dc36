"""Small pictures of when articles came."""

from datetime import datetime, timezone

from pipelines.serve.drawing import BARS, HEIGHT, draw_volume

HOUR = 60
FIRST = datetime(2026, 3, 2, 6, tzinfo=timezone.utc)
START = int(FIRST.timestamp() // 60)


def columns(path):
    return path.count("M")


def test_no_articles_draw_nothing():
    assert draw_volume([]).path == draw_volume(None).path == ""


def test_articles_of_one_minute_are_one_column_of_full_height():
    drawn = draw_volume([START] * 5)
    assert (columns(drawn.path), drawn.most) == (1, 5)
    assert drawn.path == f"M1.5 {HEIGHT}V1"


def test_there_are_never_more_columns_than_bars():
    assert columns(draw_volume(list(range(START, START + 5000))).path) == BARS


def test_a_stray_sticks_to_the_end_and_leaves_the_rest_apart():
    minutes = [START, START + HOUR, START + 2 * HOUR, START + 300_000]
    last = FIRST.replace(hour=8)
    assert columns(draw_volume(minutes).path) == 2
    assert columns(draw_volume(minutes, FIRST, last).path) == 3


def test_a_column_of_few_articles_can_still_be_seen():
    drawn = draw_volume([START] + [START + HOUR] * 1000)
    assert f"V{HEIGHT - 2}" in drawn.path
