"""Let two folders change places in one step, where the system can."""

import ctypes
import errno
import os
from pathlib import Path

# What systems and file systems answer that cannot; EPERM comes from some sandboxes.
CANNOT = frozenset(
    (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM)
)
_AT_FDCWD = -100  # Linux: paths are relative to the current folder
_RENAME_EXCHANGE = 2  # of renameat2
_RENAME_SWAP = 2  # of renamex_np, macOS


def exchange(one: Path, other: Path) -> bool:
    """Let two paths change places, so that a reader of either meets what it was or what it is.

    Returns:
        False where that cannot be done here; both are then as they were.

    Raises:
        OSError: one of them is not there, or may not be renamed.
    """
    library = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    if hasattr(library, "renameat2"):
        failed = library.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    elif hasattr(library, "renamex_np"):
        failed = library.renamex_np(*paths, _RENAME_SWAP)
    else:
        return False
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(other))
