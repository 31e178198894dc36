import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.parse.dates import epoch_date, feed_date

PARSED = time.struct_time((2026, 3, 1, 10, 0, 5, 6, 60, 0))


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("2026-03-01T10:00:05Z", "2026-03-01T10:00:05+00:00"),
        ("2026-03-01T10:00:05.123456-05:00", "2026-03-01T15:00:05+00:00"),
        ("2026-03-01 10:00:05 +0530", "2026-03-01T04:30:05+00:00"),
        ("2026-03-01T10:00+02", "2026-03-01T08:00+00:00"),
        ("2026-03-01T10:00:05", "2026-03-01T10:00:05"),
        ("2026-03-01T10:00", "2026-03-01T10:00"),
        ("  2026-03-01\n", "2026-03-01"),
        ("2026-02-30", "2026-02-30"),
        ("2026-03-01T25:00:00Z", "2026-03-01T25:00:00Z"),
        ("0001-01-01T00:00:00+10:00", "0001-01-01T00:00:00+10:00"),
        ("", ""),
    ],
)
def test_iso_dates_need_no_help_and_keep_their_precision(written, iso):
    assert feed_date(written, None) == iso


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        pytest.param("Sun, 01 Mar 2026 10:00:05 GMT", "2026-03-01T10:00:05+00:00", id="named-zone"),
        pytest.param("Sun, 01 Mar 2026 05:00:05 EST", "2026-03-01T10:00:05+00:00", id="us-zone"),
        pytest.param("01 Mar 26 10:00:05 +0000", "2026-03-01T10:00:05+00:00", id="short-year"),
        pytest.param("Sun, 01 Mar 2026 10:00 Z", "2026-03-01T10:00+00:00", id="no-seconds"),
        pytest.param("Sun, 01 Mar 2026 10:00:05", "2026-03-01T10:00:05", id="no-zone"),
        pytest.param("Sun Mar  1 10:00:05 2026", "2026-03-01T10:00:05", id="asctime"),
        pytest.param("Sun, 01 Mar 2026 10:00:05 JST", "2026-03-01T01:00:05+00:00", id="tokyo"),
        pytest.param("Sun, 01 Mar 2026 10:00:05 IST", "2026-03-01T10:00:05", id="ambiguous-zone"),
        pytest.param("Sun, 01 Mar 2026", "2026-03-01", id="day"),
        pytest.param("20260301T100005Z", "2026-03-01T10:00:05+00:00", id="compact"),
        pytest.param("2026년 03월 01일 오후 07:00:05", "2026-03-01T10:00:05+00:00", id="korean"),
        pytest.param("March 2026", "March 2026", id="month-only"),
        pytest.param("2026", "2026", id="year-only"),
        pytest.param("2026-03", "2026-03", id="year-and-month"),
        pytest.param("10:00:05", "10:00:05", id="year-made-up"),
        pytest.param("03-01 10:00", "03-01 10:00", id="century-made-up"),
        pytest.param("01 Mar 2026 10:00:05 p.m. EST", "01 Mar 2026 10:00:05 p.m. EST", id="pm"),
    ],
)
def test_other_dates_are_believed_only_as_far_as_they_are_written(written, iso):
    assert feed_date(written, PARSED) == iso


def test_a_date_that_feedparser_cannot_read_stays_as_written():
    assert feed_date("  the day\nbefore ", None) == "the day before"


def test_an_impossible_parse_stays_as_written():
    assert feed_date("1 Mar 2026 x", time.struct_time((2026, 13, 1, 0, 0, 0, 0, 0, 0))) == (
        "1 Mar 2026 x"
    )


@pytest.mark.parametrize(
    ("number", "iso"),
    [
        (1772359200, "2026-03-01T10:00:00+00:00"),
        (1772359200.75, "2026-03-01T10:00:00+00:00"),
        (1772359200000, "2026-03-01T10:00:00+00:00"),
        (-3600, "1969-12-31T23:00:00+00:00"),
        (20260301, "2026-03-01"),
        (20261345, ""),
        (1e300, ""),
        (float("nan"), ""),
        (float("inf"), ""),
        (True, ""),
    ],
)
def test_numbers_count_from_1970_in_seconds_or_milliseconds(number, iso):
    assert epoch_date(number) == iso


@given(st.text(max_size=60), st.tuples(*[st.integers(-5, 3000)] * 9))
def test_any_text_gives_some_text_of_bounded_length(written, parsed):
    assert len(feed_date(written, time.struct_time(parsed))) <= 100


@given(st.floats() | st.integers())
def test_any_number_gives_a_date_or_nothing(number):
    assert epoch_date(number) == "" or epoch_date(number)[4] == "-"
