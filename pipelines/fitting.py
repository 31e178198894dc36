"""Fit the join model to replayed labelled streams: ranker, general trees, experts and gate."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transforms._shared.shards import WINDOW
from transforms.cluster.candidates import Candidates
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import (
    ANY_MODEL,
    CONTEXT,
    FEATURES,
    Features,
    Gate,
    JoinModel,
    context_row,
)
from transforms.cluster.terms import background_frequencies
from transforms.cluster.trees import trees_from_json, trees_to_json

if TYPE_CHECKING:
    from schemas import ComparedArticle

Labelled = Sequence[tuple["ComparedArticle", str]]
Rows = tuple[Features, NDArray[np.bool_]]

THRESHOLD = 0.35
CROSS_THRESHOLD = 0.5  # nothing but vectors, numbers and time speaks across languages
CONTESTED_BAND = 0.1
_REGULARISATION = 0.1  # scikit-learn's C, on standardised features
_WRONG = 5  # strongest wrong candidates per article in the ranking
_TREES = 240
_TRIED = 0.2  # of the features at each split: many say nearly the same
_MOST_ROWS = 12_000  # per stream; more are drawn from at random, with weights
_STRENGTH = [FEATURES.index(name) for name in ("dense_best", "lead_best", "names_best")]
_TIME = [FEATURES.index(name) for name in ("near_newest", "near_oldest", "log_gap", "same_day")]
_UNKNOWN = FEATURES.index("gap_unknown")
_DENSE = [FEATURES.index(name) for name in FEATURES if "dense" in name]
_WORDS = [
    at
    for at, name in enumerate(FEATURES)
    if not name.startswith(("dense", "numbers", "near", "gap", "log", "same", "brief"))
    or name in ("brief_title", "brief_lead")
]
CROSS_LANGUAGE = "cross-language"
_MASKED = {ANY_MODEL: _DENSE, CROSS_LANGUAGE: _WORDS}
_FREE = ("containment", "near", "gap", "same", "log", "brief")  # may count for or against
_GROWING = [
    int(not name.startswith(_FREE) or name.endswith(("over_mean", "over_max")))
    for name in (*FEATURES, *CONTEXT)
]


@dataclass(frozen=True)
class Step:
    """One article of a replay: its candidates' features, and which of them are right."""

    features: Features
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class Replay:
    """What one form of one labelled stream teaches."""

    stream: str
    form: str  # full, summaries or headlines
    steps: Sequence[Step]
    vectors: NDArray[np.float32]  # one per article, for the gate


def replay(stream: str, form: str, compared: Labelled, model: JoinModel | None = None) -> Replay:
    """Follow the labels, or a model, through an event index and record every choice there was.

    Following the labels shows events as they ought to be; following a model shows them as they
    come to be, with its errors in them. There a candidate is right when half of its articles or
    more have the new article's label.

    Only the events of near neighbours are looked at: with those further off as well, wrong ones
    are so many that the model learns too little of the near ones (measured, see DECISIONS).
    """
    asked: list[Candidates] = []
    index = _index(model or _untrained(), asked)
    event_of_label: dict[str, str] = {}
    held: defaultdict[str, Counter[str]] = defaultdict(Counter)
    label_of: dict[str, str] = {}
    steps = []
    for whole, label in compared:
        article = dataclasses.replace(whole, further="")
        if model is None:
            assignment = index.place(article, event_of_label.get(label))
        else:
            assignment = index.assign(article)
        for candidates in asked:
            right = np.array([_right(held[event], label) for event in candidates.events])
            steps.append(Step(candidates.features, right))
        asked.clear()
        for _ in index.retired():
            pass
        event_of_label[label] = assignment.event_id
        if assignment.role in ("seed", "member"):
            label_of[article.embedded.article.article_id] = label
            held[assignment.event_id][label] += 1
        for move in index.moves():
            moved = Counter(label_of[a] for a in move.article_ids if a in label_of)
            held[move.from_event] -= moved
            held[move.to_event] += moved
    vectors = np.array([np.frombuffer(a.embedded.embedding, "<f4") for a, _ in compared])
    return Replay(stream, form, steps, vectors)


