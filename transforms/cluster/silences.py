"""When silence may change the breaking state of an event."""

import heapq
from collections.abc import Iterable, Iterator, Sequence

from schemas import Mention
from schemas.article import UNKNOWN_FAMILY
from schemas.event import SILENCES
from transforms._shared.shards import seconds


class Silences:
    """Remembers at what times of the event clock which events are to be looked at again."""

    def __init__(self) -> None:
        self._due: list[tuple[float, str]] = []  # a heap

    def note(self, event: str, mentions: Sequence[Mention], now: float | None) -> None:
        """Remember an event as it is now, unless only one publisher told of it so far."""
        voices = {m.family for m in mentions if m.timely and m.unique} - {UNKNOWN_FAMILY}
        if len(voices) < 2:
            return  # it has no such state
        last = max(seconds(m.at) for m in mentions if m.timely)
        for due in _after(last):
            if now is None or due > now:
                heapq.heappush(self._due, (due, event))

    def due(self, now: float | None) -> Iterator[str]:
        """Name the events whose time has come, and forget that."""
        while self._due and now is not None and self._due[0][0] <= now:
            yield heapq.heappop(self._due)[1]


def _after(last: float) -> Iterable[float]:
    return (last + silence.total_seconds() for silence in SILENCES)
