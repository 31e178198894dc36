"""What a run goes on from: what an earlier one decided, as its own output tells it."""

from collections.abc import Iterator
from typing import Protocol

from schemas import ComparedArticle, Decision, Event, Sighting


class Seeds(Protocol):
    """The last window of an output. Workers get a copy, so it is to be small until it is asked."""

    def sightings(self, identity_key: str) -> Iterator[Sighting]:
        """Give what was remembered of the articles of one identity key, oldest first."""
        ...

    def compared(self) -> Iterator[ComparedArticle]:
        """Give the articles still of use as they were compared, in the order they were."""
        ...

    def decisions(self) -> Iterator[Decision]:
        """Give what was decided on every article of an open event, in the order it was."""
        ...

    def event(self, event_id: str) -> Event | None:
        """Give the last revision of an event that was open; None when there was none."""
        ...
