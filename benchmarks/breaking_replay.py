"""Play a stream through dedupe and cluster, and keep what each event held when.

Scoring is then a matter of seconds, with whatever weights.
"""

import hashlib
import pickle
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import schemas
import transforms
from benchmarks.breaking_set import Item, Stream
from benchmarks.breaking_vectors import VectorCache
from benchmarks.near_duplicates import article as plain_article
from benchmarks.near_duplicates_set import REAL, Document
from schemas import Article, EmbeddedArticle, Mention, Move
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import ANY_MODEL, load_join_model
from transforms.cluster.terms import background_frequencies
from transforms.dedupe.duplicate_index import DuplicateIndex
from transforms.embed.encoder import Encoder

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_OUTAGE = timedelta(hours=8)  # an answer that tells of more than that is the first one
_STAGES = ("_shared", "cluster", "dedupe")  # what a kept replay depends on, beside the records


@dataclass
class Look:
    """An event's mentions after one or more arrivals.

    Arrivals that only add later mentions make no new look: an instant depends on nothing after
    it, so they can all be scored on the last of these lists. An article that comes late, or from
    another event, makes one.
    """

    after: datetime | None  # instants up to it were looked at before
    as_of: datetime  # event clock
    mentions: list[Mention]  # in time order


@dataclass
class Trail:
    """What became of one event."""

    event: str
    looks: list[Look] = field(default_factory=list)
    merged_into: str = ""
    merged_at: datetime | None = None


class Replay(NamedTuple):
    """A stream and the events it was made into, in the order they were opened."""

    stream: Stream
    trails: tuple[Trail, ...]


class Replayer:
    """Plays streams; keeps vectors, and what came of each stream, in a folder if there is one."""

    def __init__(self, encoder: Encoder, cache: Path | None) -> None:
        self._model_id = encoder.model_id
        self._dim = encoder.dim
        self._vectors = VectorCache(encoder, cache)
        self._folder = cache / "replays" if cache else None

    def play(self, stream: Stream) -> Replay:
        """Give the events of a stream, anew or as kept by an earlier run of the same code."""
        kept = self._folder / f"{self._digest(stream)}.pickle" if self._folder else None
        if kept and kept.is_file():
            return Replay(stream, pickle.loads(kept.read_bytes()))
        print(f"playing {stream.name}: {len(stream.items)} articles, once", file=sys.stderr)
        trails = self._play(stream)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(pickle.dumps(trails))
        return Replay(stream, trails)

    def _digest(self, stream: Stream) -> str:
        digest = hashlib.sha256(f"{self._model_id}{stream}".encode("utf-8", "replace"))
        folders = [Path(path) for path in schemas.__path__]
        folders += [Path(path) / stage for path in transforms.__path__ for stage in _STAGES]
        for folder in folders:
            for source in sorted(path for path in folder.iterdir() if path.is_file()):
                digest.update(source.read_bytes())
        digest.update(Path(__file__).read_bytes())
        return digest.hexdigest()[:24]

    def _play(self, stream: Stream) -> tuple[Trail, ...]:
        articles = [article_of(item) for item in stream.items]
        vectors = self._vectors.encode(articles)
        dedupe = DuplicateIndex(self._dim)
        index = _index(self._model_id)
        trails = Trails(index)
        numbered = list(zip(stream.items, articles, vectors))
        for _, bundle in groupby(numbered, key=lambda row: row[0].arrives):
            for _, article, vector in bundle:
                raw = vector.astype("<f4").tobytes()
                compared = dedupe.assign(EmbeddedArticle(article, raw, self._model_id))
                assignment = index.assign(compared)
                trails.note(assignment.event_id, index.moves())
                for _ in index.retired():
                    pass
            trails.look()
        return tuple(trails.of.values())


class Trails:
    """Follows the events of an index from outside, from bundle to bundle."""

    def __init__(self, index: EventIndex) -> None:
        self._index = index
        self.of: dict[str, Trail] = {}
        self._touched: dict[str, None] = {}

    def note(self, event: str, moves: Sequence[Move]) -> None:
        """Note where an article went, and who moved because of it."""
        self._trail(event)
        for move in moves:
            self._trail(move.to_event)
            left = self._trail(move.from_event)
            if move.merged:
                self._look(left, list(self._merged_mentions(left, move)))
                left.merged_into, left.merged_at = move.to_event, _clock(self._index)

    def look(self) -> None:
        """Note what the events that changed hold now."""
        for event in self._touched:
            held = _mentions(self._index, event)
            if held is not None:
                self._look(self.of[event], list(held))
        self._touched = {}

    def _trail(self, event: str) -> Trail:
        self._touched[event] = None
        return self.of.setdefault(event, Trail(event))

    def _merged_mentions(self, left: Trail, move: Move) -> Iterator[Mention]:
        known = {told.article_id for told in move.mentions}
        if left.looks:
            yield from (m for m in left.looks[-1].mentions if m.article_id not in known)
        yield from move.mentions

    def _look(self, trail: Trail, held: list[Mention]) -> None:
        held.sort(key=lambda told: (told.at, told.article_id))
        clock = max(_clock(self._index), held[-1].at) if held else _clock(self._index)
        last = trail.looks[-1] if trail.looks else None
        if not held or (last is not None and last.mentions == held):
            return
        if last is not None and held[: len(last.mentions)] == last.mentions:
            added = held[len(last.mentions) :]
            if all(told.at > last.as_of for told in added) and last.as_of == last.mentions[-1].at:
                last.mentions, last.as_of = held, clock
                return
        trail.looks.append(Look(last.as_of if last else None, clock, held))


def article_of(item: Item) -> Article:
    """Make the article that the earlier stages would have made of an item."""
    made = plain_article(Document(item.id, item.title, item.text, "", REAL, ""), item.at)
    return replace(
        made,
        publisher_family=item.family,
        first_seen_at=item.arrives,
        published_at_precision="second" if item.precise else "day",
        backfill=item.arrives - item.at > _OUTAGE,
    )


def _index(model_id: str) -> EventIndex:
    model = load_join_model(model_id)
    unread = load_join_model(ANY_MODEL) if model.embedding_model != ANY_MODEL else None
    return EventIndex(model, background_frequencies(), model_id, unread_model=unread)


# The index tells its mentions only with a whole description, title and summary, which costs more
# than all the rest of a replay; so these two look inside.


def _mentions(index: EventIndex, event: str) -> list[Mention] | None:
    held = index._events.get(event)
    return held.mentions if held else None


def _clock(index: EventIndex) -> datetime:
    return _EPOCH + timedelta(seconds=index._clock.now or 0.0)
