"""What explains an article or an event, and its form in JSON."""

import math
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

from schemas import ChannelReading

_DECIMALS = 6  # of a number in JSON: more than a float32 holds


@dataclass(frozen=True)
class EventName:
    """An event that a decision names."""

    event_id: str
    title: str  # "" when the event has no row
    status: str
    survivor_id: str = ""  # the event it was merged into, at last; "" unless merged
    survivor_title: str = ""


@dataclass(frozen=True)
class Candidate:
    """An event that an article was measured against, and the probability of belonging."""

    event: EventName
    score: float | None


@dataclass(frozen=True)
class CopyCheck:
    """What comparing the article with earlier ones found."""

    kind: str  # none, exact_text, near_verbatim or contained
    of: str
    of_title: str
    score: float | None
    evidence: str  # also what kept it from being a copy


@dataclass(frozen=True)
class Decision:
    """Why one revision of an article is, or was, in an event."""

    revision: int
    at: datetime | None  # event time of joining
    left_at: datetime | None
    event: EventName
    role: str  # seed, member, duplicate or update; "" when nothing says
    score: float | None
    evidence: str
    contested: bool | None  # None: an older version did not write it
    threshold: float | None  # None: an older version, or the model was not asked
    best: Candidate | None
    second: Candidate | None
    channels: tuple[ChannelReading, ...] | None  # None: an older version kept none

    @property
    def margin(self) -> float | None:
        """The lead in probability over the second-best event; None when there is no such."""
        best, second = self.best, self.second
        if best is None or second is None or best.score is None or second.score is None:
            return None
        return best.score - second.score

    def by_difference(self) -> list[ChannelReading]:
        """Give the channels, what speaks most for the best event first."""

        def place(one: ChannelReading) -> tuple[float, str]:
            lead = one.best - one.second if self.second else one.best
            return (-lead if math.isfinite(lead) else math.inf), one.name

        return sorted(self.channels or (), key=place)


@dataclass(frozen=True)
class Noticed:
    """That an article was corrected or taken back."""

    article_id: str
    title: str
    kind: str  # corrected, retracted or gone
    at: datetime | None
    evidence: str


@dataclass(frozen=True)
class ArticleWhy:
    """Why an article is in its event."""

    article_id: str
    revision: int
    title: str
    url: str
    source_name: str
    publisher_family: str
    at: datetime | None
    published_at: datetime | None
    published_at_source: str
    decision: Decision  # the one that chose the event
    later: tuple[Decision, ...]  # of changed texts, which followed
    left: tuple[Decision, ...]  # events it was in before
    copy: CopyCheck
    notices: tuple[Noticed, ...]


@dataclass(frozen=True)
class Member:
    """One article of an event."""

    article_id: str
    title: str
    decision: Decision
    copy: CopyCheck


@dataclass(frozen=True)
class Change:
    """Something that happened to an event."""

    kind: str  # created, breaking, corrected, retracted, merged or closed
    at: datetime | None


@dataclass(frozen=True)
class Absorbed:
    """An event merged into this one."""

    event: EventName
    at: datetime | None  # None when event_changes does not say


@dataclass(frozen=True)
class EventWhy:
    """Which articles an event holds, and why."""

    event: EventName
    revision: int
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    article_count: int
    duplicate_count: int
    publisher_family_count: int
    contested: bool
    members: tuple[Member, ...]  # seed first, then in order of time; copies are not among them
    copies: tuple[Member, ...]
    left: tuple[Member, ...]  # were in it once
    absorbed: tuple[Absorbed, ...]
    changes: tuple[Change, ...]
    notices: tuple[Noticed, ...]  # of the articles it has


def plain(value: Any) -> Any:
    """Give an explanation as values JSON knows: times as text, numbers rounded, no NaN."""
    if isinstance(value, ChannelReading):
        difference = plain(value.best - value.second)
        values = {"best": plain(value.best), "second": plain(value.second)}
        return {"name": value.name, **values, "difference": difference}
    if is_dataclass(value):
        shown = {one.name: plain(getattr(value, one.name)) for one in fields(value)}
        return shown | ({"margin": plain(value.margin)} if isinstance(value, Decision) else {})
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return round(value, _DECIMALS) if math.isfinite(value) else None
    return value
