"""SQL over the Parquet tables of one output folder: what the report needs, and no more."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from schemas.event import GUARDED

if TYPE_CHECKING:
    import duckdb

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters or more, so "C:" is a drive
Read = TypeVar("Read")
UNFINISHED_FILE = ".unfinished"  # the write stage keeps it here while a run goes on

# Columns read, by table; a column a file lacks is null, except the first, which names the row.
_COLUMNS = {
    "articles": (
        "article_id", "revision", "url", "source_name", "publisher_family", "title", "language",
        "published_at", "published_at_source", "published_at_precision", "published_at_flag",
        "first_seen_at", "event_time", "access_state", "dup_kind", "dup_of", "dup_score",
        "dup_evidence", "event_id", "event_score", "event_evidence",
    ),
    "events": (
        "event_id", "revision", "status", "merged_into", "title", "summary",
        "representative_article_id", "keywords", "entities", "languages", "first_published_at",
        "first_seen_at", "last_seen_at", "article_count", "duplicate_count",
        "publisher_family_count", "source_diversity", "counts_as_of", "breaking_state",
        "breaking_since", "breaking_score", "breaking_reasons", "cohesion_mean", "cohesion_min",
        "contested", "correction_count", "retraction_count",
    ),
    "event_articles": (
        "event_id", "article_id", "revision", "left_at", "sequence", "role", "score", "evidence",
        "threshold", "best_event_id", "best_score",
    ),
    "event_changes": ("id", "type", "subject", "time"),
    "dead_letters": ("key", "stage", "reason", "error", "first_failed_at", "replayable"),
    "article_notices": ("article_id", "kind", "noticed_at", "evidence"),
}  # fmt: skip
_VIEWS_BEGIN = "-- The views.\n"
_ATTEMPTS = 5  # to read files that another process merges meanwhile
_NEEDED = ("articles", "events")  # without these two there is nothing to show

# ``home`` says under which event each article is shown: merged events follow their survivor.
_HOMES = """
CREATE TEMP TABLE article AS FROM articles_latest;
CREATE TEMP TABLE event AS FROM events_latest;
CREATE TEMP TABLE membership AS FROM event_articles_latest;
CREATE TEMP TABLE merge AS
SELECT event_id AS merged, survivor_id AS survivor FROM event_survivors
WHERE event_id <> survivor_id;
CREATE TEMP TABLE notice AS
SELECT article_id, string_agg(DISTINCT kind, ' ' ORDER BY kind) AS notice,
    string_agg(DISTINCT evidence, '; ' ORDER BY evidence) AS notice_evidence
FROM article_notices GROUP BY article_id;
CREATE TEMP TABLE home AS SELECT article_id, event_id FROM article;
CREATE TEMP TABLE shown AS
SELECT event.*, coalesce(found, 0)::BIGINT AS articles_found,
    CASE WHEN coalesce(breaking_state, 'none') <> 'none' THEN breaking_state
        WHEN breaking_since IS NOT NULL THEN 'over' ELSE 'none' END AS state,
    row_number() OVER (
        ORDER BY breaking_since DESC NULLS LAST, coalesce(article_count, 0) DESC,
            last_seen_at DESC NULLS LAST, event.event_id) AS place
FROM event
LEFT JOIN (SELECT event_id, count(*) AS found FROM home GROUP BY event_id) AS articles_of_event
    ON articles_of_event.event_id = event.event_id
WHERE event.event_id NOT IN (SELECT merged FROM merge);
"""

_EVENTS = """
SELECT event_id, coalesce(revision, 1) AS revision, coalesce(status, '') AS status,
    coalesce(title, '') AS title, coalesce(summary, '') AS summary,
    coalesce(representative_article_id, '') AS representative_article_id,
    keywords, entities, languages, epoch_us(first_published_at) AS first_published_at,
    epoch_us(first_seen_at) AS first_seen_at, epoch_us(last_seen_at) AS last_seen_at,
    coalesce(article_count, articles_found)::BIGINT AS article_count,
    coalesce(duplicate_count, 0) AS duplicate_count,
    coalesce(publisher_family_count, 0) AS publisher_family_count,
    coalesce(source_diversity, 0.0) AS source_diversity, epoch_us(counts_as_of) AS counts_as_of,
    state,
    epoch_us(breaking_since) AS breaking_since, coalesce(breaking_score, 0.0) AS breaking_score,
    breaking_reasons, coalesce(cohesion_mean, 0.0) AS cohesion_mean,
    coalesce(cohesion_min, 0.0) AS cohesion_min, coalesce(contested, false) AS contested,
    articles_found, coalesce(correction_count, 0) AS correction_count,
    coalesce(retraction_count, 0) AS retraction_count
