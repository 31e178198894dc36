"""Make the coefficients of the join model by replaying labelled streams.

A replay puts every article where its label says, and records at each step what the index knew of
the candidates; ``pipelines.fitting`` learns from that, and once more from a replay by what it has
learned. Each stream is replayed in several forms, because feeds carry whole texts, summaries or
bare headlines.
"""

import argparse
import hashlib
import json
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.cluster_scores import cluster_scores
from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries, say
from pipelines.labelled import LabelledError, line_of, read_labels, read_lines
from pipelines.model_card import CARD, Scored, model_card
from pipelines.options import Parser, UsageError
from transforms.cluster.join_model import ANY_MODEL
from transforms.embed.model import DEFAULT_MODEL

if TYPE_CHECKING:
    from pipelines.fitting import Fitted, Replay
    from schemas import ComparedArticle

FOLDER = Path("transforms/cluster")
_FULL, _SUMMARIES, _HEADLINES = "full", "summaries", "headlines"
_SUMMARY_WORDS = range(40, 80)

Compared = list[tuple["ComparedArticle", str]]


@dataclass(frozen=True)
class Stream:
    """One labelled stream and what it is for."""

    path: str
    use: str  # labelled, expert, half or held_out

    @property
    def name(self) -> str:
        return Path(self.path).name.partition(".")[0]

    @property
    def forms(self) -> tuple[str, ...]:
        """Say in which forms it is replayed; short forms are made of whole streams only."""
        if self.use == "expert":
            return (_FULL, _SUMMARIES, _HEADLINES)
        return (_FULL, _HEADLINES) if self.use == "labelled" else (_FULL,)


def in_training_half(label: str) -> bool:
    """Say whether a label belongs to the half of a stream that ``--half`` trains on."""
    return hashlib.sha256(label.encode()).digest()[-1] % 2 == 0


def shortened(path: str, copy: Path, form: str) -> str:
    """Write a labelled stream as bare headlines or with short summaries to ``copy``.

    Trained on whole articles alone, the model takes two headlines about one subject for one
    event.

    Returns:
        The path of the copy.

    Raises:
        LabelledError: the stream cannot be used.
    """
    with copy.open("w", encoding="utf-8") as file:
        for number, line in read_lines(path):
            record = json.loads(line)
            words = str(record.get("text") or "").split()
            length = _SUMMARY_WORDS[number * 7 % len(_SUMMARY_WORDS)]
            text = " ".join(words[:length]) if form == _SUMMARIES else ""
            file.write(json.dumps({**record, "text": text}) + "\n")
    return str(copy)


def compare_stream(path: str, model_name: str) -> Compared:
    """Run a labelled stream through the transforms up to dedupe, in decision order.

    Returns:
        The compared articles, each with its label.

    Raises:
        LabelledError: the stream cannot be used.
    """
    labels = read_labels(path)
    import apache_beam as beam

    from pipelines.engine import Collected, new_pipeline, run
    from pipelines.flow import Sources, compare, read_once
    from pipelines.options import parse_settings
    from transforms._shared.ordering import decision_order
    from transforms.embed.model import resolve_model

    given = ["--input", path, "--output", "none", "--model", model_name]
    settings = parse_settings([*given, "--encoder_precision", "fp32"])  # the same everywhere
    pipeline: beam.Pipeline = new_pipeline(settings.runner, ())
    read = read_once(pipeline, Sources((path,), ()), settings)
    upto = compare(read, settings, resolve_model(model_name))
    collected = Collected(upto.articles, "Compared")
    run(pipeline)
    found = sorted(collected.read(), key=lambda item: decision_order(item.embedded.article))
    lines = [line_of(item.embedded.article.key, labels) for item in found]
    return [(item, labels[line].label) for item, line in zip(found, lines)]


def _forms(stream: Stream, folder: Path) -> Iterator[tuple[str, str]]:
    """Give each form of a stream and the path it lies at."""
    for form in stream.forms:
        copy = folder / f"{stream.name}-{form}.jsonl"
        yield form, stream.path if form == _FULL else shortened(stream.path, copy, form)


def _replay(stream: Stream, form: str, compared: Compared) -> "Replay":
    """Replay one form of a stream.

    Raises:
        LabelledError: no article in it had a choice.
    """
    from pipelines.fitting import replay

    done = replay(stream.name, form, compared)
    if not any(step.right.any() and len(step.features) > 1 for step in done.steps):
        raise LabelledError(
            f"{stream.path} teaches nothing: it needs several events of several articles"
        )
    return done


