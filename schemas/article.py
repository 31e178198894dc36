"""An article on its way from extraction to the vector."""

from dataclasses import dataclass
from datetime import datetime

from schemas.entry import Identified
from schemas.notice import Notice

UNKNOWN_FAMILY = "unknown"  # publisher of an item that names none
PUBLISHED_SOURCES = (
    "feed", "sitemap", "html_meta", "json_ld", "json", "eml", "warc", "url", "text",
    "file_mtime", "none",
)  # fmt: skip


@dataclass(frozen=True)
class Extraction:
    """The text of one entry, freed from its page; dates and names still as written."""

    identified: Identified
    title: str  # one line of plain text, never empty
    description: str  # plain text; "" when none
    body: str  # plain text, paragraphs parted by one empty line; "" for headline-only items
    quoted: str  # comments and texts re-posted in them, cut out of the body; "" when none
    authors: tuple[str, ...]
    image_url: str
    site_name: str
    canonical_link: str  # absolute http(s) link the page itself declares; ""
    language: str  # declared
    published: str  # as written
    published_source: str  # feed, sitemap, html_meta, json_ld, json, eml, warc, url, or ""
    method: str  # trafilatura, feed_content, feed_summary, plain_text, json_text, title_only
    access_state: str  # open, paywall, consent_wall, blocked, feed_only, unknown


@dataclass(frozen=True)
class Article:
    """A cleaned article: every column of the articles table that needs no other article."""

    key: str  # the entry's key, for messages and for evaluation
    article_id: str
    revision: int
    url: str
    canonical_url: str
    source_name: str
    domain: str  # host without "www."; "" for files of unknown origin
    publisher_family: str  # registered domain, else the source name, else "unknown"
    origin_publisher: str
    feed_url: str
    input_kind: str
    title: str
    description: str
    body: str
    quoted: str  # not written; dedupe looks for re-posted articles in it
    authors: tuple[str, ...]
    image_url: str
    language: str  # ISO 639-1; "und" when not detected with confidence
    language_confidence: float  # [0, 1]
    word_count: int  # words of the body
    published_at: datetime | None  # UTC
    published_at_source: str  # PUBLISHED_SOURCES
    published_at_precision: str  # second, minute, day, none
    published_at_flag: str  # ok, future, too_old, tz_unknown, missing, unparsable
    first_seen_at: datetime  # UTC
    event_time: datetime  # UTC, never null, never in the future of first_seen_at
    time_known: bool  # False when event_time is only the time we happened to get a file
    extraction_method: str
    access_state: str
    content_hash: str  # SHA-256 hex of the normalised title and body
    backfill: bool = False  # came with the first answer of its feed, or the first after a gap
    notices: tuple[Notice, ...] = ()  # that it says of itself; rows of their own
    trimmed: bool = False  # read from a table that does not hold its whole body


@dataclass(frozen=True)
class EmbeddedArticle:
    article: Article
    embedding: bytes  # little-endian float32, unit norm, of title and lead
    embedding_model: str  # "<name>@<first 12 hex of the weights' SHA-256>#<dim>"
