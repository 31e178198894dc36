"""Decide when a feed is worth fetching again, from what its fetches found so far.

A request has a price and so has waiting: a feed is due when the items that it is expected to hold
unseen have waited ``Bounds.patience`` together. At a steady rate that makes the interval
sqrt(2 * patience / rate), which gives the least mean delay over all items for a number of requests
(an interval of 1 / rate spends too many of them on the busiest feeds).

What is expected lies between the usual rate of the hour of the day, learnt over weeks, and the
rate of late, whose weight fades with the time ahead: publishers sleep, and news comes in bursts.

Nothing here reads a clock or draws at random: the same fetches give the same times again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple

# Chosen on the publishing times of eight publishers, see benchmarks/polling.py.
_MEMORY_HOURS = 21 * 24.0  # an item or an hour counts a third after that long
_RECENT_HOURS = 1.0  # over which the recent rate is taken
_RECENT_WEIGHT = 0.5  # of the recent rate against the usual one; fades in twice that time
_HOUR_PRIOR = 1.0  # observed hours that the mean rate weighs in the rate of each hour of the day
_PRIOR = 1.0  # item in that many hours: what is believed of a feed before anything is seen
_ROOM = 0.5  # of what a feed holds: more new items are never waited for
_HIDDEN = 2.0  # for each new item of an answer that held nothing else: others had dropped out

_JITTER = 0.1  # of the interval, to both sides
_LONGEST_HINT = timedelta(days=30)

_VERSION = 1
_STEP = 1 / 12  # hours, in which the time ahead is looked through
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_HOUR = timedelta(hours=1)
_NO_FLOORS: Mapping[str, timedelta] = MappingProxyType({})


@dataclass(frozen=True)
class Bounds:
    """Between which times feeds are fetched, and how eagerly.

    Raises:
        ValueError: the times are not in order, or one is not above zero.
    """

    least: timedelta = timedelta(minutes=5)
    most: timedelta = timedelta(hours=6)
    first: timedelta = timedelta(minutes=15)  # while nothing is known of the rate
    patience: timedelta = timedelta(minutes=2)  # waiting, summed over items, worth one request

    def __post_init__(self) -> None:
        if not timedelta(0) < self.least <= self.first <= self.most:
            raise ValueError(f"expected 0 < least <= first <= most, found {self}")
        if self.patience <= timedelta(0):
            raise ValueError(f"patience must be above zero, found {self.patience}")


class Interval(NamedTuple):
    """How long to wait before the next fetch, and why.

    ``reason`` is ``unknown`` (nothing learnt yet), ``rate``, ``room`` (the feed may drop items
    before they are seen), ``least``, ``most``, ``override`` or the name of a floor.
    """

    wait: timedelta
    reason: str
    floor: timedelta  # the shortest wait that is allowed; for ``jittered``


@dataclass(frozen=True)
class Rhythm:
    """What was learnt of one feed's publishing; a few hundred bytes, as long as the feed is known.

    Items are counted with a weight that fades with their age.
    """

    fetched_at: float = 0.0  # hours since 1970, UTC; of the last answer
    hours: float = 0.0  # observed, that is, between two answers; faded like the items
    items_by_hour: tuple[float, ...] = (0.0,) * 24  # by the hour of the day, UTC
    recent: float = 0.0  # items an hour, lately
    holds: int = 0  # items in the last answer that had any

    def after(self, entries: int, new: int, at: datetime, since: datetime | None) -> "Rhythm":
        """Learn from one answer of the feed.

        Args:
            entries: items found; 0 when the answer was that nothing changed.
            new: those of them that had not been seen in this feed before.
            at: when it was fetched, with a time zone.
            since: when it was last fetched before with success; None for the first time, which
                says nothing of the rate because nobody knows how old the items are.
        """
        now, holds = _hours(at), max(0, entries) or self.holds
        if since is None or now <= _hours(since):
            return replace(self, fetched_at=now, holds=holds)
        parts = _hours_of_day(_hours(since), now)
        found = float(min(max(0, new), max(0, entries)))
        if found and found == entries:
            expected = sum(part * rate for part, rate in zip(parts, self.rates()))
            found = max(_HIDDEN * found, expected)
        gap = now - _hours(since)
        faded = math.exp(-gap / _MEMORY_HOURS)
        kept = math.exp(-gap / _RECENT_HOURS)
        return Rhythm(
            fetched_at=now,
            hours=self.hours * faded + gap,
            items_by_hour=tuple(
                items * faded + found * part / gap for items, part in zip(self.items_by_hour, parts)
            ),
            recent=self.recent * kept + found / gap * (1 - kept),
            holds=holds,
        )

    def rates(self) -> list[float]:
        """Give the usual number of items in each hour of the day, UTC."""
        mean = (sum(self.items_by_hour) + 1) / (self.hours + _PRIOR)
        observed = self.hours / 24
        return [
            (items + _HOUR_PRIOR * mean) / (observed + _HOUR_PRIOR) for items in self.items_by_hour
        ]

    def to_json(self) -> dict[str, Any]:
        """Give plain values that JSON can hold; ``from_json`` makes an equal rhythm of them."""
        return {
            "version": _VERSION,
            "fetched_at": self.fetched_at,
            "hours": self.hours,
            "items_by_hour": list(self.items_by_hour),
            "recent": self.recent,
            "holds": self.holds,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Rhythm":
        """Take up what ``to_json`` gave.

        Raises:
            ValueError: another version wrote it, or something is missing or no usable number.
        """
        if value.get("version") != _VERSION:
            raise ValueError(f"a rhythm of version {value.get('version')!r} cannot be read")
        try:
            rhythm = cls(
                fetched_at=float(value["fetched_at"]),
                hours=float(value["hours"]),
                items_by_hour=tuple(float(items) for items in value["items_by_hour"]),
                recent=float(value["recent"]),
                holds=int(value["holds"]),
            )
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"not a rhythm: {error!r}") from error
        numbers = (rhythm.fetched_at, rhythm.hours, rhythm.recent, *rhythm.items_by_hour)
        usable = all(math.isfinite(number) and number >= 0 for number in numbers)
        if not usable or len(rhythm.items_by_hour) != 24 or rhythm.holds < 0:
            raise ValueError("not a rhythm: a number is missing, negative or not finite")
        return rhythm


def interval(
    rhythm: Rhythm,
    bounds: Bounds,
    floors: Mapping[str, timedelta] = _NO_FLOORS,
    override: timedelta | None = None,
) -> Interval:
    """Say how long after ``rhythm.fetched_at`` the feed is to be fetched again.

    Args:
        rhythm: what was learnt of the feed.
        bounds: the result lies between their ``least`` and ``most``.
        floors: name → how long the server asked to be left alone: ``ttl``, ``update_period``,
            ``max_age``. The longest counts, but never beyond ``most``, nor beyond the time in
            which items would be lost, because such hints are often set once and forgotten.
        override: what somebody set for this feed; it is taken as it is.
    """
    if override is not None:
        return Interval(override, "override", override)
    wait, reason, full = _learnt(rhythm, bounds)
    name, asked = max(floors.items(), key=lambda hint: (hint[1], hint[0]), default=("", wait))
    floor = max(bounds.least, min(asked, full)) if floors else bounds.least
    if floor > wait:
        if asked > full:
            name = "room" if full < bounds.most else "most"
        wait, reason = floor, name
    return Interval(wait, reason, floor)


def jittered(
    wait: timedelta, feed_id: str, at: datetime, floor: timedelta = timedelta(0)
) -> timedelta:
    """Shift an interval by up to a tenth, so that feeds do not come due together for ever.

    The same feed and time give the same again.

    Args:
        wait: the interval.
        feed_id: what names the feed.
        at: from when the interval counts, with a time zone.
        floor: no less is given; from there up to a tenth above ``wait`` when it cuts in.
    """
    named = f"{(at - _EPOCH) // timedelta(microseconds=1)} {feed_id}"
    digest = blake2b(named.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    share = int.from_bytes(digest, "big") / 2**64
    low = max(floor, wait * (1 - _JITTER))
    high = max(low, wait * (1 + _JITTER))
    return low + (high - low) * share


def hints_from_headers(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Say for how long the server calls its answer fresh; None when it does not.

    Args:
        headers: names in lower case. ``cache-control`` counts before ``expires``, and ``age`` is
            taken off its ``max-age``. What is broken or over already counts for nothing.
        now: when the answer came, with a time zone; used when ``date`` does not say.
    """
    directives = _directives(headers.get("cache-control", ""))
    if "no-cache" in directives or "no-store" in directives:
        return None
    if "max-age" in directives:
        seconds = _whole(directives["max-age"])
        if seconds is None:
            return None
        return _hint(seconds - (_whole(headers.get("age", "")) or 0))
    expires = _date(headers.get("expires", ""))
    if expires is None:
        return None
    return _hint((expires - (_date(headers.get("date", "")) or now)).total_seconds())


