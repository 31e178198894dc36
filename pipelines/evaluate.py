"""Score the pipeline on a labelled stream: the very same transforms, then the metrics."""

import argparse
import json
import sys
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.candidate_recall import candidate_recall
from pipelines.cluster_scores import cluster_scores
from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries
from pipelines.labelled import FORM, Labelled, LabelledError, line_of, read_labels
from pipelines.options import Parser, Settings, UsageError, parse_settings, refuse_unknown
from schemas import Article, Assignment
from transforms._shared.ordering import decision_order
from transforms.embed.model import ModelError


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate one labelled stream; return the exit code: 0 done, 1 failed, 2 usage."""
    try:
        parsed, settings = _parse(argv)
        quiet_libraries()
        refuse_unknown(settings.beam_args)
        scores = evaluate(parsed.labelled, settings)
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
    parser.add_argument(
        "--batch", action="store_true", help="one bounded run in event time (the default)"
    )
    parsed, rest = parser.parse_known_args(argv)
    settings = parse_settings(["--input", parsed.labelled, "--output", "none", *rest])
    return parsed, replace(settings, report=False)


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


def evaluate(path: str, settings: Settings) -> dict[str, Any]:
    """Run a labelled stream through the pipeline and score the events.

    A repeat counts where its article went; a rejected document stands alone. Both are also
    reported as numbers of their own.

    Raises:
        LabelledError: the stream cannot be used.
    """
    return evaluate_stream(path, settings).scores


def evaluate_stream(path: str, settings: Settings) -> Evaluated:
    """Do what ``evaluate`` does, and keep what the scores were made from.

    Raises:
        LabelledError: the stream cannot be used.
    """
    labels = read_labels(path)
    import apache_beam as beam

    from pipelines.engine import Collected, new_pipeline, run
    from pipelines.flow import Sources, build, read_once
    from pipelines.run_summary import counts_of
    from transforms.embed.model import resolve_model

    started = time.monotonic()
    pipeline = new_pipeline(settings.runner, settings.beam_args)
    read = read_once(pipeline, Sources((path,), ()), settings)
    detected = build(read, settings, resolve_model(settings.model))
    assigned = Collected(detected.assignments, "Assigned")
    repeats = Collected(
        detected.repeats | "Repeated" >> beam.Map(_repeated).with_output_types(list[str]),
        "Repeated",
    )
    counts = counts_of(run(pipeline))
    seconds = time.monotonic() - started
    assignments, repeated = sorted(assigned.read(), key=_order), repeats.read()
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


def singleton_scores(labels: Mapping[int, Labelled]) -> dict[str, float]:
    """Score the events one gets without looking: every line of the stream its own."""
    return cluster_scores([labels[line].label for line in labels], list(labels))


def rounded(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Round every fraction to four decimals."""
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in scores.items()}


def _article(assignment: Assignment) -> Article:
    return assignment.compared.embedded.article


def _order(assignment: Assignment) -> tuple[Any, ...]:
    return decision_order(_article(assignment))


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
