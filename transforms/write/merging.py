"""Merge the rows of several Parquet files of one partition, without losing or doubling any."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas import SCHEMA_VERSION
from schemas.tables import Table
from transforms.write.output import OutputError
from transforms.write.parquet import (
    ROWS_PER_GROUP,
    file_schema,
    part_name,
    row_content,
    row_id_columns,
    write_file,
)

REPLACES = "replaces"  # in a file's metadata: JSON list of the files it was made of
_COMPARED_AT_ONCE = 2_000  # rows with the same id, held as text


class UnusableError(Exception):
    """A file cannot be merged with others; the message says why."""


@dataclass(frozen=True)
class Source:
    """A file whose rows may be merged with others, as far as its footer tells."""

    path: Path
    rows: int
    bytes: int
    identity: tuple[int, ...]  # changes when the file does
    dim: int  # numbers in a vector; 0 in a table without vectors
    replaces: frozenset[str]  # names of the files it was made of
    unit: str  # files of one unit were written together, and hold each row once between them


@dataclass(frozen=True)
class Merged:
    """Rows of several files, in the order of their ids, each as often as it counts."""

    table: Table
    rows: pa.Table
    order: Any  # places in ``rows``
    distinct: int  # keys of ``rows``

    def parts(self, max_rows: int) -> Iterator[tuple[str, Any]]:
        """Give name and places of the files the rows go into."""
        columns = row_id_columns(self.table)
        for number, start in enumerate(range(0, len(self.order), max_rows)):
            places = self.order[start : start + max_rows]
            ids = self.rows.select(_unique(columns)).take(places).to_pylist()
            named = [tuple(row[column] for column in columns) for row in ids]
            yield f"part-compact-{part_name(self.table, number, named)}.parquet", places


def inspect(path: Path, table: Table, unit: str) -> Source:
    """Look at the footer of a file.

    Args:
        unit: what it was written with; a file that was merged says itself.

    Raises:
        UnusableError: it is damaged, or of another version or table.
    """
    try:
        status = path.stat(follow_symlinks=False)
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            notes = dict(file.metadata.metadata or {})
        replaces = json.loads(notes.get(REPLACES.encode(), b"[]"))
    except FileNotFoundError as error:
        raise UnusableError("gone meanwhile") from error
    except Exception as error:  # pyarrow meets damage with whatever it runs into
        raise UnusableError(f"damaged: {_one_line(error)}") from error
    version = notes.get(b"schema_version", b"?").decode("utf-8", "replace")
    if version != SCHEMA_VERSION:
        raise UnusableError(f"of schema version {version}")
    dim = _dim(schema, table)
    if not schema.equals(file_schema(table, dim)):
        raise UnusableError(f"its columns are not those of {table.name}")
    return Source(
        path=path,
        rows=rows,
        bytes=status.st_size,
        identity=identity(status),
        dim=dim,
        replaces=frozenset(map(str, replaces)),
        unit=json.dumps(replaces) if replaces else unit,
    )


def identity(status: os.stat_result) -> tuple[int, ...]:
    """Tell a file from another one, or from itself after a change."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def read_rows(source: Source, table: Table) -> pa.Table:
    """Read all of a file.

    Raises:
        UnusableError: it is damaged.
    """
    try:
        with pq.ParquetFile(source.path) as file:
            rows = file.read(use_threads=False)
        return pa.Table.from_arrays(rows.columns, schema=file_schema(table, source.dim))
    except Exception as error:  # pyarrow meets damage with whatever it runs into
        raise UnusableError(f"damaged: {_one_line(error)}") from error


def merge(table: Table, units: Sequence[str], parts: Sequence[pa.Table]) -> Merged:
    """Put rows in order, and keep once what several files hold.

    A row stands as often as in that unit which has it most often: an item can fail twice in one
    run, but what two units have in common is a file beside one that was made of it. Rows that
    share an id and differ in anything else are all kept.

    Args:
        units: of each of ``parts``; see ``Source``.
    """
    rows = pa.concat_tables(parts)
    names = _unique(row_id_columns(table))
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in names]).to_numpy()
    same = _same_as_before(rows.select(names).take(order))
    if same.any():
        unit = np.repeat(np.arange(len(parts)), [part.num_rows for part in parts])
        by_unit = {name: number for number, name in enumerate(dict.fromkeys(units))}
        unit = np.array([by_unit[name] for name in units])[unit]
        order = _without_doubles(table, rows, order, same, unit)
    return Merged(table, rows, order, count_keys(rows, table))


def count_keys(rows: pa.Table, table: Table) -> int:
    """Count the different keys of rows."""
    keys = rows.select(list(table.key))
    return int(keys.group_by(list(table.key), use_threads=False).aggregate([]).num_rows)


