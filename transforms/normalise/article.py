"""One extraction as a row of the articles table."""

from datetime import datetime, timedelta
from typing import Protocol

from schemas import Article, Entry, Extraction
from schemas.ids import is_web_url
from transforms._shared.publisher import domain_of, publisher_address, publisher_family
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError
from transforms._shared.urls import canonical_url
from transforms.normalise.dates import MAX_CLOCK_SKEW, event_time, publication_date
from transforms.normalise.language import Language
from transforms.normalise.notices import own_notices
from transforms.normalise.text import (
    clean_line,
    clean_text,
    content_hash,
    strip_site_name,
    word_count,
)

_LATE = timedelta(hours=8)
_FILE_KINDS = ("txt", "html", "json", "jsonl", "eml")  # received_at is their file's mtime


class DetectsLanguage(Protocol):
    def detect(self, title: str, body: str, declared: str = "") -> Language: ...


def normalise_article(
    extraction: Extraction,
    languages: DetectsLanguage,
    *,
    max_delay: timedelta | None,
    as_of: datetime | None = None,
) -> Article:
    """Bring an extraction into the form that all later stages compare.

    Args:
        extraction: text and declarations as found.
        languages: tells the language of a text.
        max_delay: None when the run reads stored input, see ``event_time``.
        as_of: the time of the run, which bounds the dates of what was not fetched by it; None
            bounds them by the time each item says it was received.

    Raises:
        RejectError: ``no_text``, when nothing readable is left of the title.
    """
    identified = extraction.identified
    entry = identified.entry
    address = _canonical_address(extraction)
    origin = clean_line(entry.origin_publisher)
    source_name = clean_line(entry.source_name) or clean_line(extraction.site_name)
    home = _publisher_address(entry, address)
    domain = domain_of(home)
    title = strip_site_name(
        clean_line(extraction.title),
        (source_name, clean_line(extraction.site_name), origin, domain),
    )
    if not title:
        raise RejectError(
            "no_text",
            f"{entry.key}: its headline holds no readable character; "
            "check the encoding of the input",
        )
    body = clean_text(extraction.body)
    language = languages.detect(title, body, extraction.language)
    published = publication_date(
        extraction.published,
        extraction.published_source,
        entry.received_at,
        body,
        address,
        is_local_file=max_delay is None
        and _is_local(entry.url)
        and entry.input_kind in _FILE_KINDS,
        latest=_latest(entry, as_of),
    )
    first_seen_at = _first_seen_at(entry, published.at, as_of)
    is_undated = _comes_from_file(entry) or (_is_crawled(entry) and first_seen_at == as_of)
    counted_at = event_time(published, first_seen_at, max_delay=max_delay, from_file=is_undated)
    image_url = extraction.image_url.strip()
    return Article(
        key=entry.key,
        article_id=identified.article_id,
        revision=identified.revision,
        url=_redacted(entry.url),
        canonical_url=_redacted(address),
        source_name=source_name,
        domain=domain,
        publisher_family=publisher_family(domain, origin or source_name, home),
        origin_publisher=origin,
        feed_url=entry.feed_url,
        input_kind=entry.input_kind,
        title=title,
        description=clean_line(extraction.description),
        body=body,
        quoted=clean_text(extraction.quoted),
        authors=tuple(
            dict.fromkeys(name for raw in extraction.authors if (name := clean_line(raw)))
        ),
        image_url=redact_url(image_url) if is_web_url(image_url) else "",
        language=language.code,
        language_confidence=language.confidence,
        word_count=word_count(body),
        published_at=published.at,
        published_at_source=published.source,
        published_at_precision=published.precision,
        published_at_flag=published.flag,
        first_seen_at=first_seen_at,
        event_time=counted_at.at,
        time_known=counted_at.is_known,
        extraction_method=extraction.method,
        access_state=extraction.access_state,
        content_hash=content_hash(title, body),
        backfill=entry.backfill or _is_late(counted_at.at, first_seen_at, max_delay),
        notices=own_notices(
            identified.article_id,
            "" if identified.passed_on else title,
            identified.page,
            # A later text keeps the date of the first: it was corrected when it came.
            counted_at.at if identified.revision == 1 else first_seen_at,
        ),
    )


def _is_late(at: datetime, first_seen_at: datetime, max_delay: timedelta | None) -> bool:
    """Say whether a run that goes on got an item so late that it tells of the past."""
    return max_delay is not None and first_seen_at - at > _LATE


def _canonical_address(extraction: Extraction) -> str:
    """Return the identified address; a file's own page may name a better one."""
    address = extraction.identified.canonical_url
    if not is_web_url(address) and is_web_url(extraction.canonical_link):
        return canonical_url(extraction.canonical_link)
    return address


def _publisher_address(entry: Entry, address: str) -> str:
    """Return the web address that tells who published an entry; "" when only a name does."""
    is_inside_feed = bool(entry.feed_url) and entry.url.startswith(f"{entry.feed_url}#")
    own_url = "" if is_inside_feed else address
    if not domain_of(own_url) and entry.origin_publisher:
        return ""  # the feed it came in only passes it on
    return publisher_address(own_url, entry.source_url, entry.feed_url)


def _redacted(address: str) -> str:
    return redact_url(address) if is_web_url(address) else address


def _latest(entry: Entry, as_of: datetime | None) -> datetime | None:
    """Return the time after which no date of the entry is believed; None: when it was received.

    A local file's modification time says nothing of it: an archive may have set it to anything.
    """
    if as_of is None or not _is_stored(entry):
        return None
    if _is_crawled(entry):
        return min(entry.received_at, as_of - MAX_CLOCK_SKEW) + MAX_CLOCK_SKEW
    return as_of


def _first_seen_at(entry: Entry, published_at: datetime | None, as_of: datetime | None) -> datetime:
    """Return when the entry was received, freed from a clock that was set wrong."""
    if as_of is None:
        return entry.received_at
    seen_at = min(entry.received_at, as_of)
    is_file = _is_stored(entry) and not _is_crawled(entry)
    return max(seen_at, published_at) if is_file and published_at else seen_at


def _is_stored(entry: Entry) -> bool:
    """Say whether the entry was read from a local file, whatever address it has."""
    return any(map(_is_local, (entry.key, entry.url, entry.feed_url)))


def _is_crawled(entry: Entry) -> bool:
    """Say whether the entry lies in a WARC file, where it has the time of its own crawl."""
    return _is_stored(entry) and (entry.input_kind == "warc" or is_web_url(entry.feed_url))


def _is_local(url: str) -> bool:
    return url.startswith("file:")


def _comes_from_file(entry: Entry) -> bool:
    return _is_local(entry.url) or _is_local(entry.feed_url) or entry.input_kind in _FILE_KINDS
