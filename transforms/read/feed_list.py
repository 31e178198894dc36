"""Find out which feeds ``--feeds`` or an OPML list names."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from urllib.parse import urljoin
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from schemas.ids import is_web_url
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError
from transforms.read.containers import unwrap
from transforms.read.encoding import sniff_encoding
from transforms.read.feed import parse_feed
from transforms.read.files import local_path, open_file
from transforms.read.origin import Limits

MAX_LISTED_FEEDS = 10_000  # of one OPML list
MAX_LISTED_SITEMAPS = 50  # of one index
_FRESH_SITEMAP = timedelta(days=3)  # news sitemaps hold the articles of two
_LIST_LIMITS = Limits(max_file_bytes=32 * 1024 * 1024, max_item_bytes=32 * 1024 * 1024)
_FEED_KINDS = ("feed", "json_feed", "news_sitemap")


def feed_sources(argument: str) -> list[str]:
    """List the feeds that the ``--feeds`` argument names, in order, each once, for ``parse_feed``.

    Args:
        argument: one http(s) URL, with options; a feed file; an OPML file; or a text file with
            one URL or path a line, where empty lines and lines beginning with ``#`` count for
            nothing. Relative paths in a list are relative to the list. Each of the files may be
            gzipped.

    Raises:
        ValueError: there is no such file, the list is empty or broken, or a line is neither a
            URL nor a file, or its options are wrong. The message names the thing and the fix.
    """
    if is_web_url(argument.split(maxsplit=1)[0] if argument.strip() else ""):
        return [_valid(argument, redact_url(argument)[:200])]
    path = local_path(argument)
    try:
        kind, content = _open_list(path)
        if kind in _FEED_KINDS:
            return [argument]
        if kind == "opml":
            listed = [("an outline", _plain(url)) for url in _outline_urls(content)]
        elif kind == "text":
            listed = list(_lines(content))
        else:
            found = "nothing" if kind == "empty" else kind
            raise RejectError(
                "unsupported", f"found {found} where a feed, OPML or a list of URLs was expected"
            )
    except RejectError as error:
        raise ValueError(f"--feeds {redact_url(argument)}: {error}") from error
    if not listed:
        raise ValueError(f"--feeds {argument}: it names no feed; add one URL or path a line")
    folder = os.path.dirname(path)
    sources = [_checked(argument, where, target, folder) for where, target in listed]
    return list(dict.fromkeys(sources))


def opml_feeds(content: bytes) -> list[str]:
    """List the http(s) feeds of an OPML document, in order, each once.

    Local paths in it are left out: whoever wrote the document does not name files here.

    Raises:
        RejectError: ``broken_opml``, ``empty`` when it lists no feed, ``too_large`` when it lists
            more than ``MAX_LISTED_FEEDS``.
    """
    outlines = (_plain(url) for url in _outline_urls(content))
    feeds = list(dict.fromkeys(url for url in outlines if is_web_url(url)))
    if not feeds:
        raise RejectError("empty", "the OPML list names no http(s) feed")
    if len(feeds) > MAX_LISTED_FEEDS:
        raise RejectError(
            "too_large", f"the OPML list names more than {MAX_LISTED_FEEDS:,} feeds; split it"
        )
    return feeds


def sitemap_feeds(content: bytes, base: str, at: datetime) -> list[str]:
    """Choose the sitemaps of an index that can hold news, the latest changed first.

    Those with "news" in their address, when there are any; else those that changed within the
    last days or do not say when. At most ``MAX_LISTED_SITEMAPS``.

    Raises:
        RejectError: ``broken_sitemap``, or ``empty`` when none is left.
    """
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise RejectError(
            "broken_sitemap", f"the sitemap index is not well-formed XML: {error}"
        ) from error
    found: dict[str, datetime | None] = {}
    for element in root.iter():
        if _local_name(element) == "sitemap":
            texts = {_local_name(part): (part.text or "").strip() for part in element}
            url = _plain(_joined(base, texts.get("loc", "")))
            if is_web_url(url):
                found[url] = _moment(texts.get("lastmod", ""))
    if news := [url for url in found if "news" in url.lower()]:
        found = {url: found[url] for url in news}
    since = at - _FRESH_SITEMAP
    fresh = [url for url, changed in found.items() if changed is None or changed >= since]
    fresh.sort(key=lambda url: found[url] or since, reverse=True)
    if not fresh:
        raise RejectError("empty", "the sitemap index names no sitemap that changed lately")
    return fresh[:MAX_LISTED_SITEMAPS]


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return ""


def _local_name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _moment(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _open_list(path: str) -> tuple[str, bytes]:
    with open_file(path, _LIST_LIMITS.max_file_bytes) as (stream, _):
        opened = unwrap(stream, _LIST_LIMITS)
        if opened.kind in _FEED_KINDS:
            return opened.kind, b""
        return opened.kind, opened.whole(_LIST_LIMITS.max_item_bytes)


def _outline_urls(content: bytes) -> Iterator[str]:
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise RejectError(
            "broken_opml", f"the OPML list is not well-formed XML: {error}"
        ) from error
    for element in root.iter():
        for name, value in element.attrib.items():
            if name.lower() == "xmlurl" and value.strip():
                yield value.strip()


def _lines(content: bytes) -> Iterator[tuple[str, str]]:
    text = content.decode(sniff_encoding(content), "replace").removeprefix("\ufeff")
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield f"line {number}", line


def _plain(url: str) -> str:
    """Keep a URL that somebody else wrote from naming variables or options."""
    return "%20".join(url.replace("${", "$%7B").split()) if is_web_url(url) else url


def _checked(argument: str, where: str, target: str, folder: str) -> str:
    if is_web_url(target.split(maxsplit=1)[0]):
        return _valid(target, f"{argument}: {where}")
    path = os.path.join(folder, local_path(target))
    if "\0" not in path and os.path.isfile(path):
        return path
    raise ValueError(
        f"--feeds {argument}: {where} names {redact_url(target)[:200]!r}, which is neither an "
        "http(s) URL nor an existing file; correct or remove it"
    )


def _valid(line: str, named: str) -> str:
    try:
        parse_feed(line)
    except ValueError as error:
        raise ValueError(f"--feeds {named}: {error}") from error
    return line
