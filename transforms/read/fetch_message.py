"""One row of fetch_log on its way through Pub/Sub, as JSON, and what is believed of it there."""

import base64
import json
import re
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn

from schemas import Dropped, Fetch
from schemas.feed import OUTCOMES
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError
from transforms.read.feed_state import FeedState

FETCH_KIND = "fetch"  # value of the attribute kind
_MOST_BYTES = 1024 * 1024  # a state with as many items as are remembered takes a quarter of it
_MOST_CHARS = 4096  # of a text
_MOST_DROPPED = 100  # reasons
_MOST_COUNT = 2**53
_TIMES = ("fetched_at", "next_at")
_COUNTS = ("received_bytes", "entries", "kept", "known", "deleted", "failures")
_TEXTS = ("feed_id", "feed", "outcome", "error", "url", "interval_reason")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FEED_ID = re.compile(r"[a-z2-7]{26}")
_STATUSES = range(100, 1000)
_SKEW = timedelta(minutes=15)  # of the poller's clock
_LONGEST_WAY = timedelta(days=31)  # what cannot be published waits for so long at most
_LONGEST_INTERVAL = timedelta(days=400)


def fetch_bytes(fetch: Fetch) -> bytes:
    """Write a fetch so that ``parse_fetch`` gives it again."""
    values: dict[str, Any] = {field.name: getattr(fetch, field.name) for field in fields(fetch)}
    values |= {name: values[name].isoformat() for name in _TIMES}
    values["dropped"] = [{"reason": part.reason, "count": part.count} for part in fetch.dropped]
    values["state"] = base64.b64encode(fetch.state).decode()
    return json.dumps(values, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def parse_fetch(data: bytes, published_at: datetime) -> Fetch:
    """Read a fetch that anybody may have written.

    Args:
        data: what ``fetch_bytes`` gives; what is there beside it is passed over.
        published_at: after which no server can have answered.

    Raises:
        RejectError: ``broken_fetch``: something in it cannot be, or is missing.
    """
    if len(data) > _MOST_BYTES:
        _refuse(f"it has more than {_MOST_BYTES:,} bytes")
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        _refuse(f"it is no JSON: {error}")
    if not isinstance(values, dict):
        _refuse("it is no JSON object")
    texts = {name: _text(values, name) for name in _TEXTS}
    if not _FEED_ID.fullmatch(texts["feed_id"]):
        _refuse("feed_id names no feed")
    if texts["outcome"] not in OUTCOMES:
        _refuse(f"outcome is none of {', '.join(OUTCOMES)}")
    if not _CODE.fullmatch(texts["interval_reason"]):
        _refuse("interval_reason is no code")
    checked: dict[str, Any] = {
        **texts,
        **{name: redact_url(texts[name]) for name in ("feed", "url")},
        **{name: _count(values, name) for name in _COUNTS},
        **_times(values, published_at),
        "http_status": _status(values),
        "dropped": _dropped(values),
        "interval_seconds": _interval(values),
        "state": _state(values),
    }
    fetch = Fetch(**checked)
    if fetch.entries != fetch.kept + fetch.known + sum(part.count for part in fetch.dropped):
        _refuse("entries is not the sum of kept, known and dropped")
    return fetch


def _refuse(what: str) -> NoReturn:
    raise RejectError("broken_fetch", f"no fetch as newsevents writes it: {what}"[:500])


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or len(value) > _MOST_CHARS:
        _refuse(f"{name} is no text of at most {_MOST_CHARS:,} characters")
    return value.encode("utf-8", "replace").decode()  # JSON can hold half of a surrogate pair


def _count(values: dict[str, Any], name: str) -> int:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_COUNT:
        _refuse(f"{name} is no count")
    return value


def _times(values: dict[str, Any], published_at: datetime) -> dict[str, datetime]:
    times = {}
    for name in _TIMES:
        try:
            at = datetime.fromisoformat(_text(values, name))
            if at.tzinfo is None:
                raise ValueError("no zone")
            times[name] = at.astimezone(timezone.utc)
        except (ValueError, OverflowError):
            _refuse(f"{name} is no time with a zone")
    if not -_SKEW <= published_at - times["fetched_at"] <= _LONGEST_WAY:
        _refuse("fetched_at does not fit the time at which the message was published")
    if not timedelta() <= times["next_at"] - times["fetched_at"] <= _LONGEST_INTERVAL:
        _refuse("next_at does not fit fetched_at")
    return times


def _interval(values: dict[str, Any]) -> float:
    value = values.get("interval_seconds")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse("interval_seconds is no number")
    # Compared first: a whole number may be too large to become a float, and NaN is never within.
    if not 0 <= value <= _LONGEST_INTERVAL.total_seconds():
        _refuse("interval_seconds is out of bounds")
    return float(value)


def _status(values: dict[str, Any]) -> int | None:
    value = values.get("http_status")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value not in _STATUSES:
        _refuse("http_status is no status of HTTP")
    return value


def _dropped(values: dict[str, Any]) -> tuple[Dropped, ...]:
    parts = values.get("dropped")
    if not isinstance(parts, list) or len(parts) > _MOST_DROPPED:
        _refuse(f"dropped is no list of at most {_MOST_DROPPED} reasons")
    found = []
    for part in parts:
        if not isinstance(part, dict) or not _CODE.fullmatch(_text(part, "reason")):
            _refuse("dropped holds something else than a reason and a count")
        found.append(Dropped(part["reason"], _count(part, "count")))
    return tuple(found)


def _state(values: dict[str, Any]) -> bytes:
    value = values.get("state")
    try:
        if not isinstance(value, str):
            raise ValueError("no text")
        packed = base64.b64decode(value, validate=True)
        FeedState.from_bytes(packed)
    except (ValueError, RecursionError, OverflowError) as error:
        _refuse(f"state is not the state of a feed: {error}")
    return packed