def _score(compared: Compared, fitted: "Fitted", unseen: bool = False) -> dict[str, float]:
    """Cluster a stream and score it, or only that half of its labels that taught nothing."""
    from pipelines.fitting import cluster

    labels = [label for _, label in compared]
    found = zip(labels, cluster(compared, fitted.model))
    kept = [pair for pair in found if not (unseen and in_training_half(pair[0]))]
    return cluster_scores([label for label, _ in kept], [event for _, event in kept])


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m pipelines.train",
        description="Make the coefficients of the join model from labelled streams.",
        allow_abbrev=False,
    )
    for flag, meaning in (
        ("--labelled", "stream to train on"),
        ("--expert", "stream to train on that gets an expert of its own"),
        ("--half", "stream of which half the labels (by hash) stay unseen"),
        ("--held_out", "stream to score the result on, never trained on"),
    ):
        parser.add_argument(
            flag, action="append", default=[], metavar="FILE", help=f"{meaning}; repeatable"
        )
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="NAME|PATH", help="default: %(default)s"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help="where the three files and the card go (default: %(default)s)",
    )
    parser.add_argument(
        "--cross_validate",
        action="store_true",
        help="also train on all streams but one and score that one, for each (takes minutes)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Train the coefficient files; return the exit code: 0 done, 1 failed, 2 usage."""
    try:
        parsed = _parser().parse_args(argv)
        streams = [
            Stream(path, use)
            for use in ("labelled", "expert", "half", "held_out")
            for path in getattr(parsed, use)
        ]
        _check(streams, parsed)
    except UsageError as error:
        return fail(str(error), USAGE)
    quiet_libraries()
    from transforms.embed.model import ModelError, resolve_model

    try:
        bound = resolve_model(parsed.model).model_id
        _train(streams, bound, parsed)
    except LabelledError as error:
        return fail(str(error), USAGE)
    except ModelError as error:
        return fail(str(error), FAILED)
    return DONE


def _check(streams: Sequence[Stream], parsed: argparse.Namespace) -> None:
    if all(stream.use == "held_out" for stream in streams):
        raise UsageError("nothing to train on: give --labelled, --expert or --half")
    experts = {stream.name for stream in streams if stream.use == "expert"}
    trained = {stream.name for stream in streams if stream.use != "held_out"}
    if experts and experts == trained:
        raise UsageError("an expert needs other streams to differ from: add --labelled or --half")
    if parsed.cross_validate and len(trained) < 2:
        raise UsageError("--cross_validate leaves one stream out: give two or more to train on")
    if len({stream.name for stream in streams}) < len(streams):
        raise UsageError("two streams have the same name: rename one, each may be given once")
    if not parsed.folder.is_dir():
        raise UsageError(f"{parsed.folder} is no folder: give an existing one to --folder")


@dataclass(frozen=True)
class _Lessons:
    """All streams, read once: what each process that fits a model gets."""

    compared: dict[tuple[str, str], Compared]  # by stream and form; halves cut to what is trained
    replays: list["Replay"]
    experts: tuple[str, ...]


def _train(streams: Sequence[Stream], bound: str, parsed: argparse.Namespace) -> None:
    from pipelines.fitting import CROSS_LANGUAGE, to_json

    whole, lessons = _read(streams, parsed.model)
    made = {
        "made_on": datetime.now(timezone.utc).date().isoformat(),
        "made_from": _digests(streams),
    }
    trained = [stream for stream in streams if stream.use != "held_out"]
    left_out = trained if parsed.cross_validate else []
    tasks = [(bound, ""), (ANY_MODEL, ""), (CROSS_LANGUAGE, "")]
    tasks += [(bound, stream.name) for stream in left_out]
    say(f"fitting {len(tasks)} models")
    fitted, any_model, cross, *others = _fit_all(tasks, lessons)
    for name, model in (
        ("join_model.json", fitted),
        ("join_model_any.json", any_model),
        ("join_model_cross.json", cross),
    ):
        text = json.dumps(to_json(model, made), separators=(",", ":")) + "\n"
        (parsed.folder / name).write_text(text, encoding="utf-8")
        say(f"wrote {parsed.folder / name} for {model.model.embedding_model}")
    scored = []
    for stream in streams:
        if stream.use == "held_out":
            scored.append(Scored(stream.name, "held out", _score(whole[stream.name], fitted)))
        if stream.use == "half":
            scores = _score(whole[stream.name], fitted, unseen=True)
            scored.append(Scored(stream.name, "the half of the labels not trained on", scores))
    for stream, other in zip(left_out, others):
        scored.append(
            Scored(stream.name, "left out of training", _score(whole[stream.name], other))
        )
    card = model_card(bound, made, fitted.model, scored)
    (parsed.folder / CARD).write_text(card, encoding="utf-8")
    say(f"wrote {parsed.folder / CARD}")


def _read(streams: Sequence[Stream], model_name: str) -> tuple[dict[str, Compared], _Lessons]:
    """Read every stream in all its forms; give those that are scored whole, and the lessons."""
    whole: dict[str, Compared] = {}
    lessons = _Lessons({}, [], tuple(s.name for s in streams if s.use == "expert"))
    with tempfile.TemporaryDirectory() as folder:
        for stream in streams:
            for form, path in _forms(stream, Path(folder)):
                compared = compare_stream(path, model_name)
                if form == _FULL:
                    whole[stream.name] = compared
                if stream.use == "half":
                    compared = [pair for pair in compared if in_training_half(pair[1])]
                if stream.use != "held_out":
                    lessons.compared[stream.name, form] = compared
                    lessons.replays.append(_replay(stream, form, compared))
    return whole, lessons


def _fit_all(tasks: Sequence[tuple[str, str]], lessons: _Lessons) -> list["Fitted"]:
    """Fit a model for each embedding model and stream to leave out, in processes side by side."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes, of which there are enough
    with tempfile.NamedTemporaryFile() as file:
        pickle.dump(lessons, file, protocol=5)
        file.flush()
        workers = min(len(tasks), os.cpu_count() or 1)
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            return list(pool.map(partial(_fit, file.name), tasks))


def _fit(path: str, task: tuple[str, str]) -> "Fitted":
    from pipelines.fitting import fit_twice

    bound, left_out = task
    lessons: _Lessons = pickle.loads(Path(path).read_bytes())
    replays = [replay for replay in lessons.replays if replay.stream != left_out]
    experts = [expert for expert in lessons.experts if expert != left_out]
    return fit_twice(lessons.compared, replays, experts, bound)


def _digests(streams: Sequence[Stream]) -> list[dict[str, Any]]:
    return [
        {
            "file": Path(stream.path).name,
            "sha256": hashlib.sha256(Path(stream.path).read_bytes()).hexdigest(),
            "labels": "half" if stream.use == "half" else "all",
            "forms": list(stream.forms),
            "expert": stream.use == "expert",
        }
        for stream in streams
        if stream.use != "held_out"
    ]


if __name__ == "__main__":
    sys.exit(main())
