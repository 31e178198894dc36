"""What ``read`` hands to ``parse``: the bytes of one thing and where they came from."""

from dataclasses import dataclass
from datetime import datetime

# How ``parse`` has to read a document. Containers (gzip, JSON Lines, WARC, OPML) never get
# here: ``read`` opens them and emits what they hold.
DOCUMENT_KINDS = ("text", "html", "json", "email", "feed", "json_feed", "news_sitemap")


@dataclass(frozen=True)
class Document:
    """One file, one response, or one record of a container, decompressed and recognised."""

    key: str  # names the item in messages and dead letters: its URI, plus "#L12" or "#record-3"
    url: str  # a file's URI (file:///...), the URL that answered, or a WARC record's target
    kind: str  # one of DOCUMENT_KINDS, decided by content
    input_kind: str  # what the user gave: txt, html, json, jsonl, eml, feed, json_feed, ..., warc
    content: bytes  # decompressed, at most the reader's cap
    charset: str  # what a transport header claimed; a hint only; "" when nothing was claimed
    received_at: datetime  # UTC: time of the response, of the WARC record, or the file's mtime
    feed_id: str = ""  # of the feed it was asked as, see schemas.ids.feed_id; "" when it was not
    backfill: bool = False  # the first answer of its feed, or the first after an outage
