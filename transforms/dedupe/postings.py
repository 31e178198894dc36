"""An inverted index: which articles hold a hash, 8 bytes for each time one does."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from transforms._shared.words import Hashes

_MOST_LOOSE = 20_000  # postings kept one by one until they are sorted into a block

_Block = tuple[Hashes, NDArray[np.uint32]]  # hashes, ascending, and the place that holds each


class Postings:
    """Hashes of articles named by their place: numbers below 2**32.

    New postings lie in a dictionary; from time to time they become a sorted block, and a block is
    merged with an older one that is not much larger, so that few are searched. The answers do not
    depend on that.
    """

    def __init__(self) -> None:
        self._loose: defaultdict[int, list[int]] = defaultdict(list)
        self._count = 0
        self._blocks: list[_Block] = []  # each more than twice as large as the next

    def add(self, place: int, hashes: Hashes) -> None:
        """Note the distinct hashes of an article."""
        for value in hashes.tolist():
            self._loose[value].append(place)
        self._count += len(hashes)
        if self._count > _MOST_LOOSE:
            self._sort()

    def tally(self, hashes: Hashes, common: int) -> dict[int, int]:
        """Count for each place how many of ``hashes`` it holds.

        Args:
            hashes: distinct.
            common: a hash that more places hold is passed over.
        """
        if not len(hashes) or not (self._loose or self._blocks):
            return {}
        get = self._loose.get
        loose = {at: held for at, value in enumerate(hashes.tolist()) if (held := get(value))}
        holders = np.zeros(len(hashes), np.int64)
        holders[list(loose)] = [len(places) for places in loose.values()]
        ranges = []
        for known, places in self._blocks:
            first, last = known.searchsorted(hashes), known.searchsorted(hashes, "right")
            holders += last - first
            ranges.append((places, first, last))
        telling = (holders > 0) & (holders <= common)
        found = [places[_ranges(first[telling], last[telling])] for places, first, last in ranges]
        met = [place for at, places in loose.items() if telling[at] for place in places]
        if not met and not ranges:
            return {}
        counted = np.unique_counts(np.concatenate([*found, np.array(met, np.uint32)]))
        return dict(zip(counted.values.tolist(), counted.counts.tolist()))

    def _sort(self) -> None:
        sizes = [len(places) for places in self._loose.values()]
        hashes = np.repeat(np.fromiter(self._loose, np.uint32), sizes)
        places = np.fromiter((p for held in self._loose.values() for p in held), np.uint32)
        self._loose.clear()
        self._count = 0
        while self._blocks and len(self._blocks[-1][0]) <= 2 * len(hashes):
            older = self._blocks.pop()
            hashes = np.concatenate([older[0], hashes])
            places = np.concatenate([older[1], places])
        order = np.argsort(hashes, kind="stable")
        self._blocks.append((hashes[order], places[order]))


def _ranges(first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give the numbers of all the ranges, one after the other."""
    sizes = last - first
    before = np.cumsum(sizes) - sizes
    ranges: NDArray[np.intp] = np.arange(int(sizes.sum())) + np.repeat(first - before, sizes)
    return ranges
