"""The in-process engine must not grow with every round; see ``bounded_metrics``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROUNDS = 1200
PROGRAM = """
import builtins, contextlib, json, sys
from dataclasses import dataclass, field
import apache_beam as beam
from pipelines.engine import bounded_metrics, new_pipeline, run
from transforms._shared.counts import count
from transforms.read.transform import PollDocuments

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

@dataclass
class Nothing:
    unsettled: bool = False
    sizes: list = field(default_factory=list)
    def round(self):
        import builtins
        builtins.sizes.append(resident())
        count("read", "skipped_unchanged")
        return iter(())
    def health(self):
        return []

sizes = builtins.sizes = []
rounds, cured = int(sys.argv[1]), sys.argv[2] == "cured"
pipeline = new_pipeline("DirectRunner", [])
read = pipeline | PollDocuments(Nothing, poll_seconds=0.0, rounds=rounds)
documents = read.documents
for number in range(12):
    documents = documents | f"Step{number}" >> beam.Map(lambda value: value)
with bounded_metrics() if cured else contextlib.nullcontext():
    try:
        run(pipeline, show_progress=False)
    except RecursionError:
        pass
half = len(sizes) // 2
print(json.dumps({"rounds": len(sizes), "kb_per_round": (sizes[-1] - sizes[half]) / half}))
"""


def growth(how):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROUNDS), how],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["rounds"] == ROUNDS
    return found["kb_per_round"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_memory_does_not_grow_with_the_rounds():
    assert growth("cured") < 2.0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_the_cure_is_still_needed():
    assert growth("ill") > 5.0, "this Beam does not leak any more: take bounded_metrics out"
