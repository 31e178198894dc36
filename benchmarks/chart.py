"""Draw the figures of ``make bench`` as one SVG: shares, ratios with their spread, cost by size."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

WIDTH = 960
_LEFT = 250  # where bars begin
_RIGHT = 170  # room for what is written after them
_ROW = 26
_INK, _SOFT, _LINE = "#1d2733", "#5b6b7c", "#d5dde5"
_COLOURS = (
    "#2f6f9f", "#d98032", "#4c9a6a", "#b04a5a", "#7a62a8", "#8a6d4b", "#4aa3a8", "#9a9a3c",
    "#c77fb0", "#3f4f8f", "#7fb2d9", "#9aa5b1",
)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """One value with what its repeats lay between."""

    name: str
    value: float
    least: float
    most: float
    text: str


@dataclass
class _Page:
    parts: list[str] = field(default_factory=list)
    y: float = 20.0

    def text(self, x: float, y: float, words: str, **style: Any) -> None:
        given = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in style.items())
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}"{given}>{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" '
            f'fill="{colour}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = _INK) -> None:
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'
        )

    def heading(self, words: str, under: str = "") -> None:
        self.y += 22
        self.text(20, self.y, words, font_size=17, font_weight="bold", fill=_INK)
        if under:
            self.y += 18
            self.text(20, self.y, under, font_size=12, fill=_SOFT)
        self.y += 14

    def bars(self, bars: Sequence[Bar], marks: Sequence[float] = ()) -> None:
        """Draw bars with whiskers from the least to the most."""
        longest = max([*(bar.most for bar in bars), *marks], default=0.0) or 1.0
        scale = (WIDTH - _LEFT - _RIGHT) / longest
        top = self.y
        for number, bar in enumerate(bars):
            middle = self.y + _ROW / 2
            self.text(_LEFT - 10, middle + 4, bar.name, font_size=13, text_anchor="end", fill=_INK)
            self.box(
                _LEFT, self.y + 4, bar.value * scale, _ROW - 8, _COLOURS[number % len(_COLOURS)]
            )
            low, high = _LEFT + bar.least * scale, _LEFT + bar.most * scale
            self.line(low, middle, high, middle)
            for end in (low, high):
                self.line(end, middle - 5, end, middle + 5)
            self.text(high + 8, middle + 4, bar.text, font_size=13, fill=_INK)
            self.y += _ROW
        for mark in marks:
            self.line(_LEFT + mark * scale, top, _LEFT + mark * scale, self.y, _SOFT)
        self.y += 8

    def shares(self, rows: Sequence[tuple[str, dict[str, float]]]) -> None:
        """Draw rows of pieces that make up a whole, and name the colours."""
        names = list(dict.fromkeys(name for _, pieces in rows for name in pieces))
        colour = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(names)}
        for title, pieces in rows:
            x, scale = float(_LEFT), (WIDTH - _LEFT - 20) / max(1.0, sum(pieces.values()))
            self.text(_LEFT - 10, self.y + 17, title, font_size=13, text_anchor="end", fill=_INK)
            for name, share in pieces.items():
                self.box(x, self.y + 3, share * scale, _ROW - 6, colour[name])
                if share * scale > 34:
                    self.text(x + 4, self.y + 17, f"{share:.0%}", font_size=11, fill="white")
                x += share * scale
            self.y += _ROW
        x = float(_LEFT)
        for name in names:
            if x + 30 + 7.5 * len(name) > WIDTH:
                x, self.y = float(_LEFT), self.y + 18
            self.box(x, self.y + 6, 11, 11, colour[name])
            self.text(x + 16, self.y + 16, name, font_size=12, fill=_INK)
            x += 30 + 7.5 * len(name)
        self.y += 26

    def svg(self) -> str:
        height = self.y + 16
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
            f'width="{WIDTH}" height="{height:.0f}" font-family="Helvetica, Arial, sans-serif">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )


def draw(result: dict[str, Any]) -> str:
    """Give the plot of what the result holds."""
    page = _Page()
    parts = result["parts"]
    for name, part in (("whole", _whole), ("window", _window), ("copies", _copies)):
        if name in parts:
            part(page, parts[name])
    if not parts:
        page.heading("nothing was measured")
    machine = next((part["machine"] for part in parts.values()), None)
    if machine:
        page.y += 8
        cores = machine["usable_cores"]
        words = f"{machine['cpu']}, {cores} cores, Python {machine['python']}"
        page.text(20, page.y, f"{words}; {machine['commit']}", font_size=11, fill=_SOFT)
    return page.svg()


def _bar(name: str, values: dict[str, Any], form: str) -> Bar:
    value = values["median"]
    return Bar(name, value, values["least"], values["most"], form.format(value))


def _whole(page: _Page, part: dict[str, Any]) -> None:
    said = f"{part['articles']} articles, median of {part['repeats']} repeats; lines: least to most"
    page.heading("Times as fast as the default encode loop, without start-up", said)
    ratios = part["vs_default_encode"]
    page.bars([_bar(name, values, "{:.2f} x") for name, values in ratios.items()], marks=(1.0,))
    page.heading("Share of the pipeline's time by stage", "by the clock of each stage")
    page.shares(
        [
            (name, {stage: row["share"] for stage, row in stages.items()})
            for name, stages in part["stages"].items()
        ]
    )


def _window(page: _Page, part: dict[str, Any]) -> None:
    said = "CPU milliseconds; lines: median to 90th percentile"
    for stage in ("dedupe", "cluster"):
        page.heading(f"{stage}: cost of one more article by articles in the window", said)
        rows = ((f"{row['size']:,}", row[f"{stage}_ms"]) for row in part["sizes"])
        page.bars(
            [
                Bar(size, ms["mean"], ms["median"], ms["p90"], f"{ms['mean']:.1f} ms")
                for size, ms in rows
            ]
        )


def _copies(page: _Page, part: dict[str, Any]) -> None:
    said = (
        f"{part['documents']} documents, one thread, vectors given; precision and recall of pairs"
    )
    page.heading("Near-duplicates: documents per second", said)
    page.bars(
        [
            _bar(
                row["method"],
                row["docs_per_second"],
                f"{{:,.0f}}  (P {row['precision']:.3f}, R {row['recall']:.3f})",
            )
            for row in part["methods"]
        ]
    )
