"""Score the pipeline on a labelled stream: the very same transforms, then the metrics."""

import argparse
import json
import sys
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.candidate_recall import candidate_recall
from pipelines.cluster_scores import cluster_scores
from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries
from pipelines.labelled import FORM, Labelled, LabelledError, line_of, read_labels
from pipelines.options import Parser, Settings, UsageError, parse_settings, refuse_unknown
from schemas import Article, Assignment, Moved
from transforms.embed.model import ModelError


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate one labelled stream; return the exit code: 0 done, 1 failed, 2 usage."""
    try:
        parsed, settings = _parse(argv)
        quiet_libraries()
        refuse_unknown(settings.beam_args)
        scores = evaluate(parsed.labelled, settings, _delay(parsed))
    except (UsageError, LabelledError) as error:
        return fail(str(error), USAGE)
    except ModelError as error:
        return fail(str(error), FAILED)
    text = json.dumps(scores, indent=2)
    if parsed.json:
        try:
            Path(parsed.json).write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:
            return fail(f"cannot write {parsed.json}: {error.strerror}", FAILED)
    print(text)
    return DONE


def _parse(argv: Sequence[str] | None) -> tuple[argparse.Namespace, Settings]:
    parser = Parser(
        prog="python -m pipelines.evaluate",
        description="Score the pipeline on a labelled stream (JSON Lines, also gzipped, with id, "
        "title, text, published, lang, source, url, label).",
        epilog="Other flags are those of the main job (--model, --window_days, ...) and of Beam.",
        allow_abbrev=False,
    )
    parser.add_argument("--labelled", required=True, metavar="FILE", help="the labelled stream")
    parser.add_argument("--json", metavar="OUT", help="also write the scores to this file")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--batch", action="store_true", help="one bounded run in event time (the default)"
    )
    mode.add_argument(
        "--stream",
        action="store_true",
        help="article by article as it was published, in rounds of one hour of the stream's time",
    )
    parser.add_argument(
        "--shuffle_hours",
        type=float,
        default=0.0,
        metavar="H",
        help="with --stream: each article comes up to this much later (default: %(default)g hours)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the shuffle (default: %(default)s)"
    )
    parsed, rest = parser.parse_known_args(argv)
    if not 0 <= parsed.shuffle_hours <= 24 * 365:
        raise UsageError("--shuffle_hours is not a number of hours from 0 to a year")
    if parsed.shuffle_hours and not parsed.stream:
        raise UsageError("--shuffle_hours is for --stream")
    settings = parse_settings(["--input", parsed.labelled, "--output", "none", *rest])
    if parsed.stream and settings.partitions > 1:
        raise UsageError("--partitions splits the search of a run that ends: leave it out here")
    return parsed, replace(settings, report=False)


def _delay(parsed: argparse.Namespace) -> "Delay | None":
    return Delay(timedelta(hours=parsed.shuffle_hours), parsed.seed) if parsed.stream else None


@dataclass(frozen=True)
class Delay:
    """How a stream comes: in order when nothing is ``most`` late."""

    most: timedelta
    seed: int


@dataclass(frozen=True)
class Evaluated:
    """A labelled stream after a run: where its articles went, and how well that fits the labels."""

    labels: dict[int, Labelled]  # by line
    assignments: list[Assignment]  # in decision order
    repeated: list[list[str]]  # key and article_id of each repeat
    scores: dict[str, Any]  # as ``evaluate`` gives them

    def score(self, events: Sequence[Hashable]) -> dict[str, float]:
        """Score other events for the very same articles, given in the order of assignments."""
        return _cluster_scores(self.labels, self.assignments, events, self.repeated)


def evaluate(path: str, settings: Settings, delay: Delay | None = None) -> dict[str, Any]:
    """Run a labelled stream through the pipeline and score the events.

    A repeat counts where its article went; a rejected document stands alone. Both are also
    reported as numbers of their own.

    Args:
        delay: run it as a stream that comes like this; None for one bounded run.

    Raises:
        LabelledError: the stream cannot be used.
    """
    return evaluate_stream(path, settings, delay).scores


def evaluate_stream(path: str, settings: Settings, delay: Delay | None = None) -> Evaluated:
    """Do what ``evaluate`` does, and keep what the scores were made from.

    Raises:
        LabelledError: the stream cannot be used.
    """
    labels = read_labels(path)
    import apache_beam as beam

    from pipelines.engine import Collected, bounded_metrics, new_pipeline, run
    from pipelines.flow import Mode, Sources, build, read_once
    from pipelines.labelled_rounds import LabelledRounds, labelled_rounds
    from pipelines.run_summary import counts_of
    from transforms._shared.stopping import STOP
    from transforms.embed.model import resolve_model
    from transforms.read.transform import PollDocuments

    started = time.monotonic()
    pipeline = new_pipeline(settings.runner, settings.beam_args)
    model = resolve_model(settings.model)
    if delay is None:
        detected = build(read_once(pipeline, Sources((path,), ()), settings), settings, model)
    else:
        STOP.clear()
        rounds = labelled_rounds(path, delay.most, delay.seed, settings.as_of)
        make = partial(LabelledRounds, rounds)
        read = pipeline | "Read" >> PollDocuments(make, poll_seconds=0.0, rounds=len(rounds))
        detected = build(read, settings, model, Mode(bounded=False))
    assigned = Collected(detected.assignments, "Assigned")
    moved = Collected(detected.moved, "Moved")
    repeats = Collected(
        detected.repeats | "Repeated" >> beam.Map(_repeated).with_output_types(list[str]),
        "Repeated",
    )
    with bounded_metrics():
        counts = counts_of(run(pipeline))
    seconds = time.monotonic() - started
    assignments = _where_they_are(sorted(assigned.read(), key=_order), moved.read())
    repeated = repeats.read()
    if not assignments:
        reasons = ", ".join(sorted(counts["rejected_by_reason"])) or "nothing was read"
        raise LabelledError(f"{path}: no line became an article ({reasons}); give {FORM}")
    events = [assignment.event_id for assignment in assignments]
    lines = [line_of(_article(assignment).key, labels) for assignment in assignments]
    scores: dict[str, Any] = {
        **_cluster_scores(labels, assignments, events, repeated),
        "all_singletons_b3_F1": singleton_scores(labels)["b3_F1"],
        "candidate_recall": candidate_recall(
            [(item, labels[line].label) for item, line in zip(assignments, lines)],
            timedelta(days=settings.window_days),
        ),
        "repeats": counts["repeats"],
        "rejected": sum(counts["rejected_by_reason"].values()),  # nothing is written here
        "docs_per_second": len(labels) / seconds,
    }
    return Evaluated(labels, assignments, repeated, rounded(scores))


def _where_they_are(assignments: list[Assignment], moved: list[Moved]) -> list[Assignment]:
    """Put each article of a stream into the event it was in at the end."""
    latest: dict[tuple[str, int], str] = {}
    for move in sorted(moved, key=lambda move: move.sequence):
        latest[move.article_id, move.revision] = move.to_event
    return [
        replace(item, event_id=latest.get((a.article_id, a.revision), item.event_id))
        for item in assignments
        for a in (_article(item),)
    ]


def singleton_scores(labels: Mapping[int, Labelled]) -> dict[str, float]:
    """Score the events one gets without looking: every line of the stream its own."""
    return cluster_scores([labels[line].label for line in labels], list(labels))


def rounded(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Round every fraction to four decimals."""
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in scores.items()}


