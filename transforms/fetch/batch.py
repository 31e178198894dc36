"""Many pages at once, few of them from one site."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from transforms._shared.web.lanes import Lanes, lane_of
from transforms._shared.web.workers import Workers

T = TypeVar("T")
_LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Done(Generic[T]):
    """The result of one job."""

    at: int
    lane: str
    result: T


def get_all(
    urls: Sequence[str],
    get: Callable[[str], T],
    workers: Workers[Done[T]],
    *,
    most_at_once: int,
    pause_seconds: float,
    max_seconds: float,
    clock: Callable[[], float],
    stopping: Callable[[], bool] = lambda: False,
) -> list[T | None]:
    """Call ``get`` for each URL, in threads, without two calls of one domain coming too close.

    Args:
        urls: in any order; a domain with many of them does not hold up the others.
        get: must not raise.
        workers: their threads; nothing else may use them meanwhile.
        most_at_once: calls for one domain.
        pause_seconds: between the beginnings of two calls for one domain.
        max_seconds: after which no more calls begin.
        clock: monotonic, in seconds.
        stopping: when it says yes, no more calls begin.

    Returns:
        The results in the order of ``urls``; None for those whose turn did not come in time.
    """
    lanes: Lanes[int] = Lanes(most_at_once, pause_seconds)
    for at, url in enumerate(urls):
        lanes.add(lane_of(url), at)
    found: list[T | None] = [None] * len(urls)
    waiting, end = len(urls), clock() + max_seconds
    while (waiting and clock() < end) or workers.busy:
        now = clock()
        if stopping():
            end = min(end, now)
        while waiting and now < end and not workers.full and (turn := lanes.take(now)):
            lane, at = turn
            workers.start(partial(_do, get, urls[at], lane, at))
            waiting -= 1
        done = workers.result(_pause(lanes, workers, now, end))
        if done is not None:
            lanes.done(done.lane)
            found[done.at] = done.result
    return found


def _do(get: Callable[[str], T], url: str, lane: str, at: int) -> Done[T]:
    return Done(at, lane, get(url))


def _pause(lanes: Lanes[int], workers: Workers[Done[T]], now: float, end: float) -> float:
    """Give how long nothing can begin, unless something ends before."""
    next_at = lanes.next_at()
    if workers.full or next_at is None or now >= end:
        return _LOOK_AGAIN_SECONDS
    return min(next_at, end) - now
