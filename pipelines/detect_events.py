"""The main job: files and feeds in, events in Parquet out."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.console import DONE, FAILED, INTERRUPTED, USAGE, fail, quiet_libraries, say
from pipelines.draining import draining
from pipelines.options import LOCAL_RUNNERS, Settings, UsageError, parse_settings, refuse_unknown
from transforms.embed.backends import FP32, choose
from transforms.write.bigquery.dataset import SCHEME

if TYPE_CHECKING:
    from pipelines.flow import Sources
    from transforms.embed.model import ModelFiles


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code: 0 done, 1 failed, 2 usage, 130 interrupted."""
    try:
        return _run(parse_settings(argv))
    except UsageError as error:
        return fail(str(error), USAGE)
    except KeyboardInterrupt:
        return fail("interrupted before the end: run the same command again", INTERRUPTED)


def _run(settings: Settings) -> int:
    quiet_libraries()
    if settings.streaming or settings.resume:
        with draining():
            return _prepared(settings)
    return _prepared(settings)


def _prepared(settings: Settings) -> int:
    refuse_unknown(settings.beam_args)
    from pipelines.flow import Sources
    from pipelines.report import ReportError
    from transforms.cluster.join_model import JoinModelError, load_join_model
    from transforms.embed.model import ModelError, resolve_model
    from transforms.read.feed_list import feed_sources
    from transforms.read.files import match, watch
    from transforms.write.bigquery.dataset import bigquery_dataset
    from transforms.write.output import OutputError, local_folder

    in_rounds = settings.streaming or settings.resume
    try:
        dataset = bigquery_dataset(settings.output)
        output = None if dataset else local_folder(settings.output)
        files = []
        if settings.inputs:
            files = watch(settings.inputs)[0] if in_rounds else match(settings.inputs)
        if output is not None:
            _refuse_own_output(files, output)
        feeds = [source for argument in settings.feeds for source in feed_sources(argument)]
    except ValueError as error:
        raise UsageError(str(error)) from error
    named = dict.fromkeys(feeds)
    sources = Sources(tuple(file for file in files if file not in named), tuple(named))
    try:
        model = resolve_model(settings.model)
        load_join_model(model.model_id)  # a damaged one must stop the run before it starts
        if settings.pubsub_subscription:
            from pipelines.remote import run_remote

            return run_remote(settings, model)
        if in_rounds:
            from pipelines.stream import run_rounds

            return run_rounds(settings, Sources(settings.inputs, sources.feeds), model)
        if dataset is not None:
            from pipelines.dataset_run import detect_into_dataset

            return detect_into_dataset(settings, sources, model)
        return _detect(settings, sources, model)
    except (JoinModelError, ModelError, OutputError, ReportError) as error:
        return fail(str(error), FAILED)


def _refuse_own_output(files: list[str], output: Path) -> None:
    """Refuse input that lies where the output goes: the next run would read what this one wrote."""
    outside = os.path.join(os.path.realpath(output), "")
    inside = next((file for file in files if os.path.realpath(file).startswith(outside)), "")
    if inside:
        raise ValueError(
            f"input {inside} lies in the output folder {output}: name another folder for --output, "
            "or input outside it"
        )


def _detect(settings: Settings, sources: "Sources", model: "ModelFiles") -> int:
    from pipelines.engine import Collected, new_pipeline
    from pipelines.flow import build, read_once, write
    from transforms.write.locks import run_lock
    from transforms.write.manifest import refuse_foreign
    from transforms.write.output import local_folder

    pipeline = new_pipeline(settings.runner, settings.beam_args)
    detected = build(read_once(pipeline, sources, settings), settings, model)
    paths = Collected(write(detected, settings, model.dim), "Paths")
    if settings.dry_run:
        return show_steps(pipeline)
    refuse_foreign(settings.output)
    started = time.monotonic()
    with run_lock(local_folder(settings.output)):
        counts = _run_alone(settings, sources, model, pipeline, paths)
    return finish(settings, counts, time.monotonic() - started)


def _run_alone(
    settings: Settings, sources: "Sources", model: "ModelFiles", pipeline: Any, paths: Any
) -> dict[str, Any]:
    """Run to the end and declare the files to be the output; gives the counts."""
    from pipelines.engine import run
    from pipelines.run_summary import counts_of
    from transforms.write.manifest import check_output, commit_run

    digest, options = digest_of(settings, model), options_of(settings)
    check_output(settings.output, digest, settings.overwrite, options)
    say(f"files: {len(sources.files):,}; feeds: {len(sources.feeds):,}; model: {model.model_id}")
    warn(settings, model)
    started, clock = datetime.now(timezone.utc), time.monotonic()
    counters = run(pipeline)
    summary = summary_of(settings, model, counters, started, time.monotonic() - clock)
    summary["arguments_digest"] = digest
    commit_run(settings.output, paths.read(), summary)
    return counts_of(counters)


