"""What is a true burst, and how right a list of alerts is."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from benchmarks.breaking_set import BACKGROUND, MIXED, Item, Stream

_LATE = timedelta(hours=1)  # what arrives later than this after its time is not breaking any more
_OVER = timedelta(days=1)  # after a burst was one: an alert this late is of something else


@dataclass(frozen=True)
class Alert:
    """What a rule said, and of what."""

    at: datetime  # when it could be said: not before what it rests on arrived
    event: str
    label: str  # of most of the event's articles at that time; "" for the background, or MIXED


@dataclass(frozen=True)
class Found:
    """How long a true burst took to be found, from its first article on."""

    articles: int
    families: int
    own: int  # families with texts of their own
    minutes: float


@dataclass
class Judged:
    """The alerts of one or more streams, counted."""

    days: float = 0.0
    true: int = 0  # bursts there are
    found: list[Found] = field(default_factory=list)
    false: Counter[str] = field(default_factory=Counter)  # by kind of what was alerted
    repeats: int = 0  # alerts of a burst that was alerted before, by another event
    missed: list[str] = field(default_factory=list)

    def add(self, other: "Judged") -> None:
        """Take in the counts of another stream."""
        self.days += other.days
        self.true += other.true
        self.found += other.found
        self.false += other.false
        self.repeats += other.repeats
        self.missed += other.missed

    def figures(self) -> dict[str, Any]:
        """Give rates and quantiles; repeats count among the false alerts."""
        false = self.false.total() + self.repeats
        return {
            "bursts": self.true,
            "found": len(self.found),
            "recall": len(self.found) / max(1, self.true),
            "false_per_day": false / max(self.days, 1e-9),
            "repeats_per_day": self.repeats / max(self.days, 1e-9),
            "false_by_kind": dict(sorted(self.false.items())),
            "by_third_family": sum(found.own <= 3 for found in self.found) / max(1, self.true),
            **{
                f"{name}_{of}": _quantile([getattr(found, name) for found in self.found], share)
                for name in ("articles", "families", "own", "minutes")
                for of, share in (("median", 0.5), ("p90", 0.9))
            },
        }


def _quantile(values: Sequence[float], share: float) -> float | None:
    if not values:
        return None
    if share == 0.5:
        return round(float(median(values)), 2)
    return round(float(sorted(values)[min(len(values) - 1, int(share * len(values)))]), 2)


def true_bursts(items: Iterable[Item], families: int, hours: float) -> dict[str, datetime]:
    """Name the labels that reach so many publisher families within so many hours, and when.

    A copy is no voice of its own; neither is what arrives long after its time, nor what has no
    time of day.
    """
    own: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.label and item.precise and not item.copy and item.arrives - item.at <= _LATE:
            own[item.label].append(item)
    reached: dict[str, datetime] = {}
    for label, voices in own.items():
        voices.sort(key=lambda item: item.at)
        for at, item in enumerate(voices):
            recent = {
                old.family for old in voices[: at + 1] if item.at - old.at <= timedelta(hours=hours)
            }
            if len(recent) >= families:
                reached[label] = item.at
                break
    return reached


class Bench:
    """A stream with its truth, to judge alerts by."""

    def __init__(self, stream: Stream, families: int = 5, hours: float = 6.0) -> None:
        self.stream = stream
        self.true = true_bursts(stream.items, families, hours)
        self._kinds = {item.label: item.kind for item in stream.items}
        self._items: dict[str, list[Item]] = defaultdict(list)
        for item in stream.items:
            self._items[item.label].append(item)

    def judge(self, alerts: Sequence[Alert]) -> Judged:
        """Count alerts: the first of a true burst is right, any other is false."""
        judged = Judged(days=self.stream.days, true=len(self.true))
        seen: set[str] = set()
        for alert in sorted(alerts, key=lambda alert: (alert.at, alert.event)):
            if alert.label not in self.true:
                judged.false[self.kind(alert.label)] += 1
            elif alert.label in seen:
                judged.repeats += 1
            elif alert.at - self.true[alert.label] > _OVER:
                judged.false["too late"] += 1
            else:
                seen.add(alert.label)
                judged.found.append(self._found(alert))
        judged.missed = sorted(self.true.keys() - seen)
        return judged

    def kind(self, label: str) -> str:
        """Say how a label was made."""
        if label in ("", MIXED):
            return label or BACKGROUND
        return self._kinds[label]

    def _found(self, alert: Alert) -> Found:
        items = self._items[alert.label]
        until = [item for item in items if item.arrives <= alert.at]
        first = min(item.arrives for item in items)
        return Found(
            articles=len(until),
            families=len({item.family for item in until}),
            own=len({item.family for item in until if not item.copy}),
            minutes=(alert.at - first) / timedelta(minutes=1),
        )
