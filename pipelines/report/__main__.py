"""``python -m pipelines.report``: print the events of an output folder and write its page."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from pipelines.report import ReportError, load_view
from pipelines.report.tables import output_folder


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"report: {message}; see --help\n")


def main(argv: list[str] | None = None) -> int:
    """Run the command; gives the exit status: 0 done, 1 failed. Wrong usage exits with 2."""
    options = _parser().parse_args(argv)
    from rich.text import Text

    from pipelines.report.page import render_page, save_page
    from pipelines.report.terminal import make_console, print_events

    try:
        path = Path(options.html or output_folder(options.output) / "report.html")
        view = load_view(options.output, max_events=max(options.max_events, options.limit))
        save_page(render_page(replace(view, events=view.events[: options.max_events])), path)
        console = make_console()
        print_events(view, console, options.limit)
        console.print(Text(f"Page: {path}"), soft_wrap=True)
    except ReportError as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m pipelines.report",
        description="Print the events a run found and write them as one HTML page.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="folder that detect_events has written"
    )
    parser.add_argument("--html", metavar="FILE", help="the page (default: DIR/report.html)")
    parser.add_argument(
        "--limit", type=_count, default=20, metavar="N", help="events printed (default: 20)"
    )
    parser.add_argument(
        "--max_events",
        type=_count,
        default=2000,
        metavar="N",
        help="events on the page: the newest breaking, then the largest (default: 2000)",
    )
    return parser


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1000000")
    return number


if __name__ == "__main__":
    sys.exit(main())
