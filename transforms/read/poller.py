"""Look at feeds and watched files again and again, and give what is new."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial

from schemas import Attempt, Fetch, Reading, Rejected
from transforms._shared.web.lanes import Lanes, lane_of
from transforms._shared.web.workers import Workers
from transforms.read.feed import Feed
from transforms.read.feed_book import FeedBook, FeedHealth
from transforms.read.feed_state import FeedState
from transforms.read.files import local_path, watch
from transforms.read.reader import Item, Listed, Reader

_FETCHED_AT_ONCE = 64
_SETTLED = timedelta(seconds=2)  # a file changed more recently may still be written
_QUIET_SECONDS = 1.5  # without an answer, after which a round does not wait for the last ones
_READ_AGAIN = timedelta(days=1)  # so that what a source still offers is not forgotten
_LONGEST_SECONDS = 20.0  # of a round, as far as feeds go; the others belong to the next
_LONGEST_PAUSE_SECONDS = 2.0  # between two requests to a domain that are waited for
_TICK_SECONDS = 0.1
_TOO_MANY = 429
_BUSY_SECONDS = 600.0  # for a domain whose server says so, but not how long
_CUT_SHORT = ("cut_short", "the run ended before the answer came")
_NOT_ASKED = ("not_asked", "it was not asked: a server of its domain asked to be left alone")
_MOST_WAIT_SECONDS = 3600.0  # for a domain whose server asks to be left alone

_Answer = tuple[str, Feed, Attempt, list[Item]]  # with the name of its lane


@dataclass
class Poller:
    """Asks for every feed when its time has come, and reads every file that is new or changed.

    Many feeds are asked for at once, but few of one domain. A round does not wait for a server
    that lets it wait: what comes later belongs to the next round. What is wrong with a source
    comes as ``Rejected`` each time. A file that was written to a moment ago waits for the next
    round, or for a moment when there is none; one that is gone again waits as well.

    Args:
        reader: reads one source; asked by several threads at once.
        book: the feeds.
        patterns: files to watch, see ``watch``.
        now: the current time in UTC.
        stopping: asked between two sources; when it says yes, no more are begun.
        outside: a folder whose files are never read: the output.
        every: each round takes every feed, but those that have to be left alone.
        patient: a round waits for the last answer, and for files to be written.
        read_again: after that long, content that did not change is handed on again.
    """

    reader: Reader
    book: FeedBook
    patterns: Sequence[str]
    now: Callable[[], datetime]
    stopping: Callable[[], bool] = lambda: False
    outside: str = ""
    every: bool = False
    patient: bool = False
    read_again: timedelta = _READ_AGAIN
    unsettled: bool = False  # the next round should come soon: something was not ready
    missing: set[str] = field(default_factory=set)  # what named no file in the last round
    most_under_way: int = 0  # requests at once, so far
    _files: dict[str, tuple[tuple[int, ...], datetime]] = field(default_factory=dict)
    _under_way: dict[str, Feed] = field(default_factory=dict)
    _lanes: Lanes[Feed] = field(default_factory=Lanes)
    _workers: Workers[_Answer] = field(default_factory=lambda: Workers(_FETCHED_AT_ONCE))

    def round(self) -> Iterator[Item]:
        """Give what all sources hold that is new, feed by feed and then file by file."""
        self.unsettled = False
        local = {feed.address: feed for feed in self.book.local()}
        self.missing = {path for path in local if not os.path.exists(local_path(path))}
        yield from self._ask_feeds()
        for path in self._changed(list(local)):
            feed = local[path]
            yield from self._news(*self.reader.ask(feed, self.book.state(feed), self.read_again))
        found, unmatched = watch(self.patterns)
        self.missing |= unmatched
        for path in self._changed(found):
            if self.stopping():
                return
            for item in self.reader.read(path):
                if isinstance(item, Rejected) and item.reason == "unreadable":
                    self._files.pop(path, None)  # it may be readable later
                if isinstance(item, Attempt):  # of a feed that a list among the files names
                    self.book.answered(item)
                else:
                    yield item
        self._forget([*local, *found])

    def settle(self, readings: Iterable[Reading]) -> list[Fetch]:
        """Judge what was asked for, now that it went through; see ``FeedBook.settle``."""
        return self.book.settle(readings)

    def put_back(self, feed_id: str, until: datetime) -> None:
        """Take an answer as not given: it could not be handed on; see ``FeedBook.put_back``."""
        self.book.put_back(feed_id, until)
        for feed in self.book.local():
            if feed.feed_id == feed_id:
                self._files.pop(feed.address, None)

    def health(self) -> list[FeedHealth]:
        """Say how each feed is doing that was asked for so far."""
        return self.book.health(self.now())

    def _ask_feeds(self) -> Iterator[Item]:
        self._line_up()
        began = last = time.monotonic()
        while not self._is_over(began, last):
            if not self.stopping():
                self._start(time.monotonic())
            answer = self._workers.result(_TICK_SECONDS)
            if answer is not None:
                last = time.monotonic()
                yield from self._take(*answer)
        yield from self._give_up()

    def _give_up(self) -> Iterator[Item]:
        """Answer for feeds that nobody will ask, or wait for, any more."""
        if self.stopping():
            for feed in list(self._under_way.values()):
                yield from self._news(*self.reader.gave_up(feed, _CUT_SHORT))
        elif self.patient:
            for feed in self._lanes.drain():
                yield from self._news(*self.reader.gave_up(feed, _NOT_ASKED))

    def _is_over(self, began: float, last: float) -> bool:
        """Say whether the round has what it can get of feeds; ``last`` is of the last answer."""
        now, stopping, turn = time.monotonic(), self.stopping(), self._lanes.next_at()
        if not self._workers.busy:
            # What has to be left alone for longer is not waited for.
            return stopping or turn is None or turn - now > _LONGEST_PAUSE_SECONDS
        if self.patient and not stopping:
            return False
        self.unsettled = now - last > _QUIET_SECONDS or now - began > _LONGEST_SECONDS
        return self.unsettled

    def _line_up(self) -> None:
        due = list(self.book.due(self.now(), self.every))
        due.sort(key=lambda feed: self.book.state(feed).failures > 0)  # they may hang again
        for feed in due:
            self._lanes.add(lane_of(self.book.state(feed).believed_url(feed.url)), feed)

    def _start(self, now: float) -> None:
        while not self._workers.full and (turn := self._lanes.take(now)):
            lane, feed = turn
            self._under_way[feed.feed_id] = feed
            self._workers.start(partial(self._ask, lane, feed, self.book.state(feed)))
        self.most_under_way = max(self.most_under_way, self._workers.busy)

    def _ask(self, lane: str, feed: Feed, state: FeedState) -> _Answer:
        return (lane, feed, *self.reader.ask(feed, state, self.read_again))

    def _take(self, lane: str, feed: Feed, attempt: Attempt, items: list[Item]) -> Iterator[Item]:
        self._under_way.pop(feed.feed_id, None)
        busy = _BUSY_SECONDS if attempt.http_status == _TOO_MANY else 0.0
        wait = min(attempt.retry_after_seconds or busy, _MOST_WAIT_SECONDS)
        self._lanes.done(lane, time.monotonic() + wait if wait else 0.0)
        yield from self._news(attempt, items)

    def _news(self, attempt: Attempt, items: list[Item]) -> Iterator[Item]:
        self.book.answered(attempt)
        for item in items:
            if isinstance(item, Listed):
                self.book.add(item.feeds)
                self._line_up()
            yield item

    def _changed(self, paths: Sequence[str]) -> Iterator[str]:
        """Give the files that are not as they were when they were last given."""
        for path in paths:
            try:
                status = os.stat(local_path(path))
            except (OSError, ValueError):
                self._files.pop(path, None)
                continue
            mark = (status.st_mtime_ns, status.st_size, status.st_ino)
            known, read_at = self._files.get(path, ((), self.now()))
            same = known == mark and self.now() - read_at < self.read_again
            if same or self._is_outside(path):
                continue
            if self._is_fresh(status) and not self.patient:
                self.unsettled = True
                continue
            if self._is_fresh(status):
                time.sleep(_SETTLED.total_seconds())
            self._files[path] = (mark, self.now())
            yield path

    def _is_fresh(self, status: os.stat_result) -> bool:
        written = datetime.fromtimestamp(0, timezone.utc) + timedelta(
            microseconds=min(status.st_mtime_ns // 1000, _LATEST)
        )
        return self.now() - _SETTLED < written <= self.now()

    def _forget(self, found: Sequence[str]) -> None:
        """Keep no mark of files that are gone."""
        there = set(found)
        self._files = {path: found for path, found in self._files.items() if path in there}

    def _is_outside(self, path: str) -> bool:
        inside = os.path.realpath(path)
        return bool(self.outside) and inside.startswith(self.outside + os.sep)


_LATEST = 253_402_300_799_000_000  # the last microsecond-precise instant a datetime can hold
