"""Run a command in a fresh process, and say what it and its children took."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import Ticks, others_cores

_SAMPLE_SECONDS = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")
_LAST_WORDS = 500


class RunError(Exception):
    """A command failed; the message is one line with its last words."""


@dataclass(frozen=True)
class Run:
    """What a command took, children included."""

    seconds: float  # from the call to the end
    cpu_seconds: float
    peak_mb: float  # resident at one moment, shared pages counted once (Linux; else of one process)
    others_cores: float  # used by others meanwhile


def run(command: Sequence[str | Path]) -> Run:
    """Run a command to its end.

    Raises:
        RunError: it failed.
    """
    before, started = Ticks.now(), time.monotonic()
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT) as process,
    ):
        memory = _Memory(process.pid)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        sampled = memory.stop()
        said.seek(0)
        words = said.read().decode("utf-8", "replace").split()
    if process.returncode:
        last = " ".join(words)[-_LAST_WORDS:].replace(sys.prefix, "…")
        called = " ".join([Path(command[0]).name, *map(str, command[1:4])])
        raise RunError(f"{called} …: exit {process.returncode}: {last}")
    cpu = used.ru_utime + used.ru_stime
    largest = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(
        seconds=seconds,
        cpu_seconds=cpu,
        peak_mb=(sampled or largest) / 1e6,
        others_cores=others_cores(before, Ticks.now(), cpu, seconds),
    )


class _Memory:
    """Looks at a process and its children until it is told to stop."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Give the most bytes seen."""
        self._over.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            tree = family(self._pid)
            together = sum(map(_proportional, tree)) if len(tree) > 1 else 0
            self._most = max(self._most, _peak(self._pid), together)


def family(pid: int) -> list[int]:
    """Give a process and those it started, and so on, as far as they live (Linux)."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        try:
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                todo += map(int, (task / "children").read_text("ascii").split())
        except OSError:
            continue
    return found


def family_cpu(pid: int) -> float:
    """Give the CPU seconds of a process and all that it started."""
    spent = 0.0
    for one in family(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text("ascii", "replace").rpartition(")")[2]
        except OSError:
            continue
        spent += sum(map(int, fields.split()[11:15])) / _TICKS  # own, and of those that ended
    return spent or time.process_time()


def _peak(pid: int) -> int:
    """Give the most bytes a process had resident; what getrusage says began with its parent's."""
    return _kilobytes(f"/proc/{pid}/status", "VmHWM:")


def _proportional(pid: int) -> int:
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss:")


def _kilobytes(path: str, name: str) -> int:
    try:
        lines = Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0
    return 1024 * next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
