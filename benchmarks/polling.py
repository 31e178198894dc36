"""Replay recorded publishing times against ways of polling: delay, requests, items lost.

    python -m benchmarks.polling [--rhythms FILE ...] [--json OUT]

FILE is JSON Lines, also gzipped, with ``source`` and ``published`` (ISO 8601, or seconds or
milliseconds since 1970). Each source is one feed that shows its ``--holds`` latest items; it is
fetched for the first time when it publishes its first item, and learning is part of what is
measured. Sources with fewer than ``--least_items`` items are left out, and of each source only
the last ``--days`` days are used, for speed. Where no item of a file has a time of day, times are
made up around an ordinary day, so only the number of items per day is real, and it says so. Without
a file, a rhythm made by code is replayed.

Ways of polling, all with the same jitter:

* ours: ``transforms/read/schedule.py`` with its defaults.
* fixed: every 15 or 60 minutes.
* share of duplicates: 67 % and more known items, or no change: 10 minutes longer (60 after a month
  without news); under 33 %: 60 minutes shorter, from over 6 hours at once back to 6; 10 minutes to
  24 hours, 6 hours at first. It is the rule of Media Cloud's rss-fetcher.
* items per week: one over the rate of the last 7 days, 5 minutes to 24 hours, 24 hours while none
  came; what the first fetch shows counts. It is the rule of miniflux's ``entry_frequency``.

The second table gives ours as many requests as each of the others made, or fewer, by way of
``patience`` alone (with up to 24 hours between two fetches, as those rules have). The third follows
``patience`` and sets fixed polling with as many requests beside it. Delays are from publication
to fetch, over all items that were fetched; items that dropped out unseen are counted as lost.

The constants of the schedule were chosen on eight publishers, every second by name, of "Health News
in Twitter" (UCI Machine Learning Repository; posting times to the second, 16 publishers); figures
to report are those of the other eight and of other streams.
"""

import argparse
import gzip
import json
import random
import statistics
import sys
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from transforms.read.schedule import Bounds, Rhythm, interval, jittered

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_SWEEP_MINUTES = (0.5, 1, 2, 3, 5, 10, 20, 40)
_HALVINGS = 9  # of the range of patience, until requests are equal
_MADE_UP_HOURS = (1,) * 6 + (4, 8) + (10,) * 9 + (8, 6, 6, 4, 3, 2, 1)  # weights of the day

Feeds = Mapping[str, Sequence[datetime]]  # publishing times, oldest first


class Fetch(NamedTuple):
    """What one fetch of a feed found."""

    at: datetime
    since: datetime | None  # of the one before
    entries: int  # 0 when nothing changed
    new: int


class Policy(Protocol):
    """Says after each fetch of one feed when to fetch it next."""

    def next(self, fetch: Fetch) -> timedelta: ...


@dataclass
class Ours:
    """The schedule of the project."""

    bounds: Bounds
    _rhythm: Rhythm = field(default_factory=Rhythm)

    def next(self, fetch: Fetch) -> timedelta:
        self._rhythm = self._rhythm.after(fetch.entries, fetch.new, fetch.at, fetch.since)
        return interval(self._rhythm, self.bounds).wait


@dataclass
class Fixed:
    """Always the same interval."""

    wait: timedelta

    def next(self, fetch: Fetch) -> timedelta:
        return self.wait


@dataclass
class DuplicateShare:
    """Longer when most of what is found is known, shorter when most is new."""

    minutes: int = 360
    _news: datetime | None = None

    def next(self, fetch: Fetch) -> timedelta:
        if fetch.new:
            self._news = fetch.at
        if fetch.since is not None:
            known = 1 - fetch.new / fetch.entries if fetch.entries else 1.0
            if known >= 0.67:
                fresh = self._news is not None and fetch.at - self._news <= timedelta(days=31)
                self.minutes = min(1440, self.minutes + (10 if fresh or known < 1 else 60))
            elif known < 0.33:
                self.minutes = 360 if self.minutes > 360 else max(10, self.minutes - 60)
        return timedelta(minutes=self.minutes)


@dataclass
class ItemsPerWeek:
    """One over the rate of the last seven days."""

    _found: list[tuple[datetime, int]] = field(default_factory=list)

    def next(self, fetch: Fetch) -> timedelta:
        self._found.append((fetch.at, fetch.new))
        self._found = [found for found in self._found if fetch.at - found[0] <= 7 * _DAY]
        items = sum(new for _, new in self._found)
        return min(_DAY, max(5 * _MINUTE, 7 * _DAY / items)) if items else _DAY


class Replay(NamedTuple):
    """What polling one feed came to."""

    minutes: list[float]  # from publication to fetch, of each item fetched
    lost: int
    requests: int
    days: float


class Outcome(NamedTuple):
    """What one way of polling came to over all feeds of a stream."""

    requests_per_day: float  # of one feed
    median: float  # minutes, over all items
    p90: float
    mean: float
    median_feed: float  # minutes; the median of the medians of the feeds
    lost: int
    items: int  # published after the first fetch


