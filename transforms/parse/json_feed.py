"""JSON Feed 1 and 1.1, which feedparser does not read."""

import json
from typing import Any

from schemas import Document, Entry
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError
from transforms.parse.dates import feed_date
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
from transforms.parse.json_values import address_of, load_json, name_of, names_of, text_of
from transforms.parse.markup import one_line, plain_line, web_link


def parse_json_feed(document: Document, max_entries: int = MAX_ENTRIES) -> Found:
    """Read a JSON Feed; an item of the wrong shape is a loss and leaves the others alone.

    Raises:
        RejectError: ``invalid_json``, ``not_a_feed``, ``empty_feed`` or ``too_large``.
    """
    check_size(document)
    feed = load_json(document.content, document.charset)
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        raise RejectError("not_a_feed", 'a JSON Feed is an object with a list named "items"')
    if not items:
        raise RejectError("empty_feed", "a feed without any item", replayable=True)
    entries: list[Entry] = []
    losses: list[Loss] = []
    make_name = NameMaker(document)
    for number, item in enumerate(items[:max_entries], start=1):
        guid = _guid(item)
        name = make_name(guid, number)
        try:
            entries.append(_entry(document, feed, item, name))
        except RejectError as error:
            losses.append(Loss(name.key, error, _dumped(item)))
    if len(items) > max_entries:
        losses.append(too_many_entries(document, len(items), max_entries))
    return Found(tuple(entries), tuple(losses))


def _dumped(item: Any) -> bytes:
    try:
        return json.dumps(item).encode()
    except RecursionError:  # what could just be read cannot always be written
        return b""


def _guid(item: Any) -> str:
    return one_line(text_of(item.get("id"))) if isinstance(item, dict) else ""


def _entry(document: Document, feed: dict[str, Any], item: Any, name: ItemName) -> Entry:
    if not isinstance(item, dict):
        raise RejectError("bad_item", f"an item must be an object, not {type(item).__name__}")
    title = plain_line(text_of(item.get("title")))
    html, text = text_of(item.get("content_html")), text_of(item.get("content_text"))
    summary = text_of(item.get("summary"))
    if not (title or html or text or summary):
        raise RejectError("empty_entry", "the item has neither title nor text")
    address = feed_address(document)
    home = web_link(address_of(feed.get("home_page_url")))
    base = home or address
    links = (item.get("url"), item.get("external_url"), item.get("id"))
    fallback = name.address(address, title or html or text or summary)
    written = text_of(item.get("date_published")) or text_of(item.get("date_modified"))
    return Entry(
        key=name.key,
        input_kind="json_feed",
        url=next(filter(None, (_link(link, base) for link in links)), fallback),
        guid=_guid(item),
        feed_url=address,
        source_name=name_of(feed.get("title")),
        source_url=redact_url(home),
        origin_publisher="",
        title=title,
        summary=summary,
        content=html or text or summary,
        content_type="html" if html else "text",
        authors=_authors(item) or _authors(feed),
        image_url=_link(item.get("image"), base) or _link(item.get("banner_image"), base),
        language=one_line(text_of(item.get("language")) or text_of(feed.get("language")))[:35],
        published=feed_date(written, None),
        published_source="feed" if written else "",
        received_at=document.received_at,
    )


def _link(value: Any, base: str) -> str:
    address = address_of(value)
    if not address.startswith(("http:", "https:", "/", ".")):
        return ""  # an id is often a mere number, which would resolve against any base
    return web_link(address, base)


def _authors(holder: dict[str, Any]) -> tuple[str, ...]:
    return names_of(holder.get("authors")) or names_of(holder.get("author"))
