"""How often and how many at a time: no publisher's servers are asked more than is polite."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from transforms._shared.rejects import RejectError
from transforms._shared.web.lanes import lane_of

MAX_BACK_OFF_SECONDS = 24 * 3600.0  # a server that names a later time is asked again after a day


@dataclass
class _Turns:
    """What is going on with one domain."""

    running: int = 0  # requests in flight, and those whose pause is not yet over
    waiting: int = 0
    last_start: float | None = None
    closed_until: float = 0.0


class Politeness:
    """Give each request its turn: per registered domain a few at a time, each after a pause.

    May be used by several threads at once, and is meant to be shared by all that send requests
    from one process. ``lane_of`` says what counts as one domain; hosts of this machine and of
    private networks are neither counted nor paced.

    Args:
        most_at_once: requests in flight to one domain.
        pause_seconds: between the starts of two requests to one domain.
        max_pause_seconds: a site that wants more between two requests is not asked at all.
        max_domains: remembered at the same time; those not asked for longest are forgotten.
        clock: monotonic, in seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        most_at_once: int = 2,
        pause_seconds: float = 1.0,
        max_pause_seconds: float = 60.0,
        max_domains: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.most_at_once = most_at_once
        self.pause_seconds = pause_seconds
        self._max_pause_seconds = max_pause_seconds
        self._max_domains = max_domains
        self._clock = clock
        self._sleep = sleep
        self._domains: OrderedDict[str, _Turns] = OrderedDict()
        self._changed = threading.Condition()

    @contextmanager
    def turn(
        self, url: str, pause_seconds: float = 0.0, max_wait_seconds: float = 60.0
    ) -> Iterator[None]:
        """Wait until a request to ``url`` is polite; it has to be over when the block ends.

        Args:
            url: what will be asked for.
            pause_seconds: that the site itself asks for (robots.txt); counts when it is longer
                than the usual one.
            max_wait_seconds: after which it is given up, so that one busy site holds up nobody.

        Raises:
            RejectError: ``long_crawl_delay`` when the site wants longer pauses than is kept,
                ``backing_off`` when it asked to be left alone, ``busy`` when the turn would come
                too late. All are worth trying again later.
        """
        domain = lane_of(url)
        if not domain:
            yield
            return
        if pause_seconds > self._max_pause_seconds:
            raise _refused("long_crawl_delay", f"{domain} wants {pause_seconds:g} seconds between")
        self._take(domain, max(pause_seconds, self.pause_seconds), max_wait_seconds)
        try:
            yield
        finally:
            self._give_back(domain)

    def back_off(self, url: str, seconds: float) -> None:
        """Send nothing to the domain of ``url`` for so long, at most a day."""
        domain = lane_of(url)
        if domain:
            with self._changed:
                until = self._clock() + min(max(seconds, 0.0), MAX_BACK_OFF_SECONDS)
                turns = self._turns(domain)
                turns.closed_until = max(turns.closed_until, until)

    def _take(self, domain: str, pause: float, max_wait: float) -> None:
        end = self._clock() + max_wait
        with self._changed:
            turns = self._turns(domain)
            turns.waiting += 1
            try:
                self._wait_for_room(domain, turns, end)
                now = self._clock()
                start = now if turns.last_start is None else max(now, turns.last_start + pause)
                if turns.closed_until > now:
                    raise _refused("backing_off", f"{domain} asked to be left alone for a while")
                if start > end:
                    raise _refused("busy", f"the turn of {domain} would come too late")
                turns.last_start = start
                turns.running += 1
            finally:
                turns.waiting -= 1
        if start > now:
            self._sleep(start - now)

    def _wait_for_room(self, domain: str, turns: _Turns, end: float) -> None:
        while turns.running >= self.most_at_once:
            left = end - self._clock()
            if left <= 0:
                raise _refused("busy", f"too many requests to {domain} are under way")
            self._changed.wait(left)

    def _give_back(self, domain: str) -> None:
        with self._changed:
            self._domains[domain].running -= 1
            self._changed.notify_all()

    def _turns(self, domain: str) -> _Turns:
        turns = self._domains.setdefault(domain, _Turns())
        self._domains.move_to_end(domain)
        if len(self._domains) > self._max_domains:
            self._forget_one(domain)
        return turns

    def _forget_one(self, kept: str) -> None:
        for domain, turns in self._domains.items():
            if domain != kept and not turns.running and not turns.waiting:
                del self._domains[domain]
                return


@cache
def shared_politeness() -> Politeness:
    """Give the one ``Politeness`` of this process for pages; feeds have lanes of their own."""
    return Politeness()


def _refused(reason: str, message: str) -> RejectError:
    return RejectError(reason, message, replayable=True)
