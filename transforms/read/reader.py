"""Turn a source, a file or a URL, into documents."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO

from schemas import Attempt, Document, Reading, Rejected
from schemas.ids import is_web_url
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError, rejected
from transforms._shared.web.fetch import NOT_MODIFIED, Fetched, Fetcher, FetchError
from transforms._shared.web.retry_after import retry_after_seconds
from transforms._shared.web.walls import wall_of
from transforms.read.containers import (
    FEED_KINDS,
    Opened,
    document,
    documents,
    refuse_members,
    unwrap,
)
from transforms.read.feed import Feed, parse_feed
from transforms.read.feed_list import MAX_LISTED_FEEDS, opml_feeds, sitemap_feeds
from transforms.read.feed_state import FeedState
from transforms.read.files import file_uri, local_path, modified, open_file, unreadable
from transforms.read.origin import Limits, Origin, Skipped
from transforms.read.outcome import outcome_of
from transforms.read.schedule import hints_from_headers
from transforms.read.streams import read_up_to

_MARKUP = ("html", "xml", "text")
_MOST_LISTS = 3  # each named by the one before; a server could go on for ever


@dataclass(frozen=True)
class Listed:
    """Other feeds that were found where a feed was asked for: an OPML list, a sitemap index."""

    feeds: tuple[Feed, ...]


Item = Document | Rejected | Skipped | Attempt | Reading | Listed


class Reader:
    """Read sources one by one; may be used by several threads at once.

    Args:
        fetcher: gets URLs.
        now: the current time in UTC, taken once for each answer; files have a time of their own.
        limits: how much is taken of one file and of one item.
        feeds: sources that were given as feeds, see ``parse_feed``: anything else found there is
            refused.
        stored: a file was received when it was last modified; else when it is read.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        now: Callable[[], datetime],
        limits: Limits,
        feeds: frozenset[str] = frozenset(),
        stored: bool = True,
    ) -> None:
        self._fetcher = fetcher
        self._now = now
        self._limits = limits
        self._feeds = feeds
        self._stored = stored

    def read(self, source: str) -> Iterator[Item]:
        """Give everything ``source`` holds, item by item; what is wrong comes as ``Rejected``.

        Args:
            source: a path, a ``file://`` URI or a feed, see ``parse_feed``. A list of feeds
                stands for the feeds it names.
        """
        if source not in self._feeds and not is_web_url(source):
            yield from self._read_file(source)
            return
        yield from self._ask_all([parse_feed(source)])

    def _ask_all(self, feeds: Sequence[Feed]) -> Iterator[Item]:
        """Ask for feeds, and for those that they name in their turn, each once."""
        waiting, named = deque(feeds), {feed.feed_id for feed in feeds}
        while waiting:
            feed = waiting.popleft()
            # Whoever reads once, from end to end, wants the past as it was: no answer is a first.
            asked_before = FeedState(answered_at=self._time(feed))
            attempt, items = self.ask(feed, asked_before, timedelta.max)
            yield attempt
            for item in items:
                if not isinstance(item, Listed):
                    yield item
                    continue
                for other in item.feeds:
                    if other.feed_id not in named and len(named) < MAX_LISTED_FEEDS:
                        named.add(other.feed_id)
                        waiting.append(other)

    def ask(
        self, feed: Feed, state: FeedState, read_again: timedelta
    ) -> tuple[Attempt, list[Item]]:
        """Ask for one feed; gives what became of that, and what is to be handed on.

        Never raises for what a server or a file does.

        Args:
            feed: the feed.
            state: what is known of it.
            read_again: after that long, content is looked at again that is what it was.
        """
        validators = state.validators(self._time(feed), read_again)
        try:
            return self._ask(feed, state, read_again, validators)
        except RejectError as error:
            return self._failed(feed, error, bool(validators))
        except Exception as error:  # one hostile server must not stop the others
            why = RejectError("read_failed", f"{type(error).__name__}: {error}", replayable=True)
            return self._failed(feed, why, bool(validators))

    def gave_up(self, feed: Feed, why: tuple[str, str]) -> tuple[Attempt, list[Item]]:
        """Answer for a feed that is not asked, or not waited for, with a reason and a message."""
        return self._failed(feed, RejectError(*why, replayable=True), conditional=False)

    def _ask(
        self,
        feed: Feed,
        state: FeedState,
        read_again: timedelta,
        validators: tuple[tuple[str, str], ...],
    ) -> tuple[Attempt, list[Item]]:
        answer = self._answer(feed, state, validators)
        at = self._time(feed)
        attempt = Attempt(
            feed_id=feed.feed_id,
            feed=feed.name,
            at=at,
            outcome="NOT_MODIFIED" if answer.status == NOT_MODIFIED else "",
            error="",
            url=feed.scrub(redact_url(answer.url)),
            http_status=answer.status or None,
            received_bytes=answer.received_bytes,
            digest=hashlib.sha256(answer.content).digest(),
            conditional=bool(validators),
            etag=answer.headers.get("etag", ""),
            last_modified=answer.headers.get("last-modified", ""),
            retry_after_seconds=None,
            fresh_seconds=_seconds(hints_from_headers(answer.headers, at)),
            moved_to=_believable(answer.moved_to, feed),
        )
        if attempt.outcome:
            return attempt, [Skipped("not_modified")]
        if state.is_unchanged(attempt.digest, at, read_again):
            return attempt, [Skipped("unchanged")]
        return self._opened(feed, attempt, answer, state.is_backfill(at))

    def _answer(
        self, feed: Feed, state: FeedState, validators: tuple[tuple[str, str], ...]
    ) -> Fetched:
        if feed.is_remote:
            url = state.believed_url(feed.url)
            own = feed.headers if url == feed.url else ()  # secrets do not move with the feed
            answer = self._fetcher.fetch(url, [*own, *validators])
            if answer.status == NOT_MODIFIED and not validators:
                raise FetchError(
                    "http_status",
                    "the server says that nothing changed, but was asked for everything",
                    replayable=True,
                    status=NOT_MODIFIED,
                )
            return _scrubbed(answer, feed)
        path = local_path(feed.address)
        most = self._limits.max_item_bytes
        try:
            with open_file(path, most) as (stream, _):
                content = read_up_to(stream, most + 1)
        except OSError as error:
            raise unreadable(path, error) from error
        if len(content) > most:
            raise RejectError("too_large", f"the feed has more than {most:,} bytes")
        return Fetched(file_uri(path), content, "", "", status=0, received_bytes=len(content))

    def _opened(
        self, feed: Feed, attempt: Attempt, answer: Fetched, backfill: bool
    ) -> tuple[Attempt, list[Item]]:
        """Recognise what came, and open lists of other feeds."""
        origin = Origin(
            key=_key(feed),
            url=attempt.url,
            received_at=attempt.at,
            content_type=answer.content_type,
            charset=answer.charset,
            feed_id=feed.feed_id,
            backfill=backfill,
        )
        try:
            refuse_members(answer.content)
            opened = unwrap(BytesIO(answer.content), self._limits, answer.content_type)
            listed = self._listed(feed, opened, answer.url, attempt.at)
            if listed is not None:
                reading = Reading(
                    feed.feed_id, tuple(_mark(found) for found in listed.feeds), (), "", "", None, 0
                )
                # Not remembered: a run that goes on has to open it again to know its feeds.
                return replace(attempt, digest=b"", etag="", last_modified=""), [reading, listed]
            _refuse_other(opened, answer)
            found = document(opened, origin, self._limits.max_item_bytes)
            if feed.secrets:  # which packed content may hold as well
                found = replace(found, content=feed.scrub_bytes(found.content))
            return attempt, [found]
        except RejectError as error:
            return self._failed(feed, error, attempt.conditional, answer)

    def _listed(self, feed: Feed, opened: Opened, base: str, at: datetime) -> Listed | None:
        if feed.lists >= _MOST_LISTS:
            return None
        if opened.kind == "opml":
            found = opml_feeds(opened.whole(self._limits.max_item_bytes))
        elif opened.kind == "sitemap_index":
            found = sitemap_feeds(opened.whole(self._limits.max_item_bytes), base, at)
        else:
            return None
        return Listed(tuple(Feed(address=url, url=url, lists=feed.lists + 1) for url in found))

    def _failed(
        self, feed: Feed, error: RejectError, conditional: bool, answer: Fetched | None = None
    ) -> tuple[Attempt, list[Item]]:
        at = self._time(feed)
        status, headers = (answer.status or None, answer.headers) if answer else (None, {})
        if isinstance(error, FetchError):
            status, headers = error.status, error.headers
        outcome = outcome_of(error)
        error = RejectError(error.reason, feed.scrub(error.message), replayable=error.replayable)
        attempt = Attempt(
            feed_id=feed.feed_id,
            feed=feed.name,
            at=at,
            outcome=outcome,
            error=" ".join(error.message.split())[:1000],
            url=feed.scrub(redact_url(answer.url)) if answer else feed.name,
            http_status=status,
            received_bytes=answer.received_bytes if answer else 0,
            digest=b"",
            conditional=conditional,
            etag="",
            last_modified="",
            retry_after_seconds=retry_after_seconds(headers.get("retry-after", ""), at),
            fresh_seconds=None,
            moved_to="",
        )
        payload = answer.content if answer else b""
        return attempt, [rejected("read", _key(feed), error, at, payload)]

    def _time(self, feed: Feed) -> datetime:
        """Say when what is read of a feed was received."""
        if feed.is_remote or not self._stored:
            return self._now()
        return modified(local_path(feed.address))

    def _read_file(self, source: str) -> Iterator[Item]:
        path = local_path(source)
        received_at = None
        try:
            uri = file_uri(path)
        except ValueError:
            uri = source
        try:
            with open_file(path, self._limits.max_file_bytes) as (stream, modified_at):
                received_at = modified_at if self._stored else self._now()
                opened = unwrap(stream, self._limits)
                origin = Origin(key=uri, url=uri, received_at=received_at)
                if opened.kind == "opml":
                    urls = opml_feeds(opened.whole(self._limits.max_item_bytes))
                    yield from self._ask_all([Feed(address=url, url=url) for url in urls])
                else:
                    yield from documents(opened, origin, self._limits)
        except RejectError as error:
            yield rejected("read", uri, error, received_at or modified(path))
        except OSError as error:
            failed_at = received_at or modified(path)
            yield rejected("read", uri, unreadable(path, error), failed_at)


