"""Weights follow the evidence, whoever wrote it down."""

import json
import random

import pytest

from benchmarks.breaking_fit import first_events, fit, main
from transforms.score.terms import AT_MOST, THRESHOLDS


def row(event, label, true, at=0, **reasons):
    values = dict.fromkeys(THRESHOLDS, 1.0) | {"independent_families_6h": 3.0} | reasons
    return {"set": "made/development/1", "event": event, "label": label, "true": true, "at": at,
            "reasons": values}  # fmt: skip


@pytest.fixture
def rows():
    chooser = random.Random(1)
    return [
        row(f"e{n}", f"l{n}", n % 2 == 0, surprise=chooser.gauss(7 if n % 2 == 0 else 3, 1))
        for n in range(200)
    ]


def test_what_tells_bursts_apart_weighs_most_and_nothing_against_itself(rows):
    _, weights = fit(rows)
    assert max(weights, key=lambda code: weights[code]) == "surprise"
    assert all(weights[code] < 0 if code in AT_MOST else weights[code] > 0 for code in weights)


def test_only_the_first_event_of_a_burst_is_wanted():
    told = [row("late", "fire", True, 2), row("early", "fire", True, 1), row("no", "x", False, 0)]
    assert first_events(told) == {("made/development/1", "fire"): "early"}


def test_the_command_prints_a_weight_for_each_term(rows, tmp_path, capsys):
    path = tmp_path / "moments.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    assert main([str(path)]) == 0
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["intercept", *THRESHOLDS]
