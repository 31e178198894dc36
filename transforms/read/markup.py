"""Tell what an XML or HTML text is from its first element, without parsing it."""

import re
from typing import NamedTuple

_SPACE = " \t\r\n\f\v\ufeff"
_ROOT = re.compile(r"<((?:[A-Za-z_][\w.\-]*:)?([A-Za-z_][\w.\-]*))(?=[\s/>]|$)")
_HTML_DOCTYPE = re.compile(r"<!doctype\s+html\b", re.IGNORECASE)
_SITEMAP_NEWS = re.compile(r"schemas/sitemap-news/|<news:news\b")
_RSS_IN_RDF = re.compile(r"purl\.org/rss/|netscape\.com/rdf|<(?:\w+:)?channel\b", re.IGNORECASE)
_FEED_TAG = re.compile(r"<(?:rss|feed|rdf:RDF)[\s>]", re.IGNORECASE)
_HTML_LINE = re.compile(r"^[ \t]*(?:<!doctype html|<html)[\s>]", re.IGNORECASE | re.MULTILINE)
_XML_FEED_LINE = re.compile(
    r"^[ \t]*<\?xml\b[^>]*>\s*<(?:rss|feed|rdf:RDF)[\s>]", re.IGNORECASE | re.MULTILINE
)
_FEED_IN_BODY = re.compile(r"<body[^>]*>\s*<(?:rss|feed)[\s>]", re.IGNORECASE)
_XML_TYPE = re.compile(r"\b(?:xml|rss|atom|rdf)\b", re.IGNORECASE)
_LATE_WITHIN = 2048  # characters in which markup that is there at all has begun

_HTML_ROOTS = frozenset(
    "a abbr address article aside b base big blockquote body br button center cite code dd del "
    "details dir div dl dt em embed fieldset figcaption figure font footer form frameset h1 h2 h3 "
    "h4 h5 h6 head header hr html i iframe img input ins li link main map meta nav noscript "
    "object ol p picture pre q s script section small span strike strong style sub sup table "
    "tbody td template th thead time title tr tt u ul video".split()
)


class _Prolog(NamedTuple):
    """What stands before the first element."""

    end: int  # where the first element may begin
    is_xml: bool  # a processing instruction or a doctype was there
    is_html: bool  # the doctype says html


def recognise_markup(text: str, content_type: str = "") -> str:
    """Name the markup ``text`` begins with.

    Args:
        text: the decoded beginning of the content.
        content_type: HTTP content type; it decides only where the text leaves it open.

    Returns:
        feed, opml, news_sitemap, sitemap, sitemap_index, html, xml (another vocabulary, or a
        prolog and nothing else), or "" when this is not markup.
    """
    prolog = _read_prolog(text)
    root = _ROOT.match(text, prolog.end)
    kind = _kind_of_root(root, text, prolog.is_xml) if root else ""
    if kind:
        return kind
    if prolog.is_html:
        return "html"
    if not root:
        return "xml" if prolog.is_xml or 0 < prolog.end == len(text) else ""
    if "html" in content_type.lower():
        return "html"
    return "xml" if prolog.is_xml or f"</{root[1]}>" in text else ""


def recognise_late_markup(text: str, content_type: str = "") -> str:
    """Name a page or feed that begins after some junk, such as a server's warnings.

    Only for a text that is nothing else: mails and JSON hold pages, too. A feed is believed when
    it has its XML declaration or ``content_type`` says XML. Returns html, feed or "".
    """
    if _XML_FEED_LINE.search(text, 0, _LATE_WITHIN):
        return "feed"
    if _HTML_LINE.search(text, 0, _LATE_WITHIN):
        return "html"
    if _XML_TYPE.search(content_type) and _FEED_TAG.search(text, 0, _LATE_WITHIN):
        return "feed"
    return ""


def _kind_of_root(root: re.Match[str], text: str, is_xml: bool) -> str:
    name = root[2].lower()
    if name in ("rss", "feed") or (name == "rdf" and _RSS_IN_RDF.search(text)):
        return "feed"
    if name == "opml":
        return "opml"
    if name == "sitemapindex":
        return "sitemap_index"
    if name == "urlset":
        return "news_sitemap" if _SITEMAP_NEWS.search(text) else "sitemap"
    if name in _HTML_ROOTS:
        # Other XML vocabularies have an <article>, a <title> or a <section> at the top too.
        tag = text[root.start() : text.find(">", root.end()) + 1]
        if name == "html" and _FEED_IN_BODY.search(text, 0, _LATE_WITHIN):
            return "feed"  # some servers wrap every answer in a page
        if name not in ("html", "body") and _XML_FEED_LINE.search(text, 0, _LATE_WITHIN):
            return "feed"  # after warnings that the server wrote as HTML
        return "html" if name == "html" or not is_xml or "xhtml" in tag else ""
    return ""


def _read_prolog(text: str) -> _Prolog:
    position, is_xml, is_html = 0, False, False
    while True:
        position = _skip_space(text, position)
        if text.startswith("<!--", position):
            position = _after(text, "-->", position + 4)
        elif text.startswith("<?", position):
            is_xml = True
            position = _after(text, "?>", position + 2)
        elif text[position : position + 9].lower() == "<!doctype":
            is_xml = True
            is_html = _HTML_DOCTYPE.match(text, position) is not None
            position = _after_doctype(text, position + 9)
        else:
            return _Prolog(position, is_xml, is_html)


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _after(text: str, mark: str, position: int) -> int:
    found = text.find(mark, position)
    return len(text) if found < 0 else found + len(mark)


def _after_doctype(text: str, position: int) -> int:
    """Find the end of a doctype, whose internal subset may hold ``>``."""
    closing = _after(text, ">", position)
    subset = text.find("[", position, closing)
    return closing if subset < 0 else _after(text, ">", _after(text, "]", subset))
