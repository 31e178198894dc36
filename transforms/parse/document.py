"""Which parser reads which document."""

from dataclasses import replace

from schemas import Document
from transforms._shared.rejects import RejectError
from transforms.parse.email_message import parse_email
from transforms.parse.feed import parse_feed
from transforms.parse.found import Found
from transforms.parse.html_page import parse_html_page
from transforms.parse.json_feed import parse_json_feed
from transforms.parse.json_record import parse_json_record
from transforms.parse.news_sitemap import parse_news_sitemap
from transforms.parse.plain_text import parse_plain_text

_FEED_KINDS = ("feed", "json_feed", "news_sitemap")


def parse_document(document: Document, max_entries: int) -> Found:
    """Find the entries of one document, of which a feed gives at most ``max_entries``.

    What was asked for as a feed and is none (a login page, an error message) is refused as
    ``not_a_feed`` instead of becoming an article.

    Raises:
        RejectError: nothing in the document can be used; each parser lists its reasons.
    """
    found = _parse(document, max_entries)
    if not document.backfill:
        return found
    return replace(found, entries=tuple(replace(entry, backfill=True) for entry in found.entries))


def _parse(document: Document, max_entries: int) -> Found:
    if document.input_kind == "feed" and document.kind not in _FEED_KINDS:
        return parse_feed(document, max_entries)
    match document.kind:
        case "feed":
            return parse_feed(document, max_entries)
        case "json_feed":
            return parse_json_feed(document, max_entries)
        case "news_sitemap":
            return parse_news_sitemap(document, max_entries)
        case "json":
            return parse_json_record(document)
        case "email":
            return parse_email(document)
        case "html":
            return parse_html_page(document)
        case "text":
            return parse_plain_text(document)
    raise RejectError("unsupported", f"no parser reads documents of the kind {document.kind!r}")
