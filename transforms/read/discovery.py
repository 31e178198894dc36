"""Where a site may have its feeds."""

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import html as lxml_html
from lxml.etree import LxmlError

from schemas.ids import is_web_url

_TYPES = (
    "application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml",
    "application/json", "application/xml", "text/xml",
)  # fmt: skip
_USUAL_PATHS = (
    "/feed", "/rss", "/rss.xml", "/atom.xml", "/feed.xml", "/feeds", "/index.xml", "/feed.json",
    "/feed/atom", "/news-sitemap.xml", "/sitemap-news.xml",
)  # fmt: skip
_LOOKS_LIKE_ONE = re.compile(
    r"(?:^|[/._?=&-])(?:rss\d?|atom|feeds?|rdf)(?:[/._?=&-]|$)|[./](?:rss|xml|atom|rdf)$",
    re.IGNORECASE,
)
_SITEMAP_LINE = re.compile(r"^\s*sitemap\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
MAX_CANDIDATES = 40


def feed_links(page: bytes, url: str, charset: str = "") -> list[str]:
    """List the addresses a page names as its feeds, those it declares first.

    Links that merely look like feeds come after them. Never raises for a broken page.

    Args:
        page: HTML.
        url: of the page.
        charset: what the server said; "" when it did not.
    """
    root = _parsed(page, charset)
    if root is None:
        return []
    base = next((_joined(url, href) for href in root.xpath("//base/@href")), "") or url
    declared = [
        link.get("href", "")
        for link in root.iter("link")
        if "alternate" in link.get("rel", "").lower().split()
        and link.get("type", "").partition(";")[0].strip().lower() in _TYPES
    ]
    shown = [href for href in root.xpath("//a/@href") if _LOOKS_LIKE_ONE.search(_path(href))]
    return _distinct(base, [*declared, *shown])


def _parsed(page: bytes, charset: str) -> Any:
    for encoding in dict.fromkeys((charset, "")):  # servers name some that nobody knows
        try:
            parser = lxml_html.HTMLParser(encoding=encoding or None, no_network=True)
            return lxml_html.document_fromstring(page, parser=parser)
        except LookupError:
            continue
        except (LxmlError, ValueError):
            return None
    return None


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return ""


def usual_addresses(url: str) -> list[str]:
    """List where feeds usually are on the host of ``url``."""
    return _distinct(url, list(_USUAL_PATHS))


def sitemap_lines(robots: bytes, url: str) -> list[str]:
    """List the sitemaps for news that a robots.txt names."""
    found = _SITEMAP_LINE.findall(robots.decode("utf-8", "replace"))
    return _distinct(url, [address for address in found if "news" in address.lower()])


def _distinct(base: str, found: list[str]) -> list[str]:
    """Make addresses absolute, keep those of the web, each once."""
    absolute: dict[str, None] = {}
    for address in found:
        joined = _joined(base, address.strip()).partition("#")[0]
        if is_web_url(joined):
            absolute[joined] = None
    return list(absolute)[:MAX_CANDIDATES]


def _path(address: str) -> str:
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
