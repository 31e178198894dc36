"""What a Pub/Sub message holds, and how a poller puts the document of a feed into one.

Whoever may publish to the topic may write anything, so every attribute is checked and every
message becomes documents, a fetch or dead letters.

Attributes, all optional:

- ``kind``: ``document`` or ``fetch``, see ``fetch_message``; without it a document.
- ``url``: where the content came from, an http(s) address.
- ``feed_url``: the address of the feed that was asked for, secrets redacted; then the content has
  to be a feed. ``feed_id`` names the feed when that address was redacted.
- ``received_at``: when the content came, in RFC 3339; else the message was received when it was
  published.
- ``content_type``, ``charset``: what a transport header said; hints.
- ``backfill``: ``true`` when it tells of the past, see ``schemas.Document``.
"""

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import NamedTuple

from schemas import Document, Fetch, Rejected
from schemas.ids import feed_id, is_web_url
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError, rejected
from transforms._shared.web.media_type import charset_of
from transforms.read.containers import FEED_KINDS, documents, refuse_members, unwrap
from transforms.read.fetch_message import FETCH_KIND, parse_fetch
from transforms.read.origin import Limits, Origin, Skipped

MOST_MESSAGE_BYTES = 9_800_000  # of data; Pub/Sub takes 10,000,000 with attributes and envelope
MOST_ATTRIBUTE_BYTES = 1024  # of a value, as Pub/Sub has it
MESSAGE_LIMITS = Limits(max_file_bytes=64 * 1024 * 1024)  # gzip may grow to that
_MOST_PARTS = 10_000  # documents of one message
_LONGEST_WAY = timedelta(days=1)  # from the answer of a server to the message about it
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")
_FEED_ID = re.compile(r"[a-z2-7]{26}")
_ADDRESS = re.compile(r"(?:https?://|file:///)[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
_CONTENT_TYPES = {"feed": "application/xml", "news_sitemap": "application/xml",
                  "json_feed": "application/feed+json"}  # fmt: skip
_SHOWN_CHARS = 60

MessageItem = Document | Rejected | Skipped | Fetch


@dataclass(frozen=True)
class Message:
    """One message as it came from a subscription."""

    data: bytes
    attributes: Mapping[str, str]
    message_id: str  # "" where the engine does not tell
    published_at: datetime  # UTC, as Pub/Sub noted it

    def name(self, subscription: str) -> str:
        """Name it in messages and dead letters."""
        name = self.message_id or f"sha256:{hashlib.sha256(self.data).hexdigest()[:32]}"
        return f"pubsub:{subscription}/{name}"


class Outgoing(NamedTuple):
    """What is to be published."""

    data: bytes
    attributes: dict[str, str]


def read_message(
    message: Message, subscription: str, limits: Limits = MESSAGE_LIMITS
) -> Iterator[MessageItem]:
    """Give everything a message holds; what is wrong comes as ``Rejected``. Never raises.

    One article (JSON, HTML, text, mail), JSON Lines with several, one document of a feed, each
    also gzipped, or one fetch. Lists of feeds and WARC files are refused: who publishes a message
    does not say what is asked for, nor when something was crawled.

    Args:
        message: the message.
        subscription: it came from, for its name.
        limits: how much is taken of it once it is unpacked.
    """
    key = message.name(subscription)
    try:
        if _kind(message.attributes) == FETCH_KIND:
            yield parse_fetch(message.data, message.published_at)
            return
        origin = _origin(message, key)
        refuse_members(message.data)
        opened = unwrap(BytesIO(message.data), limits, origin.content_type)
        _refuse_other(opened.kind, bool(origin.feed_id))
        for number, item in enumerate(documents(opened, origin, limits)):
            if number == _MOST_PARTS:
                raise RejectError(
                    "too_large", f"more than {_MOST_PARTS:,} lines; publish fewer in one message"
                )
            if isinstance(item, Document):  # one of several lines does not know it yet
                item = replace(item, backfill=origin.backfill)
            elif isinstance(item, Rejected) and item.key == origin.key:  # all of the message
                raise RejectError(item.reason, item.error, replayable=item.replayable)
            yield item
    except RejectError as error:
        yield rejected("read", key, error, message.published_at, message.data)
    except Exception as error:  # one hostile message must not stop the others
        why = RejectError("read_failed", f"{type(error).__name__}: {error}", replayable=True)
        yield rejected("read", key, why, message.published_at, message.data)


def feed_message(document: Document) -> Outgoing:
    """Put the document of a feed into a message, from which ``read_message`` gives it again.

    What is too large for Pub/Sub is packed with gzip. An address that is too long for an
    attribute is replaced by that of the feed as listed.

    Raises:
        RejectError: ``too_large``, also when packed, or because of the feed's address.
    """
    data = document.content
    if len(data) > MOST_MESSAGE_BYTES:
        data = gzip.compress(data, mtime=0)
    if len(data) > MOST_MESSAGE_BYTES:
        raise RejectError(
            "too_large",
            f"{document.key}: {len(document.content):,} bytes do not fit into a Pub/Sub message, "
            "not even with gzip; ask the publisher for a shorter feed",
        )
    url = document.url if _fits(document.url) else document.key
    if not _fits(document.key):
        raise RejectError("too_large", f"{document.key[:100]}: no attribute can hold it")
    attributes = {
        "url": url,
        "feed_url": document.key,
        "feed_id": document.feed_id,
        "received_at": document.received_at.isoformat().replace("+00:00", "Z"),
        "content_type": _CONTENT_TYPES[document.kind],
    }
    if document.charset and _fits(document.charset):
        attributes["charset"] = document.charset
    if document.backfill:
        attributes["backfill"] = "true"
    return Outgoing(data, attributes)


def _fits(value: str) -> bool:
    try:
        return len(value.encode()) <= MOST_ATTRIBUTE_BYTES
    except UnicodeEncodeError:
        return False


def _kind(attributes: Mapping[str, str]) -> str:
    kind = attributes.get("kind", "")
    if kind not in ("", "document", FETCH_KIND):
        raise _bad("kind", kind, f"write document or {FETCH_KIND}, or leave it out")
    return kind


def _origin(message: Message, key: str) -> Origin:
    """Say where the content came from, as far as the attributes can be believed."""
    attributes = message.attributes
    feed_url = _address(attributes, "feed_url")
    content_type = attributes.get("content_type", "") or attributes.get("content-type", "")
    return Origin(
        key=feed_url or key,
        url=_address(attributes, "url") or feed_url or key,
        received_at=_received_at(attributes, message.published_at),
        content_type=content_type[:MOST_ATTRIBUTE_BYTES],
        charset=charset_of(f"x/x; charset={attributes['charset']}")
        if attributes.get("charset")
        else charset_of(content_type),
        feed_id=_feed_id(attributes, feed_url),
        backfill=_flag(attributes, "backfill"),
    )


def _address(attributes: Mapping[str, str], name: str) -> str:
    """Read an address; that of a file is only a name here, nothing is opened by it."""
    value = attributes.get(name, "")
    if not value:
        return ""
    is_file = value.startswith("file:///") and bool(attributes.get("feed_url"))
    is_plain = _ADDRESS.fullmatch(value) and value.isprintable()
    if not is_plain or not (is_file or is_web_url(value)):
        raise _bad(name, value, "write an http(s) address, or leave it out")
    return redact_url(value) if is_web_url(value) else value


def _feed_id(attributes: Mapping[str, str], feed_url: str) -> str:
    value = attributes.get("feed_id", "")
    if value and not feed_url:
        raise _bad("feed_id", value, "give feed_url with it, or leave it out")
    if value and not _FEED_ID.fullmatch(value):
        raise _bad("feed_id", value, "write what newsevents calls the feed, or leave it out")
    return value or (feed_id(feed_url) if feed_url else "")


def _received_at(attributes: Mapping[str, str], published_at: datetime) -> datetime:
    value = attributes.get("received_at", "")
    if not value:
        return published_at
    try:
        if not _RFC3339.fullmatch(value):
            raise ValueError("not RFC 3339")
        at = datetime.fromisoformat(value.upper()).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise _bad(
            "received_at", value, "write a time like 2026-03-02T06:12:00Z, or leave it out"
        ) from error
    return at if timedelta() <= published_at - at <= _LONGEST_WAY else published_at


def _flag(attributes: Mapping[str, str], name: str) -> bool:
    value = attributes.get(name, "")
    if value not in ("", "true", "false"):
        raise _bad(name, value, "write true or false, or leave it out")
    return value == "true"


def _bad(name: str, value: str, fix: str) -> RejectError:
    return RejectError(
        "bad_attribute",
        f"attribute {name} is {value[:_SHOWN_CHARS]!r}: {fix}",
        replayable=False,
    )


def _refuse_other(kind: str, is_feed: bool) -> None:
    if kind == "warc":
        raise RejectError("unsupported", "a WARC file in a message is not read; give it to --input")
    if is_feed and kind not in (*FEED_KINDS, "empty"):
        raise RejectError(
            "not_a_feed", f"expected a feed, because of the attribute feed_url, found {kind}"
        )
