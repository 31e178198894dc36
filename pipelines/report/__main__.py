"""``python -m pipelines.report``: print the events of an output folder and write its page."""

import argparse
import sys
from typing import NoReturn

from pipelines.report import ReportError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"report: {message}; see --help\n")


def main(argv: list[str] | None = None) -> int:
    """Run the command; gives the exit status: 0 done, 1 failed. Wrong usage exits with 2."""
    options = _parser().parse_args(argv)
    from rich.text import Text

    from pipelines.report.terminal import make_console, show_report

    try:
        path = show_report(
            options.output, options.limit, options.html, max_events=options.max_events
        )
        make_console().print(Text(f"Page: {path}"), soft_wrap=True)
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
