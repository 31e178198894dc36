"""Aligned lines of plain text: folding, cutting and numbers, counted in terminal columns."""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.cells import cell_len, chop_cells, set_cell_size

from pipelines.report.wording import utc

WIDTH = 100
ABSENT = "–"
_INDENT = 14  # columns before what a label names


def labelled(label: str, *texts: str) -> Iterator[str]:
    """Write a label and what it names; further texts and lines stand below the first."""
    start = f"  {label:<{_INDENT - 2}}"
    for text in texts:
        for line in fold(text, "", WIDTH - _INDENT):
            yield f"{start}{line}".rstrip()
            start = " " * _INDENT


def fold(text: str, indent: str = "", width: int = WIDTH) -> list[str]:
    """Break a text into lines of at most ``width`` columns, between words where it can."""
    lines: list[str] = []
    line = text[: len(text) - len(text.lstrip())]
    for word in _words(text, width - len(indent)):
        longer = f"{line} {word}" if line.strip() else f"{line}{word}"
        if cell_len(longer) > width:
            lines.append(line)
            longer = f"{indent}{word}"
        line = longer
    return [*lines, line]


def _words(text: str, width: int) -> Iterable[str]:
    for word in text.split():
        yield from chop_cells(word, max(width - 4, 1)) if cell_len(word) > width - 4 else [word]


def fit(text: str, width: int) -> str:
    """Make a text exactly ``width`` columns wide."""
    return set_cell_size(cut(text, width), width)


def cut(text: str, width: int) -> str:
    """Make a text at most ``width`` columns wide; a longer one ends in an ellipsis."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def at(moment: datetime | None) -> str:
    """Write a time in full."""
    return f"{utc(moment)} UTC" if moment else "time unknown"


def brief(moment: datetime | None) -> str:
    """Write a time for a list, without its year."""
    return f"{moment:%m-%d %H:%M}" if moment else ABSENT


def number(value: float | None) -> str:
    """Write a measured number."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return f"{value:.3f}" if abs(value) < 1e6 else f"{value:.2e}"


def signed(value: float | None) -> str:
    """Write a difference of two."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return f"{value:+.3f}" if abs(value) < 1e6 else f"{value:+.2e}"
