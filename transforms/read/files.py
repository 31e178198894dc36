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
_RECURSIVE = re.compile(r"(|.*?/)\*\*(?:/+(.*))?", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def match(patterns: Sequence[str]) -> list[str]:
    """List the files that ``patterns`` name, sorted, each once, folders left out.

    A pattern is a path or a plain ``file://`` URI; ``*``, ``?``, ``[...]`` and ``**`` work unless
    a file of that very name exists. Of the names that links give one file, the first of those
    through the fewest links is kept.

    Raises:
        ValueError: a pattern matches no file, or is a web address.
    """
    found: set[str] = set()
    for pattern in patterns:
        found.update(_match_one(pattern))
    return _without_aliases(sorted(found))


def watch(patterns: Sequence[str]) -> tuple[list[str], set[str]]:
    """List the files that ``patterns`` name now, as ``match`` does, but nothing is an error.

    A folder stands for the files in it.

    Returns:
        The files, and the patterns that name none, which they may do later.
    """
    found: set[str] = set()
    missing: set[str] = set()
    for pattern in patterns:
        path = local_path(pattern)
        if os.path.isdir(path):
            path = os.path.join(path, "*")
        candidates = [path] if os.path.lexists(path) else _glob("", path)
        files = [name for name in candidates if not os.path.isdir(name)]
        found.update(files)
        if not files:
            missing.add(pattern)
    return _without_aliases(sorted(found)), missing


def _match_one(pattern: str) -> list[str]:
    if is_web_url(pattern):
        raise ValueError(f"--input takes files, not {pattern!r}; give web addresses to --feeds")
    path = local_path(pattern)
    if "\0" in path:
        raise ValueError(f"--input {pattern!r} holds a NUL character, which no path may")
    if os.path.isdir(path):
        raise ValueError(f"--input {pattern!r} is a folder; write {os.path.join(pattern, '*')!r}")
    candidates = [path] if os.path.lexists(path) else _glob("", path)
    files = [name for name in candidates if not os.path.isdir(name)]
    if not files:
        raise ValueError(f"--input {pattern!r} matches no file; check the path and the quotes")
    return files


def _glob(root: str, pattern: str) -> Iterator[str]:
    """Expand ``pattern`` below ``root`` as ``glob`` does, but look into each folder once for a
    ``**``, so that links that lead back upwards end."""
    recursive = _RECURSIVE.fullmatch(pattern)
    if not recursive:
        for name in glob.glob(pattern, root_dir=root):
            yield os.path.join(root, name)
        return
    before, after = recursive.groups()
    for start in glob.glob(before, root_dir=root) if before else [""]:
        for folder in _folders(os.path.join(root, start)):
            yield from _glob(folder, "*" if after is None else after)


def _folders(start: str) -> Iterator[str]:
    """Walk ``start`` and the folders below it, each once and those behind links last."""
    seen: set[str] = set()
    folders, linked = [start], list[str]()
    while folders or linked:
        folder = folders.pop() if folders else linked.pop(0)
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        yield folder
        for name in sorted(_folder_names(folder), reverse=True):
            inner = os.path.join(folder, name)
            (linked if os.path.islink(inner) else folders).append(inner)


def _folder_names(folder: str) -> list[str]:
    try:
        with os.scandir(folder or ".") as entries:
            return [e.name for e in entries if e.is_dir() and not e.name.startswith(".")]
    except OSError:
        return []  # like glob: what cannot be listed matches nothing


def _without_aliases(names: list[str]) -> list[str]:
    folders: dict[str, str] = {}
    aliases: dict[str, list[str]] = {}
    for name in names:
        folder, base = os.path.split(name)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        real = os.path.join(folders[folder], base)
        if os.path.islink(name) and os.path.exists(name):
            real = os.path.realpath(name)
        aliases.setdefault(real, []).append(name)
    return sorted(each[0] if len(each) == 1 else min(each, key=_links) for each in aliases.values())


def _links(name: str) -> int:
    count = 0
    while name != os.path.dirname(name):
        count += os.path.islink(name)
        name = os.path.dirname(name)
    return count


def local_path(source: str) -> str:
    """Turn a plain ``file://`` URI into the path it names; a path stays as it is."""
    match = _FILE_URI.fullmatch(source)
    return unquote(match[1], errors="surrogateescape") if match else source


def portable(source: str) -> str:
    """Write a path that is not valid UTF-8 as a URI, for Beam encodes strings as UTF-8; every
    other source stays as it is."""
    try:
        source.encode()
    except UnicodeEncodeError:
        return file_uri(local_path(source))
    return source


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
            "unreadable",
            f"cannot open {_shown(path)}: {why}; check that it exists and may be read",
            replayable=True,
        ) from error  # fmt: skip
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise RejectError("not_a_file", f"{_shown(path)} is no regular file; only those are read")
    with os.fdopen(descriptor, "rb") as stream:
        if status.st_size > max_bytes:
            raise RejectError(
                "too_large",
                f"{_shown(path)} has {status.st_size:,} bytes, more than {max_bytes:,}; split it",
            )
        yield stream, _modified(status.st_mtime_ns, path)


def modified(path: str) -> datetime:
    """When what ``path`` names, be it a broken link, was last changed; 1970 if nobody knows."""
    try:
        return _modified(os.lstat(path).st_mtime_ns, path)
    except (OSError, ValueError, RejectError):
        return _EPOCH


def unreadable(path: str, error: OSError) -> RejectError:
    """Say that reading an open file failed."""
    return RejectError(
        "unreadable", f"cannot read {_shown(path)}: {error.strerror or error}; check the disk",
        replayable=True,
    )  # fmt: skip


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def _modified(nanoseconds: int, path: str) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError as error:
        raise RejectError(
            "unreadable", f"{_shown(path)} has an impossible modification time; touch it"
        ) from error
