"""A run that goes on away from this machine: messages in, rows of BigQuery out, on any runner."""

from typing import TYPE_CHECKING, Any

from pipelines.console import DONE, say
from pipelines.dataflow import DATAFLOW, dataflow_args, is_template
from pipelines.options import LOCAL_RUNNERS, Settings

if TYPE_CHECKING:
    from pipelines.outputs import DatasetOutput
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
    from pipelines.outputs import dataset_output

    output = dataset_output(settings)
    if settings.dry_run:
        return show_steps(remote_pipeline(settings, model, output.appender))
    _beam_args(settings)  # what is missing is to be told before the dataset is touched
    with output.lock():
        settings, seeds, number = _take_up(settings, model, output)
    pipeline = remote_pipeline(settings, model, output.appender, seeds, number)
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
    settings: Settings,
    model: "ModelFiles",
    appender: "Appender",
    seeds: "OutputSeeds | None" = None,
    number: int = 0,
) -> Any:
    """Make the whole graph, from the subscription to the tables.

    Args:
        number: the round that all rows are of.

    Raises:
        UsageError: Beam does not know the runner, or refuses an option.
    """
    from pipelines.engine import new_pipeline
    from pipelines.flow import Mode, append, build
    from transforms.read.transform import ReadMessages
    from transforms.write.transform import PublishChanges

    local = settings.dry_run or settings.runner in LOCAL_RUNNERS  # steps are shown without a cloud
    pipeline = new_pipeline(LOCAL_ENGINE if local else settings.runner, _beam_args(settings))
    messages = pipeline | ReadMessages(settings.pubsub_subscription or "")
    mode = Mode(bounded=False, stored=False, seeds=seeds)
    detected = build(messages.read, settings, model, mode)
    append(detected, appender, settings, False, number, messages.fetches)
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


def _take_up(
    settings: Settings, model: "ModelFiles", output: "DatasetOutput"
) -> "tuple[Settings, OutputSeeds | None, int]":
    """Begin a round of the job's own, which counts at once.

    Returns:
        What is to be done, what an earlier run decided, and the number of the round.
    """
    from pipelines.detect_events import engine_of, options_of, versions_of
    from pipelines.resume import OutputSeeds
    from pipelines.stream import refuse_other_kind, storing_as_before
    from transforms.write.bigquery.store import add_run

    run = output.read_run()
    if run is None or settings.overwrite:
        output.begin_anew(settings.overwrite)
        run = None
    else:
        refuse_other_kind(settings, model, run)
        settings = storing_as_before(settings, run)
    number = output.last_round(run or {}) + 1
    document = {
        "options": options_of(settings) | {"streaming": True},
        "engine": engine_of(settings),
        "versions": versions_of(model),
        "counts": {},
        "rounds": number,
    }
    add_run(output.appender, number, document)
    if run is None:
        return settings, None, number
    say(f"going on from {settings.output}")
    seeds = OutputSeeds(settings.output, settings.window_days, int(run.get("rounds", 0)))
    return settings, seeds, number


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
