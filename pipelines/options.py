"""The command line of the main job: our flags, checked; what is left goes to Beam, checked too.

Imports nothing heavy, so that ``--help`` answers at once.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any, NoReturn

from schemas.event import GRANULARITIES
from transforms._shared.shards import WINDOW_DAYS
from transforms.embed.backends import AUTO, BACKENDS, FP32, PRECISIONS, refusal, settle
from transforms.embed.model import DEFAULT_MODEL
from transforms.read.feed import parse_span
from transforms.write.bigquery.dataset import SCHEME
from transforms.write.bigquery.methods import FILE_LOADS, METHODS, STORAGE_WRITE
from transforms.write.stored_text import FULL, LEAD_CHARS, STORE_TEXT

POLL_SECONDS = 60.0
POLL_BOUNDS = "5m:6h"
LOCAL_RUNNERS = ("DirectRunner", "FnApiRunner")
# Options of Beam's Flink runner that its job server knows and Beam's Python does not: Beam asks the
# job server, and passes on what it names.
FLINK_OPTIONS = (
    "allow_non_restored_state",
    "auto_watermark_interval",
    "checkpoint_timeout_millis",
    "checkpointing_interval",
    "checkpointing_mode",
    "execution_mode_for_batch",
    "execution_retry_delay",
    "externalized_checkpoints_enabled",
    "fail_on_checkpointing_errors",
    "faster_copy",
    "finish_bundle_before_checkpointing",
    "flink_conf_dir",
    "max_bundle_size",
    "max_bundle_time_mills",
    "min_pause_between_checkpoints",
    "num_concurrent_checkpoints",
    "number_of_execution_retries",
    "object_reuse",
    "retain_externalized_checkpoints_on_cancellation",
    "savepoint_path",
    "state_backend",
    "state_backend_storage_path",
    "unaligned_checkpoint_enabled",
)
MOST_PARTITIONS = 1024  # every article is sent to each of them


class UsageError(Exception):
    """The command line asks for something that cannot be done: exit code 2."""


class Parser(argparse.ArgumentParser):
    """Raises ``UsageError`` where argparse would print the usage and end the process."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(f"{message}; see --help")


@dataclass(frozen=True)
class Settings:
    """What the user asked for."""

    inputs: tuple[str, ...]
    feeds: tuple[str, ...]
    output: str
    bigquery_method: str  # one of METHODS
    overwrite: bool
    streaming: bool
    resume: bool
    pubsub_subscription: str | None  # read instead of inputs and feeds
    pubsub_topic: str | None  # told of changes of events
    poll_seconds: float  # from the start of a round to the next
    poll_bounds: tuple[float, float] | None  # seconds; None: every feed in every round
    allow_private_hosts: bool
    fetch_pages: bool
    metrics_port: int | None
    alerts: str | None  # path of the file that names the sinks
    model: str
    max_tokens: int
    encoder: str  # one of BACKENDS
    encoder_precision: str  # one of PRECISIONS
    window_days: float
    partitions: int
    granularity: str
    cross_language: bool
    max_file_mb: int
    store_text: str  # one of STORE_TEXT
    store_text_given: bool  # else a run that goes on does as the one before
    fetch_timeout_seconds: float
    report: bool
    limit: int
    runner: str
    dry_run: bool
    beam_args: tuple[str, ...]  # flags that are not ours
    as_of: datetime  # UTC: the time of the run, after which nothing can have been published


