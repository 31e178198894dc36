"""Keep what is slow to make in a folder of the user's cache, whole or not at all."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

CACHE = "NEWSEVENTS_CACHE"  # names another folder than ~/.cache/newsevents

_SUMS = "sha256.json"  # of the files beside it
_LOG = logging.getLogger("newsevents.cache")
_told: set[str] = set()


class DamagedError(Exception):
    """A stored file is not what was written; the message names it."""


def cache_folder() -> Path:
    """Say where things are kept; the folder may not be there yet."""
    if chosen := os.environ.get(CACHE):
        return Path(os.path.expanduser(chosen))
    base = os.environ.get("XDG_CACHE_HOME", "")
    above = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~/.cache"))
    return above / "newsevents"


@contextlib.contextmanager
def stored(name: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """Give a folder with what ``make`` writes into one: kept from an earlier call, or made now.

    Every file is compared with its checksum first; what is damaged is made again. Several
    processes may ask at once. Where the cache cannot be written, the folder is gone afterwards.

    Args:
        name: tells all that ``make`` depends on.
        make: writes files into the folder it is given, and no folders.
    """
    kept = cache_folder() / name
    if _usable(kept):
        yield kept
        return
    folder = _made(kept.parent, make)
    try:
        yield kept if _keep(folder, kept) else folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # it was moved, or is nobody else's


def _usable(kept: Path) -> bool:
    if not os.path.exists(kept):  # Path.exists raises where it may not look
        return False
    try:
        _check(kept)
    except DamagedError as error:
        _LOG.warning("%s is damaged and is made again", error)
        _discard(kept)
        return False
    return True


def _check(folder: Path) -> None:
    """Raise DamagedError unless each file is what was written."""
    try:
        sums = json.loads((folder / _SUMS).read_bytes())
        for name, expected in sums.items():
            if _sha256(folder / name) != expected:
                raise DamagedError(str(folder / name))
    except (OSError, ValueError, AttributeError) as error:
        raise DamagedError(str(folder)) from error


def _seal(folder: Path) -> None:
    sums = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    (folder / _SUMS).write_text(json.dumps(sums, indent=1), encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(folder: Path, kept: Path) -> bool:
    """Put a folder in its place; says whether something whole is there, by whomever."""
    if folder.parent != kept.parent:
        return False
    try:
        folder.rename(kept)
    except OSError:  # another process was first
        with contextlib.suppress(DamagedError):
            _check(kept)
            return True
        return False
    return True


def _discard(kept: Path) -> None:
    with contextlib.suppress(OSError):  # gone already, or not ours: then nothing is kept
        aside = Path(tempfile.mkdtemp(prefix=".damaged-", dir=kept.parent))
        kept.rename(aside / kept.name)
        shutil.rmtree(aside, ignore_errors=True)


def _made(parent: Path, make: Callable[[Path], None]) -> Path:
    """Make it in a new folder of the cache, else in a temporary one."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return _filled(tempfile.mkdtemp(prefix=".new-", dir=parent), make)
    except OSError as error:
        _tell_once(
            f"cannot write the cache {parent}: {error.strerror or error}; the model is prepared "
            f"again in every run: name another folder with {CACHE}"
        )
    return _filled(tempfile.mkdtemp(prefix="newsevents-"), make)


def _filled(path: str, make: Callable[[Path], None]) -> Path:
    folder = Path(path)
    try:
        folder.chmod(0o755)  # an image's user may be another one than its builder
        make(folder)
        _seal(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _tell_once(text: str) -> None:
    if text not in _told:
        _told.add(text)
        _LOG.warning(text)
