"""What is known of the asking for a feed, from the request to its row in the log."""

from dataclasses import dataclass
from datetime import datetime

# NEW, DUP_ONLY and NOT_MODIFIED are answers of a feed that works, EMPTY is one without an item;
# the others say what kind of failure it was.
OUTCOMES = (
    "NEW", "DUP_ONLY", "NOT_MODIFIED", "EMPTY", "NOT_A_FEED", "WALL", "SOFT", "HARD", "TEMP",
    "BLOCKED", "SSRF_DENIED", "TOO_BIG", "DEADLINE",
)  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """One request for a feed, and what came of it before anything in it was looked at."""

    feed_id: str  # see schemas.ids.feed_id
    feed: str  # its address as listed, secrets redacted
    at: datetime  # UTC, of the answer
    outcome: str  # one of OUTCOMES when the answer decides; "" when its content does
    error: str  # one line; "" when it did not fail
    url: str  # that answered, secrets redacted
    http_status: int | None
    received_bytes: int  # of the body, as they came
    digest: bytes  # SHA-256 of the content; b"" when there was none
    conditional: bool  # the server was asked whether there is something new
    etag: str
    last_modified: str
    retry_after_seconds: float | None  # as asked for by the server
    fresh_seconds: float | None  # how long the server calls this answer fresh
    moved_to: str  # where the server says the feed is for good


@dataclass(frozen=True)
class Dropped:
    """Items of a feed that became no entry."""

    reason: str
    count: int


@dataclass(frozen=True)
class Reading:
    """What was found in the document of a feed."""

    feed_id: str
    items: tuple[bytes, ...]  # 8 bytes that stand for each item that became an entry, in order
    dropped: tuple[Dropped, ...]
    refused: str  # snake_case, why the document as a whole gave nothing; "" when it gave something
    error: str  # one line about that
    update_seconds: float | None  # how often the feed itself says it changes
    deleted: int  # items the feed says were taken back (at:deleted-entry)


@dataclass(frozen=True)
class Fetch:
    """One request for a feed, with its outcome: one row of fetch_log.

    ``entries`` is ``kept`` + ``known`` + what ``dropped`` counts.
    """

    feed_id: str
    feed: str
    fetched_at: datetime
    outcome: str
    error: str
    url: str
    http_status: int | None
    received_bytes: int
    entries: int  # items in what was looked at
    kept: int  # that this feed had not shown before
    known: int  # that it had
    dropped: tuple[Dropped, ...]
    deleted: int
    failures: int  # in a row, with this one
    next_at: datetime  # when it is to be asked for again
    interval_seconds: float
    interval_reason: str  # what decided that
    state: bytes  # as ``FeedState`` packs it, for a run that goes on
