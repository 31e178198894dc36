"""The terms of the breaking score: what each has to reach, and what it weighs."""

import math
from collections.abc import Mapping

Values = Mapping[str, float]  # of each term, by its code

# What a reader is shown as reached or not.
THRESHOLDS = {
    "independent_families_6h": 3.0,
    "independent_families_60m": 2.0,
    "surprise": 4.0,
    "acceleration": 1.0,
    "source_entropy": 0.6,
    "own_text_share": 0.3,
    "known_publishers": 0.5,
    "novelty": 0.25,
    "age_hours": 24.0,
}
AT_MOST = ("age_hours",)  # passed when the value is not above the threshold
REQUIRED = ("independent_families_6h", "novelty", "age_hours")  # none breaks without

_INTERCEPT = -4.0
_WEIGHTS = {
    "independent_families_6h": 2.0,
    "independent_families_60m": 0.5,
    "surprise": 0.3,
    "acceleration": 0.3,
    "source_entropy": 0.5,
    "own_text_share": 0.5,
    "known_publishers": 0.0,
    "novelty": 1.0,
    "age_hours": -0.5,
}
_LOGARITHMIC = (
    "independent_families_6h",
    "independent_families_60m",
    "surprise",
    "acceleration",
    "age_hours",
)


def scaled(code: str, value: float) -> float:
    """Bring a term to the scale that its weight is of."""
    return math.log1p(value) if code in _LOGARITHMIC else value


def probability(values: Values) -> float:
    """Turn the terms into one figure in [0, 1]."""
    total = _INTERCEPT + sum(
        weight * scaled(code, values[code]) for code, weight in _WEIGHTS.items()
    )
    return 1.0 / (1.0 + math.exp(-total))
