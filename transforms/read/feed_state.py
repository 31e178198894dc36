"""What is remembered of a feed between two requests, and what an answer makes of it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from schemas import Attempt, Fetch, Reading
from transforms.read.outcome import WEIGHTS, outcome_of_reason
from transforms.read.schedule import Bounds, Rhythm, interval, jittered

GONE = 410
_TOO_MANY = 429
_FORMAT = 1
_ITEM_BYTES = 8
_KEPT_ITEMS = 2000  # at least; three times the feed when that is more
_MOST_ITEMS = 20_000
_FULL_AFTER = timedelta(hours=24)  # a server's "nothing new" is believed no longer than that,
_FULL_EVERY = 20  # and not more often in a row
_MOVES_BELIEVED = 5  # equal sightings of a move,
_MOVE_AGE = timedelta(days=3)  # over at least that time
_MOST_RETRY_AFTER = timedelta(days=1)
_MOST_BACK_OFF = timedelta(days=1)
_OUTAGE = timedelta(hours=8)  # longer than the longest pace that is usual
_SPREAD = timedelta(hours=1)  # over which feeds come back that were told to slow down
_MUTED_FROM = 12.0  # points: a dozen hard failures in a row, some nine days
_SMOOTHING = 0.3  # weight of the newest gap in the usual one
_PROBE = timedelta(days=30)  # until a feed that is gone or muted is asked for again


DEFAULT_BOUNDS = Bounds()
NEW_RHYTHM = Rhythm()


@dataclass(frozen=True)
class Policy:
    """How often feeds are asked for."""

    bounds: Bounds = DEFAULT_BOUNDS

    @classmethod
    def within(cls, least: timedelta, most: timedelta) -> "Policy":
        """Ask for each as often as it is worth it, between two spans of time."""
        return cls(Bounds(least, most, min(max(Bounds.first, least), most)))


@dataclass(frozen=True)
class FeedState:
    """What is known of one feed; a new one knows nothing. All times are UTC."""

    rhythm: Rhythm = NEW_RHYTHM
    next_at: datetime | None = None  # None: at once
    answered_at: datetime | None = None  # last answer that was no failure
    changed_at: datetime | None = None  # last answer with something new, but for the first
    usual_gap_seconds: float | None = None  # between two of those
    etag: str = ""
    last_modified: str = ""
    digest: bytes = b""  # of the content that was looked at last
    read_at: datetime | None = None  # when that was
    full_at: datetime | None = None  # last answer to a request without conditions
    conditional: int = 0  # requests with conditions since then
    failures: int = 0  # in a row
    points: float = 0.0  # of these failures, by weight
    outcome: str = ""  # of the last answer
    error: str = ""  # while it fails
    moved_to: str = ""  # where the server last said the feed is for good,
    moved_since: datetime | None = None  # since when it says so,
    moves: int = 0  # and how often
    items: bytes = b""  # 8 bytes for each item known, latest last

    def validators(self, now: datetime, read_again: timedelta) -> tuple[tuple[str, str], ...]:
        """Give the headers that ask whether there is something new; none when all is wanted."""
        full_at = self.full_at
        trusted = (
            full_at is not None
            and now - full_at < min(_FULL_AFTER, read_again)
            and self.conditional < _FULL_EVERY - 1
            and not self.failures
        )
        if not trusted or not self.digest:
            return ()
        found = (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
        return tuple((name, value) for name, value in found if value)

    def is_backfill(self, now: datetime) -> bool:
        """Say whether an answer tells of the past: it is the first, or the first after long."""
        return self.answered_at is None or now - self.answered_at > _OUTAGE

    def is_due(self, now: datetime) -> bool:
        """Say whether it is time to ask again."""
        return self.next_at is None or self.next_at <= now

    def is_put_off(self, now: datetime) -> bool:
        """Say whether it has to be left alone for now because of how it answered."""
        return bool(self.failures) and not self.is_due(now)

    def believed_url(self, listed: str) -> str:
        """Give the URL to ask: where it moved to, once that was said long and often enough."""
        return self.moved_to if _is_believed(self) else listed

    def is_unchanged(self, digest: bytes, now: datetime, read_again: timedelta) -> bool:
        """Say whether content was looked at before, and lately enough not to do it again."""
        fresh = self.read_at is not None and now - self.read_at < read_again
        return fresh and digest == self.digest

    def without_content(self) -> "FeedState":
        """Forget what came last, so that it is asked for and looked at again."""
        return replace(self, etag="", last_modified="", digest=b"")

    def to_bytes(self, with_items: bool = True) -> bytes:
        """Pack it; without its items it is small."""
        values: dict[str, Any] = {"format": _FORMAT}
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default or (field.name == "items" and not with_items):
                continue
            values[field.name] = _packed(value)
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, packed: bytes, items: bytes = b"") -> "FeedState":
        """Unpack what ``to_bytes`` made; ``items`` stand in for those it was packed without.

        Raises:
            ValueError: it was made by another version, or by something else.
        """
        try:
            values = json.loads(packed)
            if values.pop("format") != _FORMAT:
                raise ValueError("the state of a feed was written by another version")
            state = cls(**{name: _UNPACK[name](value) for name, value in values.items()})
        except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
            raise ValueError("not the state of a feed") from error
        return state if state.items else replace(state, items=items)


def settle(
    state: FeedState,
    attempt: Attempt,
    reading: Reading | None,
    policy: Policy,
    every: timedelta | None = None,
) -> tuple[FeedState, Fetch]:
    """Decide what an answer was and when to ask again.

    Args:
        state: what was known of the feed.
        attempt: the request.
        reading: what parse found; None when there was nothing to look at.
        policy: how often feeds are asked for.
        every: how often this one is, when the operator said so.
    """
    outcome, error, kept, known = _judged(state, attempt, reading)
    dropped = reading.dropped if reading else ()
    entries = kept + known + sum(part.count for part in dropped)
    if outcome in WEIGHTS:
        state = _failed(state, attempt, outcome, error)
    else:
        state = _answered(state, attempt, reading, outcome, kept, known)
    wait, reason = _next(state, attempt, reading, policy, every)
    state = replace(state, next_at=attempt.at + wait)
    fetch = Fetch(
        feed_id=attempt.feed_id,
        feed=attempt.feed,
        fetched_at=attempt.at,
        outcome=outcome,
        error=error,
        url=attempt.url,
        http_status=attempt.http_status,
        received_bytes=attempt.received_bytes,
        entries=entries,
        kept=kept,
        known=known,
        dropped=dropped,
        deleted=reading.deleted if reading else 0,
        failures=state.failures,
        next_at=attempt.at + wait,
        interval_seconds=wait.total_seconds(),
        interval_reason=reason,
        state=state.to_bytes(with_items=bool(reading and reading.items)),
    )
    return state, fetch


def _judged(
    state: FeedState, attempt: Attempt, reading: Reading | None
) -> tuple[str, str, int, int]:
    """Name the outcome and the error, and count the items that are new and those that are not."""
    if attempt.outcome:
        return attempt.outcome, attempt.error, 0, 0
    if reading is None:
        return "DUP_ONLY", "", 0, 0
    if reading.refused:
        return outcome_of_reason(reading.refused), reading.error, 0, 0
    seen = set(_split(state.items))
    kept = 0
    for item in reading.items:
        kept += item not in seen
        seen.add(item)
    known = len(reading.items) - kept
    return ("NEW" if kept else "DUP_ONLY" if known else "EMPTY"), "", kept, known


def _failed(state: FeedState, attempt: Attempt, outcome: str, error: str) -> FeedState:
    gone = attempt.http_status == GONE and not _is_believed(state)  # else it is so elsewhere
    points = max(state.points + WEIGHTS[outcome], _MUTED_FROM if gone else 0.0)
    return replace(
        state, failures=state.failures + 1, points=points, outcome=outcome, error=error
    )  # fmt: skip


def _answered(
    state: FeedState, attempt: Attempt, reading: Reading | None, outcome: str, kept: int, known: int
) -> FeedState:
    at = attempt.at
    first = state.answered_at is None
    found = kept + known
    state = replace(
        state,
        rhythm=state.rhythm.after(found, kept, at, state.answered_at),
        answered_at=at,
        **(_changed(state, at) if kept and not first else {}),
        failures=0,
        points=0.0,
        outcome=outcome,
        error="",
        full_at=state.full_at if attempt.conditional else at,
        conditional=state.conditional + 1 if attempt.conditional else 0,
        **_move(state, attempt),
    )
    if outcome == "NOT_MODIFIED":
        return state
    state = replace(state, etag=attempt.etag, last_modified=attempt.last_modified)
    if reading is None:
        return state
    items = _remembered(state.items, reading.items)
    return replace(state, digest=attempt.digest, read_at=at, items=items)


def _changed(state: FeedState, at: datetime) -> dict[str, Any]:
    if state.changed_at is None:
        return {"changed_at": at}
    gap, usual = (at - state.changed_at).total_seconds(), state.usual_gap_seconds
    return {
        "changed_at": at,
        "usual_gap_seconds": gap if usual is None else usual + (gap - usual) * _SMOOTHING,
    }


def _move(state: FeedState, attempt: Attempt) -> dict[str, Any]:
    """Count how often and since when a feed says that it is elsewhere for good."""
    if not attempt.moved_to:
        if _is_believed(state):
            return {}  # it was asked there
        return {"moved_to": "", "moved_since": None, "moves": 0}
    if attempt.moved_to != state.moved_to or state.moved_since is None:
        return {"moved_to": attempt.moved_to, "moved_since": attempt.at, "moves": 1}
    ripe = attempt.at - state.moved_since >= _MOVE_AGE
    return {"moves": state.moves + 1 if ripe else min(state.moves + 1, _MOVES_BELIEVED - 1)}


def _is_believed(state: FeedState) -> bool:
    return state.moves >= _MOVES_BELIEVED and not state.failures


def _next(
    state: FeedState,
    attempt: Attempt,
    reading: Reading | None,
    policy: Policy,
    every: timedelta | None,
) -> tuple[timedelta, str]:
    """Choose when to ask again, and say why."""
    floors = {
        name: timedelta(seconds=seconds)
        for name, seconds in (
            ("max_age", attempt.fresh_seconds),
            ("update_period", reading.update_seconds if reading else None),
        )
        if seconds is not None
    }
    chosen = interval(state.rhythm, policy.bounds, floors, every)
    usual = jittered(chosen.wait, attempt.feed_id, attempt.at, chosen.floor)
    if every is None:
        usual = min(usual, policy.bounds.most)
    if not state.failures:
        return usual, chosen.reason
    if state.points >= _MUTED_FROM:
        return _PROBE, "gone" if attempt.http_status == GONE else "muted"
    if attempt.retry_after_seconds is not None:
        asked = timedelta(seconds=attempt.retry_after_seconds)
        return max(usual, min(asked, _MOST_RETRY_AFTER)), "retry_after"
    if attempt.http_status == _TOO_MANY:
        return usual + _SPREAD * _share(attempt.feed_id, attempt.at), "too_many_requests"
    return min(usual * 2.0**state.points, max(_MOST_BACK_OFF, usual)), "back_off"


def _share(name: str, at: datetime) -> float:
    """Draw a number of [0, 1) for a feed and a time, always the same one."""
    digest = hashlib.sha256(f"{name} {at.isoformat()}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _split(items: bytes) -> list[bytes]:
    return [items[place : place + _ITEM_BYTES] for place in range(0, len(items), _ITEM_BYTES)]


def _remembered(known: bytes, shown: tuple[bytes, ...]) -> bytes:
    """Put what was shown last, and forget the oldest of too many."""
    order = dict.fromkeys(_split(known))
    for item in shown:
        order.pop(item, None)
        order[item] = None
    most = min(max(_KEPT_ITEMS, 3 * len(shown)), _MOST_ITEMS)
    return b"".join(list(order)[-most:])


def _packed(value: Any) -> Any:
    if isinstance(value, Rhythm):
        return value.to_json()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


_UNPACK: Mapping[str, Any] = {
    "rhythm": Rhythm.from_json,
    **dict.fromkeys(
        ("next_at", "answered_at", "changed_at", "read_at", "full_at", "moved_since"),
        datetime.fromisoformat,
    ),
    **dict.fromkeys(("digest", "items"), base64.b64decode),
    **dict.fromkeys(("etag", "last_modified", "outcome", "error", "moved_to"), str),
    **dict.fromkeys(("conditional", "failures", "moves"), int),
    "points": float,
    "usual_gap_seconds": float,
}
