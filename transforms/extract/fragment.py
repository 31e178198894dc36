"""Plain text of html fragments, as feeds and mails carry them."""

import re

import lxml.html
from lxml import etree

from transforms.extract.clutter import drop_clutter
from transforms.extract.paragraphs import join_paragraphs, to_paragraphs

_MARKUP = re.compile(r"<[a-zA-Z/!]|&(?:#\d{1,7}|#x[\da-fA-F]{1,6}|\w{2,31});")
_BLOCKS = frozenset(
    "address article aside blockquote body center dd div dl dt fieldset figcaption figure footer h1"
    " h2 h3 h4 h5 h6 header hr html li main ol p pre section table tbody tfoot thead tr ul".split()
)
_DROPPED = frozenset(
    "audio button canvas embed form head iframe input map nav noscript object script select style"
    " svg template textarea title video".split()
)
_BARS = re.compile(  # names that publishers' tools give their share bars, ads and related links
    r"(?:^|[\s_-])(?:sharedaddy|sharethis|share-?(?:bar|buttons?|links?|tools?|this)|social-?(?:bar"
    r"|buttons?|links?|media|share|sharing)|addtoany\w*|a2a_\w+|addthis\w*|feedflare|jp-relatedposts"
    r"|related-?(?:posts?|articles?|stories)|newsletter(?:-?\w+)?|advert\w*|ad-?container|promo-?box"
    r"|screen-reader-text|sr-only|visually-hidden)(?:$|[\s_-])",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_BREAK, _PARAGRAPH = "\n", "\n\n"


def fragment_text(html: str) -> str:
    """Return the readable text of a fragment; a text without markup stays as it is.

    Blocks become paragraphs parted by one empty line, ``<br>`` ends a line; scripts, forms, hidden
    parts and share bars are left out, and so is clutter such as "The post ... appeared first on".
    """
    if not _MARKUP.search(html):
        return join_paragraphs(drop_clutter(to_paragraphs(html.splitlines())))
    root = parse_html(html)
    if root is None:
        return ""
    lines = "".join(_pieces(root)).split(_BREAK)
    return join_paragraphs(drop_clutter(to_paragraphs(lines)))


def parse_html(html: str) -> lxml.html.HtmlElement | None:
    """Parse any text as html, whatever encoding it declares; None when nothing is in it."""
    content = html.replace("\x00", "").encode("utf-8", "replace")
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return lxml.html.document_fromstring(content, parser=parser)
    except etree.ParserError:
        return None


def _pieces(root: lxml.html.HtmlElement) -> list[str]:
    pieces: list[str] = []
    dropped: etree._Element | None = None
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        if event == "start":
            if _is_dropped(element):
                dropped = element
                walker.skip_subtree()
            else:
                pieces.append(_opening(element.tag))
                pieces.append(_flat(element.text, element))
        else:
            if element is dropped:
                dropped = None
            else:
                pieces.append(_PARAGRAPH if element.tag in _BLOCKS else "")
            pieces.append(_flat(element.tail, element))
    return pieces


def _opening(tag: str) -> str:
    if tag == "br":
        return _BREAK
    if tag in ("td", "th"):
        return " "
    return _PARAGRAPH if tag in _BLOCKS else ""


def _flat(text: str | None, element: etree._Element) -> str:
    """Collapse the source's own line breaks, except in preformatted text."""
    if not text:
        return ""
    if element.tag == "pre":
        return text
    return re.sub(r"\s+", " ", text)


def _is_dropped(element: etree._Element) -> bool:
    if element.tag in _DROPPED:
        return True
    names = f"{element.get('class', '')} {element.get('id', '')}"
    return bool(
        (len(names) < 500 and _BARS.search(names))
        or _HIDDEN.search(element.get("style", ""))
        or element.get("hidden") is not None
    )
