"""Small pictures as SVG path data: how many articles when, and which publisher when."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.report.timeline import Axis
from pipelines.report.view import ArticleView
from pipelines.report.wording import publisher

BARS = 32
BAR_WIDTH, HEIGHT = 3, 20


@dataclass(frozen=True)
class Sparkline:
    """Articles over time in ``BARS`` columns, 96 wide and 20 high."""

    path: str  # a line upwards for each column that has any
    most: int  # articles of the highest column


@dataclass(frozen=True)
class Row:
    """One publisher of an event, and when its articles came."""

    name: str
    articles: int
    first: datetime | None
    originals: str  # SVG path data in units of the axis
    copies: str


def draw_volume(
    minutes: Sequence[int] | None, first: datetime | None = None, last: datetime | None = None
) -> Sparkline:
    """Draw sorted minutes since 1970 as columns between ``first`` and ``last``.

    Times outside stick to the ends, as those of files without a date do.
    """
    if not minutes:
        return Sparkline("", 0)
    start = int(first.timestamp() // 60) if first else minutes[0]
    end = int(last.timestamp() // 60) if last else minutes[-1]
    span = max(end - start, BARS)
    counts = Counter(min(max(at - start, 0) * BARS // span, BARS - 1) for at in minutes)
    most = max(counts.values())
    path = "".join(
        f"M{place * BAR_WIDTH + 1.5:g} {HEIGHT}V{HEIGHT - max(n / most * (HEIGHT - 1), 2):.3g}"
        for place, n in sorted(counts.items())
    )
    return Sparkline(path, most)


def draw_publishers(articles: Iterable[ArticleView], axis: Axis, most: int = 40) -> list[Row]:
    """Draw one row for each publisher, the first to report first; at most ``most`` of them."""
    of: dict[str, list[ArticleView]] = {}
    for article in articles:
        of.setdefault(publisher(article), []).append(article)
    rows = []
    for name, own in of.items():
        times = [(a.event_time, a.dup_kind != "none") for a in own if a.event_time is not None]
        marks = {
            copy: "".join(dict.fromkeys(f"M{axis.text(at)} 10h0" for at, is_copy in times
                                        if is_copy == copy))
            for copy in (False, True)
        }  # fmt: skip
        first = min((at for at, _ in times), default=None)
        rows.append(Row(name, len(own), first, marks[False], marks[True]))
    rows.sort(key=lambda row: (row.first is None, row.first, row.name))
    return rows[:most]
