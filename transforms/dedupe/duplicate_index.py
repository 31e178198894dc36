"""The window of earlier articles: finds neighbours and copies of a new one."""

import pickle
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import faiss
import numpy as np
from numpy.typing import NDArray

from schemas import ComparedArticle, DuplicateVerdict, EmbeddedArticle, Neighbour
from transforms._shared.shards import UNDATED, WindowClock
from transforms._shared.words import Hashes
from transforms.dedupe.fingerprint import Fingerprint, fingerprint
from transforms.dedupe.verdict import NO_COPY, compare, measure, quoted_evidence

_FORMAT = b"\x01"
_SAMPLED = np.uint32(2**32 // 8)  # hashes below it are kept in the inverted index: 1 in 8
_COMMON = 200  # a hash in more articles than this is boilerplate and proposes nobody
_LEAST_SHARED = 2  # sampled hashes two texts must share to be compared
_LEAST_CANDIDATE_SHARE = 0.2  # of the shorter sample
_VERIFY_VECTORS = 5  # nearest by vector that are compared word for word as well


@dataclass
class _Shard:
    """One slice of the window; dropped whole when it expires."""

    index: "faiss.IndexFlatIP"
    entries: list[Fingerprint] = field(default_factory=list)
    postings: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    quoted_postings: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


def _sample(hashes: Hashes) -> Hashes:
    kept = hashes[: int(np.searchsorted(hashes, _SAMPLED))]
    return kept if len(kept) >= _LEAST_SHARED else hashes[:_LEAST_SHARED]


class DuplicateIndex:
    """Articles of the last ``window``, searchable by vector (FAISS) and by shared word 3-grams.

    Each search finds what the other misses: vectors find the same story in other words, 3-grams
    find a copy with a new lead or a cut one. A copy is never added, so every original stands
    once: neighbours are not crowded out by forty copies, and ``dup_of`` never points to a copy.

    Memory grows with the originals in the window (about 6 KB each at 600 words) and with undated
    articles, of which the newest ``max_undated`` are kept.
    """

    def __init__(
        self,
        dim: int,
        window: timedelta = timedelta(days=7),
        neighbours: int = 24,
        max_undated: int = 50_000,
    ) -> None:
        self.dim = dim
        self.neighbours = neighbours
        self.max_undated = max_undated
        self._clock = WindowClock(window)
        self._shards: dict[int, _Shard] = {}

    def __len__(self) -> int:
        return sum(len(shard.entries) for shard in self._shards.values())

    def assign(self, embedded: EmbeddedArticle) -> ComparedArticle:
        """Compare an article with the window, then add it unless it is a copy.

        Returns:
            The article with its verdict and its neighbours, best cosine first; ties keep the
            older article.

        Raises:
            ValueError: the vector's dimension is not the index's.
        """
        new = fingerprint(embedded)
        if len(new.vector) != self.dim:
            raise ValueError(f"vector of {len(new.vector)} dimensions in an index of {self.dim}")
        self._clock.advance(new.at)
        self._expire()
        by_vector = self._nearest(new.vector)
        by_words = self._sharing(new)
        found = {entry.article_id: entry for entry in (*by_vector, *by_words)}
        found.pop(new.article_id, None)  # an earlier revision of itself is no neighbour
        verdict = self._verdict(new, by_vector, by_words)
        vector_ids = {entry.article_id for entry in by_vector}
        word_ids = {entry.article_id for entry in by_words}
        neighbours = [
            Neighbour(
                article_id=entry.article_id,
                cosine=float(np.dot(new.vector, entry.vector)),
                containment=measure(new, entry).of_new,
                via=_via(entry.article_id in vector_ids, entry.article_id in word_ids),
            )
            for entry in found.values()
        ]
        neighbours.sort(key=lambda neighbour: -neighbour.cosine)
        if verdict.kind == "none":
            self._add(new)
        return ComparedArticle(embedded, verdict, tuple(neighbours))

    def to_bytes(self) -> bytes:
        """Store the window; ``from_bytes`` gives an index that decides alike."""
        entries = [entry for shard in self._shards.values() for entry in shard.entries]
        settings = (self.dim, self._clock.window_seconds, self.neighbours, self.max_undated)
        return _FORMAT + pickle.dumps((settings, self._clock.now, entries), protocol=5)

    @classmethod
    def from_bytes(cls, stored: bytes) -> "DuplicateIndex":
        """Restore what ``to_bytes`` stored.

        Raises:
            ValueError: the bytes are of another format version.
        """
        if stored[:1] != _FORMAT:
            raise ValueError("duplicate index of another format version: rebuild it from output")
        (dim, window_seconds, neighbours, max_undated), now, entries = pickle.loads(stored[1:])
        index = cls(dim, timedelta(seconds=window_seconds), neighbours, max_undated)
        index._clock.advance(now)
        for entry in entries:
            index._add(entry)
        return index

    def _expire(self) -> None:
        for name in [name for name in self._shards if self._clock.expired(name)]:
            del self._shards[name]

    def _add(self, new: Fingerprint) -> None:
        name = self._clock.shard(new.at)
        shard = self._shards.get(name)
        if shard is None:
            shard = self._shards[name] = _Shard(faiss.IndexFlatIP(self.dim))
        elif name == UNDATED and len(shard.entries) >= self.max_undated:
            kept = shard.entries[len(shard.entries) // 2 :]
            shard = self._shards[name] = _Shard(faiss.IndexFlatIP(self.dim))
            for entry in kept:
                self._insert(shard, entry)
        self._insert(shard, new)

    @staticmethod
    def _insert(shard: _Shard, new: Fingerprint) -> None:
        number = len(shard.entries)
        shard.entries.append(new)
        shard.index.add(np.ascontiguousarray(new.vector[None], dtype=np.float32))
        for value in _sample(new.shingles).tolist():
            shard.postings[value].append(number)
        for value in _sample(new.quoted).tolist():
            shard.quoted_postings[value].append(number)

    def _nearest(self, vector: NDArray[np.float32]) -> list[Fingerprint]:
        """Find the nearest articles by cosine, best first."""
        query = np.ascontiguousarray(vector[None], dtype=np.float32)
        scored: list[tuple[float, int, int]] = []
        names = sorted(self._shards)
        for place, name in enumerate(names):
            index = self._shards[name].index
            cosines, numbers = index.search(query, min(self.neighbours, index.ntotal))
            scored += [
                (-float(cosine), place, int(number))
                for cosine, number in zip(cosines[0], numbers[0])
                if number >= 0
            ]
        scored.sort()
        best = scored[: self.neighbours]
        return [self._shards[names[place]].entries[number] for _, place, number in best]

    def _sharing(self, new: Fingerprint) -> list[Fingerprint]:
        """Find articles that share enough sampled 3-grams, most shared first."""
        own = _sample(new.shingles)
        found: list[tuple[float, Fingerprint]] = []
        for shard in self._shards.values():
            for number, shared in _tally(own, shard.postings):
                entry = shard.entries[number]
                share = shared / max(1, min(len(own), len(_sample(entry.shingles))))
                if shared >= _LEAST_SHARED and share >= _LEAST_CANDIDATE_SHARE:
                    found.append((share, entry))
            found += self._quoting(new, own, shard)
        found.sort(key=lambda pair: (-pair[0], pair[1].article_id))
        return [entry for _, entry in found[: self.neighbours]]

    @staticmethod
    def _quoting(
        new: Fingerprint, own: Hashes, shard: _Shard
    ) -> Iterator[tuple[float, Fingerprint]]:
        """Find articles re-posted in the new one's comments, or the other way round."""
        for hashes, postings in (
            (_sample(new.quoted), shard.postings),
            (own, shard.quoted_postings),
        ):
            for number, shared in _tally(hashes, postings):
                if shared >= 2 * _LEAST_SHARED:
                    yield shared / max(1, len(hashes)), shard.entries[number]

    @staticmethod
    def _verdict(
        new: Fingerprint, by_vector: list[Fingerprint], by_words: list[Fingerprint]
    ) -> DuplicateVerdict:
        candidates: dict[str, Fingerprint] = {}
        for entry in (*by_words, *by_vector[:_VERIFY_VECTORS]):
            if entry.article_id != new.article_id:
                candidates.setdefault(entry.article_id, entry)
        best = NO_COPY
        remarks: list[str] = []
        for entry in candidates.values():
            verdict = compare(new, entry)
            if verdict.kind != "none" and verdict.score > best.score:
                best = verdict
            elif verdict.evidence and verdict.kind == "none":
                remarks.append(verdict.evidence)
            if quoted := quoted_evidence(new, entry):
                remarks.append(quoted)
        if best.kind == "none":
            return DuplicateVerdict("none", "", 0.0, "; ".join(remarks[:3]))
        evidence = "; ".join(
            [best.evidence, *(r for r in remarks if r.startswith("contained"))][:3]
        )
        return DuplicateVerdict(best.kind, best.of, best.score, evidence)


def _via(by_vector: bool, by_words: bool) -> str:
    return "both" if by_vector and by_words else "vector" if by_vector else "sketch"


def _tally(hashes: Hashes, postings: dict[int, list[int]]) -> Iterable[tuple[int, int]]:
    """Count per article how many of ``hashes`` it holds, passing over boilerplate."""
    shared: Counter[int] = Counter()
    for value in hashes.tolist():
        holders = postings.get(value)
        if holders and len(holders) <= _COMMON:
            shared.update(holders)
    return shared.items()