class _Switch(argparse.Action):
    """On by its first name, off by the other."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, option_string == self.option_strings[0])


def _positive_int(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return value


def bounds_of(text: str) -> tuple[float, float]:
    least, _, most = text.partition(":")
    try:
        bounds = parse_span(least).total_seconds(), parse_span(most).total_seconds()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not like 5m:6h: {error}") from error
    if bounds[0] > bounds[1]:
        raise argparse.ArgumentTypeError(f"{text}: the shortest time is longer than the longest")
    return bounds


def _partitions(text: str) -> int:
    value = _positive_int(text)
    if value > MOST_PARTITIONS:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_PARTITIONS}")
    return value


def _port(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 0 to 65535")
    return value


def positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:  # refuses nan and inf as well
        raise argparse.ArgumentTypeError(f"{text} is not a number between 0 and a million")
    return value


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the main job."""
    parser = Parser(
        prog="newsevents-detect",
        description="Turn dropped files and feeds into events, with evidence, in Parquet tables.",
        epilog="Flags of Apache Beam (--direct_running_mode, --direct_num_workers, ...) are passed "
        "on; a flag nobody knows is refused. Exit codes: 0 done (dead letters allowed), "
        "1 failed, 2 usage, 130 interrupted.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--input",
        action="append",
        default=[],
        metavar="GLOB",
        help="files to read; repeatable; ** goes into sub-folders. txt, html, json, jsonl, eml, "
        "RSS, Atom, JSON Feed, OPML, news sitemap and WARC, each also gzipped, told apart by "
        "content",
    )
    add(
        "--feeds",
        action="append",
        default=[],
        metavar="FILE|URL",
        help="feeds to fetch, once or again and again; repeatable: a list file (one per line), an "
        "OPML file, one URL or one local feed file",
    )
    add(
        "--output",
        required=True,
        metavar="DIR|bigquery:PROJECT.DATASET",
        help="folder for the tables and run.json, or a dataset of BigQuery that exists; its tables "
        "are made",
    )
    add(
        "--bigquery_method",
        choices=METHODS,
        metavar="METHOD",
        help="how rows get into BigQuery: file_loads (load jobs, free; a run that ends needs "
        "--temp_location gs://BUCKET/PATH for them), storage_write (append by stream) or "
        "streaming_inserts (requests) (default: file_loads for a run that ends and has a "
        "--temp_location, else storage_write)",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace the output of other input or options in DIR",
    )
    add(
        "--streaming",
        action="store_true",
        help="go on until stopped: fetch the feeds and look for new and changed files again and "
        "again; results come after each round. SIGINT or SIGTERM ends it after the round",
    )
    add(
        "--resume",
        action="store_true",
        help="go on from the output in DIR, if there is one: same ids, nothing twice; without "
        "--streaming, for one round",
    )
    add(
        "--pubsub_subscription",
        metavar="SUBSCRIPTION",
        help="with --streaming and --output bigquery:...: read the messages of this Pub/Sub "
        "subscription, projects/PROJECT/subscriptions/NAME, instead of files and feeds; on "
        "Dataflow and other runners this is the way to go on",
    )
    add(
        "--pubsub_topic",
        metavar="TOPIC",
        help="with --pubsub_subscription: publish each change of an event to this Pub/Sub topic, "
        "projects/PROJECT/topics/NAME, as a CloudEvent (default: none)",
    )
    add(
        "--poll_seconds",
        type=positive_float,
        metavar="S",
        help="with --streaming: seconds from the start of a round to the next; when given, every "
        f"feed is asked in every round (default: {POLL_SECONDS:g}, and each feed by --poll_bounds)",
    )
    add(
        "--poll_bounds",
        type=bounds_of,
        metavar="LEAST:MOST",
        help="with --streaming: shortest and longest time between two requests for one feed, "
        "chosen by how often it has something new; s, m, h or d (default: " + POLL_BOUNDS + ")",
    )
    add(
        "--allow_private_hosts",
        action="store_true",
        help="fetch from this machine and private networks too; link-local addresses stay "
        "refused (default: only from the public internet)",
    )
    add(
        "--fetch_pages",
        "--nofetch_pages",
        action=_Switch,
        default=False,
        help="fetch the page of each new entry of a feed that does not hold the whole text, as "
        "its site's robots.txt allows and slowly; else the feed's text is used (default: no)",
    )
    add(
        "--metrics_port",
        type=_port,
        metavar="N",
        help="with --streaming or --resume: serve counters for Prometheus on this port of "
        "127.0.0.1; 0 picks a free one (default: off)",
    )
    add(
        "--alerts",
        metavar="FILE",
        help="with --streaming or --resume: tell the sinks in this TOML file by webhook of events "
        "that break; see python -m pipelines.alerts check and dry-run (default: nobody)",
    )
    add(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|PATH",
        help="sentence-transformers model (default: %(default)s, verified by checksum)",
    )
    add(
        "--max_tokens",
        type=_positive_int,
        default=128,
        metavar="N",
        help="word pieces of title and lead that are embedded (default: %(default)s)",
    )
    add(
        "--encoder",
        choices=BACKENDS,
        default=AUTO,
        metavar="|".join(BACKENDS),
        help="what runs the model: torch, onnx or openvino; auto: torch on a GPU, else openvino "
        "where it is installed, else torch (default: %(default)s). The model is exported once, "
        "into ~/.cache/newsevents or the folder that NEWSEVENTS_CACHE names",
    )
    add(
        "--encoder_precision",
        choices=(AUTO, *PRECISIONS),
        default=AUTO,
        metavar="|".join((AUTO, *PRECISIONS)),
        help="in which numbers: fp32; bf16 (torch and openvino, on hardware that has it) and int8 "
        "(openvino) are faster and change vectors a little; auto: bf16 for the default model in a "
        "local run on a processor with AVX-512 BF16 or AMX, else fp32, also on other runners "
        "(default: %(default)s)",
    )
    add(
        "--window_days",
        type=positive_float,
        default=WINDOW_DAYS,
        metavar="DAYS",
        help="how long an article is compared with, and an event stays open without a new one "
        "(default: %(default)s days)",
    )
    add(
        "--granularity",
        choices=GRANULARITIES,
        default=GRANULARITIES[0],
        help="event: one thing that happened; story: also what is more loosely connected, joined "
        "from a lower probability, so more wrongly as well (default: %(default)s)",
    )
    add(
        "--cross_language",
        action="store_true",
        help="let reports in different languages be one event; needs a multilingual --model",
    )
    add(
        "--partitions",
        type=_partitions,
        default=1,
        metavar="N",
        help="parts that the search for copies and neighbours is split into; meant to change "
        f"nothing else (last digits of vectors with onnx), 1 to {MOST_PARTITIONS} "
        "(default: %(default)s)",
    )
    add(
        "--max_file_mb",
        type=_positive_int,
        default=512,
        metavar="MB",
        help="largest file read, after decompression (default: %(default)s MiB)",
    )
    add(
        "--store_text",
        choices=STORE_TEXT,
        help=f"what the tables keep of texts; lead: the first {LEAD_CHARS} characters of bodies "
        "and descriptions; none: no body, description or summary. Neither keeps the items in "
        "dead_letters. A run decides on whole texts, but one that goes on knows no more than "
        f"what is stored (default: {FULL}; with --resume, as the output was begun)",
    )
    add(
        "--fetch_timeout_seconds",
        type=positive_float,
        default=30.0,
        metavar="S",
        help="time for a whole response, redirects included (default: %(default)s seconds)",
    )
    add(
        "--report",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write DIR/report.html and print the events (default: yes)",
    )
    add(
        "--limit",
        type=_positive_int,
        default=20,
        metavar="N",
        help="events printed on the terminal (default: %(default)s)",
    )
    add(
        "--runner",
        default="DirectRunner",
        metavar="NAME",
        help="Beam runner; DirectRunner is Beam's in-process FnApiRunner (default: %(default)s)",
    )
    add("--dry_run", action="store_true", help="print the steps of the pipeline and stop")
    return parser


