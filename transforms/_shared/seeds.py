"""What a run goes on from: what an earlier one decided, as its own output tells it."""

from collections.abc import Iterator
from typing import Protocol

from schemas import ComparedArticle, Decision, Event, Notice, Sighting


class Seeds(Protocol):
    """The last window of an output. Workers get a copy, so it is to be small until it is asked."""

    def sightings(self, identity_key: str) -> Iterator[Sighting]:
        """Give what was remembered of the articles of one identity key, oldest first."""
        ...

    def known(self) -> frozenset[str]:
        """Name the articles that are in the output though no sighting tells of them."""
        ...

    def compared(self) -> Iterator[ComparedArticle]:
        """Give the articles still of use as they were compared, in the order they were."""
        ...

    def decisions(self) -> Iterator[Decision]:
        """Give what was decided on every article of an open event, in the order it was."""
        ...

    def notices(self) -> Iterator[Notice]:
        """Give what was noted of the articles of ``decisions``, in order of time."""
        ...

    def last_sequence(self) -> int:
        """Give the ``sequence`` of the last decision on any article, 0 when there was none."""
        ...

    def events(self) -> Iterator[Event]:
        """Give the last revision of each event that was open; without centroids."""
        ...
