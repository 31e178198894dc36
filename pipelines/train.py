"""Make the coefficients of the join model by replaying labelled streams.

A replay puts every article where its label says, and records at each step what the index knew of
the candidates. From these come two logistic regressions: one ranks the right event above wrong
ones, one decides whether the best candidate is right. Every stream weighs the same, whatever its
size.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries, say
from pipelines.labelled import LabelledError, line_of, read_labels, read_lines
from pipelines.options import Parser, UsageError
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import (
    ANY_MODEL,
    CONTEXT,
    FEATURES,
    Features,
    JoinModel,
    context_row,
)
from transforms.cluster.terms import background_frequencies
from transforms.embed.model import DEFAULT_MODEL

if TYPE_CHECKING:
    from schemas import ComparedArticle

FOLDER = Path("transforms/cluster")
WINDOW = timedelta(days=7)
THRESHOLD = 0.22
CONTESTED_BAND = 0.1
REGULARISATION = 0.1  # scikit-learn's C, on standardised features
_WRONG = 5  # strongest wrong candidates per article in the ranking
_STRENGTH = [FEATURES.index(name) for name in ("dense_best", "lead_best", "names_best")]
_TIME = [FEATURES.index(name) for name in ("near_newest", "near_oldest", "log_gap")]
_UNKNOWN = FEATURES.index("gap_unknown")
_DENSE = [FEATURES.index(name) for name in FEATURES if "dense" in name]


@dataclass(frozen=True)
class Step:
    """One article of a replay: its candidates' features and the row that is right, or -1."""

    features: Features
    right: int


def replay(compared: Iterable[tuple["ComparedArticle", str]]) -> list[Step]:
    """Follow the labels through an event index and record every choice there was."""
    nothing = np.zeros(0)
    untrained = JoinModel(ANY_MODEL, nothing, 0.0, nothing, nothing, 0.0, 0.0, 0.0)
    index = EventIndex(untrained, background_frequencies(), ANY_MODEL, WINDOW)
    event_of_label: dict[str, str] = {}
    steps = []
    for article, label in compared:
        assignment, candidates = index.place(article, event_of_label.get(label))
        for _ in index.expire():
            pass
        event_of_label[label] = assignment.event_id
        if candidates is not None and candidates.events:
            events = candidates.events
            right = events.index(assignment.event_id) if assignment.event_id in events else -1
            steps.append(Step(candidates.features, right))
    return steps


def fit(streams: Sequence[Sequence[Step]], embedding_model: str) -> JoinModel:
    """Fit both regressions; for ANY_MODEL without the features that come from cosines."""
    masked = _DENSE if embedding_model == ANY_MODEL else []
    streams = [[_mask(step, masked) for step in stream] for stream in streams]
    streams = [[*stream, *(_undated(step) for step in stream)] for stream in streams]
    rank, rank_bias = _logistic([_ranking_rows(stream) for stream in streams])
    ranker = _Ranker(rank, rank_bias, _stranger(streams))
    decide, decide_bias = _logistic([_decision_rows(stream, ranker) for stream in streams])
    return JoinModel(
        embedding_model=embedding_model,
        rank=rank,
        rank_bias=rank_bias,
        stranger=ranker.stranger,
        decide=decide,
        decide_bias=decide_bias,
        threshold=THRESHOLD,
        contested_band=CONTESTED_BAND,
    )


@dataclass(frozen=True)
class _Ranker:
    weights: Features
    bias: float
    stranger: Features

    def row(self, features: Features, right: int) -> tuple[Features, int]:
        """Describe the best candidate in context, and say whether it is the right one."""
        scores = features @ self.weights + self.bias
        order = np.argsort(-scores, kind="stable")
        stranger_score = float(self.stranger @ self.weights) + self.bias
        row = context_row(features, scores, order, self.stranger, stranger_score)
        return row, int(order[0] == right)


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
        np.concatenate(
            [np.delete(s.features, s.right, axis=0) if s.right >= 0 else s.features for s in steps]
        ).mean(axis=0)
        for steps in streams
    ]
    mean: Features = np.mean(means, axis=0)
    return mean


Rows = list[tuple[Features, int]]


def _ranking_rows(steps: Sequence[Step]) -> Rows:
    rows: Rows = []
    for step in (step for step in steps if step.right >= 0):
        rows.append((step.features[step.right], 1))
        strongest = np.argsort(-step.features[:, _STRENGTH].sum(axis=1), kind="stable")
        rows += [(step.features[i], 0) for i in strongest if i != step.right][:_WRONG]
    return rows


def _decision_rows(steps: Sequence[Step], ranker: _Ranker) -> Rows:
    """Ask whether the best candidate is right, once as it was and once without the right one."""
    rows: Rows = []
    for step in steps:
        rows.append(ranker.row(step.features, step.right))
        if step.right >= 0 and len(step.features) > 1:
            rows.append(ranker.row(np.delete(step.features, step.right, axis=0), -1))
    return rows


def _logistic(streams: Sequence[Rows]) -> tuple[Features, float]:
    from sklearn.linear_model import LogisticRegression

    features = np.array([row for stream in streams for row, _ in stream])
    labels = np.array([label for stream in streams for _, label in stream])
    weights = np.concatenate([np.full(len(stream), 1.0 / len(stream)) for stream in streams])
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < 1e-9] = 1.0
    model = LogisticRegression(C=REGULARISATION, max_iter=5000)
    model.fit(
        (features - mean) / scale, labels, sample_weight=weights * len(labels) / weights.sum()
    )
    coefficients = model.coef_[0] / scale
    return coefficients, float(model.intercept_[0] - coefficients @ mean)


