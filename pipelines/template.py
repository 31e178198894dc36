"""The Flex Template of the main job: its parameters as metadata, and the way from them to flags.

    python -m pipelines.template > deploy/dataflow/metadata.json

The launcher gives every parameter as ``--name=value``, also what is a switch to us and to Beam.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipelines.options import build_parser
from transforms.write.bigquery.methods import FILE_LOADS

# What the template does not offer, and why. It always reads Pub/Sub: the command refuses a template
# of a run that ends, and one of rounds away from this machine.
LEFT_OUT = {
    "help": "ends the command",
    "runner": "given by the launcher",
    **dict.fromkeys(("input", "feeds"), "refused: messages are read instead"),
    **dict.fromkeys(("poll_seconds", "poll_bounds"), "refused: the job asks no feed"),
    "metrics_port": "refused: it is a port of the machine that works",
    "alerts": "refused: their outbox is a folder",
    "partitions": "refused: it splits the search of a run that ends",
    **dict.fromkeys(("max_file_mb", "fetch_timeout_seconds"), "no effect: for files and feeds"),
    **dict.fromkeys(("report", "limit"), "no effect: nothing is shown of a dataset"),
    "dry_run": "no job: the launcher would wait for one in vain",
}

# Values that the command refuses for a job of messages.
_REFUSED_VALUES = {"bigquery_method": frozenset({FILE_LOADS})}

_PROJECT = r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
_NAME = r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
_ABOVE_ZERO = r"([1-9][0-9]{0,5}(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*)"

# What a parameter of this name may hold; without look-ahead, which the service may not know.
_BY_NAME = {
    "output": ("TEXT", rf"^bigquery:{_PROJECT}\.[A-Za-z0-9_]+$"),
    "pubsub_subscription": ("PUBSUB_SUBSCRIPTION", rf"^projects/{_PROJECT}/subscriptions/{_NAME}$"),
    "pubsub_topic": ("PUBSUB_TOPIC", rf"^projects/{_PROJECT}/topics/{_NAME}$"),
}
# What the command's help says of folders and rounds is said anew for a job on Dataflow.
_HELP = {
    "output": "dataset of BigQuery, as bigquery:PROJECT.DATASET; it has to exist, its tables are "
    "made",
    "streaming": "true: the job goes on until it is drained, and reads pubsub_subscription",
    "pubsub_subscription": "subscription that is read, as projects/PROJECT/subscriptions/NAME; "
    "with streaming=true",
    "bigquery_method": "how rows get into BigQuery: storage_write (append by stream, the default) "
    "or streaming_inserts (requests)",
    "overwrite": "replace what the dataset holds, if it is the output of newsevents",
    "resume": "go on from what the dataset holds, if anything: same ids, nothing twice",
}
# Only by these is there a template at all.
_NEEDED = frozenset({"output", "streaming", "pubsub_subscription"})
# … or of this type, by the name of the function that reads it.
_BY_TYPE = {
    "_positive_int": ("NUMBER", r"^[1-9][0-9]{0,8}$"),
    "positive_float": ("NUMBER", rf"^{_ABOVE_ZERO}$"),
    "int": ("NUMBER", r"^-?[0-9]{1,9}$"),
    "float": ("NUMBER", r"^-?[0-9]+(\.[0-9]+)?$"),
}
_SWITCH = ("BOOLEAN", r"^(true|false)$")
_ANYTHING = ("TEXT", r"^[^\r\n]+$")

# Flags of Beam that the launch request has no field of its own for: name, type, pattern, help.
_OF_BEAM = (
    (
        "sdk_container_image",
        "TEXT",
        r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})$",
        "image of the workers: the one that this template was built from, with its tag or digest",
    ),
    (
        "number_of_worker_harness_threads",
        "NUMBER",
        r"^[1-9][0-9]{0,2}$",
        "bundles that one Python process of a worker takes at a time; fewer need less memory",
    ),
    (
        "dataflow_service_options",
        "TEXT",
        r"^[a-z0-9_]+(=[^,\s]+)?(,[a-z0-9_]+(=[^,\s]+)?)*$",
        "options of the service, with commas between: enable_dynamic_thread_scaling, "
        "min_num_workers=1, max_workflow_runtime_walltime_seconds=…",
    ),
    (
        "resource_hints",
        "TEXT",
        r"^[a-z_]+=[^\s]+( [a-z_]+=[^\s]+)*$",
        "what all steps need, with spaces between: min_ram=8GB "
        "accelerator=type:nvidia-l4;count:1;install-nvidia-driver",
    ),
    (
        "disk_size_gb",
        "NUMBER",
        r"^[1-9][0-9]{1,3}$",
        "disk of a worker in GB; the image takes several of them",
    ),
    (
        "default_sdk_harness_log_level",
        "TEXT",
        r"^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$",
        "least level of the workers' log lines",
    ),
    (
        "update_compatibility_version",
        "TEXT",
        r"^[0-9]+\.[0-9]+\.[0-9]+$",
        "with an update from a job of an older Beam: that version, so that its coders are kept",
    ),
)
_REPEATED_OF_BEAM = frozenset({"resource_hints"})


def metadata() -> dict[str, Any]:
    """Give the template's metadata, as ``gcloud dataflow flex-template build`` takes it."""
    return {
        "name": "newsevents",
        "description": "Turns feeds and articles from Pub/Sub into events, in BigQuery tables.",
        "streaming": True,
        "supportsExactlyOnce": True,
        "supportsAtLeastOnce": False,
        "parameters": [*map(_ours, _options()), *map(_beams, _OF_BEAM)],
    }


