"""Figures of repeated measurements: medians, spread, and ratios taken repeat by repeat."""

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any


def spread(values: Sequence[float], digits: int = 4) -> dict[str, Any]:
    """Give the median, what half of the values lie between, the extremes, and all values."""
    if not values:
        raise ValueError("nothing was measured")
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else 3 * [*values]
    return {
        "median": round(median(values), digits),
        "quartiles": [round(low, digits), round(high, digits)],
        "least": round(min(values), digits),
        "most": round(max(values), digits),
        "all": [round(value, digits) for value in values],
    }


def speed_ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Say how many times as fast ours was, from seconds for the same work.

    The ratio is taken within each repeat, whose runs stood side by side in time, and the median
    of the ratios counts.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} repeats against {len(theirs)}")
    return spread([other / own for own, other in zip(ours, theirs)])
