"""How long a server asks to be left alone."""

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

_MOST_SECONDS = 366 * 86400.0


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """Read a ``Retry-After`` header, seconds or a date; None when it says nothing usable."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), _MOST_SECONDS)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    return min(max(0.0, (at - now).total_seconds()), _MOST_SECONDS)