def _article(assignment: Assignment) -> Article:
    return assignment.compared.embedded.article


def _order(assignment: Assignment) -> int:
    return assignment.sequence


def _repeated(repeat: Any) -> list[str]:
    return [repeat.key, repeat.article_id]


def _cluster_scores(
    labels: Mapping[int, Labelled],
    assignments: Sequence[Assignment],
    events: Sequence[Hashable],
    repeated: Sequence[Sequence[str]],
) -> dict[str, float]:
    articles = [_article(assignment) for assignment in assignments]
    assigned = [(item.key, item.article_id, event) for item, event in zip(articles, events)]
    predicted = _predicted(labels, assigned, repeated)
    lines = sorted(labels)
    return cluster_scores(
        [labels[line].label for line in lines], [predicted[line] for line in lines]
    )


def _predicted(
    labels: Mapping[int, Labelled],
    assigned: Sequence[tuple[str, str, Hashable]],
    repeated: Sequence[Sequence[str]],
) -> dict[int, Hashable]:
    """Find the event of every line; a line that became no article stands alone."""
    event_of_article = {article: event for _, article, event in assigned}
    found = {line_of(key, labels): event for key, _, event in assigned}
    found |= {line_of(key, labels): event_of_article.get(article, key) for key, article in repeated}
    return {line: found.get(line, f"line {line}") for line in labels}


if __name__ == "__main__":
    sys.exit(main())
