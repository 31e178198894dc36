"""A run that ends, into a dataset of BigQuery."""

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pipelines.dataflow import DATAFLOW, dataflow_args, is_template
from pipelines.options import Settings, UsageError

if TYPE_CHECKING:
    from pipelines.flow import Sources
    from transforms.embed.model import ModelFiles
    from transforms.write.bigquery.append import Appender


def detect_into_dataset(settings: Settings, sources: "Sources", model: "ModelFiles") -> int:
    """Read, decide and write once; gives the exit code.

    The rows count from the end of the run on; those of an earlier run of the same command are
    removed at the start.

    Raises:
        UsageError: the runner cannot read what is named.
        OutputError: the dataset cannot be used, or holds the output of another command.
    """
    from pipelines.detect_events import finish, show_steps, summary_of, warn
    from pipelines.engine import run
    from pipelines.outputs import dataset_output
    from pipelines.run_summary import counts_of
    from transforms.write.bigquery.store import add_run

    refuse_files(settings, sources)
    _refuse_template(settings)
    output = dataset_output(settings)
    if settings.dry_run:
        return show_steps(dataset_pipeline(settings, sources, model, output.appender))
    with output.lock():
        digest = _make_way(settings, model, output.appender)
        number = output.last_round({}) + 1
    pipeline = dataset_pipeline(settings, sources, model, output.appender, number)
    warn(settings, model)
    started, clock = datetime.now(timezone.utc), time.monotonic()
    counters = run(pipeline)
    seconds = time.monotonic() - clock
    summary = summary_of(settings, model, counters, started, seconds)
    output.claim.check()
    add_run(output.appender, number, summary | {"rounds": number}, digest)
    return finish(settings, counts_of(counters), seconds)


def dataset_pipeline(
    settings: Settings,
    sources: "Sources",
    model: "ModelFiles",
    appender: "Appender",
    number: int = 0,
) -> Any:
    """Make the whole graph, from the sources to the tables.

    Args:
        number: the round that all rows are of.

    Raises:
        UsageError: Beam does not know the runner, or refuses an option.
    """
    from pipelines.engine import new_pipeline
    from pipelines.flow import append, build, read_once

    given = settings.beam_args
    args = dataflow_args(given) if settings.runner == DATAFLOW else given
    runner = "DirectRunner" if settings.dry_run else settings.runner  # no cloud to show the steps
    pipeline = new_pipeline(runner, args)
    detected = build(read_once(pipeline, sources, settings), settings, model)
    append(detected, appender, settings, bounded=True, number=number)
    return pipeline


def refuse_files(settings: Settings, sources: "Sources") -> None:
    """Refuse files of this machine for a runner whose workers are others.

    Raises:
        UsageError: there are such files.
    """
    local = [*sources.files, *(feed for feed in sources.feeds if "://" not in feed)]
    if settings.runner == DATAFLOW and local:
        raise UsageError(
            f"{local[0]} lies on this machine, and the workers of {settings.runner} are others: "
            "name feeds by their addresses, or let the pipeline read --pubsub_subscription"
        )


def _refuse_template(settings: Settings) -> None:
    """Refuse to make a template: nobody would wait for the end, and let the rows count.

    Raises:
        UsageError: it is to be one.
    """
    if is_template(settings.beam_args):
        raise UsageError(
            "a run that ends is no template, since its rows count once this command has seen it "
            "end: start it with --runner DataflowRunner, without --template_location"
        )


def _make_way(settings: Settings, model: "ModelFiles", appender: "Appender") -> str:
    """Remove what is to be replaced; gives the digest of the command.

    Raises:
        OutputError: what is there is the output of another command.
    """
    from pipelines.detect_events import digest_of
    from transforms.write.bigquery.store import clear, read_runs
    from transforms.write.output import OutputError

    dataset, digest = appender.dataset, digest_of(settings, model)
    run, before = read_runs(dataset)
    if run is not None and before != digest and not settings.overwrite:
        raise OutputError(
            f"{dataset} holds the output of other input or options: add --overwrite to replace it, "
            "--resume to add to it, or choose another dataset"
        )
    if run is not None:
        clear(dataset)
    return digest
