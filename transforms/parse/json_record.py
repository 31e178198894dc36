"""Articles as JSON objects, by whatever names their makers gave the fields."""

import json
import re
from collections.abc import Iterator
from typing import Any

from schemas import Document, Entry
from transforms._shared.rejects import RejectError
from transforms.parse.dates import epoch_date
from transforms.parse.found import Found, ItemName, Loss, NameMaker, too_many_entries
from transforms.parse.json_values import address_of, first, load_json, name_of, names_of, text_of
from transforms.parse.markup import content_type_of, one_line, plain_line, web_link

MAX_RECORDS = 100_000  # of one list, which is held in memory as a whole
MAX_KEYS_SHOWN = 10

# Spellings are compared in lower case without "_", "-" and ":"; the first that says anything wins.
_TITLE = ("title", "headline", "name")
_TEXT = (
    "text", "body", "content", "articlebody", "maintext", "contenttext", "bodytext", "fulltext",
    "articletext",
)  # fmt: skip
_HTML = ("contenthtml", "bodyhtml", "html")
_SUMMARY = ("description", "summary", "abstract", "excerpt", "lead")
_LINK = ("url", "link", "canonicalurl", "canonicallink", "permalink", "mainentityofpage", "href")
_GUID = ("id", "guid", "uri", "@id", "identifier")
_DATE = (
    "published", "publishedat", "datepublished", "date", "pubdate", "publicationdate",
    "datepublish", "publisheddate", "publishdate", "firstpublished", "datetime", "timestamp",
    "created", "createdat", "datecreated",
)  # fmt: skip
_LANGUAGE = ("lang", "language", "inlanguage")
_SOURCE = ("sourcename", "source", "publisher", "site", "sitename", "sourcedomain")
_AUTHORS = ("authors", "author", "byline", "creator", "creators")
_IMAGE = ("image", "imageurl", "urltoimage", "thumbnail", "thumbnailurl")
_LISTS = ("articles", "items", "@graph", "results", "stories", "data")
_NUMBER = re.compile(r"\d{8}|\d{10}|\d{13}|\d{10}\.\d{1,9}")


def parse_json_record(document: Document) -> Found:
    """Read one article object, a list of them, or an object that holds such a list.

    Raises:
        RejectError: ``invalid_json``, ``not_an_object``, ``empty_list``, or, for a single
            object, ``no_article_fields`` when it has neither title nor text.
    """
    value = load_json(document.content, document.charset)
    records = _unwrap(value)
    if records is None:
        return Found((_entry(document, value, None),))
    if not records:
        raise RejectError("empty_list", "the list holds no article")
    entries: list[Entry] = []
    losses: list[Loss] = []
    make_name = NameMaker(document)
    for number, record in enumerate(records[:MAX_RECORDS], start=1):
        guid = _guid(_fields(record))
        name = make_name(guid, number)
        try:
            entries.append(_entry(document, record, name))
        except RejectError as error:
            losses.append(Loss(name.key, error, json.dumps(record).encode()))
    if len(records) > MAX_RECORDS:
        losses.append(too_many_entries(document, len(records), MAX_RECORDS))
    return Found(tuple(entries), tuple(losses))


def _unwrap(value: Any) -> list[Any] | None:
    """Find the list of records; None when the value itself is one record."""
    if isinstance(value, list):
        return value
    fields = _fields(value)
    if first(fields.get(name) for name in (*_TEXT, *_HTML) if name not in _LISTS) is not None:
        return None
    for name in _LISTS:
        records = fields.get(name)
        if isinstance(records, list) and (
            not records or any(isinstance(record, dict) for record in records)
        ):
            return _articles_of_graph(records) if name == "@graph" else records
    return None


def _articles_of_graph(nodes: list[Any]) -> list[Any]:
    """Keep the articles of a JSON-LD graph, which also holds sites, people and pictures."""
    articles = [
        node
        for node in nodes
        if isinstance(node, dict) and "article" in json.dumps(node.get("@type", "")).lower()
    ]
    return articles or nodes


def _fields(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        return {}
    fields: dict[str, Any] = {}
    for name, value in record.items():
        fields.setdefault(re.sub("[_:-]", "", name).lower(), value)
    return fields


def _entry(document: Document, record: Any, name: ItemName | None) -> Entry:
    """Make the entry of one record; ``name`` is None when it is the whole document."""
    if not isinstance(record, dict):
        kind = type(record).__name__
        raise RejectError("not_an_object", f"an article must be a JSON object, not {kind}")
    fields = _fields(record)
    title = plain_line(_text(fields, _TITLE))
    content, content_type = _content(fields)
    summary = _text(fields, _SUMMARY)
    text = content or summary
    if not (title or text):
        names = ", ".join(one_line(field)[:40] for field in list(record)[:MAX_KEYS_SHOWN])
        message = f"neither title nor text among its fields ({names or 'none'})"
        raise RejectError("no_article_fields", f"{message}; name them title and text")
    published = _published(fields)
    return Entry(
        key=name.key if name else document.key,
        input_kind=document.input_kind,
        url=_link(fields) or (name.address(document.url, title or text) if name else document.url),
        guid=_guid(fields),
        feed_url="",
        source_name=next(filter(None, (name_of(fields.get(field)) for field in _SOURCE)), ""),
        source_url="",
        origin_publisher="",
        title=title,
        summary=summary,
        content=text,
        content_type=content_type if content else content_type_of(summary),
        authors=next(filter(None, (names_of(fields.get(field)) for field in _AUTHORS)), ()),
        image_url=next(filter(None, (_address(fields.get(field)) for field in _IMAGE)), ""),
        language=one_line(_language(fields))[:35],
        published=published,
        published_source="json" if published else "",
        received_at=document.received_at,
    )


def _text(fields: dict[str, Any], names: tuple[str, ...]) -> str:
    return next(filter(None, (text_of(fields.get(name)) for name in names)), "")


def _content(fields: dict[str, Any]) -> tuple[str, str]:
    text = _text(fields, _TEXT)
    if text:
        return text, content_type_of(text)
    html = _text(fields, _HTML)
    return html, "page" if content_type_of(html) == "page" else "html"


def _guid(fields: dict[str, Any]) -> str:
    return one_line(_text(fields, _GUID))


def _link(fields: dict[str, Any]) -> str:
    addresses: Iterator[str] = (_address(fields.get(name)) for name in (*_LINK, *_GUID))
    return next(filter(None, addresses), "")


def _address(value: Any) -> str:
    return web_link(address_of(value))


def _language(fields: dict[str, Any]) -> str:
    for name in _LANGUAGE:
        value = fields.get(name)
        if isinstance(value, dict):  # schema.org Language
            value = value.get("alternateName") or value.get("name")
        if language := text_of(value):
            return language
    return ""


def _published(fields: dict[str, Any]) -> str:
    """Take the first date as written; numbers count from 1970."""
    for name in _DATE:
        value = fields.get(name)
        if isinstance(value, (int, float)):
            date = epoch_date(value)
        elif isinstance(value, dict):  # MongoDB's export
            date = one_line(text_of(value.get("$date")))
        else:
            date = one_line(text_of(value))
        if _NUMBER.fullmatch(date):
            date = epoch_date(float(date)) or date
        if date:
            return date[:100]
    return ""
