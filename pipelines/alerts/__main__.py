"""``python -m pipelines.alerts``: check a file of alerts, and see what would be sent."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries
from pipelines.options import Parser, UsageError

if TYPE_CHECKING:
    from pipelines.alerts.sinks import Sink
    from pipelines.alerts.stored import Stored
    from schemas import Alert

_TRIES = 3  # a compaction can take a file away while it is looked for


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code: 0 all well, 1 cannot be read, 2 wrong usage."""
    from pipelines.alerts.sinks import AlertsError
    from transforms.write.output import OutputError

    quiet_libraries()
    try:
        options = _parse(argv)
        command = {"check": _check, "dry-run": _dry_run}[options.command]
        return command(options)
    except AlertsError as error:
        for problem in error.problems:
            fail(problem, USAGE)
        return USAGE
    except UsageError as error:
        return fail(str(error), USAGE)
    except OutputError as error:
        return fail(str(error), FAILED)
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror or error}", FAILED)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m pipelines.alerts",
        description="Look after the file that detect_events --alerts takes.",
        epilog="Exit codes: 0 all well, 1 the output cannot be read, 2 usage, also of the file.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check", help="read the file, and say of each mistake where it is and how to mend it"
    )
    dry_run = commands.add_parser(
        "dry-run",
        help="print what would be sent for the events of an output, as of its newest one, and "
        "send nothing",
    )
    for command in (check, dry_run):
        command.add_argument(
            "--alerts", required=True, metavar="FILE", help="TOML file that names the sinks"
        )
    dry_run.add_argument(
        "--output", required=True, metavar="DIR", help="folder that detect_events has written"
    )
    return parser.parse_args(argv)


def _check(options: argparse.Namespace) -> int:
    from pipelines.alerts.sinks import is_private_sink, load_sinks

    for sink in load_sinks(options.alerts):
        private = "; private, needs --allow_private_hosts" if is_private_sink(sink) else ""
        print(f"ok  {sink.name}  {sink.format} to {sink.shown}{_filters(sink)}{private}")
    return DONE


def _filters(sink: "Sink") -> str:
    parts = [f"score from {sink.min_score:g}"] if sink.min_score else []
    parts += [f"publishers from {sink.min_families}"] if sink.min_families > 1 else []
    for name in ("keywords", "entities", "languages"):
        if listed := getattr(sink, name):
            more = ", …" if len(listed) > 3 else ""
            parts.append(f"{name} {', '.join(listed[:3])}{more}")
    parts.append("signed" if sink.keys else "not signed")
    return f"; {'; '.join(parts)}"


def _dry_run(options: argparse.Namespace) -> int:
    from pipelines.alerts.planning import Planner
    from pipelines.alerts.sinks import load_sinks
    from pipelines.alerts.stored import find_url
    from transforms._shared.redact import redact_url
    from transforms.write.output import local_folder

    sinks = load_sinks(options.alerts)
    try:
        folder = local_folder(options.output)
    except ValueError as error:
        raise UsageError(str(error)) from error
    stored = _stored(folder)
    as_of = stored.as_of
    for alert in stored.pending:
        _print(alert, "not delivered yet")
    planned = []
    if as_of is not None:
        planned = Planner(sinks, stored.planned, stored.survivors).plan(
            stored.events,
            as_of,
            lambda event: redact_url(
                find_url(
                    folder,
                    event.representative_article_id,
                    event.first_seen_at,
                    event.last_seen_at,
                )
            ),
        )
    for alert in planned:
        _print(alert, ", ".join(alert.why))
    when = f" as of {as_of:%Y-%m-%d %H:%M} UTC" if as_of else ""
    print(
        f"{len(planned):,} would be sent{when}, {len(stored.pending):,} are not delivered yet, "
        f"{len(stored.planned) - len(stored.pending):,} are settled; nothing was sent"
    )
    return DONE


def _stored(folder: Path) -> "Stored":
    from pipelines.alerts.stored import read_stored
    from transforms.write.compaction import finished_run

    finished_run(folder)
    for left in reversed(range(_TRIES)):
        try:
            return read_stored(folder)
        except FileNotFoundError:
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def _print(alert: "Alert", why: str) -> None:
    print(f"{alert.sink}: {alert.alert_id} revision {alert.revision} ({why}) {alert.title}")
    text = json.dumps(json.loads(alert.body), ensure_ascii=False, indent=2, sort_keys=True)
    print("".join(f"    {line}\n" for line in text.splitlines()), end="")


if __name__ == "__main__":
    sys.exit(main())