FROM shown WHERE place <= $max_events ORDER BY place
"""

_ARTICLES = """
SELECT home.event_id, article.article_id, coalesce(article.revision, 1) AS revision,
    coalesce(article.title, '') AS title, coalesce(article.url, '') AS url,
    coalesce(nullif(article.publisher_family, 'unknown'), article.source_name, 'unknown')
        AS publisher,
    coalesce(article.language, 'und') AS language, epoch_us(article.event_time) AS event_time,
    epoch_us(article.published_at) AS published_at,
    coalesce(article.published_at_source, 'none') AS published_at_source,
    coalesce(article.published_at_precision, 'none') AS published_at_precision,
    coalesce(article.published_at_flag, 'missing') AS published_at_flag,
    epoch_us(article.first_seen_at) AS first_seen_at,
    coalesce(article.access_state, 'unknown') AS access_state,
    coalesce(membership.role, '') AS role,
    coalesce(membership.score, article.event_score) AS score,
    coalesce(membership.evidence, article.event_evidence, '') AS evidence,
    coalesce(article.dup_kind, 'none') AS dup_kind, coalesce(article.dup_of, '') AS dup_of,
    coalesce(original.title, '') AS dup_of_title, article.dup_score,
    coalesce(article.dup_evidence, '') AS dup_evidence,
    coalesce(notice.notice, '') AS notice, coalesce(notice.notice_evidence, '') AS notice_evidence
FROM home JOIN shown ON shown.event_id = home.event_id AND shown.place <= $max_events
JOIN article ON article.article_id = home.article_id
LEFT JOIN membership ON membership.article_id = home.article_id AND membership.left_at IS NULL
LEFT JOIN article AS original ON original.article_id = article.dup_of
LEFT JOIN notice ON notice.article_id = home.article_id
QUALIFY row_number() OVER (
    PARTITION BY home.event_id ORDER BY article.event_time, article.article_id) <= $max_articles
ORDER BY home.event_id, article.event_time, article.article_id
"""

_TIMES = """
SELECT home.event_id, list({'at': epoch_us(article.event_time),
    'copy': coalesce(article.dup_kind, 'none') <> 'none'}
    ORDER BY article.event_time, article.article_id) AS times
FROM home JOIN shown ON shown.event_id = home.event_id AND shown.place <= $max_events
JOIN article ON article.article_id = home.article_id
GROUP BY home.event_id
"""

# An update says nothing a reader of one page can use; the other changes are its history.
_CHANGES = """
SELECT coalesce(survivor, subject) AS event_id, string_split(type, '.')[-1] AS kind,
    epoch_us(time) AS time
FROM (SELECT DISTINCT id, type, subject, time FROM event_changes) AS change
LEFT JOIN merge ON subject = merged
JOIN shown ON shown.event_id = coalesce(survivor, subject) AND shown.place <= $max_events
WHERE kind IN ('created', 'breaking', 'merged', 'closed', 'corrected', 'retracted')
    AND (survivor IS NULL OR kind IN ('merged', 'corrected', 'retracted'))
ORDER BY time, id
"""

# Decisions that another threshold would have turned: an article that opened an event would have
# joined another one, or one that joined would have opened its own.
_TURNED = """
SELECT home.event_id, shown.title AS event_title, article.article_id, article.title,
    membership.role = 'seed' AS opened, other.event_id AS other_id,
    coalesce(other.title, '') AS other_title, best_score, count(*) OVER () AS found
FROM membership
JOIN home ON home.article_id = membership.article_id
JOIN shown ON shown.event_id = home.event_id
JOIN article ON article.article_id = membership.article_id
LEFT JOIN merge ON merge.merged = best_event_id
LEFT JOIN event AS other ON other.event_id = coalesce(survivor, best_event_id)
WHERE left_at IS NULL AND best_event_id <> '' AND NOT contains(evidence, $guarded) AND (
    membership.role = 'seed' AND best_score >= $other AND best_score < threshold
        AND other.event_id <> home.event_id
    OR membership.role = 'member' AND best_score < $other AND best_score >= threshold)
ORDER BY best_score DESC, article.article_id LIMIT $most
"""

_TOTALS = """
SELECT (SELECT count(*) FROM shown) AS events, (SELECT count(*) FROM merge) AS merged,
    (SELECT count(breaking_since) FROM shown) AS broke,
    (SELECT count(*) FROM article) AS articles,
    (SELECT count(*) FROM (SELECT DISTINCT article_id, revision FROM articles)) AS revisions,
    (SELECT count(*) FROM article WHERE coalesce(dup_kind, 'none') <> 'none') AS copies,
    (SELECT count(*) FROM home ANTI JOIN shown USING (event_id)) AS orphans
