"""Find the files of ``--input`` and open them safely."""

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from io import BufferedIOBase
from pathlib import Path
from urllib.parse import unquote

from schemas.ids import is_web_url
from transforms._shared.rejects import RejectError

# Patterns may be URIs too, so "?" and "#" are themselves here.
_FILE_URI = re.compile(r"file://(?:localhost)?(/.*)", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def match(patterns: Sequence[str]) -> list[str]:
    """List the files that ``patterns`` name, sorted, each once, folders left out.

    A pattern is a path or a plain ``file://`` URI; ``*``, ``?``, ``[...]`` and ``**`` work unless
    a file of that very name exists.

    Raises:
        ValueError: a pattern matches no file, or is a web address.
    """
    found: set[str] = set()
    for pattern in patterns:
        found.update(_match_one(pattern))
    return sorted(found)


def _match_one(pattern: str) -> list[str]:
    if is_web_url(pattern):
        raise ValueError(f"--input takes files, not {pattern!r}; give web addresses to --feeds")
    path = local_path(pattern)
    if "\0" in path:
        raise ValueError(f"--input {pattern!r} holds a NUL character, which no path may")
    if os.path.isdir(path):
        raise ValueError(f"--input {pattern!r} is a folder; write {os.path.join(pattern, '*')!r}")
    candidates = [path] if os.path.lexists(path) else glob.glob(path, recursive=True)
    files = [name for name in candidates if not os.path.isdir(name)]
    if not files:
        raise ValueError(f"--input {pattern!r} matches no file; check the path and the quotes")
    return files


def local_path(source: str) -> str:
    """Turn a plain ``file://`` URI into the path it names; a path stays as it is."""
    match = _FILE_URI.fullmatch(source)
    return unquote(match[1]) if match else source


def file_uri(path: str) -> str:
    """Write a path as an absolute ``file:///`` URI."""
    return Path(os.path.abspath(path)).as_uri()  # without "..", so that one file has one URI


@contextmanager
def open_file(path: str, max_bytes: int) -> Iterator[tuple[BufferedIOBase, datetime]]:
    """Open a regular file for reading; gives the stream and its modification time in UTC.

    Raises:
        RejectError: ``unreadable`` (missing, no permission), ``not_a_file`` (folder, pipe,
            device), ``too_large`` (more than ``max_bytes``).
    """
    try:
        # Without O_NONBLOCK, opening a pipe that nobody writes to would wait forever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise RejectError(
            "unreadable", f"cannot open {path}: {why}; check that it exists and may be read",
            replayable=True,
        ) from error  # fmt: skip
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise RejectError("not_a_file", f"{path} is no regular file; only those are read")
    with os.fdopen(descriptor, "rb") as stream:
        if status.st_size > max_bytes:
            raise RejectError(
                "too_large",
                f"{path} has {status.st_size:,} bytes, more than {max_bytes:,}; split it",
            )
        yield stream, _modified(status.st_mtime_ns, path)


def unreadable(path: str, error: OSError) -> RejectError:
    """Say that reading an open file failed."""
    return RejectError(
        "unreadable", f"cannot read {path}: {error.strerror or error}; check the disk",
        replayable=True,
    )  # fmt: skip


def _modified(nanoseconds: int, path: str) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError as error:
        raise RejectError(
            "unreadable", f"{path} has an impossible modification time; touch it"
        ) from error