def replay(times: Sequence[datetime], policy: Policy, feed: str, holds: int) -> Replay:
    """Poll one feed from its first item until all of them were offered."""
    minutes: list[float] = []
    at, since, seen = times[0], None, 0
    lost = requests = 0
    while True:
        requests += 1
        published = bisect_right(times, at)
        kept = min(published - seen, holds)
        if since is None:
            fetch = Fetch(at, None, holds, holds)
        else:
            fetch = Fetch(at, since, holds if kept else 0, kept)
            lost += published - seen - kept
            minutes.extend((at - time) / _MINUTE for time in times[published - kept : published])
        if published == len(times) and since is not None:
            return Replay(minutes, lost, requests, (at - times[0]) / _DAY)
        seen, since = published, at
        at += jittered(policy.next(fetch), feed, at)


def measure(feeds: Feeds, make: Callable[[], Policy], holds: int) -> Outcome:
    """Poll every feed with a policy of its own."""
    replays = [replay(times, make(), feed, holds) for feed, times in feeds.items()]
    delays = sorted(minutes for one in replays for minutes in one.minutes)
    lost = sum(one.lost for one in replays)
    return Outcome(
        requests_per_day=sum(one.requests for one in replays) / sum(one.days for one in replays),
        median=delays[len(delays) // 2],
        p90=delays[len(delays) * 9 // 10],
        mean=statistics.fmean(delays),
        median_feed=statistics.median(statistics.median(r.minutes) for r in replays if r.minutes),
        lost=lost,
        items=len(delays) + lost,
    )


def others() -> dict[str, Callable[[], Policy]]:
    """Give the ways of polling that ours is compared with."""
    return {
        "fixed 15 min": partial(Fixed, 15 * _MINUTE),
        "fixed 60 min": partial(Fixed, 60 * _MINUTE),
        "share of duplicates": DuplicateShare,
        "items per week": ItemsPerWeek,
    }


def ours_with_at_most(
    requests_per_day: float, feeds: Feeds, holds: int, most: timedelta = _DAY
) -> tuple[timedelta, Outcome]:
    """Find the least patience with which ours makes no more requests, and what comes of it."""
    bounds = Bounds(most=most)
    low, high = 0.02, 40 * 60.0  # minutes
    best: tuple[timedelta, Outcome] | None = None
    for _ in range(_HALVINGS):
        patience = timedelta(minutes=(low * high) ** 0.5)
        tried = measure(feeds, partial(Ours, replace(bounds, patience=patience)), holds)
        if tried.requests_per_day <= requests_per_day:
            best, high = (patience, tried), patience / _MINUTE
        else:
            low = patience / _MINUTE
    if best is None:
        raise ValueError(f"ours cannot do with {requests_per_day:.2f} requests a day")
    return best


def synthetic(days: int = 14, seed: int = 1) -> dict[str, list[datetime]]:
    """Make the publishing times of feeds from one item in two days to 250 a day.

    Publishers sleep at night, each in its own time zone; one item in four is followed up soon;
    one feed publishes by fives; and half of the feeds report one breaking story.
    """
    rng = random.Random(seed)
    start = datetime(2026, 3, 2, tzinfo=timezone.utc)
    made: dict[str, list[datetime]] = {}
    for number, per_day in enumerate((0.5, 2, 5, 10, 20, 40, 80, 120, 250)):
        zone = timedelta(hours=(number * 5) % 24)
        times = [start]
        for day in range(days):
            for _ in range(_poisson(rng, per_day * 0.75)):
                hour = rng.choices(range(24), _MADE_UP_HOURS)[0] + rng.random()
                times.append(start + timedelta(days=day, hours=hour) - zone)
        times += [
            time + timedelta(minutes=rng.expovariate(1 / 30))
            for time in times
            if rng.random() < 1 / 3
        ]
        if number % 2:
            story = start + timedelta(days=days * 0.6)
            times += [story + timedelta(minutes=rng.expovariate(1 / 60)) for _ in range(12)]
        if number == 3:
            times = [start + _DAY / 8 * ((time - start) // (_DAY / 8)) for time in times]
        made[f"made-{per_day:g}"] = sorted(max(start, time) for time in times)
    return made


def _poisson(rng: random.Random, mean: float) -> int:
    count, passed = 0, rng.expovariate(1.0)
    while passed < mean:
        count, passed = count + 1, passed + rng.expovariate(1.0)
    return count


class Stream(NamedTuple):
    """The feeds of one file."""

    feeds: dict[str, list[datetime]]
    left_out: int  # sources with too few items
    made_up_hours: bool  # the file knows days only


def read_stream(path: Path, least_items: int, days: float) -> Stream:
    """Read publishing times by source; rows without a usable time or source count for nothing."""
    opened = gzip.open if path.suffix == ".gz" else open
    by_source: dict[str, list[datetime]] = {}
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            at = _time(row.get("published"))
            if at is not None and row.get("source"):
                by_source.setdefault(str(row["source"]), []).append(at)
    made_up = all(not (at - _EPOCH) % _DAY for times in by_source.values() for at in times)
    feeds = {}
    for source, times in sorted(by_source.items()):
        if made_up:
            times = [_somewhen(at, source, number) for number, at in enumerate(times)]
        first = max(times) - timedelta(days=days)
        kept = sorted(at for at in times if at >= first)
        if len(kept) >= least_items:
            feeds[source] = kept
    return Stream(feeds, len(by_source) - len(feeds), made_up)


def _time(value: Any) -> datetime | None:
    try:
        if isinstance(value, (int, float)):
            return _EPOCH + timedelta(seconds=value / 1000 if value > 1e11 else value)
        at = datetime.fromisoformat(value)
        return at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    except (ValueError, TypeError, OverflowError):
        return None


def _somewhen(day: datetime, source: str, number: int) -> datetime:
    digest = blake2b(f"{number} {source}".encode(), digest_size=8).digest()
    rng = random.Random(digest)
    hour = rng.choices(range(24), _MADE_UP_HOURS)[0] + rng.random()
    return day + timedelta(hours=hour)


def report(name: str, feeds: Feeds, holds: int) -> dict[str, Any]:
    """Measure and print all tables of one stream."""
    items = sum(map(len, feeds.values()))
    days = sum((times[-1] - times[0]) / _DAY for times in feeds.values())
    print(f"\n{name}: {len(feeds)} feeds that hold {holds}, {items} items,"
          f" {items / days:.1f} per feed and day")  # fmt: skip
    print("\ndelay in minutes, requests per feed and day")
    _print_head("", "")
    ours = measure(feeds, partial(Ours, Bounds()), holds)
    _print_row("ours", ours)
    rest = {other: measure(feeds, make, holds) for other, make in others().items()}
    for other, outcome in rest.items():
        _print_row(other, outcome)
    print("\nours with no more requests than each of them")
    _print_head("", "patience")
    equal = {}
    for other, outcome in rest.items():
        patience, same = ours_with_at_most(outcome.requests_per_day, feeds, holds)
        _print_row(f"as {other}", same, f"{patience / _MINUTE:.2f}")
        equal[other] = {"patience_minutes": patience / _MINUTE, **same._asdict()}
    print("\nours by patience, and fixed polling with as many requests")
    _print_head("", "patience")
    curve = []
    for minutes in _SWEEP_MINUTES:
        bounds = Bounds(patience=timedelta(minutes=minutes))
        swept = measure(feeds, partial(Ours, bounds), holds)
        wait = _DAY / swept.requests_per_day
        fixed = measure(feeds, partial(Fixed, wait), holds)
        _print_row("ours", swept, f"{minutes:g}")
        _print_row(f"fixed {wait / _MINUTE:.0f} min", fixed)
        curve.append({"patience_minutes": minutes, "ours": swept._asdict(),
                      "fixed": fixed._asdict()})  # fmt: skip
    return {
        "feeds": len(feeds), "items": items, "holds": holds, "ours": ours._asdict(),
        "others": {other: outcome._asdict() for other, outcome in rest.items()},
        "ours_with_no_more_requests": equal, "curve": curve,
    }  # fmt: skip


def _print_head(first: str, last: str) -> None:
    print(f"{first:<24}{'requests':>9}{'median':>9}{'p90':>9}{'mean':>9}{'by feed':>9}"
          f"{'lost':>7} of {'items':<8}{last}".rstrip())  # fmt: skip


def _print_row(name: str, row: Outcome, last: str = "") -> None:
    print(f"{name:<24}{row.requests_per_day:>9.1f}{row.median:>9.1f}{row.p90:>9.1f}"
          f"{row.mean:>9.1f}{row.median_feed:>9.1f}{row.lost:>7} of {row.items:<8}"
          f"{last}".rstrip(), flush=True)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    missing = [str(path) for path in options.rhythms if not path.is_file()]
    if missing:
        print(f"{', '.join(missing)}: no such file; name one by --rhythms", file=sys.stderr)
        return 2
    result: dict[str, Any] = {}
    if not options.rhythms:
        result["synthetic"] = report("synthetic", synthetic(), options.holds)
    for path in options.rhythms:
        stream = read_stream(path, options.least_items, options.days)
        if not stream.feeds:
            print(f"{path}: no source with {options.least_items} dated items", file=sys.stderr)
            return 2
        result[path.name] = report(path.name, stream.feeds, options.holds)
        result[path.name]["made_up_hours"] = stream.made_up_hours
        result[path.name]["left_out"] = stream.left_out
        made_up = "; it knows days only: the hours are made up" if stream.made_up_hours else ""
        print(f"\nleft out: {stream.left_out} sources with fewer than"
              f" {options.least_items} items{made_up}")  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Replay recorded publishing times against ways of polling feeds."
    )
    parser.add_argument(
        "--rhythms", type=Path, action="append", default=[], metavar="FILE",
        help="JSON Lines with source and published; may be given again",
    )  # fmt: skip
    parser.add_argument("--holds", type=int, default=20, help="items a feed shows (%(default)s)")
    parser.add_argument(
        "--least_items", type=int, default=5, help="sources with fewer are left out (%(default)s)"
    )
    parser.add_argument(
        "--days", type=float, default=200, help="used of each source, its last (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