def _right(held: Counter[str], label: str) -> bool:
    return 2 * held[label] >= held.total()


def cluster(compared: Labelled, model: JoinModel) -> list[str]:
    """Cluster a compared stream with a model; give the event of each article at the end."""
    index = _index(model)
    events: list[str] = []
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, (article, _) in enumerate(compared):
        places[article.embedded.article.article_id].append(place)
        events.append(index.assign(article).event_id)
        for _ in index.retired():
            pass
        for move in index.moves():
            for moved in (at for name in move.article_ids for at in places[name]):
                if events[moved] == move.from_event:
                    events[moved] = move.to_event
    return events


def _index(model: JoinModel, asked: list[Candidates] | None = None) -> EventIndex:
    watch = None if asked is None else asked.append
    frequencies = background_frequencies()
    return EventIndex(model, frequencies, model.embedding_model, WINDOW, watch=watch)


def _untrained() -> JoinModel:
    nothing = np.zeros(0)
    leaf = trees_from_json(trees_to_json(0.0, [[[0, 0, 0, 0, 0]]]), 1)
    return JoinModel(ANY_MODEL, nothing, 0.0, nothing, leaf, (), None, 0.0, 0.0)


@dataclass(frozen=True)
class Fitted:
    """A model, and its trees as they are stored."""

    model: JoinModel
    general: dict[str, Any]
    experts: tuple[dict[str, Any], ...]


def fit_twice(
    compared: Mapping[tuple[str, str], Labelled],
    replays: Sequence[Replay],
    expert_streams: Sequence[str],
    embedding_model: str,
) -> Fitted:
    """Fit to events as they ought to be, then also to events as that first model makes them.

    Trained on events without errors alone, a model does not know what to do about its own: one
    wrong join makes the next more likely.

    Args:
        compared: the labelled articles of each stream and form in ``replays``.
        expert_streams, embedding_model: as for ``fit``.
    """
    first = fit(replays, expert_streams, embedding_model).model
    followed = [replay(r.stream, r.form, compared[r.stream, r.form], first) for r in replays]
    return fit([*replays, *followed], expert_streams, embedding_model)


def fit(replays: Sequence[Replay], expert_streams: Sequence[str], embedding_model: str) -> Fitted:
    """Fit ranker, general trees, experts and gate; each form of a stream weighs the same.

    Args:
        expert_streams: streams that get an expert of their own, in this order.
        embedding_model: id of the model of the vectors; for ANY_MODEL the features that come
            from cosines are left out, for CROSS_LANGUAGE those that come from words. Neither has
            experts, as the gate needs the vectors; nor is there one when every stream has its
            own, as the gate then has nothing to tell them from.
    """
    masked = _MASKED.get(embedding_model, [])
    steps: defaultdict[tuple[str, str], list[Step]] = defaultdict(list)
    for r in replays:
        seen = [_mask(step, masked) for step in r.steps]
        steps[r.stream, r.form] += [*seen, *map(_undated, seen)]
    general = [found for (_, form), found in steps.items() if form != "summaries"]
    rank, rank_bias = _logistic([_ranking_rows(found) for found in general])
    ranker = _Ranker(rank, rank_bias, _stranger(general))
    rows = {key: _decision_rows(found, ranker) for key, found in steps.items()}
    trees = _boost([r for (_, form), r in rows.items() if form != "summaries"], 8, 60)
    others = {r.stream for r in replays}.difference(expert_streams)
    names = list(expert_streams) if others and not masked else []
    experts = tuple(
        _boost([r for (stream, _), r in rows.items() if stream == name], 7, 40) for name in names
    )
    size = len(FEATURES) + len(CONTEXT)
    model = JoinModel(
        embedding_model=embedding_model,
        rank=rank,
        rank_bias=rank_bias,
        stranger=ranker.stranger,
        general=trees_from_json(trees, size),
        experts=tuple(trees_from_json(expert, size) for expert in experts),
        gate=_gate(replays, names) if names else None,
        threshold=CROSS_THRESHOLD if embedding_model == CROSS_LANGUAGE else THRESHOLD,
        contested_band=CONTESTED_BAND,
    )
    return Fitted(model, trees, experts)


