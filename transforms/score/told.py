"""What was last said of an event: the next revision goes on from it, if there is anything new."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import BreakingReason, Event

# What a reader would want a new row for. Counts of the last hour and figures of likeness move
# with every look; they come along with these.
_MATERIAL = (
    "status", "merged_into", "title", "summary", "representative_article_id", "article_count",
    "unique_article_count", "publisher_family_count", "first_seen_at", "last_seen_at",
    "breaking_state", "breaking_since", "contested", "correction_count", "retraction_count",
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """The last revision of an event, as far as the next one depends on it."""

    revision: int
    as_of: datetime  # counts_as_of: instants up to it have been looked at
    breaking_since: datetime | None
    breaking_score: float
    breaking_reasons: tuple[BreakingReason, ...]
    material: tuple[Any, ...]  # equal when a reader would not care for another row


def told_of(event: Event) -> Told:
    """Take from a revision what the next one needs."""
    return Told(
        revision=event.revision,
        as_of=event.counts_as_of,
        breaking_since=event.breaking_since,
        breaking_score=event.breaking_score,
        breaking_reasons=event.breaking_reasons,
        material=tuple(getattr(event, name) for name in _MATERIAL),
    )
