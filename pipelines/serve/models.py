"""What the JSON API answers."""

from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class _Out(BaseModel):
    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class KeywordOut(_Out):
    term: str | None
    weight: float | None


class EntityOut(_Out):
    text: str | None
    count: int | None


class LanguageOut(_Out):
    code: str | None
    count: int | None


class ReasonOut(_Out):
    code: str | None
    value: float | None
    threshold: float | None
    passed: bool | None


class EventOut(_Out):
    """An event as it is now; ``alert_id`` stays the same when events merge."""

    event_id: str
    revision: int | None
    status: str | None
    merged_into: str | None
    alert_id: str | None
    title: str | None
    summary: str | None
    summary_article_ids: list[str | None] | None
    representative_article_id: str | None
    keywords: list[KeywordOut | None] | None
    entities: list[EntityOut | None] | None
    languages: list[LanguageOut | None] | None
    first_published_at: datetime | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    updated_at: datetime | None
    article_count: int | None
    unique_article_count: int | None
    duplicate_count: int | None
    publisher_family_count: int | None
    source_diversity: float | None
    counts_as_of: datetime | None
    state: str
    breaking_since: datetime | None
    breaking_score: float | None
    breaking_reasons: list[ReasonOut | None] | None
    cohesion_mean: float | None
    cohesion_min: float | None
    contested: bool | None
    correction_count: int | None  # articles that were corrected
    retraction_count: int | None  # taken back, or their page is gone
    articles_found: int
    families: list[str]
    round: int | None


class ArticleOut(_Out):
    """The last revision of an article; ``event_id`` is the event it is in now."""

    article_id: str
    revision: int | None
    event_id: str | None
    title: str | None
    url: str | None
    source_name: str | None
    publisher_family: str | None
    origin_publisher: str | None
    language: str | None
    word_count: int | None
    event_time: datetime | None
    published_at: datetime | None
    published_at_source: str | None
    published_at_precision: str | None
    published_at_flag: str | None
    first_seen_at: datetime | None
    access_state: str | None
    role: str | None
    score: float | None
    evidence: str | None
    dup_kind: str | None
    dup_of: str | None
    dup_score: float | None
    dup_evidence: str | None
    notice: str | None  # corrected, retracted or gone; several with spaces
    notice_evidence: str | None
    round: int | None


class ChangeOut(_Out):
    """Something that happened to an event; ``data`` is JSON."""

    id: str | None
    type: str | None
    subject: str | None
    time: datetime | None
    data: str | None
    round: int | None


class FeedOut(_Out):
    """The last request for a feed; the totals are of all that fetch_log holds."""

    feed_id: str
    feed: str | None
    outcome: str | None
    error: str | None
    http_status: int | None
    fetched_at: datetime | None
    next_at: datetime | None
    interval_seconds: float | None
    interval_reason: str | None
    failures: int | None
    entries: int | None
    kept: int | None
    requests: int | None
    failed: int | None
    kept_total: int | None
    changed_at: datetime | None


class LetterOut(_Out):
    stage: str | None
    reason: str | None
    key: str | None
    error: str | None
    first_failed_at: datetime | None
    replayable: bool | None
    round: int | None


class LetterGroupOut(_Out):
    stage: str
    reason: str
    count: int
    last_at: datetime | None


class _ListOut(_Out):
    total: int
    limit: int
    offset: int
    state: str  # changes with the output


class EventsOut(_ListOut):
    items: list[EventOut]


class ArticlesOut(_ListOut):
    items: list[ArticleOut]


class ChangesOut(_Out):
    items: list[ChangeOut]
    state: str


class FeedsOut(_ListOut):
    items: list[FeedOut]


class LettersOut(_ListOut):
    items: list[LetterOut]
    groups: list[LetterGroupOut]


class StatusOut(_Out):
    """What is being served."""

    state: str  # changes with the output
    round: int
    unfinished: bool  # a run is going on, or was interrupted
    error: str | None  # why the output cannot be read now; what is served is older then
    files: int
    passed_over: int  # files that cannot be read
    events: int
    articles: int
    feeds: int
    dead_letters: int
    states: dict[str, int]


class Problem(_Out):
    """RFC 9457."""

    media_type: ClassVar[str] = "application/problem+json"

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = None