def write_parts(merged: Merged, folder: Path, max_rows: int, sources: set[str]) -> list[str]:
    """Write merged rows into ``folder``, look whether all is there, and give the files' names.

    Args:
        sources: names of the files they were read from.

    Raises:
        OSError: a file cannot be written.
        OutputError: what was written is not what was read.
    """
    parts = list(merged.parts(max_rows))
    names = [name for name, _ in parts]
    notes = {REPLACES: json.dumps(sorted(sources - set(names)))}
    keys = []
    for name, places in parts:
        with (folder / name).open("wb") as file:
            write_file(file, merged.table, merged.rows.schema, _groups(merged, places), notes)
            file.flush()
            os.fsync(file.fileno())
        keys.append(_checked(folder / name, merged, places))
    distinct = count_keys(pa.concat_tables(keys), merged.table)
    if distinct != merged.distinct:
        raise OutputError(
            f"{folder}: {merged.distinct:,} keys were read and {distinct:,} written: nothing was "
            "replaced; please report it with this folder"
        )
    return names


def _groups(merged: Merged, places: Any) -> Iterator[pa.Table]:
    for start in range(0, len(places), ROWS_PER_GROUP):
        yield merged.rows.take(places[start : start + ROWS_PER_GROUP])


def _checked(path: Path, merged: Merged, places: Any) -> pa.Table:
    """Read a written file back, compare it, and give its keys."""
    plain = [
        column.name
        for column in merged.table.columns
        if not column.repeated and not column.type.startswith("float")  # NaN equals nothing
    ]
    keys = []
    with pq.ParquetFile(path) as file:
        for number, expected in enumerate(_groups(merged, places)):
            found = file.read_row_group(number, use_threads=False)
            whole = found.num_rows == expected.num_rows
            if not whole or not found.select(plain).equals(expected.select(plain)):
                raise OutputError(f"{path}: what was written cannot be read back: check the disk")
            keys.append(found.select(list(merged.table.key)))
        if file.metadata.num_rows != len(places):
            raise OutputError(f"{path}: what was written cannot be read back: check the disk")
    return pa.concat_tables(keys)


def _same_as_before(ids: pa.Table) -> Any:
    """Say of each row whether its id is that of the row before."""
    same = np.ones(max(ids.num_rows - 1, 0), dtype=bool)
    for column in ids.columns:
        equal = pc.equal(column.slice(1), column.slice(0, len(same)))
        same &= pc.fill_null(equal, True).to_numpy()
    return np.concatenate([[False], same]) if ids.num_rows else same


def _without_doubles(table: Table, rows: pa.Table, order: Any, same: Any, unit: Any) -> Any:
    """Order rows that share an id by their content, and leave out doubles."""
    first = np.flatnonzero(~same)  # of each run of equal ids
    length = np.diff(np.append(first, len(order)))
    kept = np.ones(len(order), dtype=bool)
    ordered = order.copy()
    runs = [(int(at), int(n)) for at, n in zip(first[length > 1], length[length > 1])]
    for some in _some_at_once(runs):
        spots = np.concatenate([np.arange(at, at + n) for at, n in some])
        texts = dict(zip(spots.tolist(), _contents(table, rows.take(order[spots]))))
        for at, n in some:
            spot = at
            by_text = sorted(range(at, at + n), key=texts.__getitem__)
            for _, equal in groupby(by_text, key=texts.__getitem__):
                places = [int(order[one]) for one in equal]
                often = max(Counter(int(unit[place]) for place in places).values())
                for number, place in enumerate(places):
                    ordered[spot], kept[spot] = place, number < often
                    spot += 1
    return ordered[kept]


def _some_at_once(runs: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    some: list[tuple[int, int]] = []
    count = 0
    for run in runs:
        some.append(run)
        count += run[1]
        if count >= _COMPARED_AT_ONCE:
            yield some
            some, count = [], 0
    if some:
        yield some


def _dim(schema: pa.Schema, table: Table) -> int:
    """Say how many numbers the vectors have; 0 where the table has none."""
    for column in table.columns:
        if column.vector and column.name in schema.names:
            return int(getattr(schema.field(column.name).type, "list_size", 0))
    return 0


def _contents(table: Table, rows: pa.Table) -> list[str]:
    vectors = {
        column.name: _numbers(rows.column(column.name)) for column in table.columns if column.vector
    }
    plain = rows.drop_columns(list(vectors)).to_pylist()
    return [
        row_content(row | {name: numbers[place] for name, numbers in vectors.items()})
        for place, row in enumerate(plain)
    ]


def _numbers(column: Any) -> Any:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), -1)


def _unique(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
