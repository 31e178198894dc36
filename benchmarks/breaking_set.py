"""The streams of the breaking-news benchmark: who published what, when, and what is true of it.

Four sets, each in a development part (the rule may be fitted to it) and a part that is only
reported, from different texts:

* ``uci``: headlines with publishers and times of a news aggregator, split by time. Its times are
  those of harvest: a story with all its publishers comes within a second or two. It says how
  stories fall apart into events and whether they alert twice; its minutes say nothing.
* ``uci_spread``: the same stories with delays of ours.
* ``planted``: bursts and look-alikes of bursts in a background without any, see
  ``breaking_planting``.
* ``allsides2021``: dates without a time of day, which must never make an event break.
"""

import gzip
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

SETS = ("uci", "uci_spread", "planted", "allsides2021")
DEVELOPMENT, REPORTED = PARTS = ("development", "reported")

BACKGROUND = "background"
MIXED = "mixed"  # the label of an event when most of its articles share none
STREAM = "stream"  # of a labelled stream, as it was
BURST = "burst"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)

UCI = "eval/uci_headlines.jsonl.gz"
ALLSIDES = "eval/allsides2021_first.jsonl.gz"
BEHIND = "stream/abp_2018_2020.jsonl.gz"
CLUSTERS = {
    DEVELOPMENT: ("eval/ecb_train.jsonl.gz", "eval/gva_train.jsonl.gz"),
    REPORTED: (
        "eval/ecb_dev.jsonl.gz", "eval/gva_dev.jsonl.gz", "eval/wikinews_a.jsonl.gz", ALLSIDES,
    ),
}  # fmt: skip


class FileMissingError(Exception):
    """A file of the folder is not there; the message names it and the fix."""


class Story(NamedTuple):
    """One labelled text as a file has it."""

    id: str
    title: str
    text: str
    source: str
    published: str
    label: str


@dataclass(frozen=True)
class Item:
    """One article of a stream and what is true of it."""

    id: str
    title: str
    text: str
    family: str
    at: datetime  # published
    arrives: datetime  # when the pipeline gets it, not before it is published
    label: str  # what it tells of; "" in the background
    kind: str  # how its label was made
    copy: bool = False  # a text of somebody else's
    precise: bool = True  # its time is known to the second, not to the day


class Stream(NamedTuple):
    """Items in the order they arrive."""

    set: str
    part: str
    seed: int
    items: tuple[Item, ...]

    @property
    def name(self) -> str:
        return f"{self.set}/{self.part}/{self.seed}"

    @property
    def days(self) -> float:
        return max((self.items[-1].arrives - self.items[0].arrives) / timedelta(days=1), 1 / 24)


def read_stories(folder: Path, name: str) -> list[Story]:
    """Read a file of the folder, packed or not.

    Raises:
        FileMissingError: there is neither the file nor the same one unpacked.
    """
    path = folder / name
    plain = path.with_suffix("")
    if not path.is_file() and not plain.is_file():
        raise FileMissingError(f"{path}: no such file; name the folder that has it by --folder")
    raw = gzip.decompress(path.read_bytes()) if path.is_file() else plain.read_bytes()
    return [_story(json.loads(line)) for line in raw.decode("utf-8").split("\n") if line.strip()]


def _story(row: dict[str, str]) -> Story:
    title, text = str(row["title"] or "").strip(), str(row["text"] or "").strip()
    source = " ".join(str(row["source"] or "").split()) or "unknown"
    return Story(row["id"], title, text, source, row["published"] or "", row.get("label") or "")


def half(key: str) -> int:
    """Put a key into one of two halves, always the same."""
    return hashlib.sha256(key.encode()).digest()[0] % 2


def in_order(items: Sequence[Item]) -> tuple[Item, ...]:
    """Sort by arrival; what arrives together by its own time."""
    return tuple(sorted(items, key=lambda item: (item.arrives, item.at, item.id)))


def uci(folder: Path) -> list[Stream]:
    """Split the headlines by time: stories that begin in the first half of the hours, and later."""
    stories = read_stories(folder, UCI)
    first: dict[str, datetime] = {}
    for story in stories:
        at = datetime.fromisoformat(story.published)
        first[story.label] = min(first.get(story.label, at), at)
    begin, end = min(first.values()), max(first.values())
    seen: set[tuple[str, str]] = set()
    parts: dict[str, list[Item]] = {part: [] for part in PARTS}
    for story in sorted(stories, key=lambda story: (story.published, story.id)):
        at = datetime.fromisoformat(story.published)
        words = (story.label, " ".join(story.title.lower().split()))
        item = Item(
            story.id, story.title, story.text, story.source, at, at, story.label, STREAM,
            copy=words in seen,
        )  # fmt: skip
        seen.add(words)
        parts[PARTS[first[story.label] - begin > (end - begin) / 2]].append(item)
    return [Stream("uci", part, 0, in_order(items)) for part, items in parts.items()]


def spread(stream: Stream, seed: int) -> Stream:
    """Give each story of a stream delays of ours in the place of its times of harvest."""
    rng = random.Random(f"{seed}/{stream.name}")
    stories: dict[str, list[Item]] = defaultdict(list)
    for item in stream.items:
        stories[item.label].append(item)
    items = []
    for story in stories.values():
        delays = arrival_delays(rng, len(story))
        items += [
            replace(item, at=story[0].at + delay, arrives=story[0].at + delay)
            for item, delay in zip(story, delays)
        ]
    return Stream("uci_spread", stream.part, seed, in_order(items))


def arrival_delays(rng: random.Random, count: int) -> list[timedelta]:
    """Draw when each text of a burst is published after the first: half within an hour or two."""
    median, width = rng.uniform(1.0, 2.0), rng.uniform(0.6, 1.0)
    hours = sorted(median * rng.lognormvariate(0.0, width) for _ in range(count))
    return [timedelta(seconds=round(3600 * (at - hours[0]))) for at in hours]


def allsides(folder: Path) -> Stream:
    """Give the stories whose dates are days."""
    items = []
    for story in read_stories(folder, ALLSIDES):
        at = datetime.fromisoformat(story.published[:10]).replace(tzinfo=timezone.utc)
        items.append(
            Item(
                story.id,
                story.title,
                story.text,
                story.source,
                at,
                at,
                story.label,
                STREAM,
                precise=False,
            )
        )
    return Stream("allsides2021", REPORTED, 0, in_order(items))
