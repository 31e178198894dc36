"""The decision: does this article belong to that event? A calibrated probability decides.

Coefficients and trees are made by replaying labelled streams, never by hand. They are bound to the
embedding model whose cosines they were made with: cosines of another model mean something else.
For any other model there is a second set that uses no cosine in the decision; vectors then only
propose candidates.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.event import GRANULARITIES
from transforms.cluster.likeness import LIKENESS
from transforms.cluster.trees import Trees, trees_from_json

_FILES = ("join_model.json", "join_model_any.json")
_CROSS_FILE = "join_model_cross.json"
ANY_MODEL = "*"
_BROADER = 1.5  # by how much smaller log odds suffice to join a story than to join an event

# What is known of one candidate event: how like the article is to the most like of its judged
# members and to all of them on average, and how event and article lie in time and size.
FEATURES = (
    *(f"{name}_best" for name in LIKENESS),
    *(f"{name}_mean" for name in LIKENESS),
    "dense_centroid",
    "near_newest", "near_oldest", "gap_unknown", "log_gap", "same_day",
    "log_size", "log_neighbours",
    "brief", "brief_dense", "brief_title", "brief_lead", "brief_size",
)  # fmt: skip
_TELLING = ("dense", "lead", "full", "title", "names", "numbers", "rare_full", "rare_names")
CONTRASTED = (
    *(f"{name}_best" for name in _TELLING),
    *(f"{name}_mean" for name in _TELLING),
    "dense_centroid",
)
CONTEXT = (
    "rank_score", "margin",
    *(f"{name}_over_mean" for name in CONTRASTED),
    *(f"{name}_over_max" for name in CONTRASTED),
)  # fmt: skip
_NEXT = 10  # candidates after the best that the contrast is taken against
_LEAST_OTHERS = 3  # fewer are filled up with a typical stranger
_WIDEST_MARGIN = 8.0  # beyond this a lead says nothing more
_CONTRAST_AT = [FEATURES.index(name) for name in CONTRASTED]
_UNDATED = FEATURES.index("gap_unknown")
_MOST_EXPERT = 0.8  # the general model always has a say

Features = NDArray[np.float64]


class JoinModelError(Exception):
    """The coefficient file cannot be used; the message names it and the fix."""


@dataclass(frozen=True)
class Decision:
    """The best candidate and how sure the model is of it."""

    best: int  # row of the candidates
    probability: float  # that the article belongs to it, [0, 1]
    second: int | None  # row of the runner-up


@dataclass(frozen=True)
class Gate:
    """How far each expert is trusted with an article, by what the article is about.

    A report of a shooting is identified by names and places, a piece on politics by its wording
    and its day: what makes two articles one event differs from one kind of news to another.
    """

    weights: Features  # (experts + 1, dimension of the embedding); the last is "anything else"
    bias: Features

    def shares(self, vector: NDArray[np.float32]) -> Features:
        """Give every expert's share of the decision; what is left to one is the general model's."""
        scores = self.weights @ vector.astype(np.float64) + self.bias
        likely = np.exp(scores - scores.max())
        trusted: Features = _MOST_EXPERT * (likely / likely.sum())[:-1] ** 2
        return trusted


@dataclass(frozen=True)
class JoinModel:
    """A linear model ranks the candidates; boosted trees decide whether the best is right."""

    embedding_model: str
    rank: Features
    rank_bias: float
    stranger: Features  # a typical wrong candidate: stands in where there are few others
    general: Trees
    experts: tuple[Trees, ...]
    gate: Gate | None  # None without experts
    threshold: float  # least probability to join
    contested_band: float  # a probability this close to the threshold is marked

    @property
    def stranger_score(self) -> float:
        """The rank score of the typical wrong candidate."""
        return float(self.stranger @ self.rank) + self.rank_bias

    def decision(self, candidates: Features, vector: NDArray[np.float32]) -> Decision:
        """Judge one article's candidates.

        Args:
            candidates: shape (n, len(FEATURES)), n ≥ 1.
            vector: the article's embedding.
        """
        scores = candidates @ self.rank + self.rank_bias
        order = np.argsort(-scores, kind="stable")
        row = context_row(candidates, scores, order, self.stranger, self.stranger_score)
        second = int(order[1]) if len(order) > 1 else None
        return Decision(int(order[0]), sigmoid(self._logit(row, vector)), second)

    def _logit(self, row: Features, vector: NDArray[np.float32]) -> float:
        if self.gate is None or row[_UNDATED]:
            return self.general.score(row)  # the experts' streams are dated throughout
        shares = self.gate.shares(vector)
        logit = (1.0 - float(shares.sum())) * self.general.score(row)
        for share, expert in zip(shares.tolist(), self.experts):
            logit += share * expert.score(row)
        return float(logit)


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
    return _find(embedding_model)[0]


def join_model_version(embedding_model: str) -> str:
    """Name the shipped coefficients for an embedding model: the day they were made and a digest.

    Raises:
        JoinModelError: a file is damaged or was made for other features.
    """
    text = _find(embedding_model)[1]
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{json.loads(text)['made_on']} {digest[:12]}"


@cache
def _find(embedding_model: str) -> tuple[JoinModel, str]:
    for name in _FILES:
        text = resources.files("transforms.cluster").joinpath(name).read_text()
        model = parse_join_model(text, name)
        if model.embedding_model in (embedding_model, ANY_MODEL):
            return model, text
    raise JoinModelError(f"no coefficients for the embedding model {embedding_model}: reinstall")


def load_cross_model() -> JoinModel:
    """Load the coefficients for two articles in different languages, which share no words.

    They use cosines, of vectors and of numbers, times and sizes, and stand for any multilingual
    model: what counts most is how far a candidate stands out from the others.

    Raises:
        JoinModelError: the file is damaged or was made for other features.
    """
    text = resources.files("transforms.cluster").joinpath(_CROSS_FILE).read_text()
    return parse_join_model(text, _CROSS_FILE)


def least_probability(model: JoinModel, granularity: str) -> float:
    """Say from which probability an article joins.

    Args:
        granularity: "event" for one thing that happened, "story" for what belongs together more
            broadly, such as an event and what followed from it.
    """
    if granularity not in GRANULARITIES:
        raise ValueError(f"granularity {granularity}: use one of {', '.join(GRANULARITIES)}")
    return model.threshold if granularity == "event" else _shifted(model.threshold, -_BROADER)


def other_threshold(threshold: float, granularity: str) -> float:
    """Give the threshold that the other granularity would have put in the place of this one's."""
    return _shifted(threshold, -_BROADER if granularity == "event" else _BROADER)


