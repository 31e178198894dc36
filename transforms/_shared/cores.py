"""How much this process may do at once."""

import os
from pathlib import Path

_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def threads_for(processes: int = 1) -> int:
    """Give each of so many processes its share of this machine's cores, one thread a core.

    More threads than cores cost more than any backend gains; 0 processes are one for each core.
    """
    usable = cores()
    return max(1, usable // processes) if processes else 1


def cores(own: Path = _OWN_GROUPS, groups: Path = _GROUPS) -> int:
    """Count the cores this process may use: its affinity, or less by the quota of its cgroup."""
    there = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    quota = min((_quota(folder) for folder in _folders(own, groups)), default=float("inf"))
    return there if quota >= there else max(1, int(quota))


def _folders(own: Path, groups: Path) -> set[Path]:
    """List the folders of this process's control groups and of those around them."""
    found = {groups, groups / "cpu"}
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return found
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = (groups / "cpu" if controllers else groups) / path.lstrip("/")
        found |= {group, *(above for above in group.parents if groups in above.parents)}
    return found


def _quota(folder: Path) -> float:
    """Read how many cores' time a control group gets, of either version; infinite without one."""
    try:
        if (folder / "cpu.max").exists():
            most, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            most = (folder / "cpu.cfs_quota_us").read_text(encoding="utf-8")
            period = (folder / "cpu.cfs_period_us").read_text(encoding="utf-8")
        return int(most) / int(period) if int(most) > 0 and int(period) > 0 else float("inf")
    except (OSError, ValueError):  # no such file, or "max"
        return float("inf")
