"""What decides about a page before its text is taken: where it leads on, what it calls itself."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urljoin

from lxml import etree

from schemas.ids import is_web_url

MAX_REFRESH_SECONDS = 10  # a later one is meant to reload the page, not to lead on
_MAX_URL_CHARS = 2_000
_REFRESH = re.compile(r"\s*(\d{1,9})(?:\.[\d.]{0,20})?\s*[;,\s]\s*(?:url\s*=\s*)?(.*)", re.I | re.S)


@dataclass(frozen=True)
class Markup:
    """Declarations of one page; "" where it makes none."""

    refresh_url: str  # absolute http(s) URL that readers are sent on to within ten seconds
    canonical_link: str  # absolute http(s) URL


def read_markup(html: str, url: str, *, noscript: bool = False) -> Markup:
    """Read where a page leads and what it calls itself; what is malformed counts as not said.

    Args:
        html: the whole page.
        url: its address, for links given relative to it.
        noscript: also follow what is only meant for browsers without scripts. On ordinary pages
            that leads to a poorer one; link shorteners send everybody on that way.
    """
    tree = _parse(html)
    if tree is None:
        return Markup("", "")
    return Markup(_refresh_url(tree, url, noscript), _canonical_link(tree, url))


def _parse(html: str) -> Any:
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(html.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError):
        return None


def _refresh_url(tree: Any, url: str, noscript: bool) -> str:
    for element in tree.iter("meta"):
        if (element.get("http-equiv") or "").strip().lower() != "refresh":
            continue
        target = refresh_target(element.get("content") or "")
        inside = any(True for _ in element.iterancestors("noscript"))
        if target and (noscript or not inside):
            absolute = _absolute(url, target)
            return "" if absolute == urldefrag(url).url else absolute
    return ""


def refresh_target(content: str) -> str:
    """Give the link of a refresh within ten seconds, as written; "" for any other content."""
    match = _REFRESH.fullmatch(content[: 2 * _MAX_URL_CHARS])
    if match is None or int(match[1]) > MAX_REFRESH_SECONDS:
        return ""
    link = match[2].strip()
    if link[:1] in ("'", '"'):
        link = link[1:].partition(link[0])[0]
    return link.strip()


def _canonical_link(tree: Any, url: str) -> str:
    for element in tree.iter("link"):
        if "canonical" in (element.get("rel") or "").lower().split():
            absolute = _absolute(url, (element.get("href") or "").strip())
            if absolute:
                return absolute
    return ""


def _absolute(base: str, link: str) -> str:
    """Give ``link`` as an absolute http(s) URL without fragment; "" when it is none."""
    try:
        absolute = urldefrag(urljoin(base, link)).url if link else ""
    except ValueError:
        return ""
    return absolute if is_web_url(absolute) and len(absolute) <= _MAX_URL_CHARS else ""
