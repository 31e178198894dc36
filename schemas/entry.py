"""What ``parse`` finds in a document, and what ``identify`` says it is."""

from dataclasses import dataclass
from datetime import datetime

from schemas.page import Page


@dataclass(frozen=True)
class Entry:
    """One item as its publisher or its sender wrote it; nothing cleaned, nothing guessed.

    Empty string or empty tuple means "not said".
    """

    key: str  # names the item in messages: the document's key, plus "#<guid or number>"
    input_kind: str  # rss, atom, json_feed, news_sitemap, txt, html, json, jsonl, eml, warc
    url: str  # absolute http(s) link when there is one, else the URI of the file
    guid: str  # the feed's or record's own id
    feed_url: str  # the feed this came from, secrets redacted; "" when it is not a feed
    source_name: str  # the feed's or site's own name
    source_url: str  # home of the source: the feed's link or the sender's domain as https://domain/
    origin_publisher: str  # whom an aggregator names as the origin (RSS <source>)
    title: str  # plain text, one line
    summary: str  # html or plain text, as given
    content: str  # the fullest text or html the input holds
    content_type: str  # text, html (a fragment) or page (a whole html document)
    authors: tuple[str, ...]
    image_url: str
    language: str  # declared language tag
    published: str  # date as written; for structured feed dates ISO 8601
    published_source: str  # where it was written: feed, sitemap, json, eml, warc, or ""
    received_at: datetime  # UTC, see Document.received_at
    backfill: bool = False  # see Document.backfill


@dataclass(frozen=True)
class Identified:
    """An entry that is new or changed: no later stage sees a plain repeat."""

    entry: Entry
    article_id: str  # see schemas.ids
    canonical_url: str  # canonical http(s) URL, or the file's URI
    revision: int  # 1 for a new article, higher for a changed one
    page: Page | None = None  # None: not asked for
    passed_on: bool = False  # a change told by a feed that can only have heard of it


@dataclass(frozen=True)
class Sighting:
    """What ``identify`` remembers of an article, so that another process can go on from it."""

    article_id: str
    revision: int
    identity_key: str  # under which entries that may be this article meet
    seen_at: datetime  # UTC: when an entry last told of it
    state: bytes  # as ``SeenIndex`` packs it