def summary_of(
    settings: Settings,
    model: "ModelFiles",
    counters: dict[tuple[str, str], int],
    started: datetime,
    seconds: float,
) -> dict[str, Any]:
    """Give what run.json says of a run that ended."""
    from pipelines.run_summary import counts_of, stage_seconds

    return {
        "options": options_of(settings),
        "engine": engine_of(settings),
        "versions": versions_of(model),
        "counts": counts_of(counters),
        "timings": {
            "started_at": started.isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "stage_seconds": stage_seconds(counters),
        },
    }


def engine_of(settings: Settings) -> dict[str, Any]:
    """Give what run.json says of what did the work: elsewhere what was asked for."""
    return {
        "runner": settings.runner,
        "partitions": settings.partitions,
        "encoder": _library(settings),
        "encoder_precision": settings.encoder_precision,
    }


def _library(settings: Settings) -> str:
    """Name what runs the model here; elsewhere what was asked for."""
    here = settings.runner in LOCAL_RUNNERS
    return choose(settings.encoder, settings.encoder_precision) if here else settings.encoder


def finish(settings: Settings, counts: dict[str, Any], seconds: float) -> int:
    """Show the events, say what the run did, and give the exit code."""
    from pipelines.run_summary import summary_line, sums_hold

    if settings.output.startswith(SCHEME):
        print(f"Tables: {settings.output}; ask the view events_latest")
    elif settings.report:
        from pipelines.report import ReportError
        from pipelines.report.terminal import show_report

        try:
            print(f"Page: {show_report(settings.output, settings.limit)}")
        except ReportError as error:
            if not settings.streaming and not settings.resume:
                raise
            say(f"no report: {error}")  # the rows are written all the same
    print(summary_line(counts, seconds))
    if not sums_hold(counts):
        return fail("the counts do not add up: a bug; please report it with run.json", FAILED)
    return DONE


def warn(settings: Settings, model: "ModelFiles") -> None:
    """Say what the model cannot do that was asked for."""
    from transforms.embed.model import DEFAULT_MODEL

    if model.most_tokens and settings.max_tokens > model.most_tokens:
        say(
            f"--max_tokens {settings.max_tokens}: {model.name} reads no more than "
            f"{model.most_tokens}, which is taken"
        )
    if settings.cross_language and settings.model == DEFAULT_MODEL:
        say(
            "--cross_language: the default model knows English only, so few events will cross "
            "languages; name a multilingual one with --model"
        )


def options_of(settings: Settings) -> dict[str, Any]:
    """What shapes the output: not how it is shown, nor on how many workers it is made."""
    return {
        "input": list(settings.inputs),
        "feeds": [_redacted(feed) for feed in settings.feeds],
        "model": settings.model,
        "max_tokens": settings.max_tokens,
        "window_days": settings.window_days,
        "granularity": settings.granularity,
        "cross_language": settings.cross_language,
        "max_file_mb": settings.max_file_mb,
        "store_text": settings.store_text,
        "fetch_pages": settings.fetch_pages,
        **_where_it_differs("encoder_precision", settings.encoder_precision, FP32),
        # In fp32 the libraries differ in last digits, else as much as the precisions do.
        **_where_it_differs(
            "encoder", None if settings.encoder_precision == FP32 else _library(settings), None
        ),
        **_where_it_differs("pubsub_subscription", settings.pubsub_subscription, None),
    }


def _where_it_differs(name: str, value: str | None, otherwise: str | None) -> dict[str, str | None]:
    """Name an option only where it was given: older outputs do not name it at all."""
    return {} if value == otherwise else {name: value}


def _redacted(feed: str) -> str:
    from transforms._shared.redact import redact_url

    return redact_url(feed)


def versions_of(model: "ModelFiles") -> dict[str, str]:
    from importlib.metadata import version

    from schemas import SCHEMA_VERSION
    from transforms._shared.urls import URL_RULES_VERSION
    from transforms.cluster.join_model import join_model_version
    from transforms.extract.clutter import CLUTTER_VERSION

    return {
        "newsevents": version("newsevents"),
        "apache-beam": version("apache-beam"),
        "embedding_model": model.model_id,
        "join_model": join_model_version(model.model_id),
        "schema": SCHEMA_VERSION,
        "url_rules": URL_RULES_VERSION,
        "clutter": CLUTTER_VERSION,
    }


def digest_of(settings: Settings, model: "ModelFiles") -> str:
    """Name the input and what shapes the output: options, weights, coefficients."""
    from transforms.cluster.join_model import join_model_version

    shaped = {
        **options_of(settings),
        "feeds": list(settings.feeds),
        "weights": model.weights_sha256,
        "join_model": join_model_version(model.model_id),
    }
    text = json.dumps(shaped, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def show_steps(pipeline: Any) -> int:
    """Print the steps of a pipeline instead of running it."""
    for step in pipeline.transforms_stack[0].parts:
        print(step.full_label)
        for inner in step.parts:
            print(f"    {inner.full_label}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
