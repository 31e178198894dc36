"""Fractional MinHash: the word 3-grams of a text, bounded, with shares that stay comparable."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms._shared.words import Hashes, distinct, find_in, overlap
from transforms.dedupe.tokens import Tokens, grams, grams_of_each

_ALL = 2**32
MOST_HASHES = 8192  # kept of one text; news has 300 to 1,500


@dataclass(frozen=True, slots=True)
class Sketch:
    """All 3-gram hashes of a text that lie below ``limit``, distinct and ascending.

    A text of at most ``MOST_HASHES`` different 3-grams keeps them all; of a longer one the
    smallest are kept, which is a fair sample, since hashes are spread evenly.
    """

    hashes: Hashes
    limit: int = _ALL

    def __len__(self) -> int:
        return len(self.hashes)

    def below(self, limit: int) -> Hashes:
        """Give the hashes below ``limit``."""
        if limit >= self.limit:
            return self.hashes
        return self.hashes[: int(np.searchsorted(self.hashes, np.uint32(limit)))]


@dataclass(frozen=True, slots=True)
class Regained:
    """The sketch of a text of which all words are kept in order, without memory of its own.

    Its hashes are made again whenever they are asked for.
    """

    tokens: Tokens
    size: int  # different 3-grams, at most ``MOST_HASHES``; there are three words or more

    def __len__(self) -> int:
        return self.size

    @property
    def limit(self) -> int:
        return _ALL

    @property
    def hashes(self) -> Hashes:
        return distinct(grams(self.tokens))

    def below(self, limit: int) -> Hashes:
        """Give the hashes below ``limit``."""
        return Sketch(self.hashes).below(limit)


AnySketch = Sketch | Regained


def sketch(tokens: Tokens) -> Sketch:
    """Reduce a text to its sketch."""
    hashes = distinct(grams(tokens))
    if len(hashes) <= MOST_HASHES:
        return Sketch(hashes)
    return Sketch(hashes[:MOST_HASHES].copy(), int(hashes[MOST_HASHES]))


def shares(a: AnySketch, b: AnySketch) -> tuple[float, float]:
    """Measure how much of ``a`` is in ``b`` and of ``b`` in ``a``, in [0, 1]."""
    limit = min(a.limit, b.limit)
    of_a, of_b = a.below(limit), b.below(limit)
    return _shares(overlap(of_a, of_b), len(of_a), len(of_b))


def shares_with_each(a: AnySketch, others: Sequence[AnySketch]) -> list[tuple[float, float]]:
    """Measure ``shares`` of one text with each of several, in one pass."""
    if a.limit < _ALL or any(b.limit < _ALL for b in others):
        return [shares(a, b) for b in others]
    asked, sizes = _hashes_of_each(others)
    places, which = find_in(a.hashes, asked)
    owners = np.cumsum(sizes).searchsorted(places, side="right")
    # Of a text whose hashes are made again one may come twice.
    met = np.unique(owners * max(1, len(a)) + which) // max(1, len(a))
    shared = np.bincount(met, minlength=len(others)).tolist()
    return [_shares(n, len(a), len(b)) for n, b in zip(shared, others)]


def _hashes_of_each(others: Sequence[AnySketch]) -> tuple[Hashes, NDArray[np.intp]]:
    """Give all hashes, one text after the other, and how many are of each."""
    regained = [b.tokens for b in others if isinstance(b, Regained)]
    made = iter(grams_of_each(regained))
    each = [next(made) if isinstance(b, Regained) else b.hashes for b in others]
    sizes = np.array([len(hashes) for hashes in each], np.intp)
    return np.concatenate([np.empty(0, np.uint32), *each]), sizes


def _shares(shared: int, of_a: int, of_b: int) -> tuple[float, float]:
    return shared / max(1, of_a), shared / max(1, of_b)