def parse_settings(argv: Sequence[str] | None) -> Settings:
    """Read the command line; ``--help`` ends the process.

    Raises:
        UsageError: a value is missing or bad, or there is nothing to read.
    """
    parsed, rest = build_parser().parse_known_args(argv)
    if not parsed.input and not parsed.feeds and parsed.pubsub_subscription is None:
        stray = f"; {rest[0]} is no flag of this command" if rest else ""
        raise UsageError(
            "nothing to read: give --input GLOB, --feeds FILE|URL or --pubsub_subscription "
            f"SUBSCRIPTION{stray}"
        )
    _check_pubsub(parsed)
    in_rounds = parsed.streaming or parsed.resume
    if in_rounds and parsed.partitions > 1:
        raise UsageError("--partitions splits the search of a run that ends: leave it out here")
    if parsed.poll_seconds is not None and not parsed.streaming:
        raise UsageError("--poll_seconds is for --streaming")
    if parsed.poll_bounds is not None and (not parsed.streaming or parsed.poll_seconds):
        raise UsageError("--poll_bounds is for --streaming without --poll_seconds")
    if parsed.metrics_port is not None and not in_rounds:
        raise UsageError("--metrics_port is for --streaming or --resume")
    if parsed.alerts is not None and not in_rounds:
        raise UsageError(
            "--alerts is for --streaming or --resume: a run that ends looks back, and would "
            "alert to what is over; see what it would send with python -m pipelines.alerts dry-run"
        )
    if parsed.alerts is not None and parsed.output.startswith(SCHEME):
        raise UsageError(
            "--alerts keeps its outbox in a folder: write to one, or let a receiver read the table "
            "event_changes of BigQuery"
        )
    if parsed.resume and parsed.overwrite:
        raise UsageError("--resume goes on from what --overwrite would replace: give one of them")
    precision = _precision(parsed)
    if why := refusal(parsed.encoder, precision):
        raise UsageError(why)
    bounds = parsed.poll_bounds or bounds_of(POLL_BOUNDS)
    return Settings(
        inputs=tuple(parsed.input),
        feeds=tuple(parsed.feeds),
        output=parsed.output,
        bigquery_method=_bigquery_method(parsed.bigquery_method, parsed.output, in_rounds, rest),
        overwrite=parsed.overwrite,
        streaming=parsed.streaming,
        resume=parsed.resume,
        pubsub_subscription=parsed.pubsub_subscription,
        pubsub_topic=parsed.pubsub_topic,
        poll_seconds=parsed.poll_seconds or min(POLL_SECONDS, bounds[0]),
        poll_bounds=None if parsed.poll_seconds else bounds,
        allow_private_hosts=parsed.allow_private_hosts,
        fetch_pages=parsed.fetch_pages,
        metrics_port=parsed.metrics_port,
        alerts=parsed.alerts,
        model=parsed.model,
        max_tokens=parsed.max_tokens,
        encoder=parsed.encoder,
        encoder_precision=precision,
        window_days=parsed.window_days,
        partitions=parsed.partitions,
        granularity=parsed.granularity,
        cross_language=parsed.cross_language,
        max_file_mb=parsed.max_file_mb,
        store_text=parsed.store_text or FULL,
        store_text_given=parsed.store_text is not None,
        fetch_timeout_seconds=parsed.fetch_timeout_seconds,
        report=parsed.report,
        limit=parsed.limit,
        runner=parsed.runner,
        dry_run=parsed.dry_run,
        beam_args=tuple(rest),
        as_of=datetime.now(timezone.utc),
    )


