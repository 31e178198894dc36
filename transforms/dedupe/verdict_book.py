"""The originals of the window: decides of each article whether it is a copy of one of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from schemas import ComparedArticle, DuplicateVerdict, EmbeddedArticle, Neighbour
from transforms._shared.shards import UNDATED, WINDOW, WindowClock
from transforms._shared.vectors import cosines
from transforms.dedupe.fingerprint import Fingerprint
from transforms.dedupe.probe import Findings, Sharing, probe, shared_words
from transforms.dedupe.verdict import NO_COPY, Overlap, compare, measure_each, quoted_evidence

NEIGHBOURS = 32  # nearest articles that are compared word for word and handed on,
FURTHER = 160  # and those of which only the names are
_GONE = -1  # stands for an original that is not looked up
_VERIFY_VECTORS = 5  # nearest by vector that are compared word for word as well


@dataclass
class _Shard:
    """One slice of the window; dropped whole when it expires."""

    originals: list[int] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)
    by_text: dict[bytes, int] = field(default_factory=dict)  # the first original of each text
    by_content: dict[str, int] = field(default_factory=dict)  # of those that were trimmed


class _Known(NamedTuple):
    """An original that resembles the article in question."""

    number: int
    entry: Fingerprint
    both: Overlap


class VerdictBook:
    """Takes articles in decision order with what a search found, and remembers what they are.

    The search may run in parts that do not know which articles are copies; here a copy is neither
    a neighbour nor an original, so neighbours are not crowded out by forty copies and ``dup_of``
    never points to a copy. Where a copy was found, its original is looked at in its place. The
    work per article depends on ``neighbours``, not on how many articles the window holds.

    Memory grows with the originals in the window (about 6 KB each at 800 words, at most 60 KB),
    by two numbers for each copy, and with undated articles, of which the newest ``max_undated``
    are kept.
    """

    def __init__(
        self,
        window: timedelta = WINDOW,
        neighbours: int = NEIGHBOURS,
        further: int = FURTHER,
        max_undated: int = 50_000,
    ) -> None:
        self.window = window
        self.neighbours = neighbours
        self.further = further
        self.max_undated = max_undated
        self._clock = WindowClock(window)
        self._shards: dict[int, _Shard] = {}
        self._entries: dict[int, Fingerprint] = {}  # originals by number
        self._original: dict[int, int] = {}  # of each copy

    def __len__(self) -> int:
        return len(self._entries)

    def settle(
        self, number: int, embedded: EmbeddedArticle, new: Fingerprint, found: Findings
    ) -> ComparedArticle:
        """Decide on the next article and remember it.

        Args:
            number: its place in decision order; the search knows it by the same number.
            embedded: the article.
            new: its fingerprint.
            found: earlier articles that resemble it; those that left the window are passed over.

        Returns:
            The article with its verdict, its neighbours, best cosine first, and those further
            off; ties keep the older article.
        """
        self._clock.advance(new.at)
        self._expire()
        nearest = self._nearest(new, found)
        by_vector, beyond = nearest[: self.neighbours], nearest[self.neighbours :]
        by_words = self._sharing(new, found)
        known = self._known(new, (*by_vector, *by_words))
        verdict = _verdict(new, self._ids(by_words), self._ids(by_vector), known)
        neighbours = _neighbours(new, self._ids(by_words), self._ids(by_vector), known)
        named = {new.article_id, *known}
        further = [name for name in dict.fromkeys(self._ids(beyond)) if name not in named]
        self._remember(number, new, known[verdict.of].number if verdict.of else None)
        return ComparedArticle(embedded, verdict, neighbours, " ".join(further))

    def remember(self, number: int, new: Fingerprint, is_copy: bool) -> None:
        """Remember an article as it was settled before.

        For a search that never proposes copies: of what this is one is not kept.
        """
        self._clock.advance(new.at)
        self._expire()
        self._remember(number, new, _GONE if is_copy else None)

    def outside(self, at: float | None) -> bool:
        """Say whether an article of time ``at`` has left the window for good."""
        return at is not None and self._clock.expired(self._clock.shard(at))

    def _expire(self) -> None:
        for name in [name for name in self._shards if self._clock.expired(name)]:
            gone = self._shards.pop(name)
            self._forget(gone.originals, gone.copies)

    def _forget(self, originals: Iterable[int], copies: Iterable[int]) -> None:
        for number in originals:
            del self._entries[number]
        for number in copies:
            del self._original[number]

    def _remember(self, number: int, new: Fingerprint, original: int | None) -> None:
        name = self._clock.shard(new.at)
        shard = self._shards.setdefault(name, _Shard())
        if name == UNDATED:
            self._make_room(shard)
        if original is None:
            shard.originals.append(number)
            _note(shard, number, new)
            self._entries[number] = new.kept()
        else:
            shard.copies.append(number)
            self._original[number] = original

    def _make_room(self, shard: _Shard) -> None:
        """Keep the newer half of the undated articles when there are too many."""
        originals, copies = shard.originals, shard.copies
        if len(originals) >= self.max_undated:
            half = len(originals) // 2
            self._forget(originals[:half], ())
            shard.originals = originals[half:]
            shard.by_text, shard.by_content = {}, {}
            for number in shard.originals:
                _note(shard, number, self._entries[number])
        if len(copies) >= self.max_undated:
            half = len(copies) // 2
            self._forget((), copies[:half])
            shard.copies = copies[half:]

    def _nearest(self, new: Fingerprint, found: Findings) -> list[int]:
        """Choose the nearest originals by cosine, best first."""
        weighed = {number: negative for negative, _, number in found.by_vector}
        standing = self._standing(weighed)
        others = [number for number in standing if number not in weighed]  # of copies
        for number, cosine in zip(others, self._cosines(new, others)):
            weighed[number] = -cosine
        ranked = [(weighed[n], self._clock.shard(self._entries[n].at), n) for n in standing]
        return [number for _, _, number in sorted(ranked)[: self.neighbours + self.further]]

    def _sharing(self, new: Fingerprint, found: Findings) -> list[int]:
        """Choose originals that share words: the one with the same text, then most shared first."""
        share = {number: share for share, _, number in found.by_words}
        ranked: list[Sharing] = []
        for number in self._standing(share):
            entry = self._entries[number]
            if number not in share:
                share[number] = -shared_words(probe(new), probe(entry))
            if share[number]:
                ranked.append((share[number], entry.article_id, number))
        chosen = [number for _, _, number in sorted(ranked)[: self.neighbours]]
        equal = self._equal(new)
        if equal is None:
            return chosen
        name = self._entries[equal].article_id
        return [equal, *(at for at in chosen if self._entries[at].article_id != name)]

    def _known(self, new: Fingerprint, numbers: tuple[int, ...]) -> dict[str, _Known]:
        """Measure originals against the new article, by id; its own revisions are left out."""
        others = {number: self._entries[number] for number in dict.fromkeys(numbers)}
        others = {n: entry for n, entry in others.items() if entry.article_id != new.article_id}
        both = measure_each(new, list(others.values()))
        measured = {n: _Known(n, entry, b) for (n, entry), b in zip(others.items(), both)}
        # Of several revisions of one article the last named counts.
        found = (measured[number] for number in numbers if number in measured)
        return {known.entry.article_id: known for known in found}

    def _standing(self, numbers: Iterable[int]) -> list[int]:
        """Put its original in the place of each copy, and pass over what has left the window."""
        known = (self._original.get(number, number) for number in numbers)
        return [number for number in dict.fromkeys(known) if number in self._entries]

    def _equal(self, new: Fingerprint) -> int | None:
        """Find the original with the same text, whatever the search proposed."""
        for name in sorted(self._shards):
            shard = self._shards[name]
            for number in (
                shard.by_text.get(new.text_hash), shard.by_content.get(new.content_hash),
            ):  # fmt: skip
                if number is not None and compare(new, self._entries[number]).kind != "none":
                    return number
        return None

    def _cosines(self, new: Fingerprint, numbers: Iterable[int]) -> list[float]:
        return cosines(new.vector, [self._entries[number].vector for number in numbers])

    def _ids(self, numbers: Iterable[int]) -> list[str]:
        return [self._entries[number].article_id for number in numbers]


def _note(shard: _Shard, number: int, new: Fingerprint) -> None:
    """Let an original be found by what it says, as far as that is known."""
    if new.trimmed:
        shard.by_content.setdefault(new.content_hash, number)
    else:
        shard.by_text.setdefault(new.text_hash, number)


def _neighbours(
    new: Fingerprint, by_words: list[str], by_vector: list[str], known: dict[str, _Known]
) -> tuple[Neighbour, ...]:
    of_words, of_vector = set(by_words), set(by_vector)
    weighed = cosines(new.vector, [other.entry.vector for other in known.values()])
    neighbours = [
        Neighbour(
            article_id=name,
            cosine=cosine,
            containment=other.both.of_new,
            via=_via(name in of_vector, name in of_words),
        )
        for (name, other), cosine in zip(known.items(), weighed)
    ]
    return tuple(sorted(neighbours, key=lambda neighbour: -neighbour.cosine))


def _via(by_vector: bool, by_words: bool) -> str:
    return "both" if by_vector and by_words else "vector" if by_vector else "sketch"


def _verdict(
    new: Fingerprint, by_words: list[str], by_vector: list[str], known: dict[str, _Known]
) -> DuplicateVerdict:
    """Choose the original that shares most; say what else is worth knowing."""
    best = NO_COPY
    remarks: list[str] = []
    for name in dict.fromkeys((*by_words, *by_vector[:_VERIFY_VECTORS])):
        if name == new.article_id:
            continue
        other = known[name]
        verdict = compare(new, other.entry, other.both)
        if verdict.kind != "none" and verdict.score > best.score:
            best = verdict
        elif verdict.evidence and verdict.kind == "none":
            remarks.append(verdict.evidence)
        if quoted := quoted_evidence(new, other.entry):
            remarks.append(quoted)
    if best.kind == "none":
        return DuplicateVerdict("none", "", 0.0, "; ".join(remarks[:3]))
    held = [remark for remark in remarks if remark.startswith("contained")]
    return DuplicateVerdict(best.kind, best.of, best.score, "; ".join([best.evidence, *held][:3]))
