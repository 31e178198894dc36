"""Turn a source, a file or a URL, into documents."""

from collections.abc import Callable, Iterator
from datetime import datetime
from io import BytesIO

from schemas import Document, Rejected
from schemas.ids import is_web_url
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError, rejected
from transforms.read.containers import Opened, documents, unwrap
from transforms.read.feed_list import opml_feeds
from transforms.read.fetch import Fetcher
from transforms.read.files import file_uri, local_path, modified, open_file, unreadable
from transforms.read.origin import Limits, Origin, Skipped

Item = Document | Rejected | Skipped

_FEED_KINDS = ("feed", "json_feed", "news_sitemap")


class Reader:
    """Read sources one by one.

    Args:
        fetcher: gets URLs.
        now: the current time in UTC, taken once for each answer; files have a time of their own.
        limits: how much is taken of one file and of one item.
        feeds: files that were given as feeds: anything else found in them is refused, as it is
            at a URL.
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
            source: a path, a ``file://`` URI or an http(s) URL. An OPML list stands for the
                feeds it names; those may not lead to private addresses.
        """
        if is_web_url(source):
            yield from self._read_url(source, trusted=True, lists_allowed=True)
        else:
            yield from self._read_file(source)

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
                yield from self._open(opened, origin, source in self._feeds, lists_allowed=True)
        except RejectError as error:
            yield rejected("read", uri, error, received_at or modified(path))
        except OSError as error:
            failed_at = received_at or modified(path)
            yield rejected("read", uri, unreadable(path, error), failed_at)

    def _read_url(self, url: str, *, trusted: bool, lists_allowed: bool) -> Iterator[Item]:
        key = redact_url(url)
        try:
            fetched = self._fetcher.fetch(url, trusted=trusted)
        except RejectError as error:
            yield rejected("read", key, error, self._now())
            return
        origin = Origin(
            key=key,
            url=redact_url(fetched.url),
            received_at=self._now(),
            content_type=fetched.content_type,
            charset=fetched.charset,
        )
        try:
            opened = unwrap(BytesIO(fetched.content), self._limits, fetched.content_type)
            yield from self._open(opened, origin, True, lists_allowed=lists_allowed)
        except RejectError as error:
            yield rejected("read", key, error, origin.received_at, fetched.content)

    def _open(
        self, opened: Opened, origin: Origin, must_be_feed: bool, *, lists_allowed: bool
    ) -> Iterator[Item]:
        if opened.kind == "opml" and lists_allowed:
            for url in opml_feeds(opened.whole(self._limits.max_item_bytes)):
                yield from self._read_url(url, trusted=False, lists_allowed=False)
        elif must_be_feed and opened.kind not in (*_FEED_KINDS, "empty"):
            error = RejectError(
                "not_a_feed", f"expected a feed, found {opened.kind}; open it in a browser to see"
            )
            yield rejected("read", origin.key, error, origin.received_at, opened.head)
        else:
            yield from documents(opened, origin, self._limits)
