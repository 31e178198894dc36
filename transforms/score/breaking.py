"""Say when an event broke, how sure that is, and why.

A first, plain rule: several publisher families with texts of their own, a young and new event. A
wire story copied by forty sites is one voice until somebody adds to it. The rule does not yet
know each publisher's usual rate. Only articles whose time is known to the minute count, so a feed
of day-precise dates can fill an event but never make it break.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import BreakingReason, Mention
from schemas.article import UNKNOWN_FAMILY
from transforms.score.told import Told

_HOUR = timedelta(hours=1)
_QUARTER = timedelta(minutes=15)
_FADE_AFTER = timedelta(hours=3)  # without a new article
_OVER_AFTER = timedelta(hours=24)

# Each term: needed value, the distance that counts as a clear pass or miss, weight in the score,
# and whether the event cannot break without it.
_TERMS = {
    "independent_families_60m": (3.0, 2.0, 2.0, True),
    "age_hours": (6.0, 4.0, 0.6, True),
    "novelty": (0.25, 0.25, 0.6, True),
    "acceleration": (1.0, 1.0, 0.5, False),
    "source_entropy": (0.6, 0.4, 0.5, False),
}
_AT_MOST = ("age_hours",)  # passed when the value is not above the threshold


@dataclass(frozen=True)
class Window:
    """What happened in the hour before an instant."""

    articles_15m: int
    articles_60m: int
    families_60m: int
    independent_families_60m: int  # with a text of their own: copies add no voice
    entropy: float  # of articles over families in the hour, [0, 1]


@dataclass(frozen=True)
class Breaking:
    """The breaking state of an event at an instant."""

    state: str  # one of schemas.event.BREAKING_STATES
    since: datetime | None  # when it broke
    score: float  # the highest it reached, [0, 1]
    reasons: tuple[BreakingReason, ...]  # measured when it broke, or else at the highest score


def entropy(families: Iterable[str]) -> float:
    """Measure how evenly articles spread over families: 0 for one, 1 for all different."""
    counts = Counter(families)
    total = counts.total()
    if len(counts) < 2:
        return 0.0
    spread = -sum(n / total * math.log(n / total) for n in counts.values())
    return spread / math.log(total)


def window_at(mentions: Sequence[Mention], at: datetime) -> Window:
    """Count the precise mentions in the hour up to and including ``at``."""
    hour = [m for m in mentions if m.precise and at - _HOUR < m.at <= at]
    known = [m.family for m in hour if m.family != UNKNOWN_FAMILY]
    return Window(
        articles_15m=sum(m.at > at - _QUARTER for m in hour),
        articles_60m=len(hour),
        families_60m=len(set(known)),
        independent_families_60m=len(
            {m.family for m in hour if m.unique and m.family != UNKNOWN_FAMILY}
        ),
        entropy=entropy(known),
    )


def reasons_at(mentions: Sequence[Mention], at: datetime, novelty: float) -> list[BreakingReason]:
    """Measure every term of the score as of ``at``."""
    window = window_at(mentions, at)
    first = min(m.at for m in mentions)
    earlier = (window.articles_60m - window.articles_15m) / 3.0  # per quarter of an hour
    values = {
        "independent_families_60m": float(window.independent_families_60m),
        "age_hours": (at - first) / _HOUR,
        "novelty": novelty,
        "acceleration": window.articles_15m / max(1.0, earlier),
        "source_entropy": window.entropy,
    }
    return [
        BreakingReason(code, round(values[code], 4), needed, _passed(code, values[code], needed))
        for code, (needed, _, _, _) in _TERMS.items()
    ]


def score(reasons: Iterable[BreakingReason]) -> float:
    """Turn the terms into one figure in [0, 1]; 0.5 is every term exactly at its threshold."""
    total = 0.0
    for reason in reasons:
        _, distance, weight, _ = _TERMS[reason.code]
        step = (reason.value - reason.threshold) / distance
        if reason.code in _AT_MOST:
            step = -step
        total += weight * max(-2.0, min(2.0, step))
    return 1.0 / (1.0 + math.exp(-total))


def follow(
    mentions: Sequence[Mention], novelty: float, as_of: datetime, before: Told | None = None
) -> Breaking:
    """Look at an event's mentions in time order and say what state it is in ``as_of``.

    An event breaks once, when all required terms pass; later bursts keep ``since``. It is
    *developing* after its first hour, *fading* when quiet for three hours, over after a day; one
    with two independent families in the hour is a *candidate* while that lasts.

    Args:
        before: what was said of the event last; only what came after that is looked at.
    """
    ordered = sorted(mentions, key=lambda m: m.at)
    since = before.breaking_since if before else None
    best: Sequence[BreakingReason] = before.breaking_reasons if before else ()
    highest = before.breaking_score if before else -1.0
    instants = {m.at for m in ordered if m.precise and (before is None or m.at > before.as_of)}
    for at in sorted(instants) if since is None else ():
        reasons = reasons_at([m for m in ordered if m.at <= at], at, novelty)
        broke = all(r.passed for r in reasons if _TERMS[r.code][3])
        if broke or score(reasons) > highest:
            best, highest = reasons, score(reasons)
        if broke:
            since = at
            break
    if not best:
        best = reasons_at(ordered, ordered[-1].at, novelty)
        highest = score(best)
    return Breaking(_state(ordered, since, as_of), since, highest, tuple(best))


def _passed(code: str, value: float, needed: float) -> bool:
    return value <= needed if code in _AT_MOST else value >= needed


def _state(ordered: Sequence[Mention], since: datetime | None, as_of: datetime) -> str:
    if since is None:
        return "candidate" if window_at(ordered, as_of).independent_families_60m >= 2 else "none"
    quiet = as_of - max((m.at for m in ordered if m.precise), default=since)
    if quiet >= _OVER_AFTER:
        return "none"
    if quiet >= _FADE_AFTER:
        return "fading"
    return "breaking" if as_of - since <= _HOUR else "developing"
