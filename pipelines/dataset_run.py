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
    from pipelines.outputs import appender_of
    from pipelines.run_summary import counts_of
    from transforms.write.bigquery.store import add_run

    refuse_files(settings, sources)
    _refuse_template(settings)
    appender = appender_of(settings)
    pipeline = dataset_pipeline(settings, sources, model, appender)
    if settings.dry_run:
        return show_steps(pipeline)
    digest = _make_way(settings, model, appender)
    warn(settings, model)
    started, clock = datetime.now(timezone.utc), time.monotonic()
    counters = run(pipeline)
    seconds = time.monotonic() - clock
    summary = summary_of(settings, model, counters, started, seconds)
    add_run(appender, 0, summary | {"rounds": 0}, digest)
    return finish(settings, counts_of(counters), seconds)


def dataset_pipeline(
    settings: Settings, sources: "Sources", model: "ModelFiles", appender: "Appender"
) -> Any:
    """Make the whole graph, from the sources to the tables.

    Raises:
        UsageError: Beam does not know the runner, or refuses an option.
    """
    from pipelines.engine import new_pipeline
    from pipelines.flow import append, build, read_once

    given = settings.beam_args
    args = dataflow_args(given) if settings.runner == DATAFLOW else given
    pipeline = new_pipeline(settings.runner, args)
    append(build(read_once(pipeline, sources, settings), settings, model), appender, bounded=True)
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
    """Make sure that the dataset may be written, and is empty; gives the digest of the command."""
    from pipelines.detect_events import digest_of
    from transforms.write.bigquery.store import clear, greatest_round, read_runs
    from transforms.write.bigquery.tables import prepare
    from transforms.write.output import OutputError

    dataset, digest = appender.dataset, digest_of(settings, model)
    prepare(dataset)
    run, before = read_runs(dataset)
    if run is not None and before != digest and not settings.overwrite:
        raise OutputError(
            f"{dataset} holds the output of other input or options: add --overwrite to replace it, "
            "--resume to add to it, or choose another dataset"
        )
    if greatest_round(dataset) >= 0:
        clear(dataset)
    return digest
