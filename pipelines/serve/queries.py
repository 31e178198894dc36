"""The questions that pages and the API ask of the index."""

from dataclasses import dataclass
from typing import Any

from pipelines.serve.filters import (
    ArticleQuery,
    EventQuery,
    FeedQuery,
    LetterQuery,
    Where,
    article_where,
    event_order,
    event_where,
    feed_where,
    letter_where,
)

EVENT_COLUMNS = (
    "event_id", "revision", "status", "merged_into", "alert_id", "title", "summary",
    "summary_article_ids", "representative_article_id", "keywords", "entities", "languages",
    "first_published_at", "first_seen_at", "last_seen_at", "updated_at", "article_count",
    "unique_article_count", "duplicate_count", "publisher_family_count", "source_diversity",
    "counts_as_of", "state", "breaking_since", "breaking_score", "breaking_reasons",
    "cohesion_mean", "cohesion_min", "contested", "correction_count", "retraction_count",
    "articles_found", "families", "round",
)  # fmt: skip
ARTICLE_COLUMNS = (
    "article_id", "revision", "event_id", "title", "url", "source_name", "publisher_family",
    "origin_publisher", "language", "word_count", "event_time", "published_at",
    "published_at_source", "published_at_precision", "published_at_flag", "first_seen_at",
    "access_state", "role", "score", "evidence", "dup_kind", "dup_of", "dup_score",
    "dup_evidence", "round",
)  # fmt: skip
_NOTICES = (
    "(SELECT string_agg(kind, ' ' ORDER BY kind) FROM notice "
    "WHERE notice.article_id = article.article_id) AS notice, "
    "(SELECT string_agg(evidence, '; ' ORDER BY kind) FROM notice "
    "WHERE notice.article_id = article.article_id) AS notice_evidence"
)
_FEED_COLUMNS = (
    "feed_id, feed, outcome, error, http_status, fetched_at, next_at, interval_seconds, "
    "interval_reason, failures, entries, kept, requests, failed, kept_total, changed_at"
)
_LETTER_COLUMNS = "stage, reason, key, error, first_failed_at, replayable, round"

Row = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """A part of a list, as an Arrow table or rows, and how long the whole of it is."""

    table: Any
    total: int

    def rows(self) -> list[Row]:
        rows: list[Row] = self.table.to_pylist()
        return rows


