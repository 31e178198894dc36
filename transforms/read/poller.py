"""Look at feeds and watched files again and again, and give what is new."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice

from schemas import Document, Rejected
from schemas.ids import is_web_url
from transforms._shared.redact import redact_url
from transforms.read.files import local_path, watch
from transforms.read.origin import Skipped
from transforms.read.reader import Item, Reader

_FETCHED_AT_ONCE = 16
_AHEAD = 128  # feeds whose answers may be held in memory
_READ_AGAIN = timedelta(hours=1)  # so that what a feed still offers is not forgotten
_SETTLED = timedelta(seconds=2)  # a file changed more recently may still be written
_LEAST_SILENCE = timedelta(hours=6)
_SILENT_AFTER = 8  # times the usual gap between two changes
_SMOOTHING = 0.3  # weight of the newest gap in the usual one


@dataclass(frozen=True)
class FeedHealth:
    """How a feed is doing."""

    feed: str  # secrets redacted
    changed_at: datetime | None  # when it last gave something new, as far as this run saw
    failures: int  # in a row
    error: str  # the last one, while it fails
    silent: bool  # it has given nothing new for far longer than it used to


@dataclass
class _Feed:
    digest: bytes = b""
    read_at: datetime | None = None  # when its content was last handed on
    changed_at: datetime | None = None
    usual_gap: timedelta | None = None
    failures: int = 0
    error: str = ""

    def changed(self, at: datetime) -> None:
        if self.changed_at is not None:
            gap = at - self.changed_at
            usual = self.usual_gap
            self.usual_gap = gap if usual is None else usual + (gap - usual) * _SMOOTHING
        self.changed_at = at

    def health(self, name: str, now: datetime) -> FeedHealth:
        silent = False
        if self.changed_at is not None and self.usual_gap is not None:
            bound = max(_LEAST_SILENCE, self.usual_gap * _SILENT_AFTER)
            silent = now - self.changed_at > bound
        error = self.error.removeprefix(f"{name}: ")
        return FeedHealth(name, self.changed_at, self.failures, error, silent)


@dataclass
class Poller:
    """Reads every feed in each round, and every file that is new or changed since it was read.

    A feed whose content did not change is skipped, but once an hour. What is wrong with a source
    comes as ``Rejected`` each time. A file that was written to a moment ago waits for the next
    round, and so does one that is gone again.

    Args:
        reader: reads one source; asked by several threads at once.
        feeds: URLs and local feed files.
        patterns: files to watch, see ``watch``.
        now: the current time in UTC.
        stopping: asked between two sources; when it says yes, the round ends there.
        outside: a folder whose files are never read: the output.
    """

    reader: Reader
    feeds: Sequence[str]
    patterns: Sequence[str]
    now: Callable[[], datetime]
    stopping: Callable[[], bool] = lambda: False
    outside: str = ""
    unsettled: bool = False  # a file was passed over in the last round because it was too fresh
    missing: set[str] = field(default_factory=set)  # what named no file in the last round
    _feeds: dict[str, _Feed] = field(default_factory=dict)
    _files: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def round(self) -> Iterator[Item]:
        """Give what all sources hold that is new, feed by feed and then file by file."""
        self.unsettled = False
        local = [feed for feed in self.feeds if not is_web_url(feed)]
        self.missing = {feed for feed in local if not os.path.exists(local_path(feed))}
        yield from self._read_feeds()
        found, unmatched = watch(self.patterns)
        self.missing |= unmatched
        for path in self._changed(found):
            if self.stopping():
                return
            yield from self.reader.read(path)
        self._forget(found)

    def health(self) -> list[FeedHealth]:
        """Say how each feed is doing that was read so far."""
        now = self.now()
        return [feed.health(redact_url(name), now) for name, feed in self._feeds.items()]

    def _read_feeds(self) -> Iterator[Item]:
        remote = [feed for feed in self.feeds if is_web_url(feed)]
        if remote:
            with ThreadPoolExecutor(_FETCHED_AT_ONCE, "fetch") as pool:
                waiting = deque((feed, pool.submit(self._fetch, feed)) for feed in remote[:_AHEAD])
                rest = iter(remote[_AHEAD:])
                while waiting:
                    feed, fetched = waiting.popleft()
                    yield from self._news(feed, fetched.result())
                    waiting.extend(
                        (feed, pool.submit(self._fetch, feed)) for feed in islice(rest, 1)
                    )
        local = [feed for feed in self.feeds if not is_web_url(feed)]
        for feed in self._changed(local):
            yield from self._news(feed, list(self.reader.read(feed)))

    def _fetch(self, feed: str) -> list[Item]:
        return [] if self.stopping() else list(self.reader.read(feed))

    def _news(self, name: str, items: list[Item]) -> Iterator[Item]:
        """Pass on what a feed gave, unless it is what it gave before."""
        if not items:
            return
        feed, now = self._feeds.setdefault(name, _Feed()), self.now()
        failed = [item for item in items if isinstance(item, Rejected)]
        feed.failures = feed.failures + 1 if failed else 0
        feed.error = failed[0].error if failed else ""
        digest = hashlib.sha256()
        for item in items:
            if isinstance(item, Document):
                digest.update(item.content)
        same = feed.digest == digest.digest()
        if not same and len(failed) < len(items):
            if feed.digest:  # nobody knows when it gave what it gives first
                feed.changed(now)
            feed.digest = digest.digest()
        if same and not failed and feed.read_at and now - feed.read_at < _READ_AGAIN:
            yield Skipped("unchanged")
            return
        feed.read_at = now
        yield from items

    def _changed(self, paths: Sequence[str]) -> Iterator[str]:
        """Give the files that are not as they were when they were last given."""
        fresh = self.now() - _SETTLED
        for path in paths:
            try:
                status = os.stat(local_path(path))
            except (OSError, ValueError):
                self._files.pop(path, None)
                continue
            mark = (status.st_mtime_ns, status.st_size, status.st_ino)
            if self._files.get(path) == mark or self._is_outside(path):
                continue
            written = datetime.fromtimestamp(0, timezone.utc) + timedelta(
                microseconds=min(status.st_mtime_ns // 1000, _LATEST)
            )
            if fresh < written <= self.now():
                self.unsettled = True
                continue
            self._files[path] = mark
            yield path

    def _forget(self, found: Sequence[str]) -> None:
        """Keep no mark of files that are gone."""
        there = {*found, *self.feeds}
        self._files = {path: mark for path, mark in self._files.items() if path in there}

    def _is_outside(self, path: str) -> bool:
        inside = os.path.realpath(path)
        return bool(self.outside) and inside.startswith(self.outside + os.sep)


_LATEST = 253_402_300_799_000_000  # the last microsecond-precise instant a datetime can hold
