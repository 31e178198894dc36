"""An open event: the running sums of its members, and which of them an article is judged by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from transforms.cluster.likeness import Member
from transforms.cluster.terms import Vector

_DECAY_DAYS = 4.0  # a member's weight in the centroid falls to 1/e after this gap
_JUDGED_NEIGHBOURS = 8  # members an article is measured against: the nearest,
_JUDGED_LATEST = 5  # the latest, and the founder,
_JUDGED = 12  # but no more than this
_MAX_TERMS = 400  # of an event's keywords; the lightest are dropped beyond twice this


@dataclass
class OpenEvent:
    """The running sums of one event."""

    event_id: str
    opened: int  # place in the order of opening
    dense: NDArray[np.float64]
    novelty: float
    terms: dict[str, float] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    article_ids: set[str] = field(default_factory=set)
    oldest: float | None = None
    newest: float | None = None
    contested: bool = False

    def touch(self, at: float | None) -> None:
        """Stretch the event's span to include ``at``."""
        if at is not None:
            self.oldest = at if self.oldest is None else min(self.oldest, at)
            self.newest = at if self.newest is None else max(self.newest, at)

    def absorb(self, member: Member) -> None:
        """Add an original to the sums, fading what came long before it."""
        if member.at is not None and self.newest is not None and member.at > self.newest:
            self.fade(member.at - self.newest)
        self.dense += member.vector
        self.add_terms(member.weights["lead"])
        self.members.append(member)
        self.article_ids.add(member.article_id)
        self.touch(member.at)

    def fade(self, gap: float) -> None:
        """Let what is in the sums count less after a gap, in seconds."""
        share = math.exp(-gap / (_DECAY_DAYS * 86_400))
        self.dense *= share
        self.terms = {term: weight * share for term, weight in self.terms.items()}

    def add_terms(self, weights: Vector) -> None:
        """Add term weights, keeping the heaviest."""
        for term, weight in weights.items():
            self.terms[term] = self.terms.get(term, 0.0) + weight
        if len(self.terms) > 2 * _MAX_TERMS:
            heaviest = sorted(self.terms.items(), key=lambda pair: (-pair[1], pair[0]))
            self.terms = dict(heaviest[:_MAX_TERMS])

    def take_over(self, other: "OpenEvent") -> None:
        """Become both events."""
        later, earlier = self.newest, other.newest
        if later is not None and earlier is not None:
            (self if later < earlier else other).fade(abs(later - earlier))
        self.dense += other.dense
        self.add_terms(other.terms)
        self.members += other.members
        self.article_ids |= other.article_ids
        self.touch(other.oldest)
        self.touch(other.newest)
        self.contested |= other.contested

    def centroid(self) -> NDArray[np.float32]:
        """Give the unit mean vector."""
        norm = float(np.linalg.norm(self.dense))
        return (self.dense / norm if norm else self.dense).astype(np.float32)

    def judged(self, nearest: Sequence[Member]) -> list[Member]:
        """Choose the members an article is measured against: nearest, founder and latest."""
        chosen = list(nearest[:_JUDGED_NEIGHBOURS])
        known = {member.article_id for member in chosen}
        for member in (self.members[0], *self.members[: -_JUDGED_LATEST - 1 : -1]):
            if len(chosen) < _JUDGED and member.article_id not in known:
                known.add(member.article_id)
                chosen.append(member)
        return chosen
