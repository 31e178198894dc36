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
    "breaking_state", "breaking_since", "alert_id", "contested", "correction_count",
    "retraction_count",
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """The last revision of an event, as far as what comes next depends on it."""

    event_id: str
    status: str
    merged_into: str
    revision: int
    as_of: datetime  # counts_as_of
    breaking_since: datetime | None
    breaking_score: float
    breaking_reasons: tuple[BreakingReason, ...]
    alert_id: str
    material: tuple[Any, ...]  # equal when a reader would not care for another row


def told_of(event: Event) -> Told:
    """Take from a revision what the next one needs."""
    return Told(
        event_id=event.event_id,
        status=event.status,
        merged_into=event.merged_into,
        revision=event.revision,
        as_of=event.counts_as_of,
        breaking_since=event.breaking_since,
        breaking_score=event.breaking_score,
        breaking_reasons=event.breaking_reasons,
        alert_id=event.alert_id,
        material=tuple(getattr(event, name) for name in _MATERIAL),
    )


class Book:
    """What was last said of each open event, and of those that open ones took over.

    An event that takes over one that broke goes on from there: it does not break again.
    """

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}
        self._taken_over: dict[str, Told] = {}  # by survivor: the first that had broken

    def before(self, event_id: str) -> Told | None:
        """Give the last revision of an open event; None when there was none."""
        return self._told.get(event_id)

    def taken_over(self, event_id: str) -> Told | None:
        """Give the first event that broke of those that this one took over."""
        return self._taken_over.get(event_id)

    def note(self, told: Told) -> None:
        """Remember a revision, or forget an event that ended."""
        name = told.event_id
        if told.status == "active":
            self._told[name] = told
            if told.breaking_since is not None:
                self._taken_over.pop(name, None)
            return
        self._told.pop(name, None)
        self._taken_over.pop(name, None)
        if told.status == "merged" and told.breaking_since is not None:
            self._taken_over.setdefault(told.merged_into, told)

    def holds(self, told: Told) -> bool:
        """Say whether a revision is still of use."""
        if told.status == "merged":
            return self._taken_over.get(told.merged_into) == told
        return self._told.get(told.event_id) == told
