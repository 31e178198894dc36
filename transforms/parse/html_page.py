"""Whole web pages: extraction comes later, here only what the head says about the page."""

import re

import lxml.html
from lxml import etree

from schemas import Document, Entry
from schemas.ids import is_web_url
from transforms._shared.charset import decode
from transforms._shared.rejects import RejectError
from transforms.parse.found import Found, feed_address
from transforms.parse.markup import one_line, plain_line, web_link

MAX_HEAD_CHARS = 262_144
_HEAD_END = re.compile(r"</head\s*>|<body\b", re.IGNORECASE)
# Browsers note the address in a page they save: <!-- saved from url=(0023)https://... -->
_SAVED_FROM = re.compile(r"<!-- saved from url=\(\d{4}\)(\S{1,2000}) -->")


class _Head:
    """The few statements of a page's head that identify it."""

    def __init__(self, page: str) -> None:
        end = _HEAD_END.search(page, 0, MAX_HEAD_CHARS)
        markup = page[: end.start() if end else MAX_HEAD_CHARS]
        saved = _SAVED_FROM.search(markup[:4096])
        self._saved_from = saved[1] if saved else ""
        self._meta: dict[str, str] = {}
        self._canonical = self._title = self.language = ""
        try:
            parser = lxml.html.HTMLParser(encoding="utf-8")
            self._read(lxml.html.document_fromstring(markup.encode("utf-8", "replace"), parser))
        except (etree.LxmlError, ValueError):
            return  # a head without any element: nothing is known about the page

    def _read(self, root: lxml.html.HtmlElement) -> None:
        self.language = one_line(root.get("lang") or "")[:35]
        for element in root.iter("meta", "link", "title"):
            if element.tag == "title":
                self._title = self._title or plain_line(element.text or "")
            elif element.tag == "meta":
                name = (element.get("property") or element.get("name") or "").lower()
                self._meta.setdefault(name, element.get("content") or "")
            elif "canonical" in (element.get("rel") or "").lower().split():
                self._canonical = self._canonical or element.get("href") or ""

    @property
    def title(self) -> str:
        return plain_line(self._meta.get("og:title", "")) or self._title

    @property
    def link(self) -> str:
        """The address the page gives itself, absolute http(s); "" when it gives none."""
        candidates = (self._canonical, self._meta.get("og:url", ""), self._saved_from)
        return next(filter(None, map(web_link, candidates)), "")


def parse_html_page(document: Document) -> Found:
    """Hand on a page as one entry, under its own address when it came from a file.

    Raises:
        RejectError: ``empty`` or ``undecodable``.
    """
    page = decode(document.content, document.charset)
    if not page.strip():
        raise RejectError("empty", "the page is empty")
    head = _Head(page)
    from_web = is_web_url(document.url)
    entry = Entry(
        key=document.key,
        input_kind=document.input_kind,
        url=feed_address(document) if from_web else head.link or document.url,
        guid="",
        feed_url="",
        source_name=plain_line(head._meta.get("og:site_name", "")),
        source_url="",
        origin_publisher="",
        title=head.title,
        summary="",
        content=page,
        content_type="page",
        authors=(),
        image_url="",
        language=head.language,
        published="",
        published_source="",
        received_at=document.received_at,
    )
    return Found((entry,))
