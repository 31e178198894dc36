"""Whose turn it is: what goes to one domain goes there slowly, whatever else is waiting."""

import heapq
import ipaddress
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from transforms._shared.urls import registered_domain
from transforms._shared.web.addresses import is_private

T = TypeVar("T")


def lane_of(url: str) -> str:
    """Name whom a request to ``url`` burdens: the registered domain, else the host.

    "" for this machine and private addresses, whose owner is the one who asks.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
    if host == "localhost" or _is_private_address(host):
        return ""
    return registered_domain(host) or host


def _is_private_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return is_private(host)


@dataclass
class _Lane(Generic[T]):
    waiting: deque[T] = field(default_factory=deque)
    open: int = 0  # requests under way
    free_at: float = 0.0  # when the next may begin
    offered: bool = False  # it stands in the heap


@dataclass
class Lanes(Generic[T]):
    """Queues of requests, one for each domain, of which each has few under way.

    Times are seconds of a monotonic clock. Not for several threads at once.
    """

    most_open: int = 2
    pause_seconds: float = 1.0  # between the beginnings of two requests
    _lanes: dict[str, _Lane[T]] = field(default_factory=dict)
    _ready: list[tuple[float, int, str]] = field(default_factory=list)  # a heap
    _order: int = 0

    def add(self, name: str, item: T) -> None:
        """Let ``item`` wait for its turn; one of the lane "" has it at once."""
        lane = self._lanes.setdefault(name, _Lane())
        lane.waiting.append(item)
        self._offer(name, lane)

    def take(self, now: float) -> tuple[str, T] | None:
        """Give an item whose turn it is, and the name of its lane; None when there is none."""
        while self._ready and self._ready[0][0] <= now:
            _, _, name = heapq.heappop(self._ready)
            lane = self._lanes[name]
            lane.offered = False
            if lane.free_at > now:
                self._offer(name, lane)
                continue
            lane.open += 1
            lane.free_at = now + (self.pause_seconds if name else 0.0)
            item = lane.waiting.popleft()
            self._offer(name, lane)
            return name, item
        return None

    def done(self, name: str, not_before: float = 0.0) -> None:
        """Say that a request is over, and when the server wants to see the next one."""
        lane = self._lanes[name]
        lane.open -= 1
        if name:
            lane.free_at = max(lane.free_at, not_before)
        self._offer(name, lane)

    def drain(self) -> list[T]:
        """Take out all that waits."""
        waiting = [item for lane in self._lanes.values() for item in lane.waiting]
        for lane in self._lanes.values():
            lane.waiting.clear()
            lane.offered = False
        self._ready.clear()
        return waiting

    def next_at(self) -> float | None:
        """Give the time from which ``take`` may have something; None when nothing waits."""
        return self._ready[0][0] if self._ready else None

    def _offer(self, name: str, lane: _Lane[T]) -> None:
        if lane.waiting and not lane.offered and (not name or lane.open < self.most_open):
            lane.offered = True
            self._order += 1
            heapq.heappush(self._ready, (lane.free_at, self._order, name))