def to_json(model: JoinModel, made_from: list[dict[str, Any]]) -> str:
    """Write a model as the coefficient file, with what it was made from."""
    stored = {
        "embedding_model": model.embedding_model,
        "made_on": datetime.now(timezone.utc).date().isoformat(),
        "made_from": made_from,
        "features": list(FEATURES),
        "context": [*FEATURES, *CONTEXT],
        "rank": [round(value, 6) for value in model.rank.tolist()],
        "rank_bias": round(model.rank_bias, 6),
        "stranger": [round(value, 6) for value in model.stranger.tolist()],
        "decide": [round(value, 6) for value in model.decide.tolist()],
        "decide_bias": round(model.decide_bias, 6),
        "threshold": model.threshold,
        "contested_band": model.contested_band,
    }
    return json.dumps(stored, indent=1) + "\n"


def in_training_half(label: str) -> bool:
    """Say whether a label belongs to the half of a stream that ``--half`` trains on."""
    return hashlib.sha256(label.encode()).digest()[-1] % 2 == 0


def headlines_only(path: str, copy: Path) -> str:
    """Write a labelled stream without its texts to ``copy``; return that path.

    Many feeds carry hardly more than headlines. Trained on whole articles alone, the model takes
    two headlines about one subject for one event.

    Raises:
        LabelledError: the stream cannot be used.
    """
    with copy.open("w", encoding="utf-8") as file:
        for _, line in read_lines(path):
            file.write(json.dumps({**json.loads(line), "text": ""}) + "\n")
    return str(copy)


def compare_stream(path: str, model_name: str, half: bool) -> list[tuple["ComparedArticle", str]]:
    """Run a labelled stream through the transforms up to dedupe, in decision order.

    Args:
        half: leave out the articles of the other half of the labels. They were neighbours all
            the same, as in a real stream.

    Raises:
        LabelledError: the stream cannot be used.
    """
    labels = read_labels(path)
    import apache_beam as beam

    from pipelines.engine import Collected, new_pipeline, run
    from pipelines.flow import Sources, compare
    from pipelines.options import parse_settings
    from transforms._shared.ordering import decision_order
    from transforms.embed.model import resolve_model

    settings = parse_settings(["--input", path, "--output", "none", "--model", model_name])
    pipeline: beam.Pipeline = new_pipeline(settings.runner, ())
    upto = compare(pipeline, Sources((path,), ()), settings, resolve_model(model_name))
    collected = Collected(upto.compared, "Compared")
    run(pipeline)
    found = sorted(collected.read(), key=lambda item: decision_order(item.embedded.article))
    lines = [line_of(item.embedded.article.key, labels) for item in found]
    labelled = [(item, labels[line].label) for item, line in zip(found, lines)]
    return [(item, label) for item, label in labelled if not half or in_training_half(label)]


def steps_of(path: str, model_name: str, half: bool) -> list[Step]:
    """Replay a labelled stream.

    Raises:
        LabelledError: the stream cannot be used, or no article in it had a choice.
    """
    steps = replay(compare_stream(path, model_name, half))
    if not any(step.right >= 0 and len(step.features) > 1 for step in steps):
        raise LabelledError(f"{path} teaches nothing: it needs several events of several articles")
    return steps


def main(argv: Sequence[str] | None = None) -> int:
    """Train both coefficient files; return the exit code: 0 done, 1 failed, 2 usage."""
    parser = Parser(
        prog="python -m pipelines.train",
        description="Make the coefficients of the join model from labelled streams.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--labelled", action="append", required=True, metavar="FILE", help="stream; repeatable"
    )
    parser.add_argument(
        "--half",
        action="append",
        default=[],
        metavar="FILE",
        help="stream of which half the labels (by hash) stay unseen, to be scored; repeatable",
    )
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="NAME|PATH", help="default: %(default)s"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help="where the two files go (default: %(default)s)",
    )
    try:
        parsed = parser.parse_args(argv)
    except UsageError as error:
        return fail(str(error), USAGE)
    if not parsed.folder.is_dir():
        return fail(f"{parsed.folder} is no folder: give an existing one to --folder", USAGE)
    quiet_libraries()
    from transforms.embed.model import ModelError, resolve_model

    try:
        bound = resolve_model(parsed.model).model_id
        paths = [(path, False) for path in parsed.labelled] + [(p, True) for p in parsed.half]
        streams = [steps_of(path, parsed.model, half) for path, half in paths]
        with tempfile.TemporaryDirectory() as folder:
            bare = [
                headlines_only(path, Path(folder) / f"{n}.jsonl")
                for n, path in enumerate(parsed.labelled)
            ]
            streams += [steps_of(path, parsed.model, False) for path in bare]
    except LabelledError as error:
        return fail(str(error), USAGE)
    except ModelError as error:
        return fail(str(error), FAILED)
    made_from = [
        {
            "file": Path(path).name,
            "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
            "labels": "half" if half else "all",
            "also_as_headlines": not half,
        }
        for path, half in paths
    ]
    for name, bound_to in (("join_model.json", bound), ("join_model_any.json", ANY_MODEL)):
        text = to_json(fit(streams, bound_to), made_from)
        (parsed.folder / name).write_text(text, encoding="utf-8")
        say(f"wrote {parsed.folder / name} for {bound_to}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