@dataclass(frozen=True)
class _Ranker:
    weights: Features
    bias: float
    stranger: Features

    def row(self, features: Features, right: NDArray[np.bool_]) -> tuple[Features, bool]:
        """Describe the best candidate in context, and say whether it is the right one."""
        scores = features @ self.weights + self.bias
        order = np.argsort(-scores, kind="stable")
        stranger_score = float(self.stranger @ self.weights) + self.bias
        row = context_row(features, scores, order, self.stranger, stranger_score)
        return row, bool(right[order[0]])


def _mask(step: Step, masked: list[int]) -> Step:
    features = step.features.copy()
    features[:, masked] = 0.0
    return Step(features, step.right)


def _undated(step: Step) -> Step:
    """The same choice without dates, so that "unknown" comes to mean just that."""
    features = step.features.copy()
    features[:, _TIME] = 0.0
    features[:, _UNKNOWN] = 1.0
    return Step(features, step.right)


def _stranger(streams: Sequence[Sequence[Step]]) -> Features:
    """Average the wrong candidates, every stream weighing the same."""
    means = [
        np.concatenate([s.features[~s.right] for s in steps]).mean(axis=0) for steps in streams
    ]
    mean: Features = np.mean(means, axis=0)
    return mean


def _ranking_rows(steps: Sequence[Step]) -> Rows:
    rows: list[Features] = []
    right: list[bool] = []
    for step in (step for step in steps if step.right.any()):
        strongest = np.argsort(-step.features[:, _STRENGTH].sum(axis=1), kind="stable")
        belongs = [i for i in strongest if step.right[i]][:1]
        wrong = [i for i in strongest if not step.right[i]][:_WRONG]
        rows += [step.features[i] for i in (*belongs, *wrong)]
        right += [True, *(False for _ in wrong)]
    return np.array(rows).reshape(-1, len(FEATURES)), np.array(right, bool)


def _decision_rows(steps: Sequence[Step], ranker: _Ranker) -> Rows:
    """Ask whether the best candidate is right, once as it was and once without those that are."""
    asked = [ranker.row(step.features, step.right) for step in steps]
    asked += [
        ranker.row(step.features[~step.right], np.zeros(np.count_nonzero(~step.right), bool))
        for step in steps
        if step.right.any() and not step.right.all()
    ]
    size = len(FEATURES) + len(CONTEXT)
    rows = np.array([row for row, _ in asked]).reshape(-1, size)
    return rows, np.array([right for _, right in asked], bool)


def _logistic(streams: Sequence[Rows]) -> tuple[Features, float]:
    from sklearn.linear_model import LogisticRegression

    streams = [rows for rows in streams if len(rows[1])]
    features = np.concatenate([rows for rows, _ in streams])
    right = np.concatenate([labels for _, labels in streams])
    weights = np.concatenate([np.full(len(labels), 1.0 / len(labels)) for _, labels in streams])
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < 1e-9] = 1.0
    model = LogisticRegression(C=_REGULARISATION, max_iter=5000)
    model.fit((features - mean) / scale, right, weights * len(right) / weights.sum())
    coefficients = model.coef_[0] / scale
    return coefficients, float(model.intercept_[0] - coefficients @ mean)


