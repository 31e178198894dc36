"""Which Parquet files of an output count, and what has changed since they were last looked at."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.report.tables import ReportError
from schemas.tables import TABLES
from transforms.write.file_names import files_of_tables, is_compacted
from transforms.write.manifest import RUN_FILE, UNFINISHED_FILE, read_run
from transforms.write.merging import REPLACES
from transforms.write.output import OutputError
from transforms.write.parquet import EMPTY_FILE
from transforms.write.rounds import committed_files

_ATTEMPTS = 5  # to list files while rounds end
_FIX = "give the --output of a detect_events run"


@dataclass(frozen=True)
class Listing:
    """What lay in the folder at one moment."""

    files: frozenset[str]  # that count, by paths relative to the folder
    run: Mapping[str, Any] = field(default_factory=dict)  # run.json; empty when there is none
    unfinished: bool = False  # a run is going on that is not one of rounds, or was interrupted

    @property
    def round(self) -> int:
        """Number of the last round that counts; 0 of a run that ends."""
        rounds = self.run.get("rounds", 0)
        return rounds if isinstance(rounds, int) else 0

    def digest(self) -> str:
        """Name the state: it changes when a file comes or goes, or when run.json says more."""
        told = json.dumps([sorted(self.files), self.run, self.unfinished], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Plan:
    """What to do about a new listing."""

    read: tuple[str, ...]  # files with rows that are not known, in order of their dates
    rebuild: bool = False  # rows are gone: begin anew with all files


def list_output(folder: Path) -> Listing:
    """List the files that count at one moment, without those of a round that is being written.

    Files that run.json does not know are passed over; without a run.json all of them count.

    Raises:
        ReportError: the folder is missing, or holds no output of a run.
    """
    if not folder.is_dir():
        raise ReportError(f"{folder}: no such folder; {_FIX}")
    before = _read_run(folder)
    for _ in range(_ATTEMPTS):
        listing = _list(folder, before)
        after = _read_run(folder)
        if after == before:
            break
        before = after
    if not listing.run and not any((folder / table.name).is_dir() for table in TABLES):
        raise ReportError(f"{folder}: holds neither {RUN_FILE} nor tables; {_FIX}")
    return listing


def plan_update(
    present: frozenset[str],
    known: frozenset[str],
    files: frozenset[str],
    replaced: Mapping[str, set[str]],
) -> Plan:
    """Decide which files to read.

    A file that a compaction made of known ones brings nothing new, and what it was made of may
    go. Whenever rows may be gone, as when days were removed, all is read again.

    Args:
        present: files that were there the last time.
        known: files whose rows are known, with those that these were made of.
        files: those that are there now.
        replaced: paths that each compacted file among them was made of.
    """
    covered = set().union(*replaced.values()) if replaced else set()
    new = files - known
    old = {path for path in new if replaced.get(path, {path}) <= known}
    mixed = any(replaced.get(path, set()) & known for path in new - old)
    if mixed or not present - files <= covered:
        return Plan(in_order(files - covered), rebuild=True)
    return Plan(in_order(new - old - covered))


def in_order(files: Iterable[str]) -> tuple[str, ...]:
    """Sort by date, then by table and name."""
    return tuple(sorted(files, key=lambda path: (path.split("/")[1], path)))


def replaced_by(folder: Path, files: Iterable[str]) -> dict[str, set[str]]:
    """Say of each compacted file which paths it was made of; an unreadable one names none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, set[str]] = {}
    for path in filter(is_compacted, files):
        try:
            notes = pq.read_metadata(folder / path).metadata or {}
            names = json.loads(notes.get(REPLACES.encode(), b"[]"))
        except (OSError, ValueError, pa.ArrowException):
            names = []
        partition = path.rpartition("/")[0]
        found[path] = {f"{partition}/{name}" for name in names}
    return found


def _list(folder: Path, run: dict[str, Any]) -> Listing:
    try:
        paths = list(files_of_tables(folder))
    except OSError as error:
        raise ReportError(f"{folder}: cannot be listed ({error.strerror})") from error
    counted = committed_files(folder, run) if run else [p for p in paths if _is_plain(p)]
    files = frozenset(path for path in counted if not path.endswith(f"/{EMPTY_FILE}"))
    return Listing(files & frozenset(paths), run, (folder / UNFINISHED_FILE).exists())


def _is_plain(path: str) -> bool:
    return path.endswith(".parquet") and not path.rpartition("/")[2].startswith((".", "_"))


def _read_run(folder: Path) -> dict[str, Any]:
    try:
        return read_run(str(folder)) or {}
    except OutputError:
        return {}  # not one of ours: the tables may be
