import os

import pytest

from transforms._shared import cores as threads
from transforms._shared.cores import cores, threads_for


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """``machine(files, own)``: cores of an eight-core machine with these control groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)

    def ask(files, own=None):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        if own is not None:
            (tmp_path / "own").write_text(own)
        return cores(tmp_path / "own", tmp_path / "groups")

    return ask


@pytest.mark.parametrize(
    ("files", "own", "expected"),
    [
        ({}, None, 8),
        ({"groups/cpu.max": "200000 100000\n"}, "0::/\n", 2),
        ({"groups/cpu.max": "max 100000\n"}, "0::/\n", 8),
        ({"groups/cpu.max": "250000 100000\n"}, "0::/\n", 2),
        ({"groups/cpu.max": "50000 100000\n"}, "0::/\n", 1),
        ({"groups/cpu.max": "1600000 100000\n"}, "0::/\n", 8),
        ({"groups/a/b/cpu.max": "300000 100000\n"}, "0::/a/b\n", 3),
        ({"groups/a/cpu.max": "300000 100000\n", "groups/a/b/cpu.max": "max 1\n"}, "0::/a/b\n", 3),
        (
            {"groups/cpu/x/cpu.cfs_quota_us": "400000", "groups/cpu/x/cpu.cfs_period_us": "100000"},
            "2:cpu:/x\n1:memory:/y\n",
            4,
        ),
        ({"groups/cpu/cpu.cfs_quota_us": "-1", "groups/cpu/cpu.cfs_period_us": "100000"}, "", 8),
        ({"groups/cpu.max": "nonsense"}, "0::/\n", 8),
    ],
)
def test_cores_are_those_of_the_affinity_and_the_quota(machine, files, own, expected) -> None:
    assert machine(files, own) == expected


def test_processes_share_the_cores(monkeypatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 8)
    assert [threads_for(processes) for processes in (1, 2, 3, 8, 20, 0)] == [8, 4, 2, 1, 1, 1]
