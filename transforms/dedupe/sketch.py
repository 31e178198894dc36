"""Fractional MinHash: the word 3-grams of a text, bounded, with shares that stay comparable."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transforms._shared.words import Hashes, distinct, find_in, overlap
from transforms.dedupe.tokens import Tokens, grams

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


def sketch(tokens: Tokens) -> Sketch:
    """Reduce a text to its sketch."""
    hashes = distinct(grams(tokens))
    if len(hashes) <= MOST_HASHES:
        return Sketch(hashes)
    return Sketch(hashes[:MOST_HASHES].copy(), int(hashes[MOST_HASHES]))


def shares(a: Sketch, b: Sketch) -> tuple[float, float]:
    """Measure how much of ``a`` is in ``b`` and of ``b`` in ``a``, in [0, 1]."""
    limit = min(a.limit, b.limit)
    of_a, of_b = a.below(limit), b.below(limit)
    return _shares(overlap(of_a, of_b), len(of_a), len(of_b))


def shares_with_each(a: Sketch, others: Sequence[Sketch]) -> list[tuple[float, float]]:
    """Measure ``shares`` of one text with each of several, in one pass."""
    if a.limit < _ALL or any(b.limit < _ALL for b in others):
        return [shares(a, b) for b in others]
    sizes = np.array([len(b) for b in others], np.intp)
    places, _ = find_in(a.hashes, np.concatenate([a.hashes[:0], *(b.hashes for b in others)]))
    owners = np.cumsum(sizes).searchsorted(places, side="right")
    shared = np.bincount(owners, minlength=len(others)).tolist()
    return [_shares(n, len(a), len(b)) for n, b in zip(shared, others)]


def _shares(shared: int, of_a: int, of_b: int) -> tuple[float, float]:
    return shared / max(1, of_a), shared / max(1, of_b)
