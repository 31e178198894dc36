"""RSS, RDF and Atom: feedparser reads them, this file asks for what we need."""

import io
from dataclasses import dataclass
from typing import Any
from xml.sax import SAXParseException

import feedparser

from schemas import Document, Entry
from transforms._shared.charset import decode, storable
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError
from transforms.parse.dates import feed_date
from transforms.parse.feed_text import FEED_ROOTS, FeedText, prepare
from transforms.parse.found import (
    MAX_ENTRIES,
    Found,
    ItemName,
    Loss,
    NameMaker,
    check_size,
    feed_address,
    too_many_entries,
)
from transforms.parse.markup import one_line, plain_line, web_link

MAX_AUTHORS = 50
MAX_NAME_CHARS = 500
MAX_GUID_CHARS = 2000
_PERIODS = {
    "hourly": 3600.0, "daily": 86400.0, "weekly": 7 * 86400.0, "monthly": 30 * 86400.0,
    "yearly": 365.25 * 86400,
}  # fmt: skip
_UNTOLD = (3600.0, 1)  # what WordPress writes into every feed, whatever its pace
_HTML_ROOTS = frozenset(("html", "head", "body", "div", "p", "script", "title", "table"))
_TEXT_TYPES = ("text/plain", "text/html", "application/xhtml+xml")
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif")


@dataclass(frozen=True)
class _Channel:
    """What every entry of the feed shares."""

    document: Document
    address: str  # of the feed, without secrets
    base: str  # for relative links: the feed's site, else the feed itself
    title: str
    home: str  # the feed's own link, without secrets; "" when it names none
    language: str
    input_kind: str


def parse_feed(document: Document, max_entries: int = MAX_ENTRIES) -> Found:
    """Read a feed's items, keeping what can be used of a broken one.

    A feed that broke off, or whose broken markup hides items, gives its readable entries and one
    loss for the rest. An item without title and text is a loss of its own.

    Raises:
        RejectError: ``not_a_feed``, ``empty_feed``, ``truncated_feed`` or ``malformed_feed`` when
            nothing can be used; ``parse_failed`` when feedparser gives up; ``too_large``,
            ``too_complex``, ``entity_declarations`` or ``undecodable`` when it must not be tried.
    """
    check_size(document)
    source = prepare(decode(document.content, document.charset), max_entries)
    root = source.root.lower()
    if not root or root in _HTML_ROOTS:
        raise RejectError("not_a_feed", f"this is {_appearance(source)}; check the feed's address")
    address = feed_address(document)
    parsed = _feedparser(source.text)
    channel = _channel(document, parsed, address)
    entries, losses = _entries(channel, parsed["entries"])
    broken = _breakage(document, source, parsed, len(entries), max_entries)
    only_deleted = root in FEED_ROOTS and source.tombstones and not broken and not losses
    if not entries and not only_deleted:
        raise _nothing_usable(source, broken, losses)
    if broken:
        losses = [broken, *(loss for loss in losses if loss.error.reason != "empty_entry")]
    if source.items > max_entries:
        losses.append(too_many_entries(document, source.items, max_entries))
    return Found(
        tuple(entries),
        tuple(losses),
        _notes(source, parsed, broken),
        _update_seconds(parsed["feed"]),
        source.deleted,
        tuple((_guid(ref), when) for ref, when in source.tombstones),
    )


