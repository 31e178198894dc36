"""The benchmark of the one key: what it times, and that every way of it is there."""

import json

import numpy as np
import pytest

from benchmarks import window_task
from benchmarks.single_key import main

DIM = 384  # the shipped join model asks for it


@pytest.fixture
def stream(tmp_path, monkeypatch):
    """Forty invented stories with vectors of chance, measured in this process."""
    chooser = np.random.default_rng(3)
    path = tmp_path / "stream.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        for number in range(40):
            words = " ".join(f"word{n}" for n in chooser.zipf(1.3, 120) % 2000)
            lines.write(json.dumps({"title": f"Story {number}", "text": words}) + "\n")
    rows = chooser.standard_normal((40, DIM)).astype(np.float32)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    monkeypatch.setattr(window_task, "encode", lambda articles, cache: unit)
    monkeypatch.setattr(window_task, "alone", lambda function, *given: function(*given))
    monkeypatch.setattr("benchmarks.single_key.alone", lambda function, *given: function(*given))
    return path


def test_every_step_of_the_key_is_timed_in_a_window_of_each_size(stream, tmp_path, capsys):
    out = tmp_path / "out.json"
    command = ["--stream", str(stream), "--sizes", "20,60", "--measured", "10", "--bundle", "5"]
    assert main([*command, "--partitions", "3", "--json", str(out)]) == 0
    small, large = json.loads(out.read_text("utf-8"))["sizes"]
    assert (small["size"], large["size"]) == (20, 60)
    assert small["us"].keys() == {
        "fingerprint", "search", "merge", "settle", "assign", "describe",
        "pack_compared", "pack_decision", "rebuild_compared", "rebuild_decision",
    }  # fmt: skip
    assert all(row["mean"] >= 0 for row in large["us"].values())
    assert large["bytes"].keys() == {"compared", "decision", "to_the_key"}
    assert "settle" in capsys.readouterr().out


def test_a_missing_stream_is_named(tmp_path, capsys):
    assert main(["--stream", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl: no such file" in capsys.readouterr().err
