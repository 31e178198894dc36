"""One round of a poller that publishes: ask feeds, hand on what is new, and only then note it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from pipelines.console import say
from pipelines.publish.state import Kept, StateFile
from schemas import Document, Fetch, Reading
from transforms._shared.rejects import RejectError
from transforms.parse.document import parse_document
from transforms.parse.found import MAX_ENTRIES
from transforms.parse.reading import read, unread
from transforms.read.fetch_message import FETCH_KIND, fetch_bytes
from transforms.read.messages import Outgoing, feed_message
from transforms.read.outcome import WEIGHTS
from transforms.read.poller import Poller

_MOST_DOCUMENTS = 200  # of a part of a round, after which what is published is noted
_MOST_BYTES = 32 * 1024 * 1024
_MOST_PENDING_BYTES = 64 * 1024 * 1024  # of fetches that wait to be published
_SAVING_SHARE = 0.05  # of the time, at most, goes into saving before a round is over


class Publishing(Protocol):
    """What is needed of ``pipelines.publish.topic.Topic``."""

    def publish(self, name: str, message: Outgoing) -> None:
        """Send a message on its way; RejectError when none can be made of it."""
        ...

    def settle(self) -> dict[str, str]:
        """Wait; gives the messages that are not there, and why."""
        ...


@dataclass
class Done:
    """What a round did."""

    fetches: list[Fetch] = field(default_factory=list)
    documents: int = 0  # published
    unchanged: int = 0  # feeds that work and had nothing to publish
    unpublished: int = 0  # documents; their feeds are asked again
    why: str = ""  # Pub/Sub did not take something
    pending: int = 0  # fetches that wait to be published
    dropped: int = 0  # that no message could hold, or that too many others followed
    seconds: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.fetches or self.documents or self.unpublished or self.why or self.dropped)

    def line(self) -> str:
        """Tell of it in one line."""
        failed = sum(fetch.outcome in WEIGHTS for fetch in self.fetches)
        asked = len(self.fetches) + self.unpublished
        parts = [
            f"{asked:,} feed{'s' * (asked != 1)} asked: {self.documents:,} published, "
            f"{self.unchanged:,} with nothing new, {failed:,} failed"
        ]
        if self.unpublished:
            parts.append(f"{self.unpublished:,} could not be published and are asked again")
        if self.pending:
            parts.append(f"{self.pending:,} fetches wait")
        if self.dropped:
            parts.append(f"{self.dropped:,} fetches were given up")
        if self.why:
            parts.append(self.why)
        return "; ".join([*parts, f"{self.seconds:.1f} s"])


class PublishingRounds:
    """Polls, publishes and keeps what is known of feeds.

    A feed counts as asked once Pub/Sub has what it gave: what could not be published is taken as
    not seen, and the feed is asked again after ``hold_back``. A process that is killed between
    publishing and noting publishes that part of a round again.

    Args:
        poller: of feeds only.
        topic: where everything goes.
        file: where what is known of feeds is kept.
        kept: what it held.
        now: the current time in UTC.
        hold_back: for how long a feed is left alone whose document could not be published.
    """

    def __init__(
        self,
        poller: Poller,
        topic: Publishing,
        file: StateFile,
        kept: Kept,
        now: Callable[[], datetime],
        hold_back: timedelta,
    ) -> None:
        self._poller, self._topic, self._file = poller, topic, file
        self._now, self._hold_back = now, hold_back
        self._pending = kept.pending
        self._failing: set[str] = set()
        self._is_down = False
        self._saved_at, self._saving = 0.0, 0.0  # on the monotonic clock, and seconds it took

    @property
    def failing(self) -> int:
        """How many feeds fail, of those that this process asked for."""
        return len(self._failing)

    def round(self) -> Done:
        """Ask every feed whose time has come, and publish what it gives.

        Raises:
            OutputError: what is known of feeds cannot be saved.
        """
        began, done = time.monotonic(), Done()
        if self._is_down:  # no feed is asked for what cannot be handed on
            self._is_down = False
            self._publish_pending(done)
        if not self._is_down:
            self._poll(done)
        if not done.is_idle:
            self._save()
        done.pending = len(self._pending)
        done.seconds = time.monotonic() - began
        return done

    def _poll(self, done: Done) -> None:
        part = _Part()
        for item in self._poller.round():
            if isinstance(item, Document):
                self._send(item, part)
            elif isinstance(item, Reading):
                part.readings.append(item)
            if len(part.documents) >= _MOST_DOCUMENTS or part.size >= _MOST_BYTES:
                self._end_part(part, done)
                part = _Part()
        self._end_part(part, done)

    def _send(self, document: Document, part: "_Part") -> None:
        part.readings.append(_reading(document))
        part.documents.add(document.feed_id)
        part.size += len(document.content)
        if self._is_down:
            part.unpublished[document.feed_id] = ""
            return
        try:
            self._topic.publish(document.feed_id, feed_message(document))
        except RejectError as error:
            part.too_large[document.feed_id] = error.message

    def _end_part(self, part: "_Part", done: Done) -> None:
        """Note what was published, and what became of every request."""
        unpublished = part.unpublished | self._settled(done)
        for attempt in self._poller.book.answers():
            if error := part.too_large.get(attempt.feed_id):
                failed = replace(attempt, outcome="TOO_BIG", error=error, digest=b"")
                self._poller.book.answered(failed)
        for feed_id in unpublished:
            self._poller.put_back(feed_id, self._now() + self._hold_back)
        fetches = self._poller.settle(part.readings)
        self._tell(fetches)
        done.fetches += fetches
        done.unpublished += len(unpublished)
        published = part.documents - unpublished.keys() - part.too_large.keys()
        done.documents += len(published)
        done.unchanged += sum(
            fetch.outcome not in WEIGHTS and fetch.feed_id not in published for fetch in fetches
        )
        self._pending += map(fetch_bytes, fetches)
        if part.documents and time.monotonic() - self._saved_at > self._saving / _SAVING_SHARE:
            self._save()
        if not self._is_down:
            self._publish_pending(done)

    def _publish_pending(self, done: Done) -> None:
        for number, data in enumerate(self._pending):
            try:
                self._topic.publish(str(number), Outgoing(data, {"kind": FETCH_KIND}))
            except RejectError:
                done.dropped += 1
        failed = self._settled(done)
        self._pending = [one for number, one in enumerate(self._pending) if str(number) in failed]
        size = sum(map(len, self._pending))
        while size > _MOST_PENDING_BYTES:
            size -= len(self._pending.pop(0))
            done.dropped += 1

    def _settled(self, done: Done) -> dict[str, str]:
        failed = self._topic.settle()
        for why in failed.values():
            self._is_down, done.why = True, why
        return failed

    def _save(self) -> None:
        began = time.monotonic()
        self._file.save(self._poller.book.states(), self._pending)
        self._saved_at = time.monotonic()
        self._saving = self._saved_at - began

    def _tell(self, fetches: list[Fetch]) -> None:
        """Say which feeds began to fail, and which work again."""
        for fetch in fetches:
            if not fetch.failures and fetch.feed_id in self._failing:
                self._failing.remove(fetch.feed_id)
                say(f"{fetch.feed}: works again")
            elif fetch.failures and fetch.feed_id not in self._failing:
                self._failing.add(fetch.feed_id)
                say(f"{fetch.feed}: {fetch.outcome}: {fetch.error.removeprefix(f'{fetch.feed}: ')}")


@dataclass
class _Part:
    """What was taken of a round since something was last noted."""

    readings: list[Reading] = field(default_factory=list)
    too_large: dict[str, str] = field(default_factory=dict)  # feed id → what is wrong
    unpublished: dict[str, str] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)  # feed ids
    size: int = 0


def _reading(document: Document) -> Reading:
    """Say what is in a document, for the schedule of its feed; the pipeline parses it again."""
    try:
        return read(document, parse_document(document, MAX_ENTRIES))
    except RejectError as error:
        return unread(document, error)
    except Exception as error:  # one hostile document must not stop the others
        why = RejectError("parse_failed", f"{type(error).__name__}: {error}", replayable=True)
        return unread(document, why)
