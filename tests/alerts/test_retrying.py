"""How long to wait before the next attempt."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.alerts.retrying import Retries, asked_pause, reason_of
from transforms._shared.web.fetch import FetchError

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def error(status=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FetchError("http_status", "no", replayable=True, status=status, headers=named)


@given(st.text(max_size=30), st.integers(1, 10_000))
def test_pauses_double_up_to_a_bound_and_are_spread(key, attempt):
    retries = Retries(first_seconds=2.0, most_seconds=60.0)
    pause = retries.pause(key, attempt)
    whole = min(60.0, 2.0 * 2.0 ** min(attempt - 1, 40))
    assert whole / 2 <= pause <= whole
    assert pause == retries.pause(key, attempt)


def test_pauses_of_different_alerts_differ():
    assert len({Retries().pause(f"k{number}", 5) for number in range(20)}) == 20


def test_a_receiver_is_left_alone_as_long_as_it_asks():
    assert Retries().pause("k", 1, asked=120.0) == 120.0
    assert Retries().pause("k", 1, asked=0.0) > 0.9
    assert Retries().pause("k", 1, asked=1e9) == 6 * 3600.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30.0), ("Wed, 01 May 2024 12:01:00 GMT", 60.0), ("soon", None)],
)
def test_retry_after_is_read(header, seconds):
    assert asked_pause(error(503, retry_after=header), NOON) == seconds


def test_without_retry_after_nothing_is_asked():
    assert asked_pause(error(503), NOON) is None


def test_reasons_are_stable_codes():
    assert reason_of(error(503)) == "http_503"
    assert reason_of(FetchError("deadline", "late")) == "deadline"
