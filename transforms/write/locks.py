"""Who may do what to an output at one time; the system lets go of a lock when its holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transforms.write.output import OutputError, output_error

FILES_LOCK = ".files.lock"  # held while files get or lose their names
RUN_LOCK = ".running.lock"  # held by the one run that writes
COMPACT_LOCK = ".compact.lock"  # held by the one compaction


@contextmanager
def files_lock(folder: Path) -> Iterator[None]:
    """Keep others from giving or taking names of files in an output while the block runs.

    Raises:
        OutputError: the folder cannot be written.
    """
    with _locked(folder / FILES_LOCK, fcntl.LOCK_EX):
        yield


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Make this the only run that writes to an output while the block runs.

    Raises:
        OutputError: another one does, or the folder cannot be written.
    """
    busy = f"another run is writing to {folder}: stop it or choose another folder"
    with _only_one(folder / RUN_LOCK, busy):
        yield


@contextmanager
def compact_lock(folder: Path) -> Iterator[None]:
    """Make this the only compaction of an output while the block runs.

    Raises:
        OutputError: another one is under way, or the folder cannot be written.
    """
    busy = f"another compaction of {folder} is under way: wait until it has ended"
    with _only_one(folder / COMPACT_LOCK, busy):
        yield


@contextmanager
def state_lock(path: Path) -> Iterator[None]:
    """Make this the only poller that keeps what it knows in a file while the block runs.

    Raises:
        OutputError: another one does, or the folder cannot be written.
    """
    busy = f"another poller goes on from {path}: stop it or name another --state"
    with _only_one(path.with_name(f".{path.name}.lock"), busy):
        yield


@contextmanager
def _only_one(path: Path, busy: str) -> Iterator[None]:
    try:
        with _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield
    except BlockingIOError as error:
        raise OutputError(busy) from error


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise output_error(path, error) from error
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
