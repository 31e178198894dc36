"""An open event: the running sum of its members, and which of them an article is judged by."""

import math
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas import Mention
from transforms.cluster.likeness import Member

_DECAY_DAYS = 4.0  # a member's weight in the centroid falls to 1/e after this gap
_JUDGED_NEIGHBOURS = 8  # members an article is measured against: the nearest,
_JUDGED_LATEST = 5  # the latest, and the founder,
_JUDGED = 12  # but no more than this


@dataclass(slots=True)
class OpenEvent:
    """The members of one event, their span in time and their decayed sum."""

    event_id: str
    opened: int  # place in the order of opening
    novelty: float
    members: list[Member] = field(default_factory=list)
    article_ids: set[str] = field(default_factory=set)
    mentions: list[Mention] = field(default_factory=list)  # copies and revisions included
    oldest: float | None = None
    newest: float | None = None
    contested: bool = False
    # The decayed sum of the members: of one it is its vector, in the same memory.
    dense: NDArray[np.float32] | NDArray[np.float64] | None = None
    _length: float | None = None  # of the sum; None when it changed since it was measured

    def touch(self, at: float | None) -> None:
        """Stretch the event's span to include ``at``."""
        if at is not None:
            self.oldest = at if self.oldest is None else min(self.oldest, at)
            self.newest = at if self.newest is None else max(self.newest, at)

    def absorb(self, member: Member) -> None:
        """Add an original to the sum, fading what came long before it."""
        if self.dense is None:
            self.dense = member.vector
        else:
            faded = 1.0
            if member.at is not None and self.newest is not None and member.at > self.newest:
                faded = _faded(member.at - self.newest)
            self.dense = self.sum * faded + member.vector
        self._length = None
        self.members.append(member)
        self.article_ids.add(member.article_id)
        self.touch(member.at)

    def without(self, member: Member, article_ids: Set[str]) -> "OpenEvent":
        """Give the event as it were without an original and its copies; its span stays."""
        rest = OpenEvent(self.event_id, self.opened, self.novelty)
        for other in self.members:
            if other is not member:
                rest.absorb(other)
        rest.article_ids = self.article_ids - article_ids
        rest.mentions = [told for told in self.mentions if told.article_id not in article_ids]
        rest.contested = self.contested
        rest.touch(self.oldest)
        rest.touch(self.newest)
        return rest

    def take_over(self, other: "OpenEvent") -> None:
        """Become both events."""
        own, others = self.sum, other.sum
        if self.newest is not None and other.newest is not None:
            faded = _faded(abs(self.newest - other.newest))
            own, others = (
                (own * faded, others) if self.newest < other.newest else (own, others * faded)
            )
        self.dense = own + others
        self._length = None
        self.members += other.members
        self.article_ids |= other.article_ids
        self.mentions += other.mentions
        self.touch(other.oldest)
        self.touch(other.newest)
        self.contested |= other.contested

    @property
    def sum(self) -> NDArray[np.float64]:
        """The decayed sum of the members, of which there is at least one."""
        assert self.dense is not None
        return self.dense.astype(np.float64, copy=False)

    @property
    def length(self) -> float:
        """The length of the sum of the members."""
        if self._length is None:
            self._length = math.sqrt(float(self.sum @ self.sum))
        return self._length

    def centroid(self) -> NDArray[np.float32]:
        """Give the unit mean vector."""
        return (self.sum / self.length if self.length else self.sum).astype(np.float32)

    def judged(self, nearest: Sequence[Member]) -> list[Member]:
        """Choose the members an article is measured against: nearest, founder and latest."""
        if len(self.members) == 1:
            return self.members
        chosen = list(nearest[:_JUDGED_NEIGHBOURS])
        known = {member.article_id for member in chosen}
        for member in (self.members[0], *self.members[: -_JUDGED_LATEST - 1 : -1]):
            if len(chosen) < _JUDGED and member.article_id not in known:
                known.add(member.article_id)
                chosen.append(member)
        return chosen

    def terms(self, most: int) -> list[tuple[str, float, int]]:
        """Give the heaviest terms, their mean weight and how many members have them.

        Members long past count less.
        """
        weights: Counter[str] = Counter()
        holders: Counter[str] = Counter()
        for member in self.members:
            fresh = 1.0
            if member.at is not None and self.newest is not None:
                fresh = _faded(self.newest - member.at)
            holders.update(member.keywords)
            for term, weight in zip(member.keywords, member.keyword_weights.tolist()):
                weights[term] += fresh * weight
        heaviest = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
        return [(term, weight / len(self.members), holders[term]) for term, weight in heaviest]


def _faded(gap: float) -> float:
    """Say how much of a sum is left after a gap, in seconds."""
    return math.exp(-gap / (_DECAY_DAYS * 86_400))
