"""When a rule alerts of an event, at any threshold, and the curve over its thresholds."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from benchmarks.breaking_replay import Look, Replay, Trail
from benchmarks.breaking_rules import Rule
from benchmarks.breaking_set import MIXED
from benchmarks.breaking_truth import Alert, Bench, Judged
from transforms.score.breaking import Moment

_LATE = timedelta(hours=6)  # an article may come so late and still count


class Rise(NamedTuple):
    """An instant at which a rule's figure for an event was higher than ever before."""

    score: float
    alert: Alert


class Seen(NamedTuple):
    """A moment, when it could be seen, and the event's mentions then."""

    moment: Moment
    at: datetime  # not before what it rests on arrived
    mentions: int  # the first so many of the look
    look: Look


def seen_moments(trail: Trail, rule: Rule, arrivals: Mapping[str, datetime]) -> Iterator[Seen]:
    """Give the moments of an event as a running pipeline would look at them, each once."""
    for look in trail.looks:
        times = [told.at for told in look.mentions]
        arrived = list(accumulate((arrivals[told.article_id] for told in look.mentions), max))
        for moment in rule.moments(look.mentions):
            if look.after is None or moment.at > look.after - _LATE:
                until = bisect_right(times, moment.at)
                yield Seen(moment, max(moment.at, arrived[until - 1]), until, look)


class Rises:
    """The rises of one rule over the events of a replay."""

    def __init__(self, replay: Replay, rule: Rule) -> None:
        arrivals = {item.id: item.arrives for item in replay.stream.items}
        labels = {item.id: item.label for item in replay.stream.items}
        self._trails = {trail.event: trail for trail in replay.trails}
        self._of = {
            trail.event: list(_rises(trail, rule, arrivals, labels)) for trail in replay.trails
        }
        self._merged: dict[str, list[Trail]] = {}
        for trail in replay.trails:
            if trail.merged_into:
                self._merged.setdefault(trail.merged_into, []).append(trail)

    def alerts(self, threshold: float) -> list[Alert]:
        """Give the first alert of each event; one that took over an alert gives no other."""
        known: dict[str, tuple[datetime | None, Alert | None]] = {}
        for event in self._of:
            self._settle(event, threshold, known)
        return [alert for _, alert in known.values() if alert is not None]

    def _settle(
        self,
        event: str,
        threshold: float,
        known: dict[str, tuple[datetime | None, Alert | None]],
    ) -> datetime | None:
        """Say since when an event counts as alerted, its own alert or one it took over."""
        if event in known:
            return known[event][0]
        alert = next((r.alert for r in self._of[event] if r.score >= threshold), None)
        known[event] = (alert.at if alert else None, alert)  # ends a circle of merges
        for younger in self._merged.get(event, ()):
            since = self._settle(younger.event, threshold, known)
            if since is not None and younger.merged_at is not None:
                taken = max(since, younger.merged_at)
                if alert is None or taken < alert.at:
                    alert = None
                    at = known[event][0]
                    known[event] = (taken if at is None else min(at, taken), None)
        return known[event][0]


def _rises(
    trail: Trail, rule: Rule, arrivals: Mapping[str, datetime], labels: Mapping[str, str]
) -> Iterator[Rise]:
    highest = float("-inf")
    for seen in seen_moments(trail, rule, arrivals):
        if seen.moment.gates and seen.moment.score > highest:
            highest = seen.moment.score
            label = label_of([labels[m.article_id] for m in seen.look.mentions[: seen.mentions]])
            yield Rise(highest, Alert(seen.at, trail.event, label))


def label_of(labels: Sequence[str]) -> str:
    """Give the label that most articles have; ``MIXED`` when none has more than half."""
    (label, count), *_ = Counter(labels).most_common(1)
    return label if 2 * count > len(labels) else MIXED


def curve(rises: Sequence[Rises], benches: Sequence[Bench], rule: Rule) -> dict[float, Judged]:
    """Judge a rule at each of its thresholds, over several streams together."""
    judged = {threshold: Judged() for threshold in rule.thresholds}
    for threshold, total in judged.items():
        for rise, bench in zip(rises, benches):
            total.add(bench.judge(rise.alerts(threshold)))
    return judged
