"""Score the pipeline on a labelled stream: the very same transforms, then the metrics."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.cluster_scores import cluster_scores
from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries
from pipelines.labelled import Labelled, LabelledError, line_of, read_labels
from pipelines.options import Parser, Settings, UsageError, parse_settings, refuse_unknown
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


def evaluate(path: str, settings: Settings) -> dict[str, Any]:
    """Run a labelled stream through the pipeline and score the events.

    A repeat counts where its article went; a rejected document stands alone. Both are also
    reported as numbers of their own.

    Raises:
        LabelledError: the stream cannot be used.
    """
    labels = read_labels(path)
    import apache_beam as beam

    from pipelines.engine import Collected, new_pipeline, run
    from pipelines.flow import Sources, build
    from pipelines.run_summary import counts_of
    from transforms.embed.model import resolve_model

    started = time.monotonic()
    pipeline = new_pipeline(settings.runner, settings.beam_args)
    detected = build(pipeline, Sources((path,), ()), settings, resolve_model(settings.model))
    assigned = Collected(
        detected.assignments | "Assigned" >> beam.Map(_assigned).with_output_types(list[str]),
        "Assigned",
    )
    repeated = Collected(
        detected.repeats | "Repeated" >> beam.Map(_repeated).with_output_types(list[str]),
        "Repeated",
    )
    counts = counts_of(run(pipeline))
    seconds = time.monotonic() - started
    predicted = _predicted(labels, assigned.read(), repeated.read())
    lines = sorted(labels)
    scores: dict[str, Any] = cluster_scores(
        [labels[line].label for line in lines], [predicted[line] for line in lines]
    )
    scores |= {
        "repeats": counts["repeats"],
        "rejected": sum(counts["rejected_by_reason"].values()),  # nothing is written here
        "docs_per_second": len(lines) / seconds,
    }
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in scores.items()}


def _assigned(assignment: Any) -> list[str]:
    article = assignment.compared.embedded.article
    return [article.key, article.article_id, assignment.event_id]


def _repeated(repeat: Any) -> list[str]:
    return [repeat.key, repeat.article_id]


def _predicted(
    labels: dict[int, Labelled], assigned: list[list[str]], repeated: list[list[str]]
) -> dict[int, str]:
    """Find the event of every line; a line that became no article stands alone."""
    event_of_article = {article: event for _, article, event in assigned}
    found = {line_of(key, labels): event for key, _, event in assigned}
    found |= {line_of(key, labels): event_of_article.get(article, key) for key, article in repeated}
    return {line: found.get(line, f"line {line}") for line in labels}


if __name__ == "__main__":
    sys.exit(main())
