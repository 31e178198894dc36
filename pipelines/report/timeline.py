"""Where things lie on the page's time axis."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pipelines.report.view import EventView, Hour

WIDTH = 1000.0  # units of the axis, whatever time it spans
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_FENCE = 10  # interquartile ranges beyond which a time is a stray, not part of the story
_MIN_FENCE = timedelta(days=2)
_TICKS = (
    *(timedelta(minutes=m) for m in (5, 15, 30)),
    *(timedelta(hours=h) for h in (1, 3, 6, 12)),
    *(timedelta(days=d) for d in (1, 2, 7, 14, 30, 91, 182, 365, 1825, 7300, 36500, 365000)),
)
_BINS = tuple(step for step in _TICKS if step >= _HOUR)
_RANGES = (("last 24 hours", _DAY), ("last 7 days", 7 * _DAY), ("last 30 days", 30 * _DAY))
_ZERO = datetime(1970, 1, 5, tzinfo=timezone.utc)  # a Monday, so that weeks begin on one


@dataclass(frozen=True)
class Tick:
    percent: float
    label: str


@dataclass(frozen=True)
class Range:
    """A part of the axis a reader can look at."""

    label: str
    start: datetime
    end: datetime
    x: float  # its left end and width in units of the whole axis
    width: float
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Bar:
    """One column of the overview: how many articles a stretch of time brought."""

    x: float  # percent of the axis
    width: float
    originals: float  # heights in percent of the highest column
    copies: float


@dataclass(frozen=True)
class Lane:
    """SVG path data of one event, in units of the axis."""

    span: str
    originals: str
    copies: str
    broke: str
    thickness: float  # of the span, in pixels: grows with the logarithm of the articles


class Axis:
    """The time from ``first`` to ``last`` and a small margin, drawn ``WIDTH`` units wide.

    Times outside it stick to its ends.
    """

    def __init__(self, first: datetime, last: datetime) -> None:
        self.first = first
        self.last = last
        margin = max((last - first) * 0.02, timedelta(minutes=10))
        self.start = _plus(first, -margin)
        self.end = _plus(last, margin)
        seconds = (self.end - self.start).total_seconds()
        # Two minutes are the finest step worth drawing.
        self._digits = 1 if seconds <= 1.2e6 else 2 if seconds <= 1.2e7 else 3

    def x(self, at: datetime) -> float:
        inside = min(max(at, self.start), self.end)
        return round((inside - self.start) / (self.end - self.start) * WIDTH, self._digits)

    def text(self, at: datetime) -> str:
        return f"{self.x(at):.{self._digits}f}".rstrip("0").rstrip(".")

    def covers(self, at: datetime) -> bool:
        return self.start <= at <= self.end

    def ranges(self) -> tuple[Range, ...]:
        """Give the whole axis, then each round stretch at its end that is clearly shorter."""
        spans = [(label, span) for label, span in _RANGES if span < 0.7 * (self.end - self.start)]
        parts = [("all times", self.start), *((n, self.end - span) for n, span in reversed(spans))]
        return tuple(
            Range(
                label,
                start,
                self.end,
                x := self.x(start),
                round(WIDTH - x, self._digits),
                _ticks(start, self.end),
            )
            for label, start in parts
        )

    def lane(self, event: EventView) -> Lane:
        """Draw an event: a line from first to last report, a dot for each article."""
        first, last = event.first_seen_at, event.last_seen_at
        points: dict[bool, dict[str, None]] = {True: {}, False: {}}
        for dot in event.dots:
            points[dot.copy][self.text(dot.at)] = None
        return Lane(
            span=f"M{self.text(first)} 10H{self.text(max(first, last))}" if first and last else "",
            originals="".join(f"M{x} 10h0" for x in points[False]),
            copies="".join(f"M{x} 10h0" for x in points[True]),
            broke=f"M{self.text(event.breaking_since)} 1v18" if event.breaking_since else "",
            thickness=round(min(3 + 2 * math.log2(max(event.article_count, 1)), 22), 1),
        )

    def bars(self, hours: Sequence[Hour]) -> tuple[timedelta, tuple[Bar, ...]]:
        """Gather hours into at most about 100 columns; also tells the time a column spans."""
        step = next(s for s in _BINS if (self.end - self.start) / s <= 100 or s == _BINS[-1])
        sums: dict[datetime, list[int]] = {}
        for hour in hours:
            if self.covers(hour.at) or self.covers(_plus(hour.at, _HOUR)):
                both = sums.setdefault(_floor(hour.at, step), [0, 0])
                both[0] += hour.originals
                both[1] += hour.copies
        highest = max((sum(both) for both in sums.values()), default=1)
        bars = []
        for start, (originals, copies) in sorted(sums.items()):
            left, right = self.x(start) / 10, self.x(_plus(start, step)) / 10
            heights = (round(n / highest * 100, 2) for n in (originals, copies))
            bars.append(Bar(round(left, 3), round(right - left, 3), *heights))
        return step, tuple(bars)


def make_axis(events: Iterable[EventView]) -> Axis:
    """Choose the stretch of time worth drawing: all reports but strays far from the rest.

    One wrong date would otherwise press everything else into a single point.
    """
    times = sorted(
        at
        for event in events
        for at in (event.first_seen_at, event.last_seen_at, *(dot.at for dot in event.dots))
        if at is not None
    ) or [_ZERO]
    lower, upper = times[len(times) // 4], times[len(times) * 3 // 4]
    fence = max(_FENCE * (upper - lower), _MIN_FENCE)
    inside = [at for at in times if lower - at <= fence and at - upper <= fence]
    return Axis(inside[0], inside[-1])


def _plus(at: datetime, span: timedelta) -> datetime:
    """Add within the calendar: a hostile date may lie at its very end."""
    try:
        return at + span
    except OverflowError:
        return at


def _floor(at: datetime, step: timedelta) -> datetime:
    return _plus(at, -((at - _ZERO) % step))


def _ticks(start: datetime, end: datetime) -> tuple[Tick, ...]:
    span = end - start
    step = next(s for s in _TICKS if span / s <= 7 or s == _TICKS[-1])
    at = _plus(_floor(start, step), step)
    ticks: list[Tick] = []
    while start < at < end and len(ticks) < 8:
        percent = round((at - start) / span * 100, 2)
        if 3 <= percent <= 97:  # a label at the very edge would be cut
            ticks.append(Tick(percent, _label(at, step)))
        at = _plus(at, step)
    return tuple(ticks)


def _label(at: datetime, step: timedelta) -> str:
    if step < _DAY:
        midnight = (at.hour, at.minute) == (0, 0)
        return f"{at.day} {at:%b}" if midnight else f"{at:%H:%M}"
    if step < 91 * _DAY:
        return f"{at.day} {at:%b}"
    return f"{at:%b} {at.year}" if step < 1825 * _DAY else str(at.year)
