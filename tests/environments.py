"""Virtual environments of their own, for what must not be among this project's packages.

Something that tests run against may be too large for every checkout, or need other versions of
packages that we pin as well. A pinned file beside the test names it, in full: what ``pip freeze``
gives, so that nothing is chosen at the time of the run.
"""

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

KEPT = Path(__file__).parents[1] / ".environments"  # not in git; ``make clean`` removes it
_READY = ".ready"
_TOLD = 2000  # characters of pip's last words


def environment(pins: Path, kept: Path = KEPT, whole: bool = True) -> Path:
    """Give the Python of an environment that holds what ``pins`` names and nothing else.

    It is made when first asked for, by one of the processes that ask at the same time, and kept.
    A changed file gives a new one in the place of the old. ``whole`` says that the file leaves out
    nothing that what it names asks for.

    Raises:
        RuntimeError: pip could not install it, or something that it needs is not named.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(version.encode() + pins.read_bytes()).hexdigest()[:12]
    folder = kept / f"{pins.stem}-{digest}"
    python = folder / "bin" / "python"
    kept.mkdir(parents=True, exist_ok=True)
    with _alone(kept / f"{pins.stem}.lock"):
        if not (folder / _READY).exists():
            for old in kept.glob(f"{pins.stem}-{'?' * len(digest)}"):
                shutil.rmtree(old)
            _make(folder, python, pins, whole)
            (folder / _READY).touch()
    return python


def _make(folder: Path, python: Path, pins: Path, whole: bool) -> None:
    _call(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = (sys.executable, "-m", "pip", "--python", python)
    _call(*pip, "install", "--quiet", "--no-deps", "--requirement", pins)
    if whole:
        _call(*pip, "check")


def _call(*command: str | Path) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise RuntimeError(f"{words}: exit code {done.returncode}\n{done.stdout[-_TOLD:]}")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time in; the system frees the lock of a process that was killed."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
