"""Plant bursts, and what only looks like one, in a background that has none.

The background is a real stream whose articles get random times within a month, more by day: its
publishers keep their very different rates, its own events are torn apart. Planted are labelled
events with publishers of the background and times of ours:

* ``burst``: many publishers with texts of their own within hours. True when it reaches the
  families and hours asked for, see ``breaking_truth``.
* ``slow``: as many texts and publishers, over days.
* ``wire``: one text with small edits by 10 to 40 publishers within an hour: one voice.
* ``series``: several texts of one publisher within an hour.
* ``coincidence``: two publishers within the hour, then nothing.
* ``trickle``: three or four publishers over a day.
* ``backfill``: old texts of many publishers, a burst in their day, that arrive all at once: the
  first answer of a feed.

Each text is used once in a stream; texts that share a lot with another of their event are left
out, so that every planted text but those of ``wire`` is its publisher's own.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

from benchmarks.breaking_set import (
    BACKGROUND,
    BEHIND,
    BURST,
    CLUSTERS,
    PARTS,
    START,
    Item,
    Story,
    Stream,
    arrival_delays,
    half,
    in_order,
    read_stories,
)

CONTROLS = ("slow", "wire", "series", "coincidence", "trickle", "backfill")
DAYS = 30
_QUIET_DAYS = 2  # at the start: until then no publisher has a usual rate
_LARGE = 5  # texts that make a burst
_OF_LARGE = (BURST,) * 7 + ("slow",) * 2 + ("backfill",)  # what ten large events become
# What small events become: texts it takes, and how many at most in a stream.
_OF_SMALL = {"trickle": (3, 25), "series": (3, 25), "coincidence": (2, 40), "wire": (1, 25)}
_COPY_SHARE = 0.4  # of the shorter text's runs of five words
_BY_HOUR = (1,) * 6 + (3,) * 2 + (6,) * 12 + (3,) * 4  # how often something is published
_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")

Cluster = list[Story]


def planted(folder: Path, part: str, seed: int) -> Stream:
    """Make a stream of one part; another seed gives another draw from the same texts."""
    number = PARTS.index(part)
    behind = [story for story in read_stories(folder, BEHIND) if half(story.id) == number]
    clusters = [
        cluster for name in CLUSTERS[part] for cluster in _clusters(read_stories(folder, name))
    ]
    return plant(part, behind, clusters, seed)


def plant(part: str, behind: Sequence[Story], clusters: Sequence[Cluster], seed: int) -> Stream:
    """Plant events in a background.

    Args:
        clusters: texts of one event each, no two of them alike.
    """
    rng = random.Random(f"{seed}/{part}")
    families = Families(behind)
    items = [_item(story, story.source, _moment(rng, 0), BACKGROUND) for story in behind]
    shuffled = sorted(clusters, key=lambda cluster: cluster[0].label)
    rng.shuffle(shuffled)
    large = [cluster for cluster in shuffled if len(cluster) >= _LARGE]
    for number, cluster in enumerate(large):
        items += _large(rng, cluster, _OF_LARGE[number % len(_OF_LARGE)], families)
    small = [cluster for cluster in shuffled if len(cluster) < _LARGE]
    for kind, cluster in _shares(small):
        items += _SMALL[kind](rng, cluster, families)
    end = START + timedelta(days=DAYS)
    return Stream("planted", part, seed, in_order([item for item in items if item.at < end]))


class Families:
    """The publishers of a background, drawn by a mix of their rates and of all alike."""

    def __init__(self, behind: Sequence[Story]) -> None:
        counts = Counter(story.source for story in behind)
        self._names = sorted(counts)
        even = sum(counts.values()) / len(counts)
        self._weights = list(accumulate(counts[name] + even for name in self._names))

    def draw(self, rng: random.Random, count: int) -> list[str]:
        """Draw different publishers, at most as many as there are."""
        drawn: dict[str, None] = {}
        while len(drawn) < min(count, len(self._names)):
            drawn[rng.choices(self._names, cum_weights=self._weights)[0]] = None
        return list(drawn)


def _clusters(stories: Sequence[Story]) -> Iterator[Cluster]:
    """Group stories by label, without those that share much with one before."""
    grouped: dict[str, Cluster] = defaultdict(list)
    for story in sorted(stories, key=lambda story: story.id):
        grouped[story.label].append(story)
    for cluster in grouped.values():
        yield without_copies(cluster)


def without_copies(cluster: Cluster) -> Cluster:
    """Keep the first of stories that share runs of five words."""
    kept: list[tuple[Story, set[tuple[str, ...]]]] = []
    for story in cluster:
        words = _WORD.findall(f"{story.title} {story.text}".lower())
        runs = {tuple(words[at : at + 5]) for at in range(len(words) - 4)}
        if not runs:
            continue
        share = (len(runs & old) / min(len(runs), len(old)) for _, old in kept)
        if max(share, default=0.0) < _COPY_SHARE:
            kept.append((story, runs))
    return [story for story, _ in kept] or cluster[:1]


def _shares(small: Sequence[Cluster]) -> Iterator[tuple[str, Cluster]]:
    """Say what each small event becomes: what it has texts for and there are fewest of."""
    made: Counter[str] = Counter()
    for cluster in small:
        fitting = [
            kind
            for kind, (texts, most) in _OF_SMALL.items()
            if len(cluster) >= texts and made[kind] < most
        ]
        if fitting:
            kind = min(fitting, key=lambda kind: (-_OF_SMALL[kind][0], made[kind]))
            made[kind] += 1
            yield kind, cluster


def _large(rng: random.Random, cluster: Cluster, kind: str, families: Families) -> Iterator[Item]:
    stories = rng.sample(cluster, rng.randint(_LARGE, len(cluster)))
    names = families.draw(rng, len(stories))
    delays = _burst_delays(rng, len(stories))
    begin, arrives = _moment(rng), None
    if kind == "slow":
        delays = [delay * 24 for delay in delays]
    if kind == "backfill":
        arrives = begin + delays[-1] + timedelta(hours=rng.randint(12, 72))
    for story, name, delay in zip(stories, names, delays):
        yield _item(story, name, begin + delay, kind, arrives)


def _burst_delays(rng: random.Random, count: int) -> list[timedelta]:
    while True:
        delays = arrival_delays(rng, count)
        if delays[_LARGE - 1] < timedelta(hours=6):
            return delays


def _wire(rng: random.Random, cluster: Cluster, families: Families) -> Iterator[Item]:
    story, begin = cluster[0], _moment(rng)
    names = families.draw(rng, rng.randint(10, 40))
    minutes = sorted(rng.uniform(0, 60) for _ in names)
    for number, (name, minute) in enumerate(zip(names, minutes)):
        text = _edited(rng, story.text, name) if number else story.text
        copy = story._replace(id=f"{story.id}/{number}", text=text)
        delay = timedelta(seconds=round(60 * (minute - minutes[0])))
        yield _item(copy, name, begin + delay, "wire", copy=number > 0)


def _edited(rng: random.Random, text: str, family: str) -> str:
    """Give a text as another publisher prints it: a credit, a sentence less."""
    sentences = _SENTENCE.split(text)
    if len(sentences) > 6:
        del sentences[rng.randrange(3, len(sentences))]
    credit = rng.choice((f"{family} reports: ", f"({family}) ", ""))
    return credit + " ".join(sentences)


def _series(rng: random.Random, cluster: Cluster, families: Families) -> Iterator[Item]:
    begin, (name,) = _moment(rng), families.draw(rng, 1)
    for story in cluster:
        yield _item(story, name, begin + _within(rng, 1.0), "series")


def _coincidence(rng: random.Random, cluster: Cluster, families: Families) -> Iterator[Item]:
    begin = _moment(rng)
    for story, name in zip(cluster[:2], families.draw(rng, 2)):
        yield _item(story, name, begin + _within(rng, 1.0), "coincidence")


def _trickle(rng: random.Random, cluster: Cluster, families: Families) -> Iterator[Item]:
    begin = _moment(rng)
    for story, name in zip(cluster, families.draw(rng, len(cluster))):
        yield _item(story, name, begin + _within(rng, 24.0), "trickle")


_SMALL = {"wire": _wire, "series": _series, "coincidence": _coincidence, "trickle": _trickle}


def _within(rng: random.Random, hours: float) -> timedelta:
    return timedelta(seconds=round(rng.uniform(0, 3600 * hours)))


def _moment(rng: random.Random, first_day: int = _QUIET_DAYS) -> datetime:
    hour = rng.choices(range(24), _BY_HOUR)[0]
    day = rng.randrange(first_day, DAYS)
    return START + timedelta(days=day, hours=hour, seconds=rng.randrange(3600))


def _item(
    story: Story,
    family: str,
    at: datetime,
    kind: str,
    arrives: datetime | None = None,
    copy: bool = False,
) -> Item:
    label = "" if kind == BACKGROUND else story.label
    return Item(
        story.id, story.title, story.text, family, at, arrives or at, label, kind, copy
    )  # fmt: skip
