"""A run that is killed at any moment goes on as if nothing had happened."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STORIES = HERE.parents[1] / "quality" / "hard_pairs.jsonl"


def kill(folder, kills, seed, *more):
    command = [sys.executable, HERE / "harness.py", "--stories", STORIES, "--folder", folder,
               "--kills", str(kills), "--seed", str(seed), *more]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return json.loads(done.stdout)


def test_a_run_that_was_killed_writes_what_one_that_was_not_does(tmp_path):
    found = kill(tmp_path, 3, 3, "--most", "24")
    assert sum(found["kills"].values()) == 3
    assert found["differences"] == []
    assert found["requests"] >= found["alerts"] > 0


def test_alerts_come_at_least_once_when_a_run_is_killed_while_it_sends_them(tmp_path):
    found = kill(tmp_path, 6, 4, "--most", "24", "--moments", "post", "posted", "settle", "sign")
    assert sum(found["kills"].values()) == 6
    assert found["differences"] == []
    assert found["alerts"] > 0
    assert found["repeats"] > 0  # with the same key and the same bytes, see AlertReceiver.faults


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_fifty_kills_at_random_moments_lose_and_double_nothing(tmp_path, seed):
    found = kill(tmp_path, 50, seed)
    assert sum(found["kills"].values()) >= 50
    assert len(found["kills"]) >= 7
    assert found["differences"] == []
    assert found["alerts"] > 0
