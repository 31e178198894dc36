"""What a page says about itself: JSON-LD, ``<meta>`` and ``<link>``, read without guessing."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import lxml.html

from schemas.ids import is_web_url

_DATE_NAMES = (  # of <meta>, most precise and most trusted first
    "article:published_time", "og:published_time", "article:published", "datepublished",
    "parsely-pub-date", "sailthru.date", "dc.date.issued", "dcterms.issued", "dcterms.created",
    "publication_date", "publishdate", "publish-date", "pubdate", "dc.date", "dcterms.date", "date",
)  # fmt: skip
_DATE_IN_JSON = re.compile(r'"datePublished"\s*:\s*"([^"\\]{4,64})"')
_MAX_JSON_CHARS = 1_000_000
_MAX_JSON_NODES = 20_000
_MAX_DATE_CHARS = 100


@dataclass(frozen=True)
class PageMetadata:
    """Declarations of one page; "" where it makes none."""

    published: str  # as written
    published_source: str  # json_ld or html_meta
    canonical_link: str  # absolute http(s) URL
    language: str  # tag as written
    accessible_for_free: bool | None  # None: not said


def read_page_metadata(tree: lxml.html.HtmlElement, url: str) -> PageMetadata:
    """Collect a page's declarations; malformed ones count as not made.

    Args:
        tree: the whole parsed page.
        url: its address, for links given relative to it.
    """
    scripts = [
        script.text_content()[:_MAX_JSON_CHARS]
        for script in tree.iter("script")
        if "ld+json" in (script.get("type") or "").lower()
    ]
    nodes = [node for script in scripts for node in _json_nodes(script)]
    meta = _meta_contents(tree)
    published, source = _published(scripts, nodes, meta, tree)
    return PageMetadata(
        published=published,
        published_source=source,
        canonical_link=_canonical_link(tree, meta, url),
        language=_language(tree, meta, nodes),
        accessible_for_free=_accessible_for_free(nodes, meta),
    )


def _meta_contents(tree: lxml.html.HtmlElement) -> dict[str, str]:
    contents: dict[str, str] = {}
    for element in tree.iter("meta"):
        value = " ".join((element.get("content") or "").split())
        for attribute in ("property", "name", "itemprop", "http-equiv"):
            name = (element.get(attribute) or "").strip().lower()
            if name and value:
                contents.setdefault(name, value)
    return contents


def _json_nodes(script: str) -> Iterator[dict[str, Any]]:
    """Yield every object of a JSON-LD block, outermost first; nothing when it is malformed."""
    text = script.strip().removeprefix("<!--").removesuffix("-->").strip().rstrip(";")
    try:
        # Strict mode would refuse raw line breaks in strings, which many sites write.
        pending: list[Any] = [json.loads(text, strict=False)]
    except (ValueError, RecursionError):
        return
    for _ in range(_MAX_JSON_NODES):
        if not pending:
            return
        value = pending.pop()
        if isinstance(value, dict):
            yield value
            pending.extend(reversed(list(value.values())))
        elif isinstance(value, list):
            pending.extend(reversed(value))


def _is_article(node: dict[str, Any]) -> bool:
    types = node.get("@type")
    names = types if isinstance(types, list) else [types]
    return any(
        isinstance(name, str) and name.endswith(("Article", "Posting", "Report", "Reportage"))
        for name in names
    )


def _published(
    scripts: list[str],
    nodes: list[dict[str, Any]],
    meta: dict[str, str],
    tree: lxml.html.HtmlElement,
) -> tuple[str, str]:
    for node in sorted(nodes, key=lambda node: not _is_article(node)):
        value = node.get("datePublished")
        if isinstance(value, str) and value.strip():
            return value.strip()[:_MAX_DATE_CHARS], "json_ld"
    if not nodes:  # a block too broken to parse may still say its date
        for script in scripts:
            if match := _DATE_IN_JSON.search(script):
                return match[1], "json_ld"
    for name in _DATE_NAMES:
        if any(c.isdigit() for c in meta.get(name, "")):
            return meta[name][:_MAX_DATE_CHARS], "html_meta"
    for element in tree.iter("time"):
        marked = element.get("itemprop") == "datePublished" or element.get("pubdate") is not None
        if marked and (value := (element.get("datetime") or "").strip()):
            return value[:_MAX_DATE_CHARS], "html_meta"
    return "", ""


def _canonical_link(tree: lxml.html.HtmlElement, meta: dict[str, str], url: str) -> str:
    links = [
        link.get("href") or ""
        for link in tree.iter("link")
        if "canonical" in (link.get("rel") or "").lower().split()
    ]
    for href in [*links, meta.get("og:url", "")]:
        try:
            absolute = urljoin(url, href.strip()) if href.strip() else ""
        except ValueError:
            continue
        if is_web_url(absolute):
            return absolute
    return ""


def _language(
    tree: lxml.html.HtmlElement, meta: dict[str, str], nodes: list[dict[str, Any]]
) -> str:
    in_json = next(
        (node["inLanguage"] for node in nodes if isinstance(node.get("inLanguage"), str)), ""
    )
    declared = (tree.get("lang"), meta.get("content-language"), meta.get("og:locale"), in_json)
    return next((tag.strip()[:35] for tag in declared if tag and tag.strip()), "")


def _accessible_for_free(nodes: list[dict[str, Any]], meta: dict[str, str]) -> bool | None:
    articles = [node for node in nodes if _is_article(node)]
    for node in articles:
        said = _is_free(node)
        if said is not None:
            return said
    # Some sites say it of the withheld part alone.
    if any(_is_free(part) is False for node in articles for part in _parts(node)):
        return False
    tier = meta.get("article:content_tier", "").lower()
    return {"locked": False, "free": True}.get(tier)


def _is_free(node: dict[str, Any]) -> bool | None:
    said = str(node.get("isAccessibleForFree")).strip().lower().rsplit("/", 1)[-1]
    return said == "true" if said in ("true", "false") else None


def _parts(node: dict[str, Any]) -> list[dict[str, Any]]:
    parts = node.get("hasPart")
    return [
        part for part in (parts if isinstance(parts, list) else [parts]) if isinstance(part, dict)
    ]