def flags(arguments: Iterable[str], switches: dict[str, dict[bool, str]]) -> Iterator[str]:
    """Turn the launcher's ``--name=value`` into flags that argparse takes.

    A switch becomes its flag or is left out, a list of Beam's becomes one flag for each of its
    values, and a parameter that was left empty is not given.

    Args:
        arguments: what the launcher gave.
        switches: for each name of a switch the flags that turn it on and off.
    """
    for argument in arguments:
        flag, equals, value = argument.partition("=")
        name = flag.removeprefix("--")
        if not equals or not flag.startswith("--"):
            yield argument
        elif name in switches and value.lower() in ("true", "false"):
            chosen = switches[name].get(value.lower() == "true")
            if chosen:
                yield chosen
        elif name in _REPEATED_OF_BEAM:
            yield from (f"{flag}={one}" for one in value.split())
        elif value:
            yield argument


def launch(arguments: Sequence[str]) -> int:
    """Run the main job with what the launcher gave; gives its exit code."""
    from pipelines.detect_events import main

    return main(list(flags(arguments, {**_switches(_beam_parser()), **_switches(build_parser())})))


def _options() -> list[argparse.Action]:
    return [action for action in build_parser()._actions if action.dest not in LEFT_OUT]


def _ours(action: argparse.Action) -> dict[str, Any]:
    kind, pattern = _rule(action)
    entry = _entry(action.dest, kind, pattern, _help(action), optional=action.dest not in _NEEDED)
    if choices := _choices(action):
        entry["enumOptions"] = [{"value": choice} for choice in choices]
    if action.nargs == 0:
        entry["defaultValue"] = "true" if action.default else "false"
    elif action.default is not None:
        default = action.default
        entry["defaultValue"] = f"{default:g}" if isinstance(default, float) else str(default)
    return entry


def _beams(option: tuple[str, str, str, str]) -> dict[str, Any]:
    name, kind, pattern, text = option
    return _entry(name, kind, pattern, _sentence(text), optional=True)


def _entry(name: str, kind: str, pattern: str, text: str, optional: bool) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "helpText": text,
        "isOptional": optional,
        "paramType": kind,
        "regexes": [pattern],
    }


def _rule(action: argparse.Action) -> tuple[str, str]:
    if action.nargs == 0:
        return _SWITCH
    if choices := _choices(action):
        return "ENUM", f"^({'|'.join(map(re.escape, choices))})$"
    by_type = _BY_TYPE.get(getattr(action.type, "__name__", ""), _ANYTHING)
    return _BY_NAME.get(action.dest, by_type)


def _choices(action: argparse.Action) -> list[str]:
    refused = _REFUSED_VALUES.get(action.dest, frozenset())
    return [str(choice) for choice in action.choices or () if choice not in refused]


def _help(action: argparse.Action) -> str:
    text = _HELP.get(action.dest, action.help or "")
    return _sentence(text % {"default": action.default})


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _switches(parser: argparse.ArgumentParser) -> dict[str, dict[bool, str]]:
    """Give for each switch, by the name of its flag, the flags that turn it on and off."""
    found: dict[str, dict[bool, str]] = {}
    for action in parser._actions:
        if action.nargs != 0 or action.dest == "help":
            continue
        for flag in action.option_strings:
            found.setdefault(flag.removeprefix("--"), {})[True] = flag
        if isinstance(action, argparse._StoreFalseAction):
            found.setdefault(action.dest, {})[False] = action.option_strings[0]
        elif len(action.option_strings) > 1:  # on by its first name, off by the other
            found[action.dest][False] = action.option_strings[1]
    return found


def _beam_parser() -> argparse.ArgumentParser:
    from apache_beam.options.pipeline_options import PipelineOptions

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        if options.__module__.startswith("apache_beam."):
            options._add_argparse_args(parser)
    return parser


def main() -> int:
    """Print the metadata."""
    print(json.dumps(metadata(), indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
