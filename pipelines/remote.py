"""A run that goes on away from this machine: messages in, rows of BigQuery out, on any runner."""

from typing import TYPE_CHECKING, Any

from pipelines.console import DONE, say
from pipelines.dataflow import DATAFLOW, dataflow_args, is_template
from pipelines.options import LOCAL_RUNNERS, Settings

if TYPE_CHECKING:
    from pipelines.resume import OutputSeeds
    from transforms.embed.model import ModelFiles
    from transforms.write.bigquery.append import Appender

# The one of Beam's local engines that reads from Pub/Sub; it is for trying out and for tests: it
# acknowledges a message when it takes it, so one that is killed loses what it held.
LOCAL_ENGINE = "BundleBasedDirectRunner"
_LAST_SECONDS = 5.0  # for rows that wait to be sent together


def run_remote(settings: Settings, model: "ModelFiles") -> int:
    """Start the job; gives the exit code once it runs elsewhere, or was stopped here.

    Raises:
        UsageError: the runner cannot do this, or lacks an option.
        OutputError: the dataset cannot be used.
    """
    from pipelines.detect_events import show_steps, warn
    from pipelines.outputs import appender_of

    appender = appender_of(settings)
    if settings.dry_run:
        return show_steps(remote_pipeline(settings, model, appender, None))
    _beam_args(settings)  # what is missing is to be told before the dataset is touched
    seeds = _take_up(settings, model, appender)
    pipeline = remote_pipeline(settings, model, appender, seeds)
    warn(settings, model)
    say(f"reading {settings.pubsub_subscription} into {settings.output}; model: {model.model_id}")
    result = pipeline.run()
    if settings.runner in LOCAL_RUNNERS:
        return _until_stopped(result)
    if is_template(settings.beam_args):
        say("the graph is stored; the job is started from it")
    else:
        say(f"started on {settings.runner}{_job_of(result)}; it goes on until it is drained")
    return DONE


def remote_pipeline(
    settings: Settings, model: "ModelFiles", appender: "Appender", seeds: "OutputSeeds | None"
) -> Any:
    """Make the whole graph, from the subscription to the tables.

    Raises:
        UsageError: Beam does not know the runner, or refuses an option.
    """
    from pipelines.engine import new_pipeline
    from pipelines.flow import Mode, append, build
    from transforms.read.transform import ReadMessages
    from transforms.write.transform import PublishChanges

    runner = LOCAL_ENGINE if settings.runner in LOCAL_RUNNERS else settings.runner
    pipeline = new_pipeline(runner, _beam_args(settings))
    messages = pipeline | ReadMessages(settings.pubsub_subscription or "")
    mode = Mode(bounded=False, stored=False, seeds=seeds)
    detected = build(messages.read, settings, model, mode)
    append(detected, appender, bounded=False, fetches=messages.fetches)
    if settings.pubsub_topic:
        _ = detected.changes | PublishChanges(settings.pubsub_topic)
    return pipeline


def _beam_args(settings: Settings) -> list[str]:
    """Add to the user's flags what a job that goes on cannot do without."""
    given = [*settings.beam_args, "--streaming"]
    if settings.runner != DATAFLOW:
        return given
    engine = "--enable_streaming_engine"
    return dataflow_args([*given, *([] if engine in given else [engine])])


def _take_up(settings: Settings, model: "ModelFiles", appender: "Appender") -> "OutputSeeds | None":
    """Make the dataset ready; gives what an earlier run decided."""
    from pipelines.detect_events import options_of, versions_of
    from pipelines.outputs import DatasetOutput
    from pipelines.resume import OutputSeeds
    from pipelines.stream import refuse_other_kind
    from transforms.write.bigquery.store import add_run, clear, greatest_round

    output = DatasetOutput(settings.output, appender)
    run = output.read_run()
    if run is not None and not settings.overwrite:
        refuse_other_kind(settings, model, run)
    elif greatest_round(appender.dataset) >= 0:
        clear(appender.dataset)  # nothing of it counts, or it is to be replaced
        run = None
    document = {
        "options": options_of(settings) | {"streaming": True},
        "engine": {"runner": settings.runner, "partitions": 1},
        "versions": versions_of(model),
        "counts": {},
        "rounds": 0,
    }
    if run is None or not _has_first_round(appender):
        add_run(appender, 0, document)  # every row of such a job is of this round
    if run is None:
        return None
    say(f"going on from {settings.output}")
    return OutputSeeds(settings.output, settings.window_days, int(run.get("rounds", 0)))


def _has_first_round(appender: "Appender") -> bool:
    from transforms.write.bigquery.store import counts

    return counts(appender.dataset, 0)


def _until_stopped(result: Any) -> int:
    from transforms._shared.stopping import STOP

    while not STOP.wait(0.2):
        if result.state in ("DONE", "FAILED", "CANCELLED"):
            result.wait_until_finish()  # says what went wrong
            break
    STOP.clear()
    STOP.wait(_LAST_SECONDS)
    result.cancel()
    return DONE


def _job_of(result: Any) -> str:
    name = getattr(result, "job_id", None)
    return f" as job {name() if callable(name) else name}" if name else ""
