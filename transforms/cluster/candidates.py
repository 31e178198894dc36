"""The events an article may join, each measured against it: what the join model is asked about."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from transforms.cluster.join_model import FEATURES, Features
from transforms.cluster.likeness import LIKENESS, Member, likeness
from transforms.cluster.open_event import OpenEvent

_BRIEF_AT = [LIKENESS.index(name) for name in ("dense", "title", "lead")]
_SIZE_AT = 6  # among what is measured of an event: its size
_NEAR_DAYS = 3.0  # width of the time features, as in the published systems
_SAME_DAYS = 0.5  # closer gaps count as one: many dates are days, and bursts say little


@dataclass(frozen=True)
class Candidates:
    """The events an article may join, with their features, row by row."""

    events: tuple[str, ...]
    features: Features  # (n, len(FEATURES))

    def of(self, event: str) -> Features:
        """Give what was measured of one event."""
        measured: Features = self.features[self.events.index(event)]
        return measured

    def without(self, row: int) -> "Candidates":
        """Leave one of them out."""
        events = (*self.events[:row], *self.events[row + 1 :])
        return Candidates(events, np.delete(self.features, row, axis=0))


def measure_candidates(
    member: Member,
    events: Sequence[tuple[OpenEvent, Sequence[Member]]],
    containments: Mapping[str, float],
) -> Candidates:
    """Measure an article against events.

    Args:
        events: each with those of its members that are nearest to the article.
        containments: share of the article's word 3-grams found in a member, where known.
    """
    if not events:
        return Candidates((), np.zeros((0, len(FEATURES))))
    judged = [event.judged(nearest) for event, nearest in events]
    together = [old for members in judged for old in members]
    rows = likeness(member, together, [containments.get(o.article_id, 0.0) for o in together])
    counts = np.array([len(members) for members in judged])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    best = np.maximum.reduceat(rows, starts, axis=0)
    mean = np.add.reduceat(rows, starts, axis=0) / counts[:, None]
    brief = float(member.brief)
    of_event = np.array(
        [
            [
                cosine,
                *_time_features(member.at, event.oldest, event.newest),
                math.log1p(len(event.members)),
                math.log1p(len(nearest)),
                brief,
            ]
            for cosine, (event, nearest) in zip(_to_mean(member, events), events)
        ]
    )
    of_brief = brief * np.column_stack([best[:, _BRIEF_AT], of_event[:, _SIZE_AT]])
    features = np.column_stack([best, mean, of_event, of_brief])
    return Candidates(tuple(event.event_id for event, _ in events), features)


def _to_mean(member: Member, events: Sequence[tuple[OpenEvent, Sequence[Member]]]) -> list[float]:
    """Give the cosine of a member to the mean of each event."""
    sums = np.array([event.dense for event, _ in events], np.float64)
    products = np.vecdot(sums, member.vector.astype(np.float64)).tolist()
    return [
        product / event.length if event.length else 0.0
        for product, (event, _) in zip(products, events)
    ]


def _time_features(at: float | None, oldest: float | None, newest: float | None) -> list[float]:
    """Measure closeness in time; an unknown gap is said to be unknown, never taken as zero."""
    if at is None or oldest is None or newest is None:
        return [0.0, 0.0, 1.0, 0.0, 0.0]
    after = max(_SAME_DAYS, (at - newest) / 86_400, (oldest - at) / 86_400)  # outside its span
    since = max(_SAME_DAYS, abs(at - oldest) / 86_400)
    return [
        math.exp(-((after / _NEAR_DAYS) ** 2) / 2),
        math.exp(-((since / _NEAR_DAYS) ** 2) / 2),
        0.0,
        math.log1p(after),
        float(after <= _SAME_DAYS),
    ]
