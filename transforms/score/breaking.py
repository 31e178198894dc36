"""Say when an event broke, how sure that is, and why.

Several publisher families with texts of their own, more than these publishers usually have to say,
on a young and new event. A wire story copied by forty sites is one voice until somebody adds to
it. Only articles that came as they were published, with a time known to the minute, count: a feed
of day-precise dates, or its first answer, can fill an event but never make it break.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import BreakingReason, Mention
from schemas.article import UNKNOWN_FAMILY
from schemas.event import SILENCES
from transforms.score.terms import AT_MOST, REQUIRED, THRESHOLDS, Values, probability
from transforms.score.told import Told

BREAKS = 0.5  # score from which an event breaks that passes all required terms
_HOUR, _FADE_AFTER, _OVER_AFTER = SILENCES  # the latter two without a new article
_QUARTER = timedelta(minutes=15)
_FAMILIES = "independent_families_6h"
_RECENT = timedelta(hours=6)  # that the terms look back on; an article may come so late, too
_CANDIDATE_FAMILIES = 2  # heard, and for an hour after that
_MOST_TEXTS = 3  # of one family; a further one tells nothing new
_LEAST_BREAKING = timedelta(hours=1)
_MOST_BREAKING = timedelta(hours=6)  # while two families keep adding to it

_ON_TOPIC = 0.01  # share of a publisher's articles that are on one event by chance
_MOST_SURPRISE = 3.0  # of one publisher
_EARLIER_HOURS = _RECENT / _HOUR - 1.0
_KNOWN_HOURS = 24.0  # of looking, from which a publisher's usual rate is known


@dataclass(frozen=True)
class Window:
    """How much was published in the hour before an instant."""

    articles_15m: int
    articles_60m: int
    families_60m: int


@dataclass(frozen=True)
class Moment:
    """An event as it stood when one of its articles was published."""

    at: datetime
    score: float  # [0, 1]
    reasons: tuple[BreakingReason, ...]  # every term of the score
    gates: bool  # all required terms pass

    @property
    def breaks(self) -> bool:
        """Say whether an event breaks at this moment."""
        return self.gates and self.score >= BREAKS


@dataclass(frozen=True)
class Breaking:
    """The breaking state of an event at an instant."""

    state: str  # one of schemas.event.BREAKING_STATES
    since: datetime | None  # when it broke
    score: float  # when it broke, or else the highest so far, [0, 1]
    reasons: tuple[BreakingReason, ...]  # of that moment


def entropy(families: Iterable[str]) -> float:
    """Measure how evenly articles spread over families: 0 for one, 1 for all different."""
    counts = Counter(families)
    total = counts.total()
    if len(counts) < 2:
        return 0.0
    spread = -sum(n / total * math.log(n / total) for n in counts.values())
    return spread / math.log(total)


def window_at(timely: Iterable[Mention], at: datetime) -> Window:
    """Count the timely mentions in the hour up to and including ``at``."""
    hour = [m for m in timely if at - _HOUR < m.at <= at]
    return Window(
        articles_15m=len({m.article_id for m in hour if m.at > at - _QUARTER}),
        articles_60m=len({m.article_id for m in hour}),
        families_60m=len({m.family for m in hour} - {UNKNOWN_FAMILY}),
    )


def surprise(articles: int, span: float, rate: float, hours: float) -> float:
    """Measure how unlikely it is that a publisher has that many articles on one event.

    Its rate is only known as well as it was watched: its articles are Poisson, the rate itself is
    gamma distributed, so their number is negative binomial.

    Args:
        articles: at least 1.
        span: hours that they came in.
        rate: articles an hour that are usual for it then.
        hours: of looking that this rests on.

    Returns:
        Minus the decimal logarithm of the probability, at most 3.
    """
    shape = max(rate * hours, 1e-6)
    rest = hours / (hours + span * _ON_TOPIC)  # chance of none, for a shape of 1
    term = rest**shape
    below = term
    for n in range(1, articles):
        term *= (shape + n - 1) / n * (1.0 - rest)
        below += term
    return min(_MOST_SURPRISE, -math.log10(max(1.0 - below, 1e-12)))


def measure(recent: Sequence[Mention], age: timedelta, at: datetime) -> Values:
    """Measure every term of the score.

    Args:
        recent: timely mentions of the last six hours.
        age: since a second publisher told of it.
        at: the instant.
    """
    known = [m.family for m in recent if m.family != UNKNOWN_FAMILY]
    voices: dict[str, list[Mention]] = {}
    for m in recent:
        if m.unique and m.family != UNKNOWN_FAMILY:
            voices.setdefault(m.family, []).append(m)
    own = [m for texts in voices.values() for m in texts]
    latest = [m for m in own if m.at > at - _HOUR]
    spread = (at - min((m.at for m in own), default=at)) / _HOUR
    span = max(1.0, spread)
    watched = sum(texts[0].usual_rate_hours >= _KNOWN_HOURS for texts in voices.values())
    return {
        _FAMILIES: float(len(voices)),
        "surprise": sum(
            surprise(len(texts), span, texts[0].usual_rate, texts[0].usual_rate_hours)
            for texts in voices.values()
        ),
        "spread_hours": spread,
        "acceleration": len(latest) / max(1.0, (len(own) - len(latest)) / _EARLIER_HOURS),
        "source_entropy": entropy(known),
        "own_text_share": len(voices) / len(set(known)) if known else 0.0,
        "known_publishers": watched / max(1, len(voices)),
        "novelty": _mean(texts[0].novelty for texts in voices.values()),
        "age_hours": age / _HOUR,
    }


def moments(mentions: Sequence[Mention], since: datetime | None = None) -> Iterator[Moment]:
    """Look at an event whenever it is heard anew, oldest first.

    That is as of each timely text of its publisher's own, but for the fourth and later ones of
    one publisher within six hours: a flood of them must not cost more than it tells.

    Args:
        mentions: dated ones, in any order; at least one.
        since: leave out moments before it.
    """
    first = _heard_since(mentions)
    timely = sorted((m for m in mentions if m.timely), key=lambda m: (m.at, m.article_id))
    voices: Counter[str] = Counter()  # texts in the window, by family
    start = end = 0
    for at in sorted({m.at for m in timely}):
        heard = False
        while end < len(timely) and timely[end].at <= at:
            m = timely[end]
            voices[m.family] += m.unique
            heard |= m.unique and voices[m.family] <= _MOST_TEXTS
            end += 1
        while timely[start].at <= at - _RECENT:
            voices[timely[start].family] -= timely[start].unique
            start += 1
        if heard and (since is None or at >= since):
            yield _moment(timely[start:end], max(at - first, timedelta()), at)


def _heard_since(mentions: Sequence[Mention]) -> datetime:
    """Give when a second publisher told of an event; while there is none, when the first did.

    One publisher alone must not be able to make an event old.
    """
    first: dict[str, datetime] = {}
    for m in mentions:
        first[m.family] = min(first.get(m.family, m.at), m.at)
    return sorted(first.values())[:2][-1]


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _moment(recent: Sequence[Mention], age: timedelta, at: datetime) -> Moment:
    values = measure(recent, age, at)
    reasons = tuple(
        BreakingReason(code, round(values[code], 4), needed, _passed(code, values[code], needed))
        for code, needed in THRESHOLDS.items()
    )
    gates = all(reason.passed for reason in reasons if reason.code in REQUIRED)
    return Moment(at, round(probability(values), 6), reasons, gates)


def _passed(code: str, value: float, needed: float) -> bool:
    return value <= needed if code in AT_MOST else value >= needed


def follow(
    mentions: Sequence[Mention],
    as_of: datetime,
    before: Told | None = None,
    broken: Told | None = None,
) -> Breaking:
    """Say what state an event is in ``as_of``, and since when and why.

    An event breaks once, at the first moment when all required terms pass and the score reaches
    ``BREAKS``. It is *breaking* for at least an hour, and for at most six while two families keep
    adding to it; then *developing*, *fading* when quiet for three hours, over after a day. Before
    that it is a *candidate* for an hour whenever two families were heard within six.

    The state depends on the articles and on ``as_of``, not on when one looked before. What was
    said to be breaking stays said, though.

    Args:
        mentions: dated ones, in any order; at least one.
        as_of: time to judge by, not before the latest mention.
        before: what was said of the event last.
        broken: what was said when it broke, or when an event broke that it took over.
    """
    if broken is not None and broken.breaking_since is not None:
        state = _state_after(mentions, broken.breaking_since, as_of)
        return Breaking(
            state, broken.breaking_since, broken.breaking_score, broken.breaking_reasons
        )
    seen = []
    for moment in moments(mentions, before.as_of - _RECENT if before else None):
        if moment.breaks:
            state = _state_after(mentions, moment.at, as_of)
            return Breaking(state, moment.at, moment.score, moment.reasons)
        seen.append(moment)
    highest = max(seen, key=lambda moment: moment.score, default=None)
    state = "candidate" if any(_is_candidate(moment, as_of) for moment in seen) else "none"
    if before is not None and (highest is None or before.breaking_score >= highest.score):
        return Breaking(state, None, before.breaking_score, before.breaking_reasons)
    if highest is None:
        last = max(m.at for m in mentions)
        highest = _moment((), last - _heard_since(mentions), last)
    return Breaking(state, None, highest.score, highest.reasons)


def _is_candidate(moment: Moment, as_of: datetime) -> bool:
    if as_of - moment.at >= _HOUR:
        return False
    passed = {reason.code: reason.passed for reason in moment.reasons if reason.code in REQUIRED}
    heard = next(r.value for r in moment.reasons if r.code == _FAMILIES)
    return heard >= _CANDIDATE_FAMILIES and all(
        passed[code] for code in passed if code != _FAMILIES
    )


def _state_after(mentions: Sequence[Mention], since: datetime, as_of: datetime) -> str:
    """Say what state an event is in that broke at ``since``."""
    timely = sorted((m for m in mentions if m.timely), key=lambda m: m.at)
    quiet = as_of - (timely[-1].at if timely else since)
    if quiet >= _OVER_AFTER:
        return "none"
    if quiet >= _FADE_AFTER:
        return "fading"
    return "breaking" if as_of < _breaking_until(timely, since) else "developing"


def _breaking_until(timely: Sequence[Mention], since: datetime) -> datetime:
    """Find when an event that broke was no longer being added to by several families."""
    until = since + _LEAST_BREAKING
    latest: Mention | None = None
    before: datetime | None = None  # latest of any other family
    for m in timely:
        if not m.unique or m.family == UNKNOWN_FAMILY:
            continue
        if m.at >= until:
            break
        if latest is not None and latest.family != m.family:
            before = latest.at
        latest = m
        if before is not None:
            until = max(until, before + _HOUR)
    return min(until, since + _MOST_BREAKING)
