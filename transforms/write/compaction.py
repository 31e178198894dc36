"""Make few files of the many that rounds leave, while a run goes on adding more.

What a partition of one day shall look like is built beside the tables, and then changes places
with it in one step: whoever lists the folder meets all of the old files or all of the new ones.
Where the system cannot do that, the new files are put in before the old ones go, and for a moment
rows stand twice.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.tables import TABLES, Table
from transforms.write.exchange import CANNOT, exchange
from transforms.write.file_names import round_of
from transforms.write.locks import COMPACT_LOCK, FILES_LOCK, compact_lock, files_lock
from transforms.write.manifest import UNFINISHED_FILE, read_run
from transforms.write.merging import (
    Source,
    UnusableError,
    identity,
    inspect,
    merge,
    read_rows,
    write_parts,
)
from transforms.write.output import OutputError, output_error
from transforms.write.parquet import EMPTY_FILE, MAX_ROWS_PER_FILE, ParquetFolder
from transforms.write.removed import remember_removed
from transforms.write.retention import Retention
from transforms.write.rounds import committed_files

# Beside the tables: DuckDB and polars also read folders and files whose names begin with a dot.
WORK_FOLDER = ".compact.tmp"

Partitions = dict[str, dict[str, list[str]]]  # table, date, names of files that count


@dataclass(frozen=True)
class Size:
    """What lies in a folder."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.files + other.files, self.bytes + other.bytes)


@dataclass(frozen=True)
class PassedOver:
    """A file or partition that was left as it is."""

    path: str  # relative to the output
    why: str


def finished_run(folder: Path) -> dict[str, Any]:
    """Read the summary of an output that can be compacted.

    Raises:
        OutputError: there is none, or a run that is not one of rounds is under way.
    """
    run = read_run(str(folder))
    if run is None:
        raise OutputError(
            f"{folder} holds no output of a run: give the --output of a detect_events run"
        )
    if os.path.lexists(folder / UNFINISHED_FILE):
        raise OutputError(
            f"a run is writing to {folder}, or was interrupted: let it end, or run it again"
        )
    return run


def list_partitions(folder: Path, run: dict[str, Any]) -> Partitions:
    """List the files that count by table and date, without those of tables that are empty."""
    found: Partitions = {table.name: {} for table in TABLES}
    for path in committed_files(folder, run):
        table, partition, name = path.split("/")
        plain = (folder / path).is_file() and not (folder / path).is_symlink()
        if plain and name != EMPTY_FILE:
            found[table].setdefault(partition.removeprefix("date="), []).append(name)
    return found


@contextmanager
def compacting(folder: Path) -> Iterator[Path]:
    """Make this the only compaction of an output while the block runs; gives a folder to work in.

    What a compaction that was killed left is removed first.

    Raises:
        OutputError: another one is under way, or the folder cannot be written.
    """
    work = folder / WORK_FOLDER
    with compact_lock(folder):
        with files_lock(folder):
            pass  # there is such a file now
        try:
            for name in (COMPACT_LOCK, FILES_LOCK):
                _own_like(folder / name, folder.stat(), must=False)
            _clear(folder, work)
            work.mkdir()
            yield work
        except OSError as error:
            raise output_error(Path(error.filename or folder), error) from error
        finally:
            _discard(work)


def _clear(folder: Path, work: Path) -> None:
    """Remove what a compaction that was killed left."""
    if work.is_symlink() or work.is_file():
        work.unlink()
    shutil.rmtree(work, ignore_errors=True)
    for table in TABLES:
        for path in (folder / table.name).glob("date=*/.part-compact-*.tmp"):
            path.unlink(missing_ok=True)


