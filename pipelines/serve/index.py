"""An index of one output in a DuckDB database of this process, kept up to date while it is read."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.report.tables import ReportError
from pipelines.serve.files import Listing, Plan, list_output, plan_update, replaced_by
from pipelines.serve.rows import GoneError, Reader
from pipelines.serve.update import INDEXES, UnmergedError, create_tables, take_in

MEMORY_MB = 512
THREADS = 2
_READERS = 4  # at once; others wait
_QUERY_SECONDS = 20.0
_ATTEMPTS = 5  # to read files that are merged meanwhile


class BusyError(Exception):
    """A question took too long and was given up."""


@dataclass(frozen=True)
class State:
    """What the index holds."""

    digest: str  # names the state of the output; changes with it
    round: int
    run: dict[str, Any]
    files: int
    unfinished: bool
    passed_over: tuple[tuple[str, str], ...] = ()  # files that cannot be read, and why


class _Database:
    """One DuckDB database in a folder of its own; read by many, written by one."""

    def __init__(self, folder: Path, memory_mb: int) -> None:
        import duckdb

        self.path = Path(tempfile.mkdtemp(prefix="index-", dir=folder))
        self.connection = duckdb.connect(
            str(self.path / "index.duckdb"),
            config={
                "memory_limit": f"{memory_mb}MB",
                "threads": str(THREADS),
                "temp_directory": str(self.path / "spill"),
                "preserve_insertion_order": "true",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        self.connection.execute("SET GLOBAL TimeZone = 'UTC'")
        self.users = 0
        self.retired = False
        self.state: State | None = None

    def close(self) -> None:
        self.connection.close()
        shutil.rmtree(self.path, ignore_errors=True)


@dataclass
class Index:
    """The present state of an output, without bodies, vectors and payloads.

    It lives in a temporary database file that DuckDB reads through at most ``memory_mb`` of
    buffers, and knows what the views of ``deploy/sql`` say of each article and event. New files
    are added; whenever rows may have gone, a second database is built while the first one answers.
    Answers never touch the files of the output.
    """

    folder: Path
    memory_mb: int = MEMORY_MB
    work: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="newsevents-serve-")))
    _database: _Database | None = None
    _present: frozenset[str] = frozenset()
    _known: frozenset[str] = frozenset()
    _replaced: dict[str, set[str]] = field(default_factory=dict)
    _passed_over: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_READERS))

    def refresh(self) -> bool:
        """Look at the output and take in what is new; says whether anything was.

        Raises:
            ReportError: the output cannot be read; what was known is still answered.
        """
        with self._writing:
            for _ in range(_ATTEMPTS):
                try:
                    return self._refresh()
                except GoneError:
                    continue
        raise ReportError(f"{self.folder}: its files change faster than they can be read")

    @contextmanager
    def reading(self) -> Iterator[tuple[Any, State]]:
        """Give a connection that sees one state of the output to the end, and that state.

        Raises:
            BusyError: it took too long.
        """
        import duckdb

        with self._slots:
            database = self._take()
            cursor = database.connection.cursor()
            watch = threading.Timer(_QUERY_SECONDS, cursor.interrupt)
            watch.daemon = True
            try:
                watch.start()
                with self._lock:  # so that state and snapshot are of one moment
                    cursor.execute("BEGIN TRANSACTION")
                    cursor.execute("SELECT * FROM state").fetchall()
                    state = database.state
                assert state is not None
                yield cursor, state
            except duckdb.InterruptException as error:
                raise BusyError("the question took too long; ask for less") from error
            finally:
                watch.cancel()
                with suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                cursor.close()
                self._release(database)

    def state(self) -> State:
        """Tell what the index holds."""
        database = self._database
        assert database is not None and database.state is not None, "refresh() comes first"
        return database.state

    def close(self) -> None:
        """Remove the database."""
        with self._writing:
            if self._database is not None:
                self._retire(self._database)
                self._database = None
            shutil.rmtree(self.work, ignore_errors=True)

    def _refresh(self) -> bool:
        listing = list_output(self.folder)
        fresh = listing.files - self._replaced.keys()
        replaced = {p: made for p, made in self._replaced.items() if p in listing.files}
        replaced |= replaced_by(self.folder, fresh)
        database = self._database
        plan = plan_update(self._present, self._known, listing.files, replaced)
        if database is None or plan.rebuild:
            self._rebuild(_all_of(listing, replaced), listing)
        elif database.state and database.state.digest == listing.digest():
            return False
        else:
            try:
                self._grow(database, plan, listing)
            except UnmergedError:
                self._known = frozenset()
                self._rebuild(
                    plan_update(frozenset(), frozenset(), listing.files, replaced), listing
                )
        self._present, self._replaced = listing.files, replaced
        self._known = (self._known | listing.files).union(*replaced.values())
        return True

    def _rebuild(self, plan: Plan, listing: Listing) -> None:
        database = _Database(self.work, self.memory_mb)
        reader = Reader(self.folder, {})
        try:
            create_tables(database.connection, next(Reader(self.folder, {}).batches(())))
            for batch in reader.batches(plan.read):
                database.connection.execute("BEGIN")
                take_in(database.connection, batch)
                database.connection.execute("COMMIT")  # one by one, they need less memory
            database.connection.execute(INDEXES)
            database.connection.execute("CHECKPOINT")
        except BaseException:
            database.close()
            raise
        database.state = _state(listing, reader.passed_over)
        with self._lock:
            old, self._database = self._database, database
        self._known, self._passed_over = frozenset(), reader.passed_over
        if old is not None:
            self._retire(old)

    def _grow(self, database: _Database, plan: Plan, listing: Listing) -> None:
        known = {p: why for p, why in self._passed_over.items() if p in listing.files}
        reader = Reader(self.folder, known)
        connection = database.connection
        connection.execute("BEGIN")
        try:
            for batch in reader.batches(plan.read):
                take_in(connection, batch)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        with self._lock:
            connection.execute("COMMIT")
            database.state = _state(listing, reader.passed_over)
        self._passed_over = reader.passed_over

    def _take(self) -> _Database:
        with self._lock:
            assert self._database is not None, "refresh() comes first"
            self._database.users += 1
            return self._database

    def _release(self, database: _Database) -> None:
        with self._lock:
            database.users -= 1
            unused = database.retired and not database.users
        if unused:
            database.close()

    def _retire(self, database: _Database) -> None:
        with self._lock:
            database.retired = True
            unused = not database.users
        if unused:
            database.close()


def _all_of(listing: Listing, replaced: dict[str, set[str]]) -> Plan:
    return plan_update(frozenset(), frozenset(), listing.files, replaced)


def _state(listing: Listing, passed_over: dict[str, str]) -> State:
    return State(
        digest=listing.digest(),
        round=listing.round,
        run=dict(listing.run),
        files=len(listing.files),
        unfinished=listing.unfinished,
        passed_over=tuple(sorted(passed_over.items())),
    )