def _precision(parsed: argparse.Namespace) -> str:
    """Settle the precision: workers elsewhere may differ, and other models were not measured."""
    given: str = parsed.encoder_precision
    if given != AUTO:
        return given
    measured = parsed.runner in LOCAL_RUNNERS and parsed.model == DEFAULT_MODEL
    return settle(parsed.encoder) if measured else FP32


def _check_pubsub(parsed: argparse.Namespace) -> None:
    """Refuse what does not go with messages.

    Raises:
        UsageError: names the flag.
    """
    if parsed.pubsub_subscription is None:
        if parsed.pubsub_topic is not None:
            raise UsageError("--pubsub_topic is for --pubsub_subscription")
        return
    if not re.fullmatch(r"projects/[^/]+/subscriptions/[^/]+", parsed.pubsub_subscription):
        raise UsageError(
            f"--pubsub_subscription {parsed.pubsub_subscription}: write it as "
            "projects/PROJECT/subscriptions/NAME"
        )
    topic = parsed.pubsub_topic
    if topic is not None and not re.fullmatch(r"projects/[^/]+/topics/[^/]+", topic):
        raise UsageError(f"--pubsub_topic {topic}: write it as projects/PROJECT/topics/NAME")
    if parsed.input or parsed.feeds:
        raise UsageError(
            "--pubsub_subscription is read instead of --input and --feeds: publish feeds to its "
            "topic with python -m pipelines.publish"
        )
    if not parsed.streaming or not parsed.output.startswith(SCHEME):
        raise UsageError(
            "--pubsub_subscription is for --streaming with --output bigquery:PROJECT.DATASET"
        )
    if parsed.bigquery_method == FILE_LOADS:
        raise UsageError(
            "--bigquery_method file_loads is too slow for messages, and may be used 1,500 times a "
            "day and table: choose storage_write or streaming_inserts"
        )
    others = ("metrics_port", "poll_seconds", "poll_bounds")
    if name := next((name for name in others if getattr(parsed, name) is not None), ""):
        raise UsageError(f"--{name} is for runs on this machine, not for --pubsub_subscription")


def _bigquery_method(
    chosen: str | None, output: str, in_rounds: bool, beam_args: Sequence[str]
) -> str:
    """Choose how rows get into BigQuery.

    Raises:
        UsageError: it cannot be done that way.
    """
    if chosen is not None and not output.startswith(SCHEME):
        raise UsageError("--bigquery_method is for --output bigquery:PROJECT.DATASET")
    bucket = any(a.startswith("--temp_location=gs://") for a in beam_args) or any(
        pair[0] == "--temp_location" and pair[1].startswith("gs://") for pair in pairwise(beam_args)
    )
    if chosen == FILE_LOADS and not in_rounds and not bucket:
        raise UsageError(
            "--bigquery_method file_loads needs --temp_location gs://BUCKET/PATH, where the files "
            "to load are put; or choose storage_write"
        )
    return chosen or (FILE_LOADS if bucket and not in_rounds else STORAGE_WRITE)


def refuse_unknown(beam_args: Sequence[str]) -> None:
    """Refuse flags that neither we nor Beam know: Beam itself would ignore a mistyped one.

    Raises:
        UsageError: names the first such flag, or one with a bad value.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    parser = Parser(add_help=False, allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        if options.__module__.startswith("apache_beam."):
            options._add_argparse_args(parser)
    for name in FLINK_OPTIONS:
        parser.add_argument(f"--{name}", nargs="?")  # some are switches, without a value
    _, unknown = parser.parse_known_args(list(beam_args))
    if unknown:
        raise UsageError(f"unknown flag or argument {unknown[0]}: see --help")