def _refuse_other(opened: Opened, answer: Fetched) -> None:
    """Refuse what is no feed, and say what it is instead."""
    if opened.kind in (*FEED_KINDS, "empty"):
        return
    wall = wall_of(answer.content, answer.headers) if opened.kind in _MARKUP else None
    if wall is not None:
        raise RejectError(
            wall,
            f"the server shows a {wall.replace('_', ' ')} instead of the feed; "
            "ask the publisher for an address that programs may read",
            replayable=True,
        )
    raise RejectError(
        "not_a_feed", f"expected a feed, found {opened.kind}; open it in a browser to see"
    )


def _key(feed: Feed) -> str:
    if feed.is_remote:
        return feed.name
    try:
        return file_uri(local_path(feed.address))
    except ValueError:
        return feed.address


def _believable(moved_to: str, feed: Feed) -> str:
    """Forget a move to an address that holds a secret: it would have to be kept."""
    return moved_to if feed.scrub(redact_url(moved_to)) == moved_to else ""


def _scrubbed(answer: Fetched, feed: Feed) -> Fetched:
    """Take out secrets that the server repeats, with headers that would not be themselves then."""
    if not feed.secrets:
        return answer
    kept = {name: value for name, value in answer.headers.items() if feed.scrub(value) == value}
    return replace(answer, content=feed.scrub_bytes(answer.content), headers=kept)


def _mark(feed: Feed) -> bytes:
    return hashlib.sha256(feed.address.encode()).digest()[:8]


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
