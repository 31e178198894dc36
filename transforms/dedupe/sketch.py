"""Fractional MinHash: the word 3-grams of a text, bounded, with shares that stay comparable."""

from dataclasses import dataclass

import numpy as np

from transforms._shared.words import Hashes
from transforms.dedupe.tokens import Tokens, grams

_ALL = 2**32
MOST_HASHES = 8192  # kept of one text; news has 300 to 1,500


@dataclass(frozen=True)
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
    hashes = np.unique(grams(tokens))
    if len(hashes) <= MOST_HASHES:
        return Sketch(hashes)
    return Sketch(hashes[:MOST_HASHES].copy(), int(hashes[MOST_HASHES]))


def shares(a: Sketch, b: Sketch) -> tuple[float, float]:
    """Measure how much of ``a`` is in ``b`` and of ``b`` in ``a``, in [0, 1]."""
    limit = min(a.limit, b.limit)
    of_a, of_b = a.below(limit), b.below(limit)
    shared = _overlap(of_a, of_b)
    return shared / max(1, len(of_a)), shared / max(1, len(of_b))


def _overlap(a: Hashes, b: Hashes) -> int:
    if not len(a) or not len(b):
        return 0
    small, large = (a, b) if len(a) <= len(b) else (b, a)
    return int(np.count_nonzero(large.take(large.searchsorted(small), mode="clip") == small))
