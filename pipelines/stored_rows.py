"""The rows of an output that count, from a folder or a dataset."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from schemas import SCHEMA_VERSION
from schemas.tables import TABLES
from transforms.write.bigquery.dataset import Dataset, bigquery_dataset
from transforms.write.manifest import read_run
from transforms.write.output import local_folder
from transforms.write.parquet import EMPTY_FILE
from transforms.write.removed import removed_articles, removed_rows
from transforms.write.rounds import committed_files

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Unusable:
    """A file in a table's folder that is passed over."""

    path: str  # relative to the output
    why: str


class StoredRows(Protocol):
    """The rows of finished rounds."""

    def batches(self, table: str, columns: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Give columns of a table, in no order that matters."""
        ...

    def unusable(self) -> tuple[Unusable, ...]:
        """List what is passed over: damaged, foreign or of another version."""
        ...

    def is_lost(self, article: str, revision: int, written: dict[str, set[int]]) -> bool:
        """Say whether the row of an article that was seen is gone, and is to come again.

        Args:
            written: the revisions of each article that have a row.
        """
        ...

    def lost_articles(self, counted: int, there: int) -> int:
        """Say how many of the rows counted were lost, when so many are there."""
        ...


def stored_rows(output: str, rounds: int, window_days: float) -> StoredRows:
    """Open what ``--output`` names."""
    dataset = bigquery_dataset(output)
    return (
        FolderRows(output, rounds) if dataset is None else DatasetRows(dataset, rounds, window_days)
    )


@dataclass(frozen=True)
class FolderRows:
    """The rows of the Parquet files of a folder; see ``StoredRows``."""

    output: str
    rounds: int  # that count

    def batches(self, table: str, columns: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """See ``StoredRows``."""
        import pyarrow.parquet as pq

        folder = local_folder(self.output)
        for name in _scan(self).usable.get(table, ()):
            with pq.ParquetFile(folder / name) as file:
                yield from file.iter_batches(columns=list(columns))

    def unusable(self) -> tuple[Unusable, ...]:
        """See ``StoredRows``."""
        return _scan(self).unusable

    def is_lost(self, article: str, revision: int, written: dict[str, set[int]]) -> bool:
        """See ``StoredRows``; what was removed because it was old is not lost."""
        return revision not in written.get(article, ()) and article not in _removed(self)

    def lost_articles(self, counted: int, there: int) -> int:
        """See ``StoredRows``."""
        return max(0, counted - there - removed_rows(local_folder(self.output)))


@dataclass(frozen=True)
class DatasetRows:
    """The rows of a dataset's last window; see ``StoredRows``. None is lost by itself there."""

    dataset: Dataset
    rounds: int
    window_days: float

    def batches(self, table: str, columns: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """See ``StoredRows``."""
        from transforms.write.bigquery.stored import read_batches

        yield from read_batches(self.dataset, table, columns, self.rounds, _since(self))

    def unusable(self) -> tuple[Unusable, ...]:
        """See ``StoredRows``."""
        return ()

    def is_lost(self, article: str, revision: int, written: dict[str, set[int]]) -> bool:
        """See ``StoredRows``."""
        return False

    def lost_articles(self, counted: int, there: int) -> int:
        """See ``StoredRows``."""
        return 0


@lru_cache(maxsize=1)
def _since(stored: DatasetRows) -> datetime | None:
    from transforms.write.bigquery.stored import window_start

    return window_start(stored.dataset, timedelta(days=stored.window_days))


@lru_cache(maxsize=1)
def _removed(stored: FolderRows) -> set[str]:
    return set(removed_articles(local_folder(stored.output)))


@dataclass(frozen=True)
class _Scan:
    usable: dict[str, tuple[str, ...]]  # paths by table
    unusable: tuple[Unusable, ...]


@lru_cache(maxsize=1)
def _scan(stored: FolderRows) -> _Scan:
    """Sort the files of an output into those that count and can be read, and the others."""
    import pyarrow.parquet as pq

    folder = local_folder(stored.output)
    run = read_run(stored.output) or {"files": []}
    counted = set(committed_files(folder, {**run, "rounds": stored.rounds}))
    usable: dict[str, list[str]] = defaultdict(list)
    unusable = []
    for table in TABLES:
        for path in sorted((folder / table.name).rglob("*")):
            name = path.relative_to(folder).as_posix()
            hidden = any(part.startswith(".") for part in Path(name).parts)
            if path.is_dir() or hidden or path.name == EMPTY_FILE:
                continue
            if name not in counted:
                unusable.append(Unusable(name, "not a file of a finished round"))
                continue
            try:
                with pq.ParquetFile(path) as file:
                    metadata = file.schema_arrow.metadata or {}
                    for _ in file.iter_batches():
                        pass
            except Exception as error:  # pyarrow meets damage with whatever it runs into
                unusable.append(Unusable(name, f"damaged: {_one_line(error)}"))
                continue
            version = metadata.get(b"schema_version", b"?").decode("utf-8", "replace")
            if version != SCHEMA_VERSION:
                unusable.append(Unusable(name, f"of schema version {version}"))
                continue
            usable[table.name].append(name)
    return _Scan({name: tuple(paths) for name, paths in usable.items()}, tuple(unusable))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
