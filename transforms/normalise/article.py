"""One extraction as a row of the articles table."""

from typing import Protocol

from schemas import Article, Entry, Extraction
from schemas.ids import is_web_url
from transforms._shared.rejects import RejectError
from transforms._shared.urls import canonical_url
from transforms.normalise.dates import event_time, publication_date
from transforms.normalise.language import Language
from transforms.normalise.publisher import domain_of, publisher_family
from transforms.normalise.text import (
    clean_line,
    clean_text,
    content_hash,
    strip_site_name,
    word_count,
)

_FILE_KINDS = ("txt", "html", "json", "jsonl", "eml")  # received_at is their file's mtime


class DetectsLanguage(Protocol):
    def detect(self, title: str, body: str, declared: str = "") -> Language: ...


def normalise_article(
    extraction: Extraction, languages: DetectsLanguage, *, bounded: bool
) -> Article:
    """Bring an extraction into the form that all later stages compare.

    Args:
        extraction: text and declarations as found.
        languages: tells the language of a text.
        bounded: the run reads stored input, see ``event_time``.

    Raises:
        RejectError: ``no_text``, when nothing readable is left of the title.
    """
    identified = extraction.identified
    entry = identified.entry
    address = _canonical_address(extraction)
    origin = clean_line(entry.origin_publisher)
    source_name = clean_line(entry.source_name) or clean_line(extraction.site_name)
    domain = domain_of(address)
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
        is_local_file=_is_local(entry.url) and entry.input_kind in _FILE_KINDS,
    )
    counted_at = event_time(
        published, entry.received_at, bounded=bounded, from_file=_comes_from_file(entry)
    )
    return Article(
        key=entry.key,
        article_id=identified.article_id,
        revision=identified.revision,
        url=entry.url,
        canonical_url=address,
        source_name=source_name,
        domain=domain,
        publisher_family=publisher_family(domain, origin or source_name, address),
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
        image_url=extraction.image_url.strip() if is_web_url(extraction.image_url.strip()) else "",
        language=language.code,
        language_confidence=language.confidence,
        word_count=word_count(body),
        published_at=published.at,
        published_at_source=published.source,
        published_at_precision=published.precision,
        published_at_flag=published.flag,
        first_seen_at=entry.received_at,
        event_time=counted_at.at,
        time_known=counted_at.is_known,
        extraction_method=extraction.method,
        access_state=extraction.access_state,
        content_hash=content_hash(title, body),
    )


def _canonical_address(extraction: Extraction) -> str:
    """Return the identified address; a file's own page may name a better one."""
    address = extraction.identified.canonical_url
    if not is_web_url(address) and is_web_url(extraction.canonical_link):
        return canonical_url(extraction.canonical_link)
    return address


def _is_local(url: str) -> bool:
    return url.startswith("file:")


def _comes_from_file(entry: Entry) -> bool:
    return _is_local(entry.url) or _is_local(entry.feed_url) or entry.input_kind in _FILE_KINDS
