"""What may be asked of the lists, checked, and turned into SQL with bound parameters."""

import re
import unicodedata
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MOST_ROWS = 200  # of a page or a JSON answer
MOST_EXPORTED = 10_000  # of a CSV, Parquet or RSS answer
MOST_SKIPPED = 10_000  # beyond it, narrow the times instead
_MOST_WORDS = 8
_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
)

STATES = ("breaking", "developing", "fading", "over", "candidate", "none")
State = Literal["breaking", "developing", "fading", "over", "candidate", "none"]


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 date or time; without a zone it is UTC.

    Raises:
        ValueError: there is no such day or time.
    """
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)


def _check_time(text: str) -> str:
    try:
        parse_time(text)
    except OverflowError as error:
        raise ValueError("outside the calendar") from error
    return text


Time = Annotated[str, Field(pattern=_TIME), AfterValidator(_check_time)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$", description="Letters and digits.")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]


class Paging(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    limit: int = Field(default=50, ge=1, le=MOST_ROWS, description="Rows at most.")
    offset: int = Field(default=0, ge=0, le=MOST_SKIPPED, description="Rows skipped.")


class _Times(Paging):
    from_: Time | None = Field(
        default=None,
        alias="from",
        description="ISO 8601 date or time; UTC unless it says otherwise.",
    )
    to: Time | None = Field(default=None, description="ISO 8601; times before it.")


class EventQuery(_Times):
    """Which events, in which order."""

    q: Text | None = Field(
        default=None, description="Words of title, keywords or names; all of them."
    )
    state: State | None = Field(
        default=None, description="Breaking state; over: broke, but long ago."
    )
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = Field(
        default=None, description="ISO 639-1; some article is in it."
    )
    publisher: Text | None = Field(
        default=None, description="Publisher family; some article is of it."
    )
    min_articles: int = Field(default=1, ge=0, le=1_000_000)
    min_families: int = Field(default=0, ge=0, le=1_000_000)
    sort: Literal["latest", "first", "break", "articles", "families", "score"] = Field(
        default="latest",
        description="Latest report, first report, newest break, or the largest first.",
    )


class BreakingQuery(BaseModel):
    """How many of the events that are breaking now."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=MOST_ROWS, description="Items at most.")


class EventExport(EventQuery):
    """The same for a file to take away."""

    limit: int = Field(default=1000, ge=1, le=MOST_EXPORTED, description="Rows at most.")


class ArticleQuery(_Times):
    """Which articles; the newest first."""

    q: Text | None = Field(default=None, description="Words of the title; all of them.")
    event_id: Id | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    publisher: Text | None = Field(default=None, description="Publisher family.")
    copies: bool = Field(default=True, description="Copies of other articles as well.")
    noticed: bool = Field(
        default=False, description="Only those that were corrected, taken back or are gone."
    )


class ArticleExport(ArticleQuery):
    """The same for a file to take away."""

    limit: int = Field(default=1000, ge=1, le=MOST_EXPORTED, description="Rows at most.")


class FeedQuery(Paging):
    """Which feeds; those that fail longest first."""

    q: Text | None = Field(default=None, description="Part of the address.")
    failing: bool | None = Field(
        default=None, description="Only those that failed last, or did not."
    )


class FeedExport(FeedQuery):
    """The same for a file to take away."""

    limit: int = Field(default=1000, ge=1, le=MOST_EXPORTED, description="Rows at most.")


class LetterQuery(_Times):
    """Which dead letters; the newest first."""

    stage: Code | None = None
    reason: Code | None = None
    q: Text | None = Field(default=None, description="Part of the key or the error.")


class LetterExport(LetterQuery):
    """The same for a file to take away."""

    limit: int = Field(default=1000, ge=1, le=MOST_EXPORTED, description="Rows at most.")


_ORDERS = {
    "latest": "last_seen_at DESC NULLS LAST, event_id",
    "first": "first_seen_at DESC NULLS LAST, event_id",
    "break": "breaking_since DESC NULLS LAST, last_seen_at DESC NULLS LAST, event_id",
    "articles": "articles_found DESC, last_seen_at DESC NULLS LAST, event_id",
    "families": "publisher_family_count DESC NULLS LAST, last_seen_at DESC NULLS LAST, event_id",
    "score": "breaking_score DESC NULLS LAST, last_seen_at DESC NULLS LAST, event_id",
}


class Where:
    """Conditions joined by AND, and their parameters."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = list(conditions)
        self.params: dict[str, Any] = {}

    def add(self, condition: str, **params: Any) -> None:
        self._conditions.append(condition)
        self.params |= params

    def words(self, column: str, text: str | None) -> None:
        """Ask for each word of ``text`` in a column of plain lower-case text."""
        for n, word in enumerate(plain(text or "").split()[:_MOST_WORDS]):
            self.add(f"contains({column}, $word{n})", **{f"word{n}": word})

    def times(self, last: str, first: str, query: _Times) -> None:
        if query.from_:
            self.add(f"{last} >= $from", **{"from": parse_time(query.from_)})
        if query.to:
            self.add(f"{first} < $to", to=parse_time(query.to))

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "true"


def event_where(query: EventQuery) -> Where:
    """Give the conditions on the index's table ``event``."""
    where = Where("own")
    where.words("search", query.q)
    if query.state:
        where.add("state = $state", state=query.state)
    if query.language:
        where.add(
            "list_contains(list_transform(languages, lambda one: one.code), $language)",
            language=query.language,
        )
    if query.publisher:
        where.add("list_contains(families, $publisher)", publisher=query.publisher.strip())
    if query.min_articles > 1:
        where.add("articles_found >= $min_articles", min_articles=query.min_articles)
    if query.min_families:
        where.add("publisher_family_count >= $min_families", min_families=query.min_families)
    where.times("last_seen_at", "first_seen_at", query)
    return where


def event_order(query: EventQuery) -> str:
    return _ORDERS[query.sort]


def article_where(query: ArticleQuery) -> Where:
    """Give the conditions on the index's table ``article``."""
    where = Where()
    where.words("search", query.q)
    if query.event_id:
        where.add("event_id = $event_id", event_id=query.event_id)
    if query.language:
        where.add("language = $language", language=query.language)
    if query.publisher:
        where.add("publisher_family = $publisher", publisher=query.publisher.strip())
    if not query.copies:
        where.add("coalesce(dup_kind, 'none') = 'none'")
    if query.noticed:
        where.add("article_id IN (SELECT article_id FROM notice)")
    where.times("event_time", "event_time", query)
    return where


def feed_where(query: FeedQuery) -> Where:
    """Give the conditions on the index's table ``feed``."""
    where = Where()
    if query.q:
        where.add("contains(lower(feed), lower($q))", q=query.q)
    if query.failing is not None:
        where.add("(coalesce(failures, 0) > 0) = $failing", failing=query.failing)
    return where


def letter_where(query: LetterQuery) -> Where:
    """Give the conditions on the index's table ``dead_letter``."""
    where = Where()
    if query.stage:
        where.add("stage = $stage", stage=query.stage)
    if query.reason:
        where.add("reason = $reason", reason=query.reason)
    if query.q:
        where.add("(contains(lower(key), lower($q)) OR contains(lower(error), lower($q)))",
                  q=query.q)  # fmt: skip
    where.times("first_failed_at", "first_failed_at", query)
    return where


def plain(text: str) -> str:
    """Write text as it is compared: lower case, without accents."""
    parted = unicodedata.normalize("NFKD", text.lower())
    return re.sub(r"[\u0300-\u036f]", "", parted)
