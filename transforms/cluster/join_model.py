"""The decision: does this article belong to that event? A calibrated probability decides.

The coefficients are made by replaying labelled streams, never by hand. They are bound to the
embedding model whose cosines they were made with: cosines of another model mean something else.
For any other model there is a second set that uses no cosine in the decision; vectors then only
propose candidates.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FILES = ("join_model.json", "join_model_any.json")
ANY_MODEL = "*"

# What is known of one candidate event, in the order of the coefficient vector.
FEATURES = (
    "dense_centroid", "dense_best",
    "lead_centroid", "lead_best", "full_centroid", "full_best", "title_centroid", "title_best",
    "names_centroid", "names_best", "numbers_centroid", "numbers_best",
    "rare_names", "rare_numbers", "containment",
    "near_newest", "near_oldest", "gap_unknown", "log_gap", "log_size",
    "brief", "brief_dense", "brief_lead", "brief_size",
)  # fmt: skip
CONTRASTED = tuple(name for name in FEATURES if name.endswith(("_centroid", "_best")))
CONTEXT = (
    "rank_score", "margin",
    *(f"{name}_over_mean" for name in CONTRASTED),
    *(f"{name}_over_max" for name in CONTRASTED),
)  # fmt: skip
_NEXT = 10  # candidates after the best that the contrast is taken against
_LEAST_OTHERS = 3  # fewer are filled up with a typical stranger
_WIDEST_MARGIN = 8.0  # beyond this a lead says nothing more
_CONTRAST_AT = [FEATURES.index(name) for name in CONTRASTED]

Features = NDArray[np.float64]


class JoinModelError(Exception):
    """The coefficient file cannot be used; the message names it and the fix."""


@dataclass(frozen=True)
class Decision:
    """The best candidate and how sure the model is of it."""

    best: int  # row of the candidates
    probability: float  # that the article belongs to it, [0, 1]
    margin: float  # rank score over the second-best candidate's; infinity when alone


@dataclass(frozen=True)
class JoinModel:
    """Two linear models: one ranks the candidates, one decides whether the best is right."""

    embedding_model: str
    rank: Features
    rank_bias: float
    stranger: Features  # a typical wrong candidate: stands in where there are few others
    decide: Features
    decide_bias: float
    threshold: float  # least probability to join
    contested_band: float  # a probability this close to the threshold is marked

    @property
    def stranger_score(self) -> float:
        """The rank score of the typical wrong candidate."""
        return float(self.stranger @ self.rank) + self.rank_bias

    def decision(self, candidates: Features) -> Decision:
        """Judge one article's candidates, shape (n, len(FEATURES)), n ≥ 1."""
        scores = candidates @ self.rank + self.rank_bias
        order = np.argsort(-scores, kind="stable")
        row = context_row(candidates, scores, order, self.stranger, self.stranger_score)
        logit = float(row @ self.decide) + self.decide_bias
        margin = float(scores[order[0]] - scores[order[1]]) if len(order) > 1 else math.inf
        return Decision(int(order[0]), sigmoid(logit), margin)


def sigmoid(logit: float) -> float:
    """Map a logit to a probability without overflow."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    return math.exp(logit) / (1.0 + math.exp(logit))


def context_row(
    candidates: Features,
    scores: Features,
    order: NDArray[np.intp],
    stranger: Features,
    stranger_score: float,
) -> Features:
    """Describe the best candidate and how it stands out from the next ten.

    Contrast carries over from one stream to another where absolute similarity does not: on a
    stream where all stories look alike, a cosine of 0.8 says little and a lead of 0.2 says much.
    In a quiet stream there are few others to stand out from; a typical wrong candidate fills up.
    """
    best = candidates[order[0]]
    others = order[1 : 1 + _NEXT]
    filled = max(0, _LEAST_OTHERS - len(others))
    rest = np.vstack([candidates[others], np.tile(stranger, (filled, 1))])[:, _CONTRAST_AT]
    runner_up = max([*scores[others], *[stranger_score] * bool(filled)])
    margin = min(_WIDEST_MARGIN, scores[order[0]] - runner_up)
    over_mean = best[_CONTRAST_AT] - rest.mean(axis=0)
    over_max = best[_CONTRAST_AT] - rest.max(axis=0)
    return np.concatenate([best, [scores[order[0]], margin], over_mean, over_max])


def load_join_model(embedding_model: str) -> JoinModel:
    """Load the shipped coefficients for an embedding model.

    Returns:
        The set made for ``embedding_model``; for any other model the one without cosines.

    Raises:
        JoinModelError: a file is damaged or was made for other features.
    """
    for name in _FILES:
        text = resources.files("transforms.cluster").joinpath(name).read_text()
        model = parse_join_model(text, name)
        if model.embedding_model in (embedding_model, ANY_MODEL):
            return model
    raise JoinModelError(f"no coefficients for the embedding model {embedding_model}: reinstall")


def parse_join_model(text: str, name: str) -> JoinModel:
    """Read a coefficient file, refusing one made for other features."""
    try:
        stored: Mapping[str, Any] = json.loads(text)
        if tuple(stored["features"]) != FEATURES or tuple(stored["context"]) != FEATURES + CONTEXT:
            raise JoinModelError(f"{name} was made for other features: train it again")
        return JoinModel(
            embedding_model=stored["embedding_model"],
            rank=np.array(stored["rank"], np.float64),
            rank_bias=float(stored["rank_bias"]),
            stranger=np.array(stored["stranger"], np.float64),
            decide=np.array(stored["decide"], np.float64),
            decide_bias=float(stored["decide_bias"]),
            threshold=float(stored["threshold"]),
            contested_band=float(stored["contested_band"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise JoinModelError(f"{name} is damaged ({error!r}): reinstall newsevents") from error
