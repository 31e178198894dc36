"""``python -m pipelines.replay``: try the dead letters of an output again."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries, say
from pipelines.options import Parser, Settings, UsageError, parse_settings
from transforms.embed.backends import FP32

if TYPE_CHECKING:
    from pipelines.replay.hearing import Hearing
    from pipelines.replay.letters import Attempted, Letter
    from transforms.embed.model import ModelFiles

_CARRIED = (
    "model",
    "max_tokens",
    "encoder_precision",
    "window_days",
    "granularity",
    "max_file_mb",
    "store_text",
)
_CARRIED_SWITCHES = ("cross_language", "fetch_pages")
_CANNOT = "cannot be tried"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code: 0 done, 1 failed, 2 wrong usage."""
    quiet_libraries()
    try:
        options = build_parser().parse_args(argv)
        return _run(options)
    except UsageError as error:
        return fail(str(error), USAGE)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    parser = Parser(
        prog="python -m pipelines.replay",
        description="Try dead letters again: feeds are asked, files read, and lines of JSON Lines "
        "and files that are gone taken from the letter. What succeeds becomes rows of the same "
        "output, as one round of detect_events --resume; what fails again on the same day is "
        "counted. Rows that are there stay as they are. Stop a --streaming run first.",
        epilog="Exit codes: 0 done (also when items failed again), 1 failed, 2 usage.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--output", required=True, metavar="DIR", help="folder that detect_events has written")
    add(
        "--reason", action="append", default=[], metavar="R",
        help="letters with this reason, replayable or not; may be repeated (default: all that "
        "are replayable)",
    )  # fmt: skip
    add(
        "--stage", action="append", default=[], metavar="S",
        help="letters of this stage only; may be repeated (default: all stages)",
    )  # fmt: skip
    add(
        "--since", type=_moment, metavar="TIME",
        help="letters that failed then or later: 2026-03-02 or 2026-03-02T06:00, in UTC "
        "(default: all)",
    )  # fmt: skip
    add(
        "--feeds", action="append", default=[], metavar="FILE",
        help="list of feeds; needed for those whose address or headers hold secrets",
    )  # fmt: skip
    add(
        "--max_file_mb", type=int, metavar="MB",
        help="largest file read (default: as in the last run)",
    )  # fmt: skip
    add(
        "--fetch_timeout_seconds", type=float, metavar="S",
        help="time for a whole response (default: that of detect_events)",
    )  # fmt: skip
    add("--allow_private_hosts", action="store_true", help="as in detect_events (default: no)")
    add("--dry_run", action="store_true", help="list what would be tried, and how")
    return parser


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or timezone.utc)
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text} is no time such as 2026-03-02T06:00") from error


def _run(options: argparse.Namespace) -> int:
    from transforms.cluster.join_model import JoinModelError, load_join_model
    from transforms.embed.model import ModelError, resolve_model
    from transforms.write.manifest import read_run
    from transforms.write.output import OutputError, local_folder

    try:
        folder = local_folder(options.output)
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        run = read_run(options.output)
        if run is None:
            raise OutputError(f"{folder} holds no output: give the --output of a detect_events run")
        settings = _settings(options, run)
        items = _plan(folder, run, options)
        if options.dry_run or not any(item.way for item in items):
            return _list(items)
        model = resolve_model(settings.model)
        load_join_model(model.model_id)
        return _replay(settings, items, model)
    except (JoinModelError, ModelError, OutputError) as error:
        return fail(str(error), FAILED)


def _settings(options: argparse.Namespace, run: dict[str, Any]) -> Settings:
    """Take the options of the last run, but for those that are given again."""
    last = {"encoder_precision": FP32} | run.get("options", {})  # named where it is another
    argv = ["--input", "-", "--resume", "--no-report", "--output", options.output]
    for name in _CARRIED:
        if name in last:
            argv += [f"--{name}", str(last[name])]
    argv += [f"--{name}" for name in _CARRIED_SWITCHES if last.get(name)]
    for name in ("max_file_mb", "fetch_timeout_seconds"):
        if getattr(options, name) is not None:
            argv += [f"--{name}", str(getattr(options, name))]
    if options.allow_private_hosts:
        argv.append("--allow_private_hosts")
    # What run.json is to say of the input stays what the last run said.
    return replace(
        parse_settings(argv),
        inputs=tuple(last.get("input", ())),
        feeds=tuple(last.get("feeds", ())),
    )


