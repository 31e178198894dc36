"""News sitemaps: headlines, links and times, no text."""

import io
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from schemas import Document, Entry
from transforms._shared.charset import decode
from transforms._shared.rejects import RejectError
from transforms.parse.dates import feed_date
from transforms.parse.found import (
    MAX_ENTRIES,
    Found,
    Loss,
    NameMaker,
    check_size,
    feed_address,
    too_many_entries,
)
from transforms.parse.markup import one_line, plain_line, web_link


class _Url:
    """One <url> of the sitemap: its texts by element name, the first of each."""

    def __init__(self, element: Element) -> None:
        self._texts: dict[str, str] = {}
        for part in element.iter():
            parent_is_image = "sitemap-image" in str(part.tag)
            name = ("image:" if parent_is_image else "") + _local_name(part)
            self._texts.setdefault(name, one_line(part.text or ""))

    def __getitem__(self, name: str) -> str:
        return self._texts.get(name, "")

    def __contains__(self, name: str) -> bool:
        return name in self._texts

    def payload(self) -> bytes:
        return "\n".join(f"{name}: {text}" for name, text in self._texts.items()).encode()


def parse_news_sitemap(document: Document, max_entries: int = MAX_ENTRIES) -> Found:
    """Read a news sitemap; a <url> without address or title is a loss of its own.

    A sitemap that breaks off gives what came before, and one loss.

    Raises:
        RejectError: ``not_a_news_sitemap`` when no <url> carries news, ``empty_feed`` when there
            is none at all, ``truncated_feed`` when nothing came before the break, ``too_large``
            or ``entity_declarations``.
    """
    check_size(document)
    entries: list[Entry] = []
    losses: list[Loss] = []
    make_name = NameMaker(document)
    number, with_news, broken = 0, 0, None
    try:
        for number, url in enumerate(_urls(document), start=1):
            with_news += "news" in url or "title" in url
            if number > max_entries:
                continue
            key = make_name(url["loc"], number).key
            try:
                entries.append(_entry(document, url, key))
            except RejectError as error:
                losses.append(Loss(key, error, url.payload()))
    except ParseError as error:
        message = f"the sitemap breaks off after {number} addresses ({error}); fetch it again"
        broken = RejectError("truncated_feed", message, replayable=True)
    if number and not with_news:
        raise RejectError("not_a_news_sitemap", f"none of its {number} addresses has a news title")
    if broken and not number:
        raise broken
    if not number:
        raise RejectError("empty_feed", "a sitemap without any address", replayable=True)
    if broken:
        losses.append(Loss(document.key, broken, document.content))
    if number > max_entries:
        losses.append(too_many_entries(document, number, max_entries))
    return Found(tuple(entries), tuple(losses))


def _urls(document: Document) -> Iterator[_Url]:
    text = decode(document.content, document.charset).lstrip()
    if text.startswith("<?xml"):  # its encoding no longer holds
        text = text.partition("?>")[2].lstrip()
    stream = io.BytesIO(text.encode("utf-8", "replace"))
    try:
        for _, element in iterparse(stream, events=("end",), forbid_dtd=True):
            if _local_name(element) == "url":
                yield _Url(element)
                element.clear()
    except DefusedXmlException as error:
        message = "a sitemap needs no DOCTYPE or entities; remove them"
        raise RejectError("entity_declarations", message) from error


def _local_name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _entry(document: Document, url: _Url, key: str) -> Entry:
    address = feed_address(document)
    link, title = web_link(url["loc"], address), plain_line(url["title"])
    if not link:
        raise RejectError("no_link", f'<loc> must be an http(s) address, not "{url["loc"][:100]}"')
    if not title:
        raise RejectError("no_title", "the address has no news:title")
    published = feed_date(url["publication_date"], None)
    return Entry(
        key=key,
        input_kind="news_sitemap",
        url=link,
        guid="",
        feed_url=address,
        source_name=plain_line(url["name"]),
        source_url="",
        origin_publisher="",
        title=title,
        summary="",
        content="",
        content_type="text",
        authors=(),
        image_url=web_link(url["image:loc"], address),
        language=url["language"][:35],
        published=published,
        published_source="sitemap" if published else "",
        received_at=document.received_at,
    )
