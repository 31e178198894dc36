"""The window of earlier articles: finds neighbours and copies of a new one."""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from schemas import Article, ComparedArticle, EmbeddedArticle
from transforms._shared.shards import UNDATED, WINDOW, WindowClock, seconds
from transforms.dedupe.fingerprint import fingerprint
from transforms.dedupe.postings import Postings
from transforms.dedupe.probe import (
    LEAST_SHARED,
    Findings,
    Near,
    Probe,
    Sharing,
    own_share,
    probe,
    quoted_share,
)
from transforms.dedupe.vectors import VectorShard, nearest
from transforms.dedupe.verdict_book import FURTHER, NEIGHBOURS, VerdictBook

_COMMON = 200  # a hash in more articles than this is boilerplate and proposes nobody
_SPARE = 8  # fetched beyond what is wanted: the last digit of a cosine differs between libraries


@dataclass
class _Shard:
    """One slice of the window; dropped whole when it expires."""

    vectors: VectorShard
    entries: list[tuple[int, Probe]] = field(default_factory=list)  # with number
    sampled: Postings = field(default_factory=Postings)
    quoted: Postings = field(default_factory=Postings)


class CandidateIndex:
    """Articles of the last ``window``, searchable by vector (FAISS) and by shared word 3-grams.

    Each search finds what the other misses: vectors find the same story in other words, 3-grams
    find a copy with a new lead or a cut one. It holds what is added, be it a copy or not, and
    answers with the numbers it was added under.

    Memory grows with the articles added in the window (about 3.5 KB each) and with
    undated articles, of which the newest ``max_undated`` are kept.
    """

    def __init__(
        self,
        dim: int,
        window: timedelta = WINDOW,
        fetched: int = NEIGHBOURS + FURTHER + _SPARE,  # most articles found by each search
        max_undated: int = 50_000,
    ) -> None:
        self.dim = dim
        self.fetched = fetched
        self.max_undated = max_undated
        self._clock = WindowClock(window)
        self._shards: dict[int, _Shard] = {}

    def __len__(self) -> int:
        return sum(len(shard.entries) for shard in self._shards.values())

    def find(self, asked: Probe) -> Findings:
        """Find earlier articles that resemble ``asked``, after dropping those it makes too old.

        Raises:
            ValueError: the vector's dimension is not the index's.
        """
        if len(asked.vector) != self.dim:
            raise ValueError(f"vector of {len(asked.vector)} dimensions in an index of {self.dim}")
        self.advance(asked.at)
        return Findings(self._nearest(asked.vector), self._sharing(asked))

    def advance(self, at: float | None) -> None:
        """Drop what has left the window when it is ``at``, in seconds since 1970."""
        self._clock.advance(at)
        for name in [name for name in self._shards if self._clock.expired(name)]:
            del self._shards[name]

    def add(self, number: int, new: Probe) -> None:
        """Let later articles find ``new`` under ``number``; add in ascending order."""
        name = self._clock.shard(new.at)
        shard = self._shards.get(name)
        if shard is None:
            shard = self._shards[name] = _Shard(VectorShard(self.dim))
        elif name == UNDATED and len(shard.entries) >= self.max_undated:
            kept = shard.entries[len(shard.entries) // 2 :]
            shard = self._shards[name] = _Shard(VectorShard(self.dim))
            for entry in kept:
                self._insert(shard, *entry)
        self._insert(shard, number, new)

    @staticmethod
    def _insert(shard: _Shard, number: int, new: Probe) -> None:
        place = len(shard.entries)
        shard.entries.append((number, new))
        shard.vectors.add(new.vector)
        shard.sampled.add(place, new.sampled)
        shard.quoted.add(place, new.quoted)

    def _nearest(self, vector: NDArray[np.float32]) -> tuple[Near, ...]:
        """Find the nearest articles by cosine."""
        slices = {name: shard.vectors for name, shard in self._shards.items()}
        return tuple(
            (-cosine, name, self._shards[name].entries[place][0])
            for cosine, name, place in nearest(slices, vector, self.fetched)
        )

    def _sharing(self, asked: Probe) -> tuple[Sharing, ...]:
        """Find articles that share enough sampled 3-grams."""
        own, quoted = asked.sampled, asked.quoted
        found: list[Sharing] = []
        for shard in self._shards.values():
            shares: dict[int, float] = {}
            for place, shared in shard.sampled.tally(own, _COMMON).items():
                if shared >= LEAST_SHARED:  # most share one by chance
                    size = len(shard.entries[place][1].sampled)
                    shares[place] = own_share(shared, len(own), size)
            # Re-posted in the new one's comments, or the other way round.
            for hashes, postings in ((quoted, shard.sampled), (own, shard.quoted)):
                for place, shared in postings.tally(hashes, _COMMON).items():
                    share = quoted_share(shared, len(hashes))
                    shares[place] = max(share, shares.get(place, 0.0))
            for place, share in shares.items():
                if share:
                    number, entry = shard.entries[place]
                    found.append((-share, entry.article_id, number))
        return tuple(sorted(found)[: self.fetched])


class DuplicateIndex:
    """Compares each article with those of the last ``window``: the search and the book in one.

    A copy is never added to the search. Memory grows with the originals in the window (about
    9 KB each at 800 words, at most 70 KB) and with undated articles, of which the newest
    ``max_undated`` are kept.
    """

    def __init__(
        self,
        dim: int,
        window: timedelta = WINDOW,
        neighbours: int = NEIGHBOURS,
        further: int = FURTHER,
        max_undated: int = 50_000,
    ) -> None:
        fetched = neighbours + further + _SPARE
        self._candidates = CandidateIndex(dim, window, fetched, max_undated)
        self._book = VerdictBook(window, neighbours, further, max_undated)
        self._next = 0  # number of the next article

    def __len__(self) -> int:
        return len(self._book)

    def assign(self, embedded: EmbeddedArticle) -> ComparedArticle:
        """Compare an article with the window, then add it unless it is a copy.

        Returns:
            The article with its verdict, its neighbours, best cosine first, and those further
            off; ties keep the older article.

        Raises:
            ValueError: the vector's dimension is not the index's.
        """
        new = fingerprint(embedded)
        asked = probe(new)
        found = self._candidates.find(asked)
        compared = self._book.settle(self._next, embedded, new, found)
        if compared.verdict.kind == "none":
            self._candidates.add(self._next, asked)
        self._next += 1
        return compared

    def replay(self, compared: ComparedArticle) -> None:
        """Remember an article as it was compared before, without searching; in the same order."""
        new = fingerprint(compared.embedded)
        self._candidates.advance(new.at)
        is_copy = compared.verdict.kind != "none"
        self._book.remember(self._next, new, is_copy)
        if not is_copy:
            self._candidates.add(self._next, probe(new))
        self._next += 1

    def holds(self, article: Article) -> bool:
        """Say whether an article of that time is still in the window."""
        at = seconds(article.event_time) if article.time_known else None
        return not self._book.outside(at)
