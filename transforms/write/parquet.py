"""Parquet files of one table, in hive partitions by UTC date."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas import SCHEMA_VERSION
from schemas.tables import Column, Table
from transforms.write.output import replace_file
from transforms.write.rows import Row, utc_date

MAX_ROWS_PER_FILE = 50_000
ROWS_PER_GROUP = 10_000  # about 40 MB of articles: small enough to read one group at a time

ROWS_AT_ONCE = 1_000  # made columns of together, where a day has few

# A table without rows still needs a file, or every reader fails on the missing folder. It lies in
# a partition like any other file, so that "date" is a column of the empty table too; beside the
# partitions it would break readers as soon as the first rows arrive.
EMPTY_PARTITION = "1970-01-01"
EMPTY_FILE = "part-empty.parquet"

RowId = tuple[Any, ...]


@dataclass(frozen=True)
class ParquetFolder:
    """Writes rows of one table below ``root``; writing the same rows again changes nothing.

    Rows are sorted by the table's key, so their order of arrival leaves no trace. A file is named
    by the ids of its rows: a second attempt with the same rows replaces the first one's file.
    """

    root: Path
    table: Table
    dim: int  # numbers in a vector column
    max_rows: int = MAX_ROWS_PER_FILE

    def write(self, rows: Iterable[Row]) -> list[str]:
        """Write rows of any dates and return the paths of their files, relative to ``root``.

        Raises:
            OutputError: a file cannot be written.
            ValueError: a vector does not have ``dim`` numbers.
        """
        paths = []
        for path, data in self.files(rows):
            replace_file(self.root / path, data)
            paths.append(path)
        return paths

    def files(self, rows: Iterable[Row], prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Give path, relative to ``root``, and content of the files that rows would make.

        Args:
            prefix: of the part of the name that the ids of the rows decide.
        """
        by_date: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_date[utc_date(row[self.table.partition_by])].append(row)
        parts: list[list[Row]] = []
        paths = []
        for date in sorted(by_date):
            ordered = self._in_order(by_date[date])
            for number, start in enumerate(range(0, len(ordered), self.max_rows)):
                part = ordered[start : start + self.max_rows]
                ids = [self._row_id(row) for row in part]
                name = f"part-{prefix}{part_name(self.table, number, ids)}.parquet"
                paths.append(f"{self.table.name}/date={date}/{name}")
                parts.append(part)
        for path, table in zip(paths, self._arrow_tables(parts)):
            yield path, self._encode(table)

    def write_empty(self) -> str:
        """Write the file of a table that has no rows and return its path."""
        path = f"{self.table.name}/date={EMPTY_PARTITION}/{EMPTY_FILE}"
        replace_file(self.root / path, self._encode(self._arrow_table([])))
        return path

    def _in_order(self, rows: list[Row]) -> list[Row]:
        by_id = sorted(rows, key=self._row_id)
        if len({self._row_id(row) for row in rows}) == len(rows):
            return by_id
        # Dead letters may share their id and differ in the rest: the content decides.
        return sorted(rows, key=lambda row: (self._row_id(row), row_content(row)))

    def _row_id(self, row: Row) -> RowId:
        return tuple(row[column] for column in row_id_columns(self.table))

    def _encode(self, rows: pa.Table) -> bytes:
        sink = pa.BufferOutputStream()
        write_file(sink, self.table, file_schema(self.table, self.dim), [rows])
        return bytes(sink.getvalue())

    def _arrow_tables(self, parts: list[list[Row]]) -> Iterator[pa.Table]:
        """Make the table of each part; small ones together: fifty columns cost more than rows."""
        first = 0
        while first < len(parts):
            last, rows = first + 1, list(parts[first])
            while last < len(parts) and len(rows) + len(parts[last]) <= ROWS_AT_ONCE:
                rows += parts[last]
                last += 1
            table, start = self._arrow_table(rows), 0
            for part in parts[first:last]:
                yield table.slice(start, len(part))
                start += len(part)
            first = last

    def _arrow_table(self, rows: list[Row]) -> pa.Table:
        schema = file_schema(self.table, self.dim)
        columns = [
            self._vectors(column, rows, field.type)
            if column.vector
            else pa.array([row[column.name] for row in rows], type=field.type)
            for column, field in zip(self.table.columns, schema)
        ]
        return pa.Table.from_arrays(columns, schema=schema)

    def _vectors(self, column: Column, rows: list[Row], vector_type: Any) -> Any:
        vectors = [row[column.name] for row in rows]
        wrong = next((vector for vector in vectors if len(vector) != self.dim), None)
        if wrong is not None:
            raise ValueError(
                f"{self.table.name}.{column.name} has {len(wrong)} numbers, not {self.dim}"
            )
        flat = np.concatenate(vectors) if vectors else np.empty(0)
        return pa.FixedSizeListArray.from_arrays(
            pa.array(flat.astype(np.float32), type=pa.float32()), type=vector_type
        )


def row_id_columns(table: Table) -> tuple[str, ...]:
    """Name the columns that rows are sorted by and files are named by."""
    return (*table.key, table.partition_by)


def part_name(table: Table, number: int, ids: list[RowId]) -> str:
    """Name a file by the ids of its rows.

    Args:
        number: of the file among those of one day, written at once; it keeps apart two files
            that hold nothing but rows of the same id.
    """
    digest = hashlib.sha256(
        json.dumps([table.name, number, ids], default=datetime.isoformat).encode()
    )
    return digest.hexdigest()[:32]


@lru_cache(maxsize=16)
def file_schema(table: Table, dim: int) -> pa.Schema:
    """Give the schema of a table's files, with what they say of themselves."""
    metadata = {"table": table.name, "schema_version": SCHEMA_VERSION}
    return table.arrow_schema(dim).with_metadata(metadata)


def write_file(
    sink: Any,
    table: Table,
    schema: pa.Schema,
    parts: Iterable[pa.Table],
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write rows the way all files of a table are written.

    Args:
        sink: a path or an open file.
        parts: rows of this schema; each begins a new row group.
        notes: further metadata of the file.
    """
    plain = [column.name for column in table.columns if not column.repeated]
    texts = [column.name for column in table.columns if column.type == "string"]
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=texts,  # vectors never repeat: a dictionary of them is lost work
        write_statistics=plain,
    ) as writer:
        for part in parts:
            writer.write_table(part, row_group_size=ROWS_PER_GROUP)
        if notes:
            writer.add_key_value_metadata(dict(notes))


def row_content(row: Row) -> str:
    """Give all of a row as text: equal for rows that are equal, NaN included."""
    return repr([cell.tobytes() if isinstance(cell, np.ndarray) else cell for cell in row.values()])
