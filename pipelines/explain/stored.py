"""SQL over the Parquet tables of one output folder: the rows that explain one decision."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.report.tables import open_columns

# Columns read, by table; a column that a file lacks is null, except the first.
_COLUMNS = {
    "articles": (
        "article_id", "revision", "url", "canonical_url", "source_name", "publisher_family",
        "title", "published_at", "published_at_source", "event_time", "dup_kind", "dup_of",
        "dup_score", "dup_evidence", "event_id", "event_score", "event_evidence",
    ),
    "events": (
        "event_id", "revision", "status", "merged_into", "title", "first_seen_at", "last_seen_at",
        "article_count", "duplicate_count", "publisher_family_count", "contested",
    ),
    "event_articles": (
        "event_id", "article_id", "revision", "sequence", "joined_at", "left_at", "role", "score",
        "evidence", "contested", "threshold", "best_event_id", "best_score", "second_event_id",
        "second_score", "channels",
    ),
    "event_changes": ("id", "type", "subject", "time"),
    "article_notices": ("article_id", "kind", "noticed_at", "evidence"),
}  # fmt: skip
_NEEDED = ("articles", "events")  # without these two there is nothing to explain

_FIND = """
SELECT DISTINCT 'article' AS kind, article_id AS id FROM articles WHERE starts_with(article_id, $id)
UNION SELECT DISTINCT 'event', event_id FROM events WHERE starts_with(event_id, $id)
ORDER BY kind, id
"""

_FIND_ADDRESS = """
SELECT DISTINCT 'article' AS kind, article_id AS id FROM articles
WHERE url IN (SELECT unnest($addresses)) OR canonical_url IN (SELECT unnest($addresses))
ORDER BY id
"""

_ARTICLES = """
SELECT DISTINCT article_id, coalesce(revision, 1) AS revision, coalesce(title, '') AS title,
    coalesce(url, '') AS url, coalesce(source_name, '') AS source_name,
    coalesce(publisher_family, '') AS publisher_family, epoch_us(event_time) AS event_time,
    epoch_us(published_at) AS published_at,
    coalesce(published_at_source, 'none') AS published_at_source,
    coalesce(dup_kind, 'none') AS dup_kind, coalesce(dup_of, '') AS dup_of, dup_score,
    coalesce(dup_evidence, '') AS dup_evidence, coalesce(event_id, '') AS event_id,
    event_score, coalesce(event_evidence, '') AS event_evidence
FROM articles WHERE article_id IN (SELECT unnest($ids)) ORDER BY article_id, revision
"""

_MEMBERSHIPS = """
SELECT coalesce(event_id, '') AS event_id, coalesce(article_id, '') AS article_id,
    coalesce(revision, 1) AS revision, sequence, epoch_us(joined_at) AS joined_at,
    epoch_us(left_at) AS left_at, coalesce(role, '') AS role, score,
    coalesce(evidence, '') AS evidence, contested, threshold,
    coalesce(best_event_id, '') AS best_event_id, best_score,
    coalesce(second_event_id, '') AS second_event_id, second_score, channels
FROM event_articles WHERE article_id IN (SELECT article_id FROM event_articles WHERE {column} = $id)
ORDER BY coalesce(role, '') <> 'seed', joined_at, article_id, revision, left_at
"""

_EVENTS = """
SELECT event_id, coalesce(revision, 1) AS revision, coalesce(status, '') AS status,
    coalesce(merged_into, '') AS merged_into, coalesce(title, '') AS title,
    epoch_us(first_seen_at) AS first_seen_at, epoch_us(last_seen_at) AS last_seen_at,
    coalesce(article_count, 0) AS article_count, coalesce(duplicate_count, 0) AS duplicate_count,
    coalesce(publisher_family_count, 0) AS publisher_family_count,
    coalesce(contested, false) AS contested
FROM events_latest WHERE event_id IN (SELECT unnest($ids))
"""

_MERGES = """
SELECT event_id, merged_into FROM events_latest WHERE status = 'merged' AND merged_into <> ''
"""

_CHANGES = """
SELECT DISTINCT subject, string_split(type, '.')[-1] AS kind, epoch_us(time) AS time
FROM event_changes WHERE subject IN (SELECT unnest($ids)) ORDER BY time, kind, subject
"""

_NOTICES = """
SELECT article_id, coalesce(kind, '') AS kind, epoch_us(min(noticed_at)) AS noticed_at,
    coalesce(first(evidence ORDER BY noticed_at, evidence), '') AS evidence
