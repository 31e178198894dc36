"""``python -m pipelines.explain``: print why an article joined its event."""

import argparse
import io
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.console import DONE, FAILED, USAGE, fail
from pipelines.options import Parser, UsageError

if TYPE_CHECKING:
    from pipelines.explain.records import ArticleWhy, EventWhy
    from pipelines.explain.stored import Stored

_LEAST = 6  # characters of an id that must be given
_SHOWN = 10  # ids named when there are several
_ID = re.compile(r"[A-Za-z0-9]+")


class _NotFoundError(Exception):
    """No article or event has that name, or several have; the message says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code: 0 done, 1 failed, 2 wrong usage."""
    from pipelines.report.tables import ReportError

    try:
        options = _parse(argv)
        lines = _explanation(options)
    except UsageError as error:
        return fail(str(error), USAGE)
    except (ReportError, _NotFoundError) as error:
        return fail(str(error), FAILED)
    _print(lines)
    return DONE


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m pipelines.explain",
        description="Print why an article joined its event: what was measured, how far the "
        "second-best event lay behind, what was checked. Of an event, its articles with theirs.",
        epilog="Exit codes: 0 done, 1 nothing found or not readable, 2 usage.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="folder that detect_events has written"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument(
        "name",
        metavar="ARTICLE_OR_EVENT",
        help="an article's address, the file it was read from, or the id of an article or event, "
        f"its first {_LEAST} or more characters being enough",
    )
    options = parser.parse_args(argv)
    if not _is_address(options.name) and len(options.name.strip()) < _LEAST:
        raise UsageError(
            f"{options.name!r} is too short: give at least {_LEAST} characters of an id, "
            "or an article's address"
        )
    return options


def _explanation(options: argparse.Namespace) -> Iterator[str]:
    from pipelines.report.tables import UNFINISHED_FILE, output_folder, read_steadily

    folder = output_folder(options.output)
    kind, why = read_steadily(lambda: _found_why(folder, options))
    unfinished = (folder / UNFINISHED_FILE).exists()
    return _as_json(why, kind, unfinished) if options.json else _as_text(why, unfinished)


def _found_why(folder: Path, options: argparse.Namespace) -> "tuple[str, ArticleWhy | EventWhy]":
    from pipelines.explain.stored import open_stored

    with open_stored(folder) as stored:
        kind, found = _only(_found(stored, options.name.strip()), options)
        return kind, _why(stored, kind, found)


def _why(stored: "Stored", kind: str, found: str) -> "ArticleWhy | EventWhy":
    from pipelines.explain.why import explain_article, explain_event

    return explain_article(stored, found) if kind == "article" else explain_event(stored, found)


def _as_json(why: "ArticleWhy | EventWhy", kind: str, unfinished: bool) -> Iterator[str]:
    from pipelines.explain.records import plain

    yield json.dumps({"kind": kind, **plain(why), "unfinished_run": unfinished}, indent=2)


def _as_text(why: "ArticleWhy | EventWhy", unfinished: bool) -> Iterator[str]:
    from pipelines.explain.records import ArticleWhy
    from pipelines.explain.text import article_lines, event_lines

    yield from article_lines(why) if isinstance(why, ArticleWhy) else event_lines(why)
    if unfinished:
        yield "\nA run is still going on here or was interrupted."


def _found(stored: "Stored", name: str) -> list[tuple[str, str]]:
    """Give kind and id of what goes by that name."""
    if not _is_address(name):
        return stored.find(name) or stored.find(name.lower())
    from transforms._shared.redact import redact_url
    from transforms._shared.urls import canonical_url

    if Path(name).exists():
        name = Path(name).resolve().as_uri()
    canonical = canonical_url(name if ":" in name else f"https://{name}")
    return stored.find_address([name, redact_url(name), canonical, redact_url(canonical)])


def _only(found: list[tuple[str, str]], options: argparse.Namespace) -> tuple[str, str]:
    """Give the one that was found.

    Raises:
        _NotFoundError: there is none, or more than one.
    """
    from pipelines.report.wording import clean_line

    name = clean_line(options.name, 100)
    if not found:
        raise _NotFoundError(
            f"{options.output}: no article or event {name}; take its id or address from the "
            "tables or from report.html"
        )
    if len(found) > 1:
        listed = ", ".join(f"{kind} {clean_line(one, 60)}" for kind, one in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
        raise _NotFoundError(f"{name} may be {listed}{more}; give more of the id")
    return found[0]


def _is_address(name: str) -> bool:
    return not _ID.fullmatch(name.strip())


def _print(lines: Iterator[str]) -> None:
    """Print the lines; a reader that has enough, such as ``head``, may stop listening."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # titles hold more than some terminals know
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
