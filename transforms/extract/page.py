"""The article in a whole web page, through trafilatura."""

import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import trafilatura
from trafilatura.meta import reset_caches
from trafilatura.utils import load_html

from schemas.ids import is_web_url
from transforms.extract.clutter import drop_clutter
from transforms.extract.comments import split_comments
from transforms.extract.page_metadata import PageMetadata, read_page_metadata
from transforms.extract.paragraphs import collapse, join_paragraphs

MIN_BODY_CHARS = 250  # trafilatura's own idea of a text worth trusting; less is tried again
_OPEN_CHARS = 500  # a body this long was not withheld
_WALL_CHARS = 1_500  # a consent wall is short; a story about consent walls is not
# Outside of these a time of receipt is a default value or a clock set wrong.
_EARLIEST = datetime(1990, 1, 1, tzinfo=timezone.utc)
_LATEST = datetime(2100, 1, 1, tzinfo=timezone.utc)
_TABLE_RULE = re.compile(r"[|\s:-]+")
_CONSENT_TITLE = re.compile(
    r"before you continue|privacy (?:settings|preferences|consent)|cookie consent|your privacy"
    r"|consent (?:required|management)|datenschutz-?einstellungen|privatsphäre|einwilligung"
    r"|consentement|paramètres de confidentialité|consentimiento|informativa sulla privacy",
    re.IGNORECASE,
)
_CONSENT_BODY = re.compile(
    r"(?:we|our|wir|nous|nosotros)\b.{0,80}\b(?:partners?|partnern?|partenaires|socios)\b"
    r".{0,200}\b(?:cookies|consent|einwilligung|consentement|consentimiento)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class PageArticle:
    """What a page yields; "" or () where it yields nothing."""

    title: str
    description: str
    body: str  # paragraphs parted by one empty line
    quoted: str  # a comment section that trafilatura took for text
    authors: tuple[str, ...]
    image_url: str
    site_name: str
    canonical_link: str
    language: str
    published: str
    published_source: str
    access_state: str  # open, paywall, consent_wall, unknown


def quiet_libraries() -> None:
    """Keep the libraries' own log lines off the terminal: a refused page is a counted result."""
    for name in ("trafilatura", "htmldate", "courlan", "justext", "readability"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def release_memory() -> None:
    """Empty the libraries' caches, which otherwise grow with every page; results do not change."""
    reset_caches()


def read_page(html: str, url: str, received_at: datetime) -> PageArticle | None:
    """Extract the article of a page; None when the text is no html at all.

    Args:
        html: the whole page.
        url: its address; only resolves links and dates in it, nothing is fetched.
        received_at: when the page was got: the library's heuristics accept no later date, unless
            it is before 1990 (the modification time of an unpacked archive).
    """
    tree = load_html(html.replace("\x00", "").encode("utf-8", "replace").decode("utf-8"))
    if tree is None:
        return None
    metadata = read_page_metadata(tree, url)
    document = _extract(tree, url, received_at, precise=True)
    text = _text_of(document)
    if len(text) < MIN_BODY_CHARS:
        second = _extract(tree, url, received_at, precise=False)
        if len(_text_of(second)) > 2 * len(text):
            document, text = second, _text_of(second)
    title = collapse(getattr(document, "title", None) or _title_of(tree))
    body, quoted = _tidy(text)
    published, source = _published(metadata, document, url)
    return PageArticle(
        title=title,
        description=collapse(getattr(document, "description", None) or ""),
        body=body,
        quoted=quoted,
        authors=_authors(getattr(document, "author", None) or ""),
        image_url=_web_link(getattr(document, "image", None) or ""),
        site_name=_site_name(document),
        canonical_link=metadata.canonical_link,
        language=metadata.language,
        published=published,
        published_source=source,
        access_state=_access_state(metadata, title, body),
    )


def _extract(tree: Any, url: str, received_at: datetime, *, precise: bool) -> Any:
    return trafilatura.bare_extraction(
        tree,
        url=url if is_web_url(url) else None,
        favor_precision=precise,
        include_comments=False,
        include_tables=True,
        deduplicate=False,  # its memory is the process's: the fourth reading of a page is empty
        with_metadata=True,
        date_extraction_params={
            "original_date": True,
            "extensive_search": False,
            # Without this the library compares with today, and an old page would change.
            "max_date": _max_date(received_at),
        },
    )


def _max_date(received_at: datetime) -> str:
    """Return the last day a page may name as its own; normalise judges it again."""
    is_believable = _EARLIEST <= received_at <= _LATEST
    latest = received_at + timedelta(days=1) if is_believable else _LATEST
    return latest.strftime("%Y-%m-%d")


def _text_of(document: Any) -> str:
    return (getattr(document, "text", None) or "").strip()


def _title_of(tree: Any) -> str:
    return next((collapse(element.text_content()) for element in tree.iter("title")), "")


def _tidy(text: str) -> tuple[str, str]:
    """Return body and quoted comments of trafilatura's text, one paragraph a line."""
    lines = [
        collapse(line.strip("| ") if line.startswith("|") else line)
        for line in text.split("\n")
        if line.strip() and not _TABLE_RULE.fullmatch(line)
    ]
    lines = [line for line in lines if line]
    own, quoted = split_comments(lines)
    return join_paragraphs(drop_clutter(own)), join_paragraphs(quoted)


def _site_name(document: Any) -> str:
    """Return the name the site gives itself; the library falls back to the host, which is none."""
    name = collapse(getattr(document, "sitename", None) or "")
    host = urlsplit(getattr(document, "url", None) or "").hostname or ""
    return "" if name in (host, host.removeprefix("www.")) else name


def _authors(names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in names.split(";") if (name := collapse(part))))


def _web_link(link: str) -> str:
    return link.strip() if is_web_url(link.strip()) else ""


def _published(metadata: PageMetadata, document: Any, url: str) -> tuple[str, str]:
    if metadata.published:
        return metadata.published, metadata.published_source
    found = getattr(document, "date", None) or ""
    # A date the library read from the address is left to whoever reads addresses.
    digits = found.replace("-", "")
    in_address = digits and digits in re.sub(r"\D", "", urlsplit(url).path)
    return ("", "") if not found or in_address else (found, "html_meta")


def _access_state(metadata: PageMetadata, title: str, body: str) -> str:
    if metadata.accessible_for_free is False:
        return "paywall"
    if len(body) <= _WALL_CHARS and _CONSENT_TITLE.search(title) and _CONSENT_BODY.search(body):
        return "consent_wall"
    return "open" if len(body) >= _OPEN_CHARS else "unknown"
