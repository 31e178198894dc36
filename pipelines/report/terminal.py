"""The events as a table of lines for people and for logs."""

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.report import wording
from pipelines.report.page import MAX_EVENTS, render_page, save_page
from pipelines.report.tables import output_folder
from pipelines.report.view import EventView, ReportView, load_view

_PLAIN_WIDTH = 120  # columns when the output is no terminal
_GAP = 2  # columns between the cells
_STYLES = {"breaking": "bold red", "developing": "red", "candidate": "yellow", "fading": "dim"}


def make_console(stream: TextIO | None = None) -> Console:
    """Make a console: colours and its own width on a terminal, else plain text of 120 columns."""
    stream = stream or sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # titles hold more than some terminals know
    if stream.isatty():
        return Console(file=stream, highlight=False)
    return Console(
        file=stream,
        width=_PLAIN_WIDTH,
        force_terminal=False,
        no_color=True,
        color_system=None,
        highlight=False,
    )


def show_report(
    output: str, limit: int = 20, html_path: str | None = None, *, max_events: int = MAX_EVENTS
) -> str:
    """Write the page of ``output`` and print its newest breaking and its largest events.

    Args:
        limit: events printed.
        html_path: of the page; ``output``/report.html unless said otherwise.
        max_events: on the page.

    Returns:
        The path of the page.

    Raises:
        ReportError: the folder cannot be read or the page cannot be written; one line.
    """
    view = load_view(output, max_events=max(max_events, limit))  # once for both: it takes longest
    path = Path(html_path or output_folder(output) / "report.html")
    save_page(render_page(replace(view, events=view.events[:max_events])), path)
    print_events(view, make_console(), limit)
    return str(path)


def print_events(view: ReportView, console: Console, limit: int = 20) -> None:
    """Print one line per event, at most ``limit``, then the counts of the whole run."""
    shown = view.events[:limit]
    if shown:
        rows = [_cells(event) for event in shown]
        headings = ("Event", "Articles", "Publ.", "First seen (UTC)", "State")
        widths = [max(len(h), *(row[n].cell_len for row in rows)) for n, h in enumerate(headings)]
        spare = console.width - sum(widths[1:]) - _GAP * (len(headings) - 1)
        widths[0] = max(min(widths[0], spare), 10)  # only the title gives way
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
        for n, heading in enumerate(headings):
            justify: Literal["left", "right"] = "right" if n in (1, 2) else "left"
            table.add_column(
                heading, justify=justify, width=widths[n], no_wrap=True, overflow="ellipsis"
            )
        for row in rows:
            table.add_row(*row)
        console.print(table)
    if view.event_count > len(shown):
        console.print(Text(f"and {view.event_count - len(shown):,} more"))
    console.print(Text(count_line(view)), soft_wrap=True)


def count_line(view: ReportView) -> str:
    """Say in one line what went in and what came out."""
    more = view.revision_count - view.article_count
    revised = f" (and {_plural(more, 'changed text', 'changed texts')})" if more > 0 else ""
    parts = [
        _plural(view.article_count, "article", "articles") + revised,
        _plural(view.event_count, "event", "events"),
        _plural(view.copy_count, "copy", "copies"),
    ]
    if view.repeat_count is not None:
        parts.append(_plural(view.repeat_count, "repeat", "repeats"))
    reasons = ", ".join(
        f"{wording.clean_line(group.reason, 40)} {group.count:,}" for group in view.rejects
    )
    parts.append(f"{view.rejected_count:,} rejected" + (f" ({reasons})" if reasons else ""))
    unfinished = "; a run is still going on or was interrupted" if view.unfinished else ""
    return ", ".join(parts) + unfinished


def _cells(event: EventView) -> tuple[Text, ...]:
    copies = f" ({event.duplicate_count:,})" if event.duplicate_count else ""
    seen = event.first_seen_at
    style = _STYLES.get(event.state, "")
    return (
        Text(wording.clean_line(event.title, 160) or "(no title)"),
        Text(f"{event.article_count:,}{copies}"),
        Text(f"{event.publisher_family_count:,}"),
        Text(f"{seen:%Y-%m-%d %H:%M}" if seen else "-"),
        Text(wording.state_of(event).lower(), style=style),
    )


def _plural(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
