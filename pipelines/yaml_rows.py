"""The rows that a Beam YAML pipeline gives to the stages and gets from them."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from schemas import Assignment, Document, Event, Rejected, Repeat


class ArticleRow(NamedTuple):
    """An article revision and the event it is in."""

    row: str  # names the row it came from: its id, else its url, else a digest of it
    article_id: str
    revision: int
    url: str
    title: str
    source: str
    publisher_family: str
    language: str
    event_time: str  # ISO 8601, UTC
    dup_kind: str
    dup_of: str
    dup_score: float
    event_id: str
    event_score: float


class EventRow(NamedTuple):
    """The last revision of an event."""

    event_id: str
    revision: int
    status: str
    merged_into: str
    title: str
    summary: str
    keywords: str  # the strongest first, separated by ", "
    languages: str
    first_seen_at: str  # ISO 8601, UTC
    last_seen_at: str
    article_count: int
    unique_article_count: int
    publisher_family_count: int
    breaking_state: str
    breaking_since: str
    breaking_score: float


class RejectedRow(NamedTuple):
    """A row that became no article."""

    row: str
    stage: str
    reason: str
    error: str
    payload: str


class RepeatRow(NamedTuple):
    """A row that says nothing new."""

    row: str
    article_id: str
    reason: str


def document(fields: Mapping[str, Any], received_at: datetime) -> Document:
    """Make what ``parse`` reads of one row; it takes the same field names as of a JSON file."""
    said = {name: _plain(value) for name, value in fields.items()}
    content = json.dumps(
        {name: value for name, value in said.items() if value is not None}, sort_keys=True
    ).encode()
    name = next((str(said[field]) for field in ("id", "url") if said.get(field)), "")
    key = f"row:{name or hashlib.sha256(content).hexdigest()[:16]}"
    return Document(key, key, "json", "jsonl", content, "utf-8", received_at)


def moment(text: str) -> datetime:
    """Read the time that rows without a date are taken to be of.

    Raises:
        ValueError: it is not ISO 8601, or says no zone.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError(f"received_at {text}: write it like 2024-05-01T12:00:00Z")
    return found.astimezone(timezone.utc)


def article_row(assignment: Assignment) -> ArticleRow:
    """Make the row of an article."""
    compared = assignment.compared
    article, verdict = compared.embedded.article, compared.verdict
    return ArticleRow(
        row=_name(article.key),
        article_id=article.article_id,
        revision=article.revision,
        url=article.url,
        title=article.title,
        source=article.source_name,
        publisher_family=article.publisher_family,
        language=article.language,
        event_time=article.event_time.isoformat(),
        dup_kind=verdict.kind,
        dup_of=verdict.of,
        dup_score=verdict.score,
        event_id=assignment.event_id,
        event_score=assignment.score,
    )


def event_row(event: Event) -> EventRow:
    """Make the row of an event."""
    since = event.breaking_since
    return EventRow(
        event_id=event.event_id,
        revision=event.revision,
        status=event.status,
        merged_into=event.merged_into,
        title=event.title,
        summary=event.summary,
        keywords=", ".join(keyword.term for keyword in event.keywords),
        languages=", ".join(language.code for language in event.languages),
        first_seen_at=event.first_seen_at.isoformat(),
        last_seen_at=event.last_seen_at.isoformat(),
        article_count=event.article_count,
        unique_article_count=event.unique_article_count,
        publisher_family_count=event.publisher_family_count,
        breaking_state=event.breaking_state,
        breaking_since=since.isoformat() if since else "",
        breaking_score=event.breaking_score,
    )


def rejected_row(rejected: Rejected) -> RejectedRow:
    """Make the row of what could not be read."""
    payload = rejected.payload.decode("utf-8", "replace")
    return RejectedRow(
        _name(rejected.key), rejected.stage, rejected.reason, rejected.error, payload
    )


def repeat_row(repeat: Repeat) -> RepeatRow:
    """Make the row of what was there before."""
    return RepeatRow(_name(repeat.key), repeat.article_id, repeat.reason)


def _name(key: str) -> str:
    return key.removeprefix("row:")


def _plain(value: Any) -> Any:
    """Give what JSON can hold; what a CSV file leaves open comes as NaN."""
    if value is None or value != value:
        return None
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "to_rfc3339"):  # Beam's own time
        return value.to_rfc3339()
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value)