def _learnt(rhythm: Rhythm, bounds: Bounds) -> tuple[timedelta, str, timedelta]:
    """Give the interval, its reason and the longest that loses nothing, all within bounds."""
    if rhythm.hours <= 0:
        return bounds.first, "unknown", bounds.most
    due, full = _look_ahead(rhythm, bounds)
    wait, reason = (full, "room") if full < due else (due, "rate")
    if wait < bounds.least:
        wait, reason = bounds.least, "least"
    elif wait >= bounds.most:
        wait, reason = bounds.most, "most"
    return wait, reason, max(bounds.least, full)


def _look_ahead(rhythm: Rhythm, bounds: Bounds) -> tuple[timedelta, timedelta]:
    """Give when unseen items will have waited long enough, and when they may get lost.

    Both are at most ``bounds.most``.
    """
    usual, recent = rhythm.rates(), rhythm.recent
    weight = _RECENT_WEIGHT
    fading = math.exp(-_STEP * (1 - _RECENT_WEIGHT) / _RECENT_HOURS)
    patience, most = bounds.patience / _HOUR, bounds.most / _HOUR
    room = _ROOM * rhythm.holds if rhythm.holds else math.inf
    due = full = most
    unseen = waited = 0.0
    for step in range(math.ceil(most / _STEP)):
        ahead = step * _STEP
        rate = usual[int(rhythm.fetched_at + ahead) % 24]
        came = (rate + weight * (recent - rate)) * _STEP
        waiting = (unseen + came / 2) * _STEP
        if waited + waiting >= patience:
            due = min(due, ahead + _STEP * (patience - waited) / waiting)
        if unseen + came >= room:
            full = min(full, ahead + _STEP * (room - unseen) / came)
            break
        unseen, waited, weight = unseen + came, waited + waiting, weight * fading
    return due * _HOUR, full * _HOUR


def _hours(at: datetime) -> float:
    return (at - _EPOCH) / _HOUR


def _hours_of_day(start: float, end: float) -> list[float]:
    """Say how much of the time from ``start`` to ``end`` lies in each hour of the day."""
    days = (end - start) // 24
    parts = [days] * 24
    first = start + days * 24
    for hour in range(math.floor(first), math.ceil(end)):
        parts[hour % 24] += max(0.0, min(end, hour + 1) - max(first, hour))
    return parts


def _directives(value: str) -> dict[str, str]:
    """Split ``Cache-Control``; of a directive that is there twice, the first counts."""
    found: dict[str, str] = {}
    for part in value.split(","):
        name, _, argument = part.partition("=")
        found.setdefault(name.strip().lower(), argument.strip().strip('"'))
    return found


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text[:12]) if text.isascii() and text.isdecimal() else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(
            timezone.utc
        )
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _hint(seconds: float) -> timedelta | None:
    if seconds <= 0:
        return None
    return timedelta(seconds=min(seconds, _LONGEST_HINT.total_seconds()))
