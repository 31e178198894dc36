"""What a benchmark ran on, and what else ran there meanwhile."""

import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8")
_LIBRARIES = (
    "newsevents", "apache-beam", "torch", "sentence-transformers", "transformers", "numpy",
    "faiss-cpu", "onnxruntime", "openvino", "trafilatura", "pyarrow",
)  # fmt: skip
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_BUSY = 0.25  # cores that others may use before the figures are called noisy
_TICKS = os.sysconf("SC_CLK_TCK")


def describe_machine() -> dict[str, Any]:
    """Describe the machine, as far as it matters for the figures."""
    cpuinfo = _read("/proc/cpuinfo")
    flags = set((_found(r"^flags\s*: (.+)", cpuinfo) or "").split())
    return {
        "cpu": _found(r"model name\s*: (.+)", cpuinfo) or platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "cgroup_cpus": cgroup_cpus(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "flags": [flag for flag in _FLAGS if flag in flags],
        "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
        "system": platform.system(),
        "python": platform.python_version(),
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "commit": _commit(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def cgroup_cpus(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Give how many CPUs the control group may use; None when it sets no bound."""
    quota = _read(root / "cpu.max").split()  # version 2
    if not quota:
        folder = root / "cpu"
        quota = [
            *_read(folder / "cpu.cfs_quota_us").split(),
            *_read(folder / "cpu.cfs_period_us").split(),
        ]
    if len(quota) != 2 or quota[0] in ("max", "-1"):
        return None
    return round(int(quota[0]) / int(quota[1]), 2)


@dataclass(frozen=True)
class Ticks:
    """CPU seconds that the whole machine has spent at work since it was started."""

    busy: float

    @classmethod
    def now(cls) -> "Ticks | None":
        """Read the counters; None where the system has none."""
        words = _read("/proc/stat").partition("\n")[0].split()
        if not words:
            return None
        user, nice, system, _, _, irq, softirq, steal = map(int, words[1:9])
        return cls((user + nice + system + irq + softirq + steal) / _TICKS)


def others_cores(before: Ticks | None, after: Ticks | None, ours: float, wall: float) -> float:
    """Say how many cores were taken from us or used by others, on the mean of a time."""
    if before is None or after is None or wall <= 0:
        return 0.0
    return max(0.0, (after.busy - before.busy - ours) / wall)


def warn_if_busy(others: float, what: str) -> None:
    """Say that figures are noisy when others used the machine as well."""
    if others > _BUSY:
        print(
            f"{what}: others used {others:.1f} cores meanwhile; do not trust the figures of a "
            "busy machine, the ratios least",
            file=sys.stderr,
        )


def _found(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else None


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