def _shifted(probability: float, log_odds: float) -> float:
    return sigmoid(math.log(probability / (1.0 - probability)) + log_odds)


def parse_join_model(text: str, name: str) -> JoinModel:
    """Read a coefficient file, refusing one made for other features."""
    try:
        stored: Mapping[str, Any] = json.loads(text)
        if tuple(stored["features"]) != FEATURES or tuple(stored["context"]) != FEATURES + CONTEXT:
            raise JoinModelError(f"{name} was made for other features: train it again")
        return _model(stored)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise JoinModelError(f"{name} is damaged ({error!r}): reinstall newsevents") from error


def _model(stored: Mapping[str, Any]) -> JoinModel:
    row = len(FEATURES) + len(CONTEXT)
    experts = tuple(trees_from_json(expert, row) for expert in stored["experts"])
    gate = None
    if experts:
        gate = Gate(
            np.array(stored["gate"]["weights"], np.float64),
            np.array(stored["gate"]["bias"], np.float64),
        )
        if gate.weights.ndim != 2 or not len(gate.weights) == len(gate.bias) == len(experts) + 1:
            raise ValueError("the gate does not fit the experts")
    model = JoinModel(
        embedding_model=stored["embedding_model"],
        rank=np.array(stored["rank"], np.float64),
        rank_bias=float(stored["rank_bias"]),
        stranger=np.array(stored["stranger"], np.float64),
        general=trees_from_json(stored["general"], row),
        experts=experts,
        gate=gate,
        threshold=float(stored["threshold"]),
        contested_band=float(stored["contested_band"]),
    )
    if not len(model.rank) == len(model.stranger) == len(FEATURES):
        raise ValueError("coefficients do not fit the features")
    return model