@dataclass
class Questions:
    """Asks the index; every answer of one object is of one moment."""

    connection: Any

    def events(self, query: EventQuery) -> Found:
        columns = ", ".join(EVENT_COLUMNS)
        return self._list(
            "event", f"{columns}, minutes", event_where(query), event_order(query), query
        )

    def articles(self, query: ArticleQuery) -> Found:
        order = "event_time DESC NULLS LAST, article_id"
        columns = f"{', '.join(ARTICLE_COLUMNS)}, {_NOTICES}"
        return self._list("article", columns, article_where(query), order, query)

    def feeds(self, query: FeedQuery) -> Found:
        order = "failures DESC NULLS LAST, feed, feed_id"
        return self._list("feed", _FEED_COLUMNS, feed_where(query), order, query)

    def letters(self, query: LetterQuery) -> Found:
        order = "first_failed_at DESC NULLS LAST, stage, reason, key"
        return self._list("dead_letter", _LETTER_COLUMNS, letter_where(query), order, query)

    def letter_groups(self) -> list[Row]:
        """Count the dead letters by stage and reason, most frequent first."""
        return self._rows(
            "SELECT coalesce(stage, '') AS stage, coalesce(reason, '') AS reason, "
            "count(*) AS count, max(first_failed_at) AS last_at FROM dead_letter "
            "GROUP BY ALL ORDER BY count DESC, stage, reason LIMIT 200"
        )

    def survivor(self, event_id: str) -> str | None:
        """Name the event that this one is part of now; None when there is no such event."""
        rows = self._rows("SELECT survivor_id FROM event WHERE event_id = $id LIMIT 1", id=event_id)
        return rows[0]["survivor_id"] if rows else None

    def event_row(self, event_id: str) -> Row | None:
        """Give the row of an event as the API tells it."""
        columns = ", ".join(EVENT_COLUMNS)
        rows = self._rows(f"SELECT {columns} FROM event WHERE event_id = $id LIMIT 1", id=event_id)  # noqa: S608
        return rows[0] if rows else None

    def event(self, event_id: str) -> Row | None:
        """Give the row of an event as the report's view takes it, times in microseconds."""
        rows = self._rows(_EVENT, id=event_id)
        return rows[0] if rows else None

    def event_articles(self, event_id: str, most: int) -> list[Row]:
        """Give the articles of an event in time order as the report's view takes them."""
        return self._rows(_ARTICLES, id=event_id, most=most)

    def absorbed(self, event_id: str) -> list[str]:
        rows = self._rows(
            "SELECT event_id FROM event WHERE NOT own AND survivor_id = $id "
            "ORDER BY event_id LIMIT 1000",
            id=event_id,
        )
        return [row["event_id"] for row in rows]

    def changes(self, event_ids: list[str], most: int) -> list[Row]:
        """Give what happened to these events, the newest first."""
        one = len(event_ids) == 1  # then an index leads to the rows
        which = "subject = $ids" if one else "subject IN (SELECT unnest($ids))"
        return self._rows(
            "SELECT id, type, subject, time, data, round FROM change "  # noqa: S608
            f"WHERE {which} ORDER BY time DESC, id LIMIT $most",
            ids=event_ids[0] if one else event_ids, most=most,
        )  # fmt: skip

    def titles(self, event_ids: list[str]) -> dict[str, tuple[str, str]]:
        """Give survivor and title of those of these events that exist."""
        if not event_ids:
            return {}
        rows = self._rows(
            "SELECT event_id, survivor_id, coalesce(title, '') AS title FROM event "
            "WHERE event_id IN (SELECT unnest($ids))",
            ids=event_ids[:200],
        )
        return {row["event_id"]: (row["survivor_id"], row["title"]) for row in rows}

    def counts(self) -> dict[str, int]:
        """Count what there is."""
        return self._rows(
            "SELECT (SELECT count(*) FROM event WHERE own) AS events, "
            "(SELECT count(*) FROM article) AS articles, "
            "(SELECT count(*) FROM feed) AS feeds, "
            "(SELECT count(*) FROM dead_letter) AS dead_letters"
        )[0]

    def state_counts(self) -> dict[str, int]:
        rows = self._rows("SELECT state, count(*) AS n FROM event WHERE own GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    def breaking(self, most: int) -> list[Row]:
        """Give the events that are breaking or developing now, the newest break first."""
        where, columns = (
            Where("own", "state IN ('breaking', 'developing')"),
            ", ".join(EVENT_COLUMNS),
        )
        found: list[Row] = self._part(
            "event", f"{columns}, minutes", where,
            "state, breaking_since DESC NULLS LAST, event_id", most, 0,
        ).to_pylist()  # fmt: skip
        return found

    def _list(
        self, table: str, columns: str, where: Where, order: str,
        query: EventQuery | ArticleQuery | FeedQuery | LetterQuery,
    ) -> Found:  # fmt: skip
        """Find a part of a list and its length; names are our own, values are bound."""
        found = self._part(table, columns, where, order, query.limit, query.offset)
        (counted,) = self._rows(f"SELECT count(*) AS n FROM {table} WHERE {where}", **where.params)  # noqa: S608
        return Found(found, counted["n"])

    def _part(
        self, table: str, columns: str, where: Where, order: str, limit: int, offset: int
    ) -> Any:
        """Find a part of a list; all columns are looked up only of the rows that are in it."""
        return self._table(
            f"SELECT {columns} FROM {table} WHERE rowid IN ("  # noqa: S608
            f"SELECT rowid FROM {table} WHERE {where} ORDER BY {order} LIMIT $limit OFFSET $offset"
            f") ORDER BY {order}",
            **where.params, limit=limit, offset=offset,
        )  # fmt: skip

    def _rows(self, sql: str, **params: Any) -> list[Row]:
        rows: list[Row] = self._table(sql, **params).to_pylist()
        return rows

    def _table(self, sql: str, **params: Any) -> Any:
        return self.connection.sql(sql, params=params).to_arrow_table()


_EVENT = """
SELECT event_id, coalesce(revision, 1) AS revision, coalesce(status, '') AS status,
    coalesce(title, '') AS title, coalesce(summary, '') AS summary,
    coalesce(representative_article_id, '') AS representative_article_id,
    coalesce(summary_article_ids, []) AS summary_article_ids,
    keywords, entities, languages, epoch_us(first_published_at) AS first_published_at,
    epoch_us(first_seen_at) AS first_seen_at, epoch_us(last_seen_at) AS last_seen_at,
    coalesce(article_count, articles_found)::BIGINT AS article_count,
    coalesce(duplicate_count, 0) AS duplicate_count,
    coalesce(publisher_family_count, 0) AS publisher_family_count,
    coalesce(source_diversity, 0.0) AS source_diversity, epoch_us(counts_as_of) AS counts_as_of,
    state, epoch_us(breaking_since) AS breaking_since,
    coalesce(breaking_score, 0.0) AS breaking_score,
    breaking_reasons, coalesce(cohesion_mean, 0.0) AS cohesion_mean,
    coalesce(cohesion_min, 0.0) AS cohesion_min, coalesce(contested, false) AS contested,
    articles_found, correction_count, retraction_count
FROM event WHERE event_id = $id LIMIT 1
"""

_ARTICLES = """
SELECT article.event_id, article.article_id, coalesce(article.revision, 1) AS revision,
    coalesce(article.title, '') AS title, coalesce(article.url, '') AS url,
    coalesce(nullif(article.publisher_family, 'unknown'), article.source_name, 'unknown')
        AS publisher,
    coalesce(article.language, 'und') AS language, epoch_us(article.event_time) AS event_time,
    epoch_us(article.published_at) AS published_at,
    coalesce(article.published_at_source, 'none') AS published_at_source,
    coalesce(article.published_at_precision, 'none') AS published_at_precision,
    coalesce(article.published_at_flag, 'missing') AS published_at_flag,
    epoch_us(article.first_seen_at) AS first_seen_at,
    coalesce(article.access_state, 'unknown') AS access_state, coalesce(article.role, '') AS role,
    coalesce(article.score, article.event_score) AS score,
    coalesce(article.evidence, article.event_evidence, '') AS evidence,
    coalesce(article.dup_kind, 'none') AS dup_kind, coalesce(article.dup_of, '') AS dup_of,
    '' AS dup_of_title, article.dup_score, coalesce(article.dup_evidence, '') AS dup_evidence,
    coalesce((SELECT string_agg(kind, ' ' ORDER BY kind) FROM notice
        WHERE notice.article_id = article.article_id), '') AS notice,
    coalesce((SELECT string_agg(evidence, '; ' ORDER BY kind) FROM notice
        WHERE notice.article_id = article.article_id), '') AS notice_evidence
FROM article WHERE event_id = $id ORDER BY event_time, article_id LIMIT $most
"""
