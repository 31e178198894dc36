"""Fit the weights of the breaking score on moments of the development streams.

    python -m benchmarks.breaking --folder DIR --moments MOMENTS
    python -m benchmarks.breaking_fit MOMENTS

Prints the weights that ``transforms/score/terms.py`` holds. A moment speaks for breaking when most
of its event's articles tell of a true burst, and no other event told of that burst before. Events
weigh alike; moments of fewer than two publishers are left out. Every term counts at least a little,
and none against what it stands for. Sets differ in how many of their events are true, so each has
an intercept of its own; the first one's is printed.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from transforms.score.terms import AT_MOST, THRESHOLDS, scaled

Row = dict[str, Any]

_FAMILIES = "independent_families_6h"
_LEAST_FAMILIES = 2
_LEAST = 0.1  # weight of a term
_RIDGE = 1.0  # events that the wish for small weights counts as
CODES = tuple(THRESHOLDS)


def first_events(rows: Iterable[Row], families: int = 3) -> dict[tuple[str, str], str]:
    """Name the event that told of each burst first, by set and label."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for row in rows:
        if row["true"] and row["reasons"][_FAMILIES] >= families:
            name, found = (row["set"], row["label"]), (row["at"], row["event"])
            first[name] = min(first.get(name, found), found)
    return {name: event for name, (_, event) in first.items()}


def fit(rows: Sequence[Row]) -> tuple[float, dict[str, float]]:
    """Give the intercept of the first set and the weight of each term."""
    first = first_events(rows)
    used = [row for row in rows if row["reasons"][_FAMILIES] >= _LEAST_FAMILIES]
    values = np.array([[scaled(code, row["reasons"][code]) for code in CODES] for row in used])
    wanted = np.array(
        [row["true"] and first.get((row["set"], row["label"])) == row["event"] for row in used]
    )
    per_event = Counter((row["set"], row["event"]) for row in used)
    weights = np.array([1.0 / per_event[row["set"], row["event"]] for row in used])
    sets = list(dict.fromkeys(map(_set, used)))
    own = np.array([sets.index(_set(row)) for row in used])

    def loss(theta: np.ndarray) -> float:
        logits = values @ theta[len(sets) :] + theta[own]
        costs = np.logaddexp(0.0, np.where(wanted, -logits, logits))
        return float(weights @ costs + _RIDGE * theta[len(sets) :] @ theta[len(sets) :] / 2)

    bounds = [(None, None)] * len(sets)
    bounds += [(None, -_LEAST) if code in AT_MOST else (_LEAST, None) for code in CODES]
    found = minimize(loss, np.zeros(len(bounds)), method="L-BFGS-B", bounds=bounds)
    return round(float(found.x[0]), 3), {
        code: round(float(weight), 3) for code, weight in zip(CODES, found.x[len(sets) :])
    }


def _set(row: Row) -> str:
    return row["set"].split("/")[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the weights."""
    parser = argparse.ArgumentParser(description="Fit the weights of the breaking score.")
    parser.add_argument("moments", nargs="+", type=Path, help="written by benchmarks.breaking")
    options = parser.parse_args(argv)
    rows = [
        json.loads(line)
        for path in options.moments
        for line in path.read_text("utf-8").splitlines()
    ]
    intercept, weights = fit(rows)
    print(f"intercept {intercept}")
    for code, weight in weights.items():
        print(f"{code} {weight}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
