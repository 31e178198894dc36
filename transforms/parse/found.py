"""What the parsers hand back, and how they name the items of a document."""

import hashlib
from dataclasses import dataclass
from urllib.parse import quote

from schemas import Document, Entry
from schemas.ids import is_web_url
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError

MAX_ENTRIES = 5000  # of one feed; the largest real ones hold some hundred
MAX_FEED_BYTES = 16 * 1024 * 1024
MAX_KEY_CHARS = 300


@dataclass(frozen=True)
class Loss:
    """One item of a document that did not become an entry, or part of a feed that is missing."""

    key: str
    error: RejectError
    payload: bytes
    count: int = 1  # items it stands for


@dataclass(frozen=True)
class Found:
    """Everything one document gave."""

    entries: tuple[Entry, ...]
    losses: tuple[Loss, ...] = ()
    notes: tuple[str, ...] = ()  # names to count: harmless oddities of the document
    update_seconds: float | None = None  # how often a feed says that it changes
    deleted: int = 0  # items a feed says were taken back
    tombstones: tuple[tuple[str, str], ...] = ()  # id and time of each of those, as written


def item_key(document: Document, label: str) -> str:
    """Name one item of a document by its guid or number, in at most MAX_KEY_CHARS characters.

    A longer name is cut and ends in a hash of the whole, so that it stays the only one.
    """
    key = f"{document.key}#{label}"
    if len(key) <= MAX_KEY_CHARS:
        return key
    return f"{key[: MAX_KEY_CHARS - 17]}~{_digest(key)}"


def _without_secrets(guid: str) -> str:
    """Redact a guid that reads like a URL; a hash of the whole keeps it the only one."""
    redacted = redact_url(guid) if "/" in guid else guid
    return guid if redacted == guid else f"{redacted}~{_digest(guid)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def feed_address(document: Document) -> str:
    """Give the address of the document without its secrets."""
    return redact_url(document.url) if is_web_url(document.url) else document.url


@dataclass(frozen=True)
class ItemName:
    """What one item of a document is called."""

    key: str
    label: str  # its guid, made unique; "" when it has none

    def address(self, document_address: str, text: str) -> str:
        """Give an item without a link of its own an address inside its document.

        Without a guid it is named by its ``text``, since its number changes with each poll.
        The fragment opens with ``!``: other fragments are no part of a canonical URL, and all
        such items of a feed would count as one article.
        """
        label = self.label[:MAX_KEY_CHARS] or _digest(text)
        return f"{document_address}#!{quote(label, safe='/:@,;=~')}"


class NameMaker:
    """Names the items of one document; a guid that comes again gets the item's number too."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._used: set[str] = set()

    def __call__(self, guid: str, number: int) -> ItemName:
        guid = _without_secrets(guid)
        label = f"{guid}#{number}" if guid and guid in self._used else guid
        self._used.add(guid)
        return ItemName(item_key(self._document, label or str(number)), label)


def check_size(document: Document, max_bytes: int = MAX_FEED_BYTES) -> None:
    """Refuse a feed that is too large to be read safely."""
    if len(document.content) > max_bytes:
        raise RejectError(
            "too_large",
            f"the feed has {len(document.content)} bytes, more than {max_bytes}; split it",
        )


def too_many_entries(document: Document, count: int, limit: int) -> Loss:
    """Make the one dead letter of all entries beyond the limit."""
    message = f"{count} entries; only the first {limit} were taken; split it"
    error = RejectError("too_many_entries", message, replayable=True)
    return Loss(document.key, error, document.content, count - limit)