"""

_HOURS = """
SELECT epoch_us(time_bucket(INTERVAL 1 HOUR, event_time AT TIME ZONE 'UTC')) AS hour,
    count(*) FILTER (WHERE coalesce(dup_kind, 'none') = 'none') AS originals,
    count(*) FILTER (WHERE coalesce(dup_kind, 'none') <> 'none') AS copies
FROM article WHERE event_time IS NOT NULL GROUP BY hour ORDER BY hour
"""

_REJECTS = """
SELECT coalesce(stage, '') AS stage, coalesce(key, '') AS key,
    coalesce(reason, 'unknown') AS reason, any_value(coalesce(error, '') ORDER BY error) AS error,
    epoch_us(min(first_failed_at)) AS first_failed_at,
    coalesce(bool_or(replayable), false) AS replayable,
    count(*) OVER (PARTITION BY coalesce(reason, 'unknown')) AS of_this_reason
FROM dead_letters GROUP BY stage, key, reason
QUALIFY row_number() OVER (PARTITION BY reason ORDER BY stage, key) <= $max_letters
ORDER BY reason, stage, key
"""


class ReportError(Exception):
    """The report cannot be made; the message is one line that names the path and the fix."""


class FilesChangedError(ReportError):
    """Files that were listed are gone: they were merged or written anew meanwhile."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: its files change faster than they can be read; try again")


class Tables:
    """The tables of one folder, at their latest revision; see ``open_tables``."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._absorbed: dict[str, tuple[str, ...]] = {}

    def resolve_merges(self) -> None:
        """Decide under which event every article is shown; call once before the questions."""
        self._connection.execute(_HOMES)
        for row in self._rows("SELECT survivor, merged FROM merge ORDER BY merged"):
            survivor = row["survivor"]
            self._absorbed[survivor] = (*self._absorbed.get(survivor, ()), row["merged"])

    def absorbed(self) -> dict[str, tuple[str, ...]]:
        """Give the ids of merged events by the event that survived them."""
        return self._absorbed

    def events(self, max_events: int) -> list[dict[str, Any]]:
        return self._rows(_EVENTS, max_events=max_events)

    def articles(self, max_events: int, max_articles: int) -> list[dict[str, Any]]:
        return self._rows(_ARTICLES, max_events=max_events, max_articles=max_articles)

    def article_times(self, max_events: int) -> list[dict[str, Any]]:
        return self._rows(_TIMES, max_events=max_events)

    def changes(self, max_events: int) -> list[dict[str, Any]]:
        return self._rows(_CHANGES, max_events=max_events)

    def threshold(self) -> float | None:
        """Give the probability from which articles joined; None when no row says."""
        (row,) = self._rows(
            "SELECT mode(threshold) AS threshold FROM membership WHERE best_event_id <> ''"
        )
        found: float | None = row["threshold"]
        return found

    def turned(self, other: float, most: int) -> list[dict[str, Any]]:
        """List decisions that would turn if articles joined from the probability ``other``.

        Those that a guard took would stay as they are.
        """
        return self._rows(_TURNED, other=other, most=most, guarded=GUARDED)

    def hours(self) -> list[dict[str, Any]]:
        """Count the articles by hour of their event time."""
        return self._rows(_HOURS)

    def rejects(self, max_letters: int) -> list[dict[str, Any]]:
        return self._rows(_REJECTS, max_letters=max_letters)

    def totals(self) -> dict[str, int]:
        return dict(self._rows(_TOTALS)[0])

    def state_counts(self) -> dict[str, int]:
        """Count the events by state: the breaking states, and "over" once they are through."""
        rows = self._rows("SELECT state, count(*) AS n FROM shown GROUP BY state ORDER BY state")
        return {row["state"]: row["n"] for row in rows}

    def _rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        relation = self._connection.sql(query, params=params)
        rows: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
        return rows


def read_steadily(read: Callable[[], Read]) -> Read:
    """Call ``read``, and again when files it had listed were gone before it came to them.

    Raises:
        FilesChangedError: that happened too often.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return read()
        except FilesChangedError:
            continue
    return read()


def output_folder(output: str) -> Path:
    """Turn ``--output`` into a path; a ``file:`` URL is one too.

    Raises:
        ReportError: it names another kind of storage.
    """
    if not _SCHEME.match(output):
        return Path(output)
    parts = urlsplit(output)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise ReportError(f"{output}: a report reads local folders only; copy the tables to one")
    return Path(url2pathname(parts.path))


@contextmanager
def open_tables(folder: Path) -> Iterator[Tables]:
    """Open the tables of the report below ``folder``; see ``open_columns``."""
    with open_columns(folder, _COLUMNS, _NEEDED) as connection:
        yield Tables(connection)


