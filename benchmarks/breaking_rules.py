"""The rules that are compared: ours, three that anybody would try first, and one better than they.

A rule goes through an event's mentions in time order and says at each instant how high its figure
is; it alerts at the first instant where the figure reaches the rule's threshold.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import Mention
from transforms.score import breaking
from transforms.score.breaking import Moment

_HOUR = timedelta(hours=1)
_QUARTER = timedelta(minutes=15)
_SIX_HOURS = timedelta(hours=6)


Moments = Callable[[Sequence[Mention]], Iterator[Moment]]


@dataclass(frozen=True)
class Rule:
    """A way to tell breaking news, and the thresholds it is tried with."""

    name: str
    moments: Moments
    shipped: float  # the threshold it would be used with
    thresholds: tuple[float, ...]


def _moment(at: datetime, figure: float) -> Moment:
    return Moment(at, figure, (), gates=True)


def count_articles(mentions: Sequence[Mention]) -> Iterator[Moment]:
    """Count the articles so far."""
    times = sorted(told.at for told in mentions if told.dated)
    for at in sorted(set(times)):
        yield _moment(at, float(bisect_right(times, at)))


def measure_growth(mentions: Sequence[Mention]) -> Iterator[Moment]:
    """Compare the last 15 minutes with the mean quarter of the hour before them."""
    times = sorted(told.at for told in mentions if told.dated)
    for at in sorted(set(times)):
        until, quarter = bisect_right(times, at), bisect_right(times, at - _QUARTER)
        before = quarter - bisect_left(times, at - _QUARTER - _HOUR)
        yield _moment(at, (until - quarter) / max(1.0, before / 4))


def count_families(mentions: Sequence[Mention]) -> Iterator[Moment]:
    """Count the publishers with texts of their own in the last six hours.

    Nothing of rates, pace or novelty: it shows how far the clusters alone lead.
    """
    own = sorted((told.at, told.family) for told in mentions if told.timely and told.unique)
    times = [at for at, _ in own]
    for at in sorted(set(times)):
        recent = own[bisect_right(times, at - _SIX_HOURS) : bisect_right(times, at)]
        yield _moment(at, float(len({family for _, family in recent})))


_COUNTS = tuple(float(count) for count in range(1, 21))
_SCORES = (*(round(0.02 * step, 2) for step in range(50)), 0.99, 0.995, 0.999)

OURS = Rule("ours", breaking.moments, breaking.BREAKS, tuple(sorted({*_SCORES, breaking.BREAKS})))
SIMPLE = (
    Rule("any item", count_articles, 1.0, (1.0,)),
    Rule("articles", count_articles, 3.0, _COUNTS),
    Rule("families", count_families, 3.0, _COUNTS[:10]),
    Rule("growth", measure_growth, 2.0, (1.0, 1.5, *_COUNTS[1:])),
)