def _plan(folder: Path, run: dict[str, Any], options: argparse.Namespace) -> "list[Attempted]":
    """Choose the letters, and how each is tried again; what it holds is in the result."""
    from pipelines.replay.letters import (
        Known,
        Wanted,
        local_feeds,
        needs_payload,
        plan,
        read_feeds,
        read_letters,
        read_payloads,
    )
    from transforms.write.locks import files_lock
    from transforms.write.output import OutputError
    from transforms.write.rounds import committed_files

    wanted = Wanted(frozenset(options.reason), frozenset(options.stage), options.since)
    listed = _listed(options.feeds)
    try:
        with files_lock(folder):
            files = committed_files(folder, run)
            letters = read_letters(folder, files, wanted)
            if not letters:
                _say_others(read_letters(folder, files, Wanted(everything=True)))
            payloads = read_payloads(folder, filter(needs_payload, letters))
            asked = read_feeds(folder, files)
    except (OSError, ValueError) as error:  # pyarrow's are among them
        what = " ".join(str(error).split())[:200]
        raise OutputError(
            f"a table of {folder} cannot be read: {what}; put back a whole file, or remove the "
            "damaged one"
        ) from error
    return plan(letters, payloads, Known(listed, local_feeds(asked)))


def _say_others(letters: "list[Letter]") -> None:
    """Say which letters there are, when none was chosen."""
    reasons = Counter((letter.stage, letter.reason) for letter in letters)
    named = ", ".join(f"{n:,} {stage} {reason}" for (stage, reason), n in sorted(reasons.items()))
    if named:
        say(f"no such dead letters; there are {named}: choose by --stage and --reason")


def _listed(lists: list[str]) -> dict[str, str]:
    """Give the lines of lists of feeds, by the name of their feed."""
    from transforms.read.feed import parse_feed
    from transforms.read.feed_list import feed_sources

    try:
        lines = [line for argument in lists for line in feed_sources(argument)]
        return {parse_feed(line).name: line for line in lines}
    except ValueError as error:
        raise UsageError(str(error)) from error


def _list(items: "list[Attempted]") -> int:
    """Say what would be tried, without trying it."""
    for item in items:
        what = f"{item.letter.stage} {item.letter.reason} {item.letter.key}"
        print(f"{item.way or f'{_CANNOT}: {item.why}'}: {_line(what)}")
    ways = Counter(item.way or _CANNOT for item in items)
    named = ", ".join(f"{n:,} {way}" for way, n in sorted(ways.items()))
    print(f"{_items(items)}{': ' if named else ''}{named}; nothing was tried")
    return DONE


def _replay(settings: Settings, items: "list[Attempted]", model: "ModelFiles") -> int:
    from pipelines.draining import draining
    from pipelines.flow import MIB, Sources
    from pipelines.replay.hearing import begin_hearing, end_hearing, hear
    from pipelines.replay.items import items_of
    from pipelines.replay.letters import ASK, PAYLOAD, READ
    from pipelines.stream import Again, run_rounds
    from transforms.read.origin import Limits

    limits = Limits(max_file_bytes=settings.max_file_mb * MIB)
    held = tuple(
        item
        for each in items
        if each.way == PAYLOAD
        for item in items_of(each.letter, each.payload, limits)
    )
    sources = Sources(
        files=tuple(dict.fromkeys(item.source for item in items if item.way == READ)),
        feeds=tuple(dict.fromkeys(item.source for item in items if item.way == ASK)),
    )
    name = settings.output
    hearing = begin_hearing(name, (item.letter.key for item in items if item.way))
    try:
        with draining():
            again = Again(held, partial(hear, name=name))
            code = run_rounds(settings, sources, model, again)
    finally:
        end_hearing(name)
    _tell(items, hearing)
    return code


def _tell(items: "list[Attempted]", hearing: "Hearing") -> None:
    """Say what became of each item; the numbers add up."""
    from pipelines.replay.hearing import FAILED_AGAIN, KNOWN, NOTHING_CAME, SUCCEEDED

    outcomes = Counter(hearing.outcome(i.letter.key) if i.way else _CANNOT for i in items)
    why = Counter(item.why for item in items if not item.way)
    for reason, n in why.most_common():
        say(f"{n:,} {_CANNOT}: {reason}")
    parts = (SUCCEEDED, KNOWN, FAILED_AGAIN, NOTHING_CAME, _CANNOT)
    print(f"{_items(items)} = {' + '.join(f'{outcomes[part]:,} {part}' for part in parts)}")


def _items(items: "list[Attempted]") -> str:
    letters = sum(item.letter.letters for item in items)
    return (
        f"{len(items):,} item{'s' * (len(items) != 1)} of {letters:,} dead "
        f"letter{'s' * (letters != 1)}"
    )


def _line(text: str) -> str:
    """Make one line of what others named, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)


if __name__ == "__main__":
    sys.exit(main())
