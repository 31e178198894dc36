"""From the request for a feed to its row in the log, with nothing left out but Beam."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from server import HostileServer, Names, Recorder

from schemas import Attempt, Document, Entry, Fetch, Reading, Rejected
from transforms._shared.charset import decode
from transforms._shared.rejects import RejectError, rejected
from transforms._shared.web.fetch import HttpFetcher
from transforms._shared.web.lanes import Lanes
from transforms.parse.document import parse_document
from transforms.parse.found import MAX_ENTRIES
from transforms.parse.reading import read, unread
from transforms.read.feed import parse_feed
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import FeedState, Policy
from transforms.read.origin import Limits
from transforms.read.poller import Poller
from transforms.read.reader import Reader

DEADLINE_SECONDS = 5.0  # a loaded machine takes a second for what takes a hundredth
MAX_BYTES = 6 * 1024 * 1024
SECRET = "hunter2-do/not+tell"
ENVIRONMENT = {"FEED_KEY": SECRET, "HOME": "/home/somebody"}


@dataclass
class Result:
    """What came of one feed in one round."""

    fetch: Fetch
    seconds: float  # from the beginning of the round to the answer
    entries: list[Entry] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class _Book(FeedBook):
    """Notes when each answer came."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.attempts: dict[str, tuple[Attempt, float]] = {}

    def answered(self, attempt: Attempt) -> None:
        self.attempts[attempt.feed_id] = (attempt, time.monotonic())
        super().answered(attempt)


class Chain:
    """A poller, its fetcher and the parser.

    Args:
        server: who is asked.
        lines: the feeds, as an operator lists them.
        names: what the names of hosts lead to, where it is not the server.
        clock: a list with the time, to be moved on; None for the real one.
    """

    def __init__(
        self,
        server: HostileServer,
        lines: Sequence[str],
        names: Mapping[str, list[list[str]]] | None = None,
        clock: list[datetime] | None = None,
        *,
        every: bool = True,
        seconds: float = DEADLINE_SECONDS,
        allow_private: bool = False,
        states: Mapping[str, FeedState] | None = None,
    ) -> None:
        self.backend = Recorder(server)
        fetcher = HttpFetcher(
            timeout_seconds=seconds,
            max_bytes=MAX_BYTES,
            allow_private=allow_private,
            resolver=Names(names or {}),
            backend=self.backend,
        )

        def now() -> datetime:
            return clock[0] if clock else datetime.now(timezone.utc)

        self.feeds = [parse_feed(line, ENVIRONMENT) for line in lines]
        self.book = _Book(self.feeds, Policy(), states)
        reader = Reader(fetcher, now, Limits(), stored=False)
        self.poller = Poller(
            reader, self.book, (), now, every=every, patient=True, _lanes=Lanes(pause_seconds=0.0)
        )
        self.offered: dict[str, int] = {}  # items seen in its document, by the id of the feed
        self.parsing: dict[str, float] = {}  # seconds, by the key of the document
        self.said: list[str] = []  # everything that is written or shown

    def round(self) -> dict[str, Result]:
        """Ask for all feeds; gives what came of each, by its name in messages."""
        begun = time.monotonic()
        self.book.attempts.clear()
        readings: list[Reading] = []
        entries: list[tuple[str, Entry]] = []
        letters: list[Rejected] = []
        for item in list(self.poller.round()):  # first, so that no answer waits for a parser
            if isinstance(item, Document):
                started = time.monotonic()
                reading, found, lost = parsed(item)
                self.parsing[item.key] = time.monotonic() - started
                self.offered[item.feed_id] = 0 if reading.refused else offered(item)
                readings.append(reading)
                entries += [(item.feed_id, entry) for entry in found]
                letters += lost
            elif isinstance(item, Reading):
                readings.append(item)
            elif isinstance(item, Rejected):
                letters.append(item)
        results = {}
        for fetch in self.poller.settle(readings):
            attempt, answered = self.book.attempts[fetch.feed_id]
            results[fetch.feed] = Result(
                fetch,
                answered - begun,
                [entry for name, entry in entries if name == fetch.feed_id],
                [letter for letter in letters if letter.key.partition("#")[0] == fetch.feed],
            )
            self.said += [repr(attempt), repr(fetch)]
        self.said += [repr(letter) for letter in letters]
        self.said += [repr(entry) for _, entry in entries]
        self.said += [repr(health) for health in self.poller.health()]
        return results

    def poll(self) -> Fetch:
        """Ask for the only feed."""
        (result,) = self.round().values()
        return result.fetch

    @property
    def leaks(self) -> list[str]:
        """Give what was said that holds the secret, in whatever way it is written."""
        written = (SECRET, "hunter2", "do%2Fnot")
        return [text[:300] for text in self.said if any(secret in text for secret in written)]


def parsed(document: Document) -> tuple[Reading, list[Entry], list[Rejected]]:
    """Do what ``ParseEntries`` does, but let nothing pass that is no RejectError."""
    at = document.received_at
    try:
        found = parse_document(document, MAX_ENTRIES)
    except RejectError as error:
        letter = rejected("parse", document.key, error, at, document.content)
        return unread(document, error), [], [letter]
    letters = [rejected("parse", loss.key, loss.error, at, loss.payload) for loss in found.losses]
    return read(document, found), list(found.entries), letters


def offered(document: Document) -> int:
    """Count the items of a document that is read, without a parser's help."""
    text = decode(document.content, document.charset)
    if document.kind == "json_feed":
        items = json.loads(text)["items"]
        return len(items)
    text = re.sub(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>", "", text, flags=re.DOTALL)
    names = "url" if document.kind == "news_sitemap" else "item|entry"
    return len(re.findall(rf"<(?:\w+:)?(?:{names})[\s>/]", text))


HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
