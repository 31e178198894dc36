"""The articles a benchmark reads: of a stream, or made of the stories that ship with the tests."""

import gzip
import html
import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from benchmarks.repeats import Story, make_repeats

SHIPPED = Path(__file__).parents[1] / "tests" / "quality" / "hard_pairs.jsonl"
_JOINED = 4  # shipped stories, of some 75 words each, that make one article
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_SHIPPED_DAYS = 30

Row = dict[str, Any]


class SampleError(Exception):
    """The stream cannot be used; the message is one line with the cause and the fix."""


def read_rows(stream: Path, most: int) -> list[Row]:
    """Read the first articles of a stream of JSON Lines, also gzipped, that have a text.

    Raises:
        SampleError: there is no such file, or it holds something else.
    """
    if not stream.is_file():
        raise SampleError(f"{stream}: no such file; name a stream of JSON Lines by STREAM=")
    opened = gzip.open if stream.suffix == ".gz" else open
    rows: list[Row] = []
    try:
        with opened(stream, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if len(rows) == most:
                    break
                row = json.loads(line)
                if str(row["text"]).strip() and str(row["title"]).strip():
                    rows.append({"id": str(number), "published": "", **row})
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise SampleError(
            f"{stream}: no stream of articles: line {len(rows) + 1} or after it ({error!r}); "
            "each line is an object with title and text"
        ) from error
    if not rows:
        raise SampleError(f"{stream}: no article in it has a title and a text")
    return rows


def shipped_rows(most: int, path: Path = SHIPPED) -> list[Row]:
    """Make as many articles as asked for of the stories that ship with the tests.

    Each is several stories long; what goes beyond their number repeats them with other words (see
    repeats.py).
    """
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    stories = []
    for at, row in enumerate(rows):
        near = sorted(rows, key=lambda other: other["label"] != row["label"])
        texts = [row["text"], *(other["text"] for other in near if other is not row)]
        after = rows[at + 1 :] + rows[:at]
        texts[2:] = [other["text"] for other in after if other["text"] not in texts[:2]]
        stories.append(Story(row["title"], "\n\n".join(texts[:_JOINED])))
    repeats = make_repeats(stories, 2, -(-most // len(stories)), 1)
    step = timedelta(days=_SHIPPED_DAYS) / most
    made = []
    for number in range(most):
        repeat, story = repeats[number // len(stories)], stories[number % len(stories)]
        made.append({
            "id": f"made-{number}",
            "title": repeat.text(story.title),
            "text": repeat.text(story.text),
            "published": (_START + step * number).isoformat(),
            "lang": "en",
            "source": f"Paper {number % 30}",
            "url": f"https://paper{number % 30}.example/{number}",
        })  # fmt: skip
    return made


def in_days(rows: Sequence[Row], days: float) -> list[Row]:
    """Give the same articles, published evenly within so many days."""
    step = timedelta(days=days) / len(rows)
    return [
        row | {"published": (_START + step * at).isoformat(timespec="seconds")}
        for at, row in enumerate(rows)
    ]


def write_rows(rows: Sequence[Row], path: Path) -> Path:
    """Write articles as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def write_pages(rows: Sequence[Row], folder: Path) -> Path:
    """Write each article as a page of a news site, with its navigation and lists of links."""
    folder.mkdir()
    for number, row in enumerate(rows):
        (folder / f"{number:06}.html").write_text(_page(row, rows, number), "utf-8")
    return folder


def _page(row: Row, rows: Sequence[Row], number: int) -> str:
    def links(first: int, count: int) -> str:
        titles = (str(rows[at % len(rows)]["title"]) for at in range(first, first + count))
        return "".join(
            f'<li><a href="/{at}">{html.escape(t)}</a></li>' for at, t in enumerate(titles)
        )

    title = html.escape(str(row["title"]))
    said = {"@type": "NewsArticle", "headline": row["title"], "datePublished": row["published"]}
    text = "".join(f"<p>{html.escape(part)}</p>" for part in str(row["text"]).split("\n") if part)
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<meta property='og:title' content='{title}'>"
        f"<meta property='article:published_time' content='{row['published']}'>"
        f"<link rel='canonical' href='https://pages.example/{number}'>"
        f"<script type='application/ld+json'>{json.dumps(said).replace('<', ' ')}</script>"
        f"<style>{'.c{margin:0;padding:0;color:#123} ' * 60}</style></head><body>"
        f"<header><nav><ul>{links(number + 1, 40)}</ul></nav></header>"
        f"<main><article><h1>{title}</h1>{text}</article>"
        f"<aside><h2>More</h2><ul>{links(number + 41, 30)}</ul></aside></main>"
        f"<footer><ul>{links(number + 71, 20)}</ul><p>All rights reserved.</p></footer>"
        "</body></html>"
    )
