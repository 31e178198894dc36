"""Write the output of a run that goes on: rows are collected, and published round by round.

A round is one step for whoever reads the output after a stop: its files lie there under temporary
names, get their own names, and count from the moment run.json names the round. Files of a round
that run.json does not name were left by a run that was killed in between, and do not count.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from schemas import Reading, Rejected
from transforms.write.file_names import (
    files_of_tables,
    is_compacted,
    is_of_a_run,
    is_temporary,
    round_of,
)
from transforms.write.locks import files_lock
from transforms.write.manifest import RUN_FILE, is_unfinished, read_run, remove_mark
from transforms.write.output import (
    OutputError,
    local_folder,
    output_error,
    replace_file,
    write_durably,
)
from transforms.write.parquet import ParquetFolder
from transforms.write.rows import ROW_SOURCES, Row, rows_of, table_of, utc_date

_MOST_LETTERS = 200_000  # known at once; beyond that those of the same day, and no more
READINGS = "readings"  # records that go into no table, but make rows of fetch_log


def committed_files(folder: Path, run: dict[str, Any]) -> list[str]:
    """List the Parquet files of the tables that count, by paths relative to the output."""
    listed, rounds = set(run["files"]), run.get("rounds", 0)
    found = []
    for path in files_of_tables(folder):
        number = round_of(path)
        if path in listed or is_compacted(path) or (number is not None and number <= rounds):
            found.append(path)
    return sorted(found)


def remove_uncommitted(folder: Path, run: dict[str, Any]) -> int:
    """Remove what a run that was killed left of the round it was at; gives the number of files.

    Raises:
        OutputError: a file cannot be removed; or there are files of later rounds, which run.json
            would have named if it were the last one.
    """
    rounds, listed = run.get("rounds", 0), set(run["files"])
    latest = max((round_of(path) or 0 for path in files_of_tables(folder)), default=0)
    if latest > rounds + 1:  # a run that is killed leaves files of one round
        raise OutputError(
            f"{folder}/{RUN_FILE} knows {rounds} rounds, but there are files of later ones, which "
            "it would have named: put back the last run.json, or choose another folder"
        )
    cut_off = is_unfinished(folder)  # a run of the other kind, which ends, left files as well
    removed = 0
    for path in files_of_tables(folder):
        stray = cut_off and is_of_a_run(path) and path not in listed
        if is_temporary(path) or stray or (round_of(path) or 0) > rounds:
            try:
                (folder / path).unlink(missing_ok=True)
            except OSError as error:
                raise output_error(folder / path, error) from error
            removed += 1
    return removed


@dataclass
class Round:
    """What a round added."""

    number: int
    rows: Counter[str] = field(default_factory=Counter)  # by table
    records: dict[str, list[Any]] = field(default_factory=dict)  # by table


class RoundStore(Protocol):
    """Where rounds are published; see ``FolderStore``."""

    def begin(self, run: dict[str, Any]) -> None:
        """Make every table readable before the first row comes."""
        ...

    def check(self, number: int) -> None:
        """Make sure that ``number`` is still the last round."""
        ...

    def publish(
        self, number: int, rows: dict[str, list[Row]], run: Callable[[], dict[str, Any]]
    ) -> None:
        """Add the rows of a round in one step; ``run`` says what run.json is to hold then."""
        ...

    def sign(self, run: dict[str, Any]) -> None:
        """Say anew what run.json holds."""
        ...


class FolderStore:
    """Publishes rounds as Parquet files of a folder."""

    def __init__(self, output: str, dim: int) -> None:
        self._folder = local_folder(output)
        self._tables = {
            name: ParquetFolder(self._folder, source.table, dim)
            for name, source in ROW_SOURCES.items()
        }

    def begin(self, run: dict[str, Any]) -> None:
        """See ``RoundStore``.

        Raises:
            OutputError: the folder cannot be written.
        """
        self.sign(run)  # first, so that a run killed here leaves an output that can be gone on from
        remove_mark(self._folder)
        for name, table in self._tables.items():
            if not any((self._folder / name).glob("date=*/*.parquet")):
                table.write_empty()

    def check(self, number: int) -> None:
        """See ``RoundStore``.

        Raises:
            OutputError: run.json says otherwise, or is gone.
        """
        run = read_run(str(self._folder))
        if run is None or run.get("rounds") != number:
            raise OutputError(
                f"{self._folder}/{RUN_FILE} is gone or was changed by somebody else: put the "
                "folder back and go on with --resume, or choose another folder"
            )

    def publish(
        self, number: int, rows: dict[str, list[Row]], run: Callable[[], dict[str, Any]]
    ) -> None:
        """See ``RoundStore``.

        Raises:
            OutputError: it cannot be written; what was published before is untouched.
        """
        files = {
            path: data
            for name, own in rows.items()
            for path, data in self._tables[name].files(own, f"{number:09d}-")
        }
        with files_lock(self._folder):  # a compaction could leave a temporary file behind
            for temporary, path in self._stage(files):
                try:
                    os.replace(temporary, path)
                except OSError as error:
                    raise output_error(path, error) from error
            self.sign(run())

    def sign(self, run: dict[str, Any]) -> None:
        """See ``RoundStore``."""
        text = json.dumps(run, sort_keys=True, indent=2, allow_nan=False)
        replace_file(self._folder / RUN_FILE, f"{text}\n".encode(), durable=True)

    def _stage(self, files: dict[str, bytes]) -> list[tuple[Path, Path]]:
        """Write files under temporary names; all of them or none."""
        staged: list[tuple[Path, Path]] = []
        try:
            for name, data in files.items():
                path = self._folder / name
                temporary = path.with_name(f".{path.name}.{os.getpid()}-0.tmp")
                staged.append((temporary, path))
                write_durably(temporary, data)
        except OutputError:
            for temporary, _ in staged:
                temporary.unlink(missing_ok=True)
            raise
        return staged


class Rounds:
    """Collects records and publishes them as the next round of an output.

    A dead letter that was written before on the same day is not written again; it is counted.

    Args:
        number: of the last round that counts.
        run: gives what else run.json is to say; asked at each commit.
        letters: dead letters that were written before, see ``letter_name``.
    """

    def __init__(
        self,
        store: RoundStore,
        number: int,
        run: Callable[[], dict[str, Any]],
        letters: Iterable[str] = (),
    ) -> None:
        self.number = number
        self._store = store
        self._run = run
        self._letters = set(letters)
        self._letters_of = ""  # the day that all of them are of, once there were too many
        self._rows: dict[str, list[Row]] = {}
        self._records: dict[str, list[Any]] = {}
        self._readings: list[Reading] = []

    def has_rows(self) -> bool:
        """Say whether there is anything to commit."""
        return bool(self._rows)

    def collected(self, name: str) -> list[Any]:
        """Give the records taken for a table since the last commit."""
        return list(self._records.get(name, ()))

    def take_readings(self) -> list[Reading]:
        """Give the readings that came since the last call."""
        taken, self._readings = self._readings, []
        return taken

    def add(self, name: str, record: Any) -> int:
        """Take a record for a table, ``MOVED`` or ``READINGS``; gives the number of its rows."""
        if name == READINGS:
            self._readings.append(record)
            return 0
        if name == "dead_letters" and not self._is_new(record):
            return 0
        rows = rows_of(name, record)
        self._rows.setdefault(table_of(name).name, []).extend(rows)
        self._records.setdefault(name, []).append(record)
        return len(rows)

    def _is_new(self, rejected: Rejected) -> bool:
        name = letter_name(
            rejected.stage, rejected.key, rejected.reason, rejected.payload_sha256,
            rejected.first_failed_at,
        )  # fmt: skip
        if name in self._letters:
            return False
        day = utc_date(rejected.first_failed_at)
        if len(self._letters) >= _MOST_LETTERS and day != self._letters_of:
            self._letters = {known for known in self._letters if known.startswith(day)}
            self._letters_of = day
        if len(self._letters) < _MOST_LETTERS:
            self._letters.add(name)
        return True

    def begin(self) -> None:
        """Make every table readable before the first row comes.

        Raises:
            OutputError: the output cannot be written.
        """
        self._store.begin(self._run() | {"rounds": self.number})

    def commit(self) -> Round:
        """Publish what was collected since the last commit, in one step.

        Raises:
            OutputError: it cannot be written; what was committed before is untouched.
        """
        self._store.check(self.number)
        if not self._rows:
            self._store.sign(self._run() | {"rounds": self.number})
            return Round(self.number)
        number = self.number + 1
        for rows in self._rows.values():
            for row in rows:
                row["round"] = number
        self._store.publish(number, self._rows, lambda: self._run() | {"rounds": number})
        self.number = number
        ended = Round(number, Counter({n: len(r) for n, r in self._rows.items()}), self._records)
        self._rows, self._records = {}, {}
        return ended


def letter_name(stage: str, key: str, reason: str, sha256: str, at: datetime) -> str:
    """Name a dead letter, the same for all of one day that are about the same thing."""
    return "\x00".join((utc_date(at), stage, key, reason, sha256))


_open: dict[str, Rounds] = {}


def register(rounds: Rounds, name: str) -> None:
    """Let the workers of this process find ``rounds`` by a name."""
    _open[name] = rounds


def registered(name: str) -> Rounds:
    """Find what ``register`` was given.

    Raises:
        OutputError: this is another process.
    """
    if name not in _open:
        raise OutputError("rounds are written by one process: use one in-memory worker")
    return _open[name]


def release(name: str) -> None:
    """Forget what ``register`` was given."""
    _open.pop(name, None)
