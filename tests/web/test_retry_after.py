from datetime import datetime, timezone

import pytest

from transforms._shared.web.retry_after import retry_after_seconds

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Wed, 01 May 2024 12:05:00 GMT", 300.0),
        ("Wed, 01 May 2024 11:00:00 GMT", 0.0),
        ("Wed, 01 May 2024 12:05:00", 300.0),
        ("9" * 400, 366 * 86400.0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("²", None),
        ("Wed, 99 May 99999 12:05:00 GMT", None),
    ],
)
def test_seconds_and_dates_are_read(value, seconds):
    assert retry_after_seconds(value, NOON) == seconds
