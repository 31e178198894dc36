"""The window of earlier articles: finds neighbours and copies of a new one."""

import pickle
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import faiss
import numpy as np
from numpy.typing import NDArray

from schemas import ComparedArticle, DuplicateVerdict, EmbeddedArticle, Neighbour
from transforms._shared.shards import UNDATED, WindowClock
from transforms.dedupe.fingerprint import Fingerprint, fingerprint
from transforms.dedupe.sketch import Sketch
from transforms.dedupe.verdict import NO_COPY, Overlap, compare, measure, quoted_evidence

_FORMAT = b"\x02"
_SAMPLED = 2**32 // 8  # hashes below it are kept in the inverted index: 1 in 8
_COMMON = 200  # a hash in more articles than this is boilerplate and proposes nobody
_LEAST_SHARED = 2  # sampled hashes two texts must share to be compared
_LEAST_CANDIDATE_SHARE = 0.2  # of the shorter sample
_VERIFY_VECTORS = 5  # nearest by vector that are compared word for word as well


@dataclass
class _Shard:
    """One slice of the window; dropped whole when it expires."""

    index: "faiss.IndexFlatIP"
    entries: list[Fingerprint] = field(default_factory=list)
    sampled: list[int] = field(default_factory=list)  # hashes of each entry in the postings
    postings: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    quoted_postings: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_text: dict[bytes, int] = field(default_factory=dict)  # the first entry of each text


def _sample(grams: Sketch) -> list[int]:
    kept = grams.below(_SAMPLED)
    return list((kept if len(kept) >= _LEAST_SHARED else grams.hashes[:_LEAST_SHARED]).tolist())


class DuplicateIndex:
    """Articles of the last ``window``, searchable by vector (FAISS) and by shared word 3-grams.

    Each search finds what the other misses: vectors find the same story in other words, 3-grams
    find a copy with a new lead or a cut one. Equal texts need neither: they are looked up by hash.
    A copy is never added, so every original stands once: neighbours are not crowded out by forty
    copies, and ``dup_of`` never points to a copy.

    Memory grows with the originals in the window (about 10 KB each at 800 words, at most 100 KB)
    and with undated articles, of which the newest ``max_undated`` are kept.
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
        equal = self._equal(new)
        if equal:
            others = (entry for entry in by_words if entry.article_id != equal.article_id)
            by_words = [equal, *others]
        # An earlier revision of itself is no neighbour.
        found = {
            entry.article_id: (entry, measure(new, entry))
            for entry in (*by_vector, *by_words)
            if entry.article_id != new.article_id
        }
        verdict = self._verdict(new, by_vector, by_words, found)
        vector_ids = {entry.article_id for entry in by_vector}
        word_ids = {entry.article_id for entry in by_words}
        neighbours = [
            Neighbour(
                article_id=name,
                cosine=float(np.dot(new.vector, entry.vector)),
                containment=both.of_new,
                via=_via(name in vector_ids, name in word_ids),
            )
            for name, (entry, both) in found.items()
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
        sampled = _sample(new.grams)
        shard.sampled.append(len(sampled))
        for value in sampled:
            shard.postings[value].append(number)
        for value in _sample(new.quoted):
            shard.quoted_postings[value].append(number)
        shard.by_text.setdefault(new.text_hash, number)

    def _equal(self, new: Fingerprint) -> Fingerprint | None:
        """Find the article with the same text, whatever the candidate searches would propose."""
        for name in sorted(self._shards):
            shard = self._shards[name]
            number = shard.by_text.get(new.text_hash)
            if number is not None and compare(new, shard.entries[number]).kind != "none":
                return shard.entries[number]
        return None

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
        own = _sample(new.grams)
        quoted = _sample(new.quoted)
        found: list[tuple[float, Fingerprint]] = []
        for shard in self._shards.values():
            for number, shared in _tally(own, shard.postings):
                if shared < _LEAST_SHARED:
                    continue
                share = shared / max(1, min(len(own), shard.sampled[number]))
                if share >= _LEAST_CANDIDATE_SHARE:
                    found.append((share, shard.entries[number]))
            # Re-posted in the new one's comments, or the other way round.
            for hashes, postings in ((quoted, shard.postings), (own, shard.quoted_postings)):
                for number, shared in _tally(hashes, postings):
                    if shared >= 2 * _LEAST_SHARED:
                        found.append((shared / len(hashes), shard.entries[number]))
        found.sort(key=lambda pair: (-pair[0], pair[1].article_id))
        return [entry for _, entry in found[: self.neighbours]]

    @staticmethod
    def _verdict(
        new: Fingerprint,
        by_vector: list[Fingerprint],
        by_words: list[Fingerprint],
        found: dict[str, tuple[Fingerprint, Overlap]],
    ) -> DuplicateVerdict:
        candidates = dict.fromkeys(
            entry.article_id for entry in (*by_words, *by_vector[:_VERIFY_VECTORS])
        )
        candidates.pop(new.article_id, None)
        best = NO_COPY
        remarks: list[str] = []
        for name in candidates:
            entry, both = found[name]
            verdict = compare(new, entry, both)
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


def _tally(hashes: list[int], postings: dict[int, list[int]]) -> Iterable[tuple[int, int]]:
    """Count per article how many of ``hashes`` it holds, passing over boilerplate."""
    shared: Counter[int] = Counter()
    if postings:
        for value in hashes:
            holders = postings.get(value)
            if holders and len(holders) <= _COMMON:
                shared.update(holders)
    return shared.items()