def _feedparser(text: str) -> Any:
    # Bytes in a stream: feedparser takes a string for an address or a file's name and opens it.
    # Sanitising and link resolution inside the html cost half the time and are left to extract,
    # which turns the html into text anyway.
    try:
        return feedparser.parse(
            io.BytesIO(text.encode("utf-8", "replace")),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except Exception as error:  # for one, it gives up at an end tag whose element never began
        why = f"{type(error).__name__}: {one_line(str(error))[:200]}"
        message = f"broken markup upset the parser ({why}); get it again"
        raise RejectError("parse_failed", message, replayable=True) from error


def _channel(document: Document, parsed: Any, address: str) -> _Channel:
    feed = parsed["feed"]
    home = web_link(_text(feed, "link"), address)
    return _Channel(
        document=document,
        address=address,
        base=home or address,
        title=plain_line(_text(feed, "title")),
        home=redact_url(home),
        language=_language_tag(_text(feed, "language")),
        input_kind="atom" if parsed["version"].startswith("atom") else "rss",
    )


def _entries(channel: _Channel, items: list[Any]) -> tuple[list[Entry], list[Loss]]:
    entries: list[Entry] = []
    losses: list[Loss] = []
    make_name = NameMaker(channel.document)
    for number, item in enumerate(items, start=1):
        guid = _guid(_text(item, "id"))
        entry = _entry(channel, item, guid, make_name(guid, number))
        if entry.title or entry.content.strip():
            entries.append(entry)
        else:
            message = "the item has neither title nor text"
            losses.append(Loss(entry.key, RejectError("empty_entry", message), entry.url.encode()))
    return entries, losses


def _guid(written: str) -> str:
    return storable(one_line(written))[:MAX_GUID_CHARS]


def _entry(channel: _Channel, item: Any, guid: str, name: ItemName) -> Entry:
    title = plain_line(_text(item, "title"))
    content, content_type = _content(item)
    published = _published(item)
    return Entry(
        key=name.key,
        input_kind=channel.input_kind,
        url=_link(channel, item) or name.address(channel.address, title or content),
        guid=guid,
        feed_url=channel.address,
        source_name=channel.title,
        source_url=channel.home,
        origin_publisher=plain_line(_text(_dict(item, "source"), "title")),
        title=title,
        summary=_text(item, "summary"),
        content=content,
        content_type=content_type,
        authors=_authors(item),
        image_url=_image(channel, item),
        language=_entry_language(item) or channel.language,
        published=published,
        published_source="feed" if published else "",
        received_at=channel.document.received_at,
    )


def _get(mapping: Any, name: str) -> Any:
    # Not mapping.get: feedparser's answers "updated" with "published" and a warning.
    return dict.get(mapping, name) if isinstance(mapping, dict) else None


def _text(mapping: Any, name: str) -> str:
    value = _get(mapping, name)
    return storable(value) if isinstance(value, str) else ""


def _dict(mapping: Any, name: str) -> dict[str, Any]:
    value = _get(mapping, name)
    return value if isinstance(value, dict) else {}


def _dicts(mapping: Any, name: str) -> list[dict[str, Any]]:
    value = _get(mapping, name)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _content(item: Any) -> tuple[str, str]:
    """Pick the longest text of an item, and say whether it is text or html."""
    parts = [(_text(part, "value"), _text(part, "type")) for part in _dicts(item, "content")]
    parts.append((_text(item, "summary"), _text(_dict(item, "summary_detail"), "type")))
    readable = [part for part in parts if not part[1] or part[1] in _TEXT_TYPES]
    value, media_type = max(readable, key=lambda part: len(part[0]), default=("", ""))
    return value, "text" if media_type == "text/plain" or not value else "html"


def _link(channel: _Channel, item: Any) -> str:
    written = [_text(item, "feedburner_origlink"), _text(item, "link")]
    written += [
        _text(link, "href") for link in _dicts(item, "links") if _get(link, "rel") == "alternate"
    ]
    for link in written:
        if found := web_link(link, channel.base):
            return found
    return web_link(_text(item, "id"))


def _authors(item: Any) -> tuple[str, ...]:
    names = []
    for author in _dicts(item, "authors")[:MAX_AUTHORS]:
        names.append(plain_line(_text(author, "name"))[:MAX_NAME_CHARS])
    if not any(names):
        names = [plain_line(_text(item, "author"))[:MAX_NAME_CHARS]]
    return tuple(dict.fromkeys(name for name in names if name))


def _image(channel: _Channel, item: Any) -> str:
    candidates = [media for media in _dicts(item, "media_content") if _is_image(media)]
    candidates += _dicts(item, "media_thumbnail")
    candidates += [
        link
        for link in _dicts(item, "links")
        if _get(link, "rel") == "enclosure" and _is_image(link)
    ]
    candidates.append(_dict(item, "image"))
    for candidate in candidates:
        if found := web_link(_text(candidate, "url") or _text(candidate, "href"), channel.base):
            return found
    return ""


def _is_image(media: dict[str, Any]) -> bool:
    kind = (_text(media, "medium") or _text(media, "type")).lower()
    if kind:
        return kind.startswith("image")
    address = _text(media, "url") or _text(media, "href")
    return address.lower().partition("?")[0].endswith(_IMAGE_ENDINGS)


def _entry_language(item: Any) -> str:
    details = [_dict(item, "title_detail"), _dict(item, "summary_detail"), *_dicts(item, "content")]
    for holder in (item, *details):
        if tag := _language_tag(_text(holder, "language")):
            return tag
    return ""


def _language_tag(written: str) -> str:
    return one_line(written)[:35]


def _published(item: Any) -> str:
    for name in ("published", "created", "updated"):
        if written := _text(item, name):
            return feed_date(written, _get(item, f"{name}_parsed"))
    return ""


def _breakage(
    document: Document, source: FeedText, parsed: Any, usable: int, max_entries: int
) -> Loss | None:
    """Make the one loss of a feed whose markup broke and took items with it."""
    if not parsed["bozo"]:
        return None
    expected = min(source.items, max_entries)
    cause = _cause(_get(parsed, "bozo_exception"))
    if not source.closed:
        reason, what = "truncated_feed", "the feed breaks off"
    elif usable < expected:
        reason, what = "malformed_feed", "broken markup hides items"
    else:
        return None
    message = f"{what}: {usable} of at least {expected} items could be used ({cause}); get it again"
    error = RejectError(reason, message, replayable=True)
    return Loss(document.key, error, document.content, max(1, expected - usable))


def _cause(error: Any) -> str:
    if isinstance(error, SAXParseException):
        return f"{error.getMessage()} in line {error.getLineNumber()}"
    return one_line(str(error))


def _nothing_usable(source: FeedText, broken: Loss | None, losses: list[Loss]) -> RejectError:
    if source.root.lower() not in FEED_ROOTS:
        return RejectError("not_a_feed", f"this is {_appearance(source)}; check the feed's address")
    if broken:
        return broken.error
    if losses:
        return RejectError("empty_feed", f"none of its {len(losses)} items has a title or text")
    return RejectError("empty_feed", "a feed without any item", replayable=True)


def _update_seconds(feed: Any) -> float | None:
    """Read how often a feed says that it changes: <ttl> minutes, or sy:updatePeriod."""
    if minutes := _whole(_text(feed, "ttl")):
        return minutes * 60.0
    period = _PERIODS.get(_text(feed, "sy_updateperiod").strip().lower())
    often = max(1, _whole(_text(feed, "sy_updatefrequency")))
    if period is None or (period, often) == _UNTOLD:
        return None
    return period / often


def _whole(text: str) -> int:
    text = text.strip()
    return int(text[:9]) if text.isascii() and text.isdigit() else 0


def _notes(source: FeedText, parsed: Any, broken: Loss | None) -> tuple[str, ...]:
    notes = ["repaired_references"] if source.repaired else []
    if parsed["bozo"] and not broken:
        notes.append(f"bozo_{type(_get(parsed, 'bozo_exception')).__name__}")
    return tuple(notes)


def _appearance(source: FeedText) -> str:
    """Say in a few words what was found where a feed should be."""
    if source.root.lower() in _HTML_ROOTS:
        begin = source.text.lower().find("<title")
        element = source.text[begin : begin + 300].partition("</")[0] if begin >= 0 else ""
        title = plain_line(element.partition(">")[2])
        return f'an HTML page titled "{title}"' if title else "an HTML page"
    if source.root:
        return f"XML with the root element <{source.root[:60]}>"
    beginning = one_line(source.text[:500])[:60]
    return f'text that begins "{beginning}"' if beginning else "empty"