@dataclass
class Compaction:
    """Merges and removes partitions of one output; see ``compacting`` for ``work``.

    Args:
        run: run.json as it was when this began: later rounds are left for the next time.
        work: empty folder on the same disk; None to change nothing.
        min_files: partitions with fewer are left as they are.
    """

    folder: Path
    run: dict[str, Any]
    work: Path | None
    min_files: int = 2
    max_rows: int = MAX_ROWS_PER_FILE
    passed_over: list[PassedOver] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.partitions = list_partitions(self.folder, self.run)

    def size(self, table: Table) -> Size:
        """Say what the files of a table that count amount to, as far as this knows of them."""
        folder = self.folder / table.name
        files = [
            folder / f"date={date}" / name
            for date, names in self.partitions[table.name].items()
            for name in names
        ]
        if self.work is None:
            return Size(len(files))  # some of them are only planned
        try:
            return Size(len(files), sum(os.lstat(path).st_size for path in files))
        except FileNotFoundError as error:
            raise OutputError(
                f"{folder}: files are gone that lay there a moment ago: run this again when "
                "nobody else removes any"
            ) from error

    def merge_table(self, table: Table) -> Iterator[str]:
        """Merge every partition that has files to merge; gives their dates as they are done.

        Raises:
            OSError: a file cannot be written.
            OutputError: the output was changed by somebody else.
        """
        for date in sorted(self.partitions[table.name]):
            names = self._merge(table, date)
            if names is not None:
                self.partitions[table.name][date] = names
                yield date

    def _merge(self, table: Table, date: str) -> list[str] | None:
        """Merge a partition; gives the names of its files, None when it was left as it is."""
        partition = self.folder / table.name / f"date={date}"
        sources = self._sources(table, date)
        if not self._worth_it(sources):
            return None
        if self.work is None:
            return self._after(table, date, sources, [f"part {n}" for n in self._fewest(sources)])
        read = list(self._read(table, sources))
        sources = [source for source, _ in read]
        if not self._worth_it(sources):
            return None
        staged = self.work / table.name / f"date={date}"
        staged.mkdir(parents=True)
        try:
            merged = merge(table, [source.unit for source in sources], [rows for _, rows in read])
            del read
            parts = write_parts(merged, staged, self.max_rows, {s.path.name for s in sources})
        except pa.ArrowException as error:
            why = f"cannot be merged: {' '.join(str(error).split())[:200]}"
        else:
            why = self._publish(partition, staged, sources, parts)
        _discard(staged)
        if why:
            self._pass_over(partition, why)
            return None
        return self._after(table, date, sources, parts)

    def _after(self, table: Table, date: str, sources: list[Source], parts: list[str]) -> list[str]:
        gone = {source.path.name for source in sources}
        return [*(n for n in self.partitions[table.name][date] if n not in gone), *parts]

    def _sources(self, table: Table, date: str) -> list[Source]:
        partition = self.folder / table.name / f"date={date}"
        found: list[Source] = []
        for name in self.partitions[table.name][date]:
            number = round_of(f"{table.name}/date={date}/{name}")
            try:
                source = inspect(partition / name, table, f"round {number}")
                if found and source.dim != found[0].dim:
                    raise UnusableError(f"its vectors have {source.dim} numbers")
                found.append(source)
            except UnusableError as error:
                self._pass_over(partition / name, str(error))
        return found

    def _read(self, table: Table, sources: list[Source]) -> Iterator[tuple[Source, pa.Table]]:
        for source in sources:
            try:
                yield source, read_rows(source, table)
            except UnusableError as error:
                self._pass_over(source.path, str(error))

    def _worth_it(self, sources: list[Source]) -> bool:
        names = {source.path.name for source in sources}
        fewest = len(self._fewest(sources))
        if any(source.replaces & names for source in sources):
            return fewest > 0  # a merge was killed before it removed these
        return len(sources) >= self.min_files and len(sources) > fewest > 0

    def _fewest(self, sources: list[Source]) -> range:
        return range(-(-sum(source.rows for source in sources) // self.max_rows))

    def _pass_over(self, path: Path, why: str) -> None:
        found = PassedOver(path.relative_to(self.folder).as_posix(), why)
        if found not in self.passed_over:
            self.passed_over.append(found)

    def _publish(
        self, partition: Path, staged: Path, sources: list[Source], parts: list[str]
    ) -> str:
        """Let merged files take the place of their sources; gives what keeps them from it."""
        with files_lock(self.folder):
            self._check_still_there()
            why = _obstacle(partition, sources, parts)
            if why:
                return why
            if not _swap(partition, staged, {source.path.name for source in sources}):
                _replace_one_by_one(partition, staged, sources, parts)
        return ""

    def _check_still_there(self) -> None:
        """Make sure that the output was not replaced since this began. Hold ``files_lock``."""
        if finished_run(self.folder).get("rounds", 0) < self.run.get("rounds", 0):
            raise OutputError(f"{self.folder} was written anew meanwhile: run this again")

    def remove_old(self, retention: Retention) -> int:
        """Remove the partitions that may go; gives their number.

        Raises:
            OSError: a file cannot be removed.
            OutputError: the output was changed by somebody else.
        """
        removed = 0
        if self.work is not None:
            remember_removed(
                self.folder, retention.article_rows, retention.articles, retention.sighted
            )
        for table in TABLES:
            dates = retention.removable.get(table.name, ())
            if self.work is not None and dates and len(dates) == len(self.partitions[table.name]):
                ParquetFolder(self.folder, table, retention.dims.get(table.name, 0)).write_empty()
            for date in dates:
                if self.work is None or self._remove(self.work, table.name, date):
                    del self.partitions[table.name][date]
                    removed += 1
        return removed

    def _remove(self, work: Path, table: str, date: str) -> bool:
        partition, aside = self.folder / table / f"date={date}", work / table / f"date={date}"
        aside.parent.mkdir(exist_ok=True)
        names = set(self.partitions[table][date])
        with files_lock(self.folder):
            self._check_still_there()
            strange = next((name for name in os.listdir(partition) if name not in names), None)
            if strange is not None or partition.is_symlink():
                self._pass_over(partition / (strange or ""), "keeps an old partition in place")
                return False
            try:
                os.rename(partition, aside)
            except OSError as error:
                if error.errno not in CANNOT:
                    raise
                for name in names:
                    (partition / name).unlink()
                partition.rmdir()
                return True
            if set(os.listdir(aside)) - names:  # came while it was renamed
                os.rename(aside, partition)
                return False
            _sync(partition.parent)
        _discard(aside)
        return True


def _obstacle(partition: Path, sources: list[Source], parts: list[str]) -> str:
    """Say what makes it wrong to replace the sources; "" when nothing does."""
    for source in sources:
        try:
            changed = identity(source.path.stat(follow_symlinks=False)) != source.identity
        except FileNotFoundError:
            changed = True
        if changed:
            return f"{source.path.name} was changed meanwhile"
    names = {source.path.name for source in sources}
    for entry in _entries(partition):
        if entry.is_dir(follow_symlinks=False):
            return f"it holds a folder, {entry.name}: move that elsewhere"
        if entry.name in parts and entry.name not in names:
            return f"{entry.name} is in the way"
    return ""


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        return list(entries)


def _swap(partition: Path, staged: Path, gone: set[str]) -> bool:
    """Let ``staged``, with all else that lies in the partition, take its place in one step.

    Returns:
        False where that cannot be done; nothing has changed then.
    """
    if partition.is_symlink():
        return False
    try:
        known = gone | set(os.listdir(staged))
        for path in staged.iterdir():
            _own_like(path, partition.stat())
        _bring_over(partition, staged, gone)
        _own_like(staged, partition.stat())
        _sync(staged)
        if not exchange(staged, partition):
            return False
    except OSError as error:
        if error.errno in CANNOT or error.errno == errno.EMLINK:
            return False
        raise
    # A file that was made by its path a moment ago may have come to lie in the old folder.
    _bring_over(staged, partition, known)
    for changed in (partition, partition.parent, staged.parent):
        _sync(changed)
    return True


def _bring_over(source: Path, target: Path, but: set[str]) -> None:
    """Let all files of a folder lie in another as well."""
    for entry in _entries(source):
        if entry.name not in but and not os.path.lexists(target / entry.name):
            try:
                os.link(entry.path, target / entry.name, follow_symlinks=False)
            except FileNotFoundError:
                continue  # a temporary file, by now renamed or removed


def _replace_one_by_one(
    partition: Path, staged: Path, sources: list[Source], parts: list[str]
) -> None:
    """Put the new files in, then take the old ones out."""
    for name in parts:
        temporary = partition / f".{name}.{os.getpid()}-0.tmp"
        try:
            shutil.copyfile(staged / name, temporary)
            _own_like(temporary, partition.stat(), must=False)
            _sync(temporary)
            os.replace(temporary, partition / name)
        finally:
            temporary.unlink(missing_ok=True)
    _sync(partition)
    for source in sources:
        if source.path.name not in parts:
            source.path.unlink()
    _sync(partition)


def _own_like(path: Path, status: os.stat_result, must: bool = True) -> None:
    """Give a file or folder the owner of another, and a folder its permissions as well.

    A run of that owner goes on writing there, also when this is run by somebody else.
    """
    own = path.stat()
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.chown(path, status.st_uid, status.st_gid)
        except PermissionError:
            if must:
                raise
    if stat.S_ISDIR(own.st_mode):
        path.chmod(stat.S_IMODE(status.st_mode))


def _sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