FROM article_notices WHERE article_id IN (SELECT unnest($ids))
GROUP BY article_id, kind ORDER BY noticed_at, article_id, kind
"""

# What was measured when an article came; a row of a later move does not repeat it.
_MEASURED = (
    "contested", "threshold", "best_event_id", "best_score", "second_event_id", "second_score",
    "channels",
)  # fmt: skip

Row = dict[str, Any]


class Stored:
    """The tables of one folder; see ``open_stored``. Times are microseconds since 1970."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def find(self, prefix: str) -> list[tuple[str, str]]:
        """Give kind and id of every article and event whose id begins so; an id itself wins."""
        found = [(row["kind"], row["id"]) for row in self._rows(_FIND, id=prefix)]
        return [one for one in found if one[1] == prefix] or found

    def find_address(self, addresses: Iterable[str]) -> list[tuple[str, str]]:
        """Give kind and id of every article that has one of these addresses."""
        rows = self._rows(_FIND_ADDRESS, addresses=list(addresses))
        return [(row["kind"], row["id"]) for row in rows]

    def articles(self, ids: Iterable[str]) -> dict[str, list[Row]]:
        """Give all revisions of these articles by id, oldest first; unknown ids are left out."""
        found: dict[str, list[Row]] = {}
        for row in self._rows(_ARTICLES, ids=sorted(set(ids))):
            found.setdefault(row["article_id"], []).append(row)
        return found

    def memberships(self, column: str, value: str) -> list[Row]:
        """Say which articles are and were in which events, by ``article_id`` or ``event_id``.

        One row per event an article revision left, and one for the event it is in; each with
        what was measured when it came.
        """
        rows = self._rows(_MEMBERSHIPS.format(column=column), id=value)
        histories: dict[tuple[str, int], list[Row]] = {}
        for row in rows:
            histories.setdefault((row["article_id"], row["revision"]), []).append(row)
        told = {id(row) for history in histories.values() for row in _told_once(history)}
        return [row for row in rows if id(row) in told and row[column] == value]

    def events(self, ids: Iterable[str]) -> dict[str, Row]:
        """Give the latest revision of these events by id; unknown ids are left out."""
        return {row["event_id"]: row for row in self._rows(_EVENTS, ids=sorted(set(ids)))}

    def merges(self) -> dict[str, str]:
        """Give where each merged event went."""
        return {row["event_id"]: row["merged_into"] for row in self._rows(_MERGES)}

    def changes(self, ids: Iterable[str]) -> list[Row]:
        """Give what happened to these events, in order of time."""
        return self._rows(_CHANGES, ids=sorted(set(ids)))

    def notices(self, ids: Iterable[str]) -> list[Row]:
        """Give what was noted of these articles, in order of time."""
        return self._rows(_NOTICES, ids=sorted(set(ids)))

    def _rows(self, query: str, **params: Any) -> list[Row]:
        relation = self._connection.sql(query, params=params)
        rows: list[Row] = relation.to_arrow_table().to_pylist()
        return rows


def _told_once(rows: list[Row]) -> list[Row]:
    """Choose the rows of one article revision that say where it is and what it left.

    A run that goes on writes a row when an article joins, and two when it moves: that it left,
    and that it joined elsewhere. The first is then told by the second, but for what it measured.
    """
    left: dict[tuple[Any, ...], Row] = {}
    joined: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        chosen = joined if row["left_at"] is None else left
        chosen.setdefault((row["event_id"], row["sequence"], row["left_at"]), row)
    here = [row for row in joined.values() if not any(_ends(gone, row) for gone in left.values())]
    if joined:  # one decision can put an article into an event and move it on
        first = min(joined.values(), key=lambda r: (r["sequence"] or 0, not r["best_event_id"]))
        for row in (*left.values(), *here):
            if not row["best_event_id"] and not row["channels"]:
                row |= {name: first[name] for name in _MEASURED}
    return [*left.values(), *here]


def _ends(left: Row, joined: Row) -> bool:
    """Say whether an article left what it joined."""
    same = joined["event_id"] == left["event_id"]
    known = joined["sequence"] is not None and left["sequence"] is not None
    return bool(same and known and left["sequence"] >= joined["sequence"])


@contextmanager
def open_stored(folder: Path) -> Iterator[Stored]:
    """Open the tables below ``folder``; nothing else is read, nothing is written.

    Raises:
        ReportError: no such folder, no tables in it, or a file is damaged.
    """
    with open_columns(folder, _COLUMNS, _NEEDED) as connection:
        yield Stored(connection)
