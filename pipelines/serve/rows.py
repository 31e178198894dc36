"""Rows of Parquet files as the index takes them: the columns it keeps, in few and known types."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from schemas.tables import TABLES

_FIRST = datetime(2, 1, 1, tzinfo=timezone.utc)
_LAST = datetime(9998, 12, 31, tzinfo=timezone.utc)
BATCH_ROWS = 200_000  # held at once: some 60 MB of three tables

# Kept of each table; the first column names the row. Those that a file or this version lacks
# are null. Bodies, vectors and payloads stay in the files.
COLUMNS = {
    "articles": (
        "article_id", "revision", "url", "source_name", "publisher_family", "origin_publisher",
        "title", "language", "word_count", "published_at", "published_at_source",
        "published_at_precision", "published_at_flag", "first_seen_at", "event_time",
        "access_state", "dup_kind", "dup_of", "dup_score", "dup_evidence", "event_id",
        "event_score", "event_evidence", "round",
    ),
    "events": (
        "event_id", "revision", "status", "merged_into", "alert_id", "title", "summary",
        "summary_article_ids", "representative_article_id", "keywords", "entities", "languages",
        "first_published_at", "first_seen_at", "last_seen_at", "updated_at", "article_count",
        "unique_article_count", "duplicate_count", "publisher_family_count", "source_diversity",
        "counts_as_of", "breaking_state", "breaking_since", "breaking_score", "breaking_reasons",
        "cohesion_mean", "cohesion_min", "contested", "correction_count", "retraction_count",
        "round",
    ),
    "event_articles": (
        "event_id", "article_id", "revision", "left_at", "role", "score", "evidence", "sequence",
    ),
    "event_changes": ("id", "type", "subject", "time", "data", "round"),
    "dead_letters": (
        "key", "stage", "reason", "error", "first_failed_at", "replayable", "payload_sha256",
        "round",
    ),
    "fetch_log": (
        "feed_id", "feed", "fetched_at", "outcome", "error", "url", "http_status",
        "received_bytes", "entries", "kept", "known", "failures", "next_at", "interval_seconds",
        "interval_reason",
    ),
    "article_notices": ("article_id", "kind", "noticed_at", "evidence"),
}  # fmt: skip


class GoneError(Exception):
    """A file that was listed is gone: the folder changed meanwhile."""


@dataclass(frozen=True)
class Batch:
    """Some rows of each table, as Arrow tables."""

    tables: dict[str, Any]


@dataclass
class Reader:
    """Reads files one by one; those that cannot be read are passed over and named."""

    folder: Path
    passed_over: dict[str, str]  # path: why

    def batches(self, paths: tuple[str, ...]) -> Iterator[Batch]:
        """Give the rows of these files, in their order.

        Raises:
            GoneError: a file is gone.
        """
        held: dict[str, list[Any]] = {}
        rows = 0
        for path in paths:
            name = path.partition("/")[0]
            if name not in COLUMNS:
                continue
            found = self._read(path, name)
            if found is None:
                continue
            held.setdefault(name, []).append(found)
            rows += found.num_rows
            if rows >= BATCH_ROWS:
                yield _batch(held)
                held, rows = {}, 0
        yield _batch(held)

    def _read(self, path: str, name: str) -> Any | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = _schema(name)
        try:
            with pq.ParquetFile(self.folder / path, memory_map=False) as file:
                there = set(file.schema_arrow.names)
                if schema.names[0] not in there:
                    self.passed_over[path] = f"lacks the column {schema.names[0]}"
                    return None
                found = file.read([n for n in schema.names if n in there], use_threads=False)
            columns = [
                _in_range(found.column(field.name).cast(field.type))
                if field.name in there
                else pa.nulls(found.num_rows, field.type)
                for field in schema
            ]
            return pa.Table.from_arrays(columns, schema=schema)
        except FileNotFoundError as error:
            raise GoneError(path) from error
        except (OSError, ValueError, pa.ArrowException) as error:
            self.passed_over[path] = f"cannot be read: {' '.join(str(error).split())[:160]}"
            return None


def _in_range(column: Any) -> Any:
    """Take out times that no calendar of Python holds, and numbers that are none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(column.type):
        low, high = (pa.scalar(at, column.type) for at in (_FIRST, _LAST))
        fits = pc.and_(pc.greater_equal(column, low), pc.less_equal(column, high))
    elif pa.types.is_floating(column.type):
        fits = pc.is_finite(column)
    else:
        return column
    return pc.if_else(fits, column, pa.scalar(None, column.type))


def _batch(held: dict[str, list[Any]]) -> Batch:
    import pyarrow as pa

    return Batch({
        name: pa.concat_tables(held[name]) if name in held else _schema(name).empty_table()
        for name in COLUMNS
    })  # fmt: skip


def _schema(name: str) -> Any:
    """Give the kept columns with their types, all of them nullable; unknown ones are text."""
    import pyarrow as pa

    table = next(one for one in TABLES if one.name == name).arrow_schema(dim=1)
    return pa.schema(
        table.field(column).with_nullable(True) if column in table.names else (column, pa.string())
        for column in COLUMNS[name]
    )