@contextmanager
def open_columns(
    folder: Path, columns: Mapping[str, tuple[str, ...]], needed: Sequence[str]
) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open columns of the Parquet tables below ``folder``; nothing else is read or written.

    The views of ``deploy/sql/duckdb_latest.sql`` are there as well, over these columns.

    Args:
        columns: those wanted, by table; a table or column that is not there reads as empty.
        needed: tables that must be there.

    Raises:
        ReportError: no such folder, no tables in it, or a file is damaged.
        FilesChangedError: files are gone that were there at the start.
    """
    import duckdb

    fix = "give the --output of a finished detect_events run"
    if not folder.is_dir():
        raise ReportError(f"{folder}: no such folder; {fix}")
    files = {name: _parquet_files(folder / name) for name in columns}
    missing = " and ".join(f"{name}/" for name in needed if not files[name])
    if missing:
        raise ReportError(f"{folder}: holds no Parquet files in {missing}; {fix}")
    connection = duckdb.connect(
        ":memory:",
        config={"enable_external_access": "false", "autoinstall_known_extensions": "false"},
    )
    try:
        for name, wanted in columns.items():
            connection.register(name, _dataset(name, wanted, files[name]))
        connection.execute(latest_views())
        yield connection
    except (duckdb.Error, OSError, ValueError) as error:
        if not all(path.exists() for paths in files.values() for path in paths):
            raise FilesChangedError(folder) from error
        raise ReportError(_explain(folder, files, columns, error)) from error
    finally:
        connection.close()


def latest_views() -> str:
    """Give the SQL of the views, without the part that opens files."""
    sql = resources.files("pipelines.report") / "sql" / "duckdb_latest.sql"
    return sql.read_text(encoding="utf-8").partition(_VIEWS_BEGIN)[2]


def _parquet_files(folder: Path) -> list[Path]:
    """List a table's files; names with a leading dot or underscore are still being written."""
    return sorted(
        path
        for path in folder.rglob("*.parquet")
        if not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    )


def _dataset(table: str, columns: tuple[str, ...], files: list[Path]) -> Any:
    """Open the files as one dataset of exactly ``columns``; absent columns read as null."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow.fs import LocalFileSystem

    expected = _arrow_schema(table)
    if not files:
        return pa.schema([expected.field(name) for name in columns]).empty_table()
    present: dict[str, list[Any]] = {}
    known: list[Any] = []  # of the many files of a table nearly all have the same schema
    form = ds.ParquetFileFormat()
    here = LocalFileSystem()
    fragments = [form.make_fragment(str(path), here) for path in files]
    for path, fragment in zip(files, fragments):
        schema = _schema_of(path, fragment)
        if any(map(schema.equals, known)):
            continue
        known.append(schema)
        if columns[0] not in schema.names:
            raise ReportError(
                f"{path}: lacks the column {columns[0]}, so it is no file of the table {table}; "
                "move it out of the folder"
            )
        for name in columns:
            if name in schema.names:
                present.setdefault(name, []).append(schema.field(name).with_nullable(True))
    try:
        fields = [
            pa.unify_schemas(
                [pa.schema([field]) for field in present.get(name, [expected.field(name)])],
                promote_options="permissive",
            ).field(0)
            for name in columns
        ]
    except pa.ArrowException as error:
        raise ReportError(
            f"{files[0].parent.parent}: its files differ in column types "
            f"({_one_line(error)}); write different versions into different folders"
        ) from error
    return ds.FileSystemDataset(fragments, pa.schema(fields), form, here)


def _schema_of(path: Path, fragment: Any) -> Any:
    """Read a file's footer, which the fragment keeps: every question would read it again."""
    import pyarrow as pa

    try:
        fragment.ensure_complete_metadata()
        return fragment.physical_schema
    except FileNotFoundError as error:
        raise FilesChangedError(path.parent.parent) from error
    except (OSError, pa.ArrowException) as error:
        raise ReportError(_damaged(path, error)) from error


def _arrow_schema(table: str) -> Any:
    from schemas.tables import TABLES

    return next(one for one in TABLES if one.name == table).arrow_schema(dim=1)


def _explain(
    folder: Path,
    files: Mapping[str, list[Path]],
    columns: Mapping[str, tuple[str, ...]],
    error: Exception,
) -> str:
    """Name the file that made a query fail, by reading each on its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, paths in files.items():
        for path in paths:
            try:
                file = pq.ParquetFile(path)
                file.read([c for c in columns[name] if c in file.schema_arrow.names])
            except (OSError, pa.ArrowException) as cause:
                return _damaged(path, cause)
    return f"{folder}: its tables cannot be read ({_one_line(error)})"


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"{path}: not a readable Parquet file ({_one_line(error)}); "
        "delete it and run detect_events again"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
