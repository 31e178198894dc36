"""The tables of the breaking-news benchmark."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.breaking_truth import Judged

Row = dict[str, Any]  # a threshold and its figures

_COLUMNS = (
    ("recall", "recall", "7.3f"), ("false/day", "false_per_day", "10.2f"),
    ("repeats", "repeats_per_day", "8.2f"), ("by third", "by_third_family", "9.3f"),
    ("articles", "articles_median", "9.1f"), ("p90", "articles_p90", "6.0f"),
    ("families", "families_median", "9.1f"), ("p90", "families_p90", "6.0f"),
    ("own", "own_median", "6.1f"), ("p90", "own_p90", "6.0f"),
    ("minutes", "minutes_median", "9.1f"), ("p90", "minutes_p90", "8.1f"),
)  # fmt: skip
_HEAD = "".join(f"{title:>{int(form.split('.')[0])}}" for title, _, form in _COLUMNS)


def rows(curve: Mapping[float, Judged]) -> list[Row]:
    """Give the figures of a curve, by threshold."""
    return [
        {"threshold": threshold, **judged.figures(), "missed": judged.missed}
        for threshold, judged in sorted(curve.items())
    ]


def pick(curve: Sequence[Row], most_false_per_day: float = 1.0) -> Row | None:
    """Give the threshold that finds most with so few false alerts; the strictest of equals."""
    allowed = [row for row in curve if row["false_per_day"] <= most_false_per_day]
    return max(allowed, key=lambda row: (row["found"], row["threshold"])) if allowed else None


def print_part(name: str, measured: Mapping[str, Any]) -> None:
    """Print what was measured on one part of a set."""
    drawn = measured["streams"]
    first = drawn[0]
    labels = ", ".join(f"{kind} {count}" for kind, count in first["labels"].items())
    print(f"\n== {name}: {len(drawn)} x {first['articles']} articles of {first['families']} "
          f"families in {first['days']} days; {labels}; {first['events']} events")  # fmt: skip
    truths = list(next(iter(measured["rules"].values()))["curves"])
    print(f"\nat the threshold each is used with; true bursts: {truths[0]}")
    _head("rule")
    for rule, told in measured["rules"].items():
        _line(rule, _at(told["curves"][truths[0]], told["shipped"]))
    print("\nat the threshold that finds most with at most one false alert a day")
    _head("rule")
    for truth in truths:
        print(f"-- {truth}")
        for rule, told in measured["rules"].items():
            curve = told["curves"][truth]
            _line(rule, pick(curve), min(row["false_per_day"] for row in curve))
    for rule, told in measured["rules"].items():
        if len(told["curves"][truths[0]]) > 1:
            print(f"\n{rule}, by threshold; {truths[0]}")
            _head("")
            for row in _changes(told["curves"][truths[0]]):
                _line("", row)


def _at(curve: Sequence[Row], threshold: float) -> Row:
    return next(row for row in curve if row["threshold"] == threshold)


def _changes(curve: Sequence[Row]) -> list[Row]:
    """Leave out rows that say the same as the one before."""
    kept: list[Row] = []
    for row in curve:
        if not kept or any(row[key] != kept[-1][key] for _, key, _ in _COLUMNS):
            kept.append(row)
    return kept


def _head(rule: str) -> None:
    print(f"{rule:<10}{'from':>7}{_HEAD}  false by kind")


def _line(rule: str, row: Row | None, least: float = 0.0) -> None:
    if row is None:
        print(f"{rule:<10}{'none':>7}   never fewer than {least:.2f} a day")
        return
    figures = "".join(_figure(row[key], form) for _, key, form in _COLUMNS)
    kinds = ", ".join(f"{kind} {count}" for kind, count in row["false_by_kind"].items())
    print(f"{rule:<10}{row['threshold']:>7g}{figures}  {kinds}")


def _figure(value: float | None, form: str) -> str:
    return f"{'-':>{int(form.split('.')[0])}}" if value is None else f"{value:{form}}"
