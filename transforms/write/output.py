"""The local folder that receives the tables, and the one way files get into it."""

import errno
import os
import re
import stat
import threading
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two letters or more, so "C:" is a drive

_FIXES = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "free some of your quota or choose another folder",
    errno.EFBIG: "raise the file size limit or choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EEXIST: "move what is in the way or choose another folder",
    errno.ENOTDIR: "move what is in the way or choose another folder",
    errno.EISDIR: "move what is in the way or choose another folder",
}
_OTHER_FIX = "choose a folder you may write to"


class OutputError(Exception):
    """The output cannot be used; the message is one line naming the path and the fix."""


def output_error(path: Path, error: OSError) -> OutputError:
    """Say in one line what the system refused to do at ``path``, and what would help."""
    fix = _FIXES.get(error.errno or 0, _OTHER_FIX)
    return OutputError(f"cannot write {path}: {error.strerror or error}: {fix}")


def local_folder(output: str) -> Path:
    """Turn ``--output`` into an absolute path, so that workers elsewhere mean the same folder.

    Raises:
        ValueError: it is empty, or names a scheme other than ``file``.
    """
    if not output.strip():
        raise ValueError("the output is empty: name a folder")
    scheme = _SCHEME.match(output)
    if scheme is None:
        return Path(output).absolute()
    if scheme[1].lower() != "file":
        raise ValueError(
            f"output {output}: {scheme[1]} is not supported: name a local folder "
            f"(a folder of that very name is ./{output})"
        )
    parts = urlsplit(output)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ValueError(f"output {output}: write it as file:///path/to/folder")
    return Path(url2pathname(parts.path))


def replace_file(path: Path, data: bytes, durable: bool = False) -> bool:
    """Make ``path`` hold ``data`` in one step; return False when it already did.

    Readers see the old content or the new, never a part: the bytes first go to a file beside it
    whose name begins with a dot and ends in ``.tmp``. A file that is already right keeps its
    modification time.

    Args:
        durable: wait until the disk has it, so that it outlives a loss of power.

    Raises:
        OutputError: a folder or the file cannot be written; the old content is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _holds(path, data):
            return False
        try:
            _write(temporary, data, durable)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error
    return True


def write_durably(path: Path, data: bytes) -> None:
    """Make a new file and wait until the disk has it.

    Raises:
        OutputError: a folder or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, data, durable=True)
    except OSError as error:
        raise output_error(path, error) from error


def _write(path: Path, data: bytes, durable: bool) -> None:
    with path.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _holds(path: Path, data: bytes) -> bool:
    try:
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    # Only a plain file is opened: reading a named pipe would wait for ever.
    if not stat.S_ISREG(status.st_mode) or status.st_size != len(data):
        return False
    return path.read_bytes() == data