def _boost(streams: Sequence[Rows], leaves: int, least: int) -> dict[str, Any]:
    """Boost trees on the decisions; a likeness may only ever count in favour."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    drawn = [_draw(*rows, seed) for seed, rows in enumerate(streams) if len(rows[1])]
    features = np.concatenate([rows for rows, _, _ in drawn])
    right = np.concatenate([labels for _, labels, _ in drawn])
    weights = np.concatenate([weight for _, _, weight in drawn])
    model = HistGradientBoostingClassifier(
        max_iter=_TREES,
        learning_rate=0.05,
        max_features=_TRIED,
        max_leaf_nodes=leaves,
        min_samples_leaf=min(least, max(1, len(right) // 20)),
        l2_regularization=1.0,
        monotonic_cst=_GROWING,
        early_stopping=False,
        random_state=0,
    )
    model.fit(features, right, weights * len(right) / weights.sum())
    base = float(np.ravel(model._baseline_prediction)[0])
    return trees_to_json(round(base, 6), [_nodes(found[0].nodes) for found in model._predictors])


def _draw(rows: Features, right: NDArray[np.bool_], seed: int) -> tuple[Features, Any, Features]:
    """Take at most so many rows of a stream, half of them right, weighted as the whole."""
    if len(right) <= _MOST_ROWS:
        return rows, right, np.full(len(right), 1.0 / len(right))
    random = np.random.default_rng(seed)
    parts = []
    for side in (True, False):
        (at,) = np.nonzero(right == side)
        taken = random.choice(at, min(len(at), _MOST_ROWS // 2), replace=False)
        parts.append((taken, np.full(len(taken), len(at) / max(1, len(taken)) / len(right))))
    taken = np.concatenate([at for at, _ in parts])
    return rows[taken], right[taken], np.concatenate([weight for _, weight in parts])


def _nodes(stored: Any) -> list[list[float]]:
    """Write one tree of scikit-learn as rows of feature, threshold, left, right and value."""
    nodes: list[list[float]] = []
    for at, node in enumerate(stored):
        if node["is_leaf"]:
            nodes.append([0, 0.0, at, at, round(float(node["value"]), 6)])
            continue
        threshold = float(f"{float(node['num_threshold']):.7g}")
        nodes.append(
            [int(node["feature_idx"]), threshold, int(node["left"]), int(node["right"]), 0.0]
        )
    return nodes


def _gate(replays: Sequence[Replay], names: Sequence[str]) -> Gate:
    """Learn from the vectors whose kind of news an article is; the last class is the rest."""
    from sklearn.linear_model import LogisticRegression

    vectors = np.concatenate([r.vectors for r in replays])
    kinds = [names.index(r.stream) if r.stream in names else len(names) for r in replays]
    labels = np.concatenate([np.full(len(r.vectors), k) for r, k in zip(replays, kinds)])
    streams = [
        {r.stream for r, of in zip(replays, kinds) if of == kind} for kind in range(len(names) + 1)
    ]
    weights = np.concatenate(
        [
            np.full(
                len(r.vectors),
                1.0 / len(r.vectors) / len(streams[k]) / sum(o.stream == r.stream for o in replays),
            )
            for r, k in zip(replays, kinds)
        ]
    )
    model = LogisticRegression(C=1.0, max_iter=2000)
    model.fit(vectors, labels, weights * len(labels) / weights.sum())
    if len(names) == 1:  # scikit-learn keeps one row for two classes: that of the second
        return Gate(
            np.array([-model.coef_[0] / 2, model.coef_[0] / 2], np.float64),
            np.array([-model.intercept_[0] / 2, model.intercept_[0] / 2], np.float64),
        )
    return Gate(model.coef_.astype(np.float64), model.intercept_.astype(np.float64))


def to_json(fitted: Fitted, made: dict[str, Any]) -> dict[str, Any]:
    """Give a model as the content of its coefficient file, with what it was made from."""
    model = fitted.model
    gate = model.gate
    return {
        "embedding_model": model.embedding_model,
        **made,
        "features": list(FEATURES),
        "context": [*FEATURES, *CONTEXT],
        "threshold": model.threshold,
        "contested_band": model.contested_band,
        "rank": _rounded(model.rank),
        "rank_bias": round(model.rank_bias, 6),
        "stranger": _rounded(model.stranger),
        "general": fitted.general,
        "experts": list(fitted.experts),
        "gate": None
        if gate is None
        else {"weights": [_rounded(row) for row in gate.weights], "bias": _rounded(gate.bias)},
    }


def _rounded(values: Features) -> list[float]:
    return [round(value, 6) for value in values.tolist()]
