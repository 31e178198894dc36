"""Short pieces of markup and links, as feeds and records hold them."""

import html
import re
from urllib.parse import urljoin, urlsplit

import lxml.html
from lxml import etree

from schemas.ids import is_web_url

MAX_LINE_CHARS = 2000  # of a title, a name or a link; real ones are far shorter
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--")
_BLOCK_TAG = re.compile(
    r"<(?:p|div|br|h[1-6]|ul|ol|li|a|span|article|section|blockquote|img|table)\b[^<>]*>",
    re.IGNORECASE,
)
# What is left of "&amp;#8217;" after one resolution. Names are few on purpose: "&copy" can be
# the plain text of somebody who writes about HTML.
_LEFTOVER_ENTITY = re.compile(
    r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|amp|lt|gt|quot|apos|nbsp|[lr][sd]quo|[nm]dash|hellip);"
)
_HUGE_REFERENCE = re.compile(r"&#\d{9,};?")  # Python refuses to read numbers of 4,300 digits
# Tags that came out of a second encoding; other angle brackets may be meant as text.
_FORMATTING = re.compile(r"</(?:a|b|i|u|em|strong|span|font|su[bp]|p|div)\s{0,9}>|<br\b", re.I)
_PAGE = re.compile(
    r"\s*(?:<\?xml[^<>]*>\s*)?(?:<!--[^<>]*-->\s*)?<(?:!doctype\s+html|html)\b", re.I
)


def one_line(text: str) -> str:
    """Collapse white space and cap the length: for plain text that must be one line."""
    return " ".join(text[: 4 * MAX_LINE_CHARS].split())[:MAX_LINE_CHARS]


def plain_line(markup: str) -> str:
    """Turn a title or name into one line of plain text.

    Tags go, entities are resolved, and once more when the publisher encoded them twice.
    A lone ``<`` that opens no tag stays.
    """
    markup = _HUGE_REFERENCE.sub("\ufffd", markup[: 4 * MAX_LINE_CHARS])
    text = _without_tags(markup) if _TAG.search(markup) else html.unescape(markup)
    if _LEFTOVER_ENTITY.search(text):
        text = html.unescape(_HUGE_REFERENCE.sub("\ufffd", text))
    if _FORMATTING.search(text):
        text = _without_tags(text)
    return one_line(text)


def _without_tags(markup: str) -> str:
    try:
        parser = lxml.html.HTMLParser(encoding="utf-8")
        # Without end tags after it: an unclosed <title> or <script> would take them for text.
        root = lxml.html.document_fromstring(b"<div>" + markup.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError):
        return html.unescape(_TAG.sub(" ", markup))
    return str(root.text_content())


def content_type_of(text: str) -> str:
    """Say whether a text whose form nobody declared is ``page``, ``html`` or ``text``."""
    if _PAGE.match(text):
        return "page"
    return "html" if _BLOCK_TAG.search(text) else "text"


def web_link(link: str, base: str = "") -> str:
    """Make ``link`` an absolute http(s) URL; "" when it is none (javascript:, file:, junk)."""
    link = "".join(link.split()) if "\n" in link else link.strip()
    if not link or len(link) > MAX_LINE_CHARS:
        return ""
    try:
        if not urlsplit(link).scheme and is_web_url(base):
            link = urljoin(base, link)
    except ValueError:
        return ""
    return link if is_web_url(link) else ""
