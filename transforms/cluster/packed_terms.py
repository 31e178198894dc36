"""The weighed terms of an article as hashes in arrays, and what two articles' terms share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from transforms._shared.words import find_in, word_hash

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PackedTerms:
    """The terms of several channels, one after the other: 8 bytes a term.

    Two terms of one hash count as one, which happens in one pair of articles in 50,000.
    """

    hashes: NDArray[np.uint32]  # ascending within a channel
    weights: NDArray[np.float16]
    rarities: NDArray[np.float16]  # when the article came
    sizes: NDArray[np.uint16]  # terms of each channel
    masses: Floats  # sum of the weights of each channel

    def channel(self, number: int) -> NDArray[np.uint32]:
        """Give the hashes of one channel."""
        return self.hashes[self.span(number)]

    def span(self, number: int) -> slice:
        """Say where the terms of one channel are."""
        start = int(self.sizes[:number].sum())
        return slice(start, start + int(self.sizes[number]))


def pack(weights: Sequence[Mapping[str, float]], rarity: Mapping[str, float]) -> PackedTerms:
    """Pack the term weights of each channel; ``rarity`` knows every term."""
    sizes = np.array([len(channel) for channel in weights], np.uint16)
    terms = list(chain.from_iterable(weights))
    hashes = np.fromiter(map(word_hash, terms), np.uint64, len(terms)).astype(np.uint32)
    of_channel = np.repeat(np.arange(len(sizes)), sizes)
    order = np.argsort(_keys(of_channel, hashes), kind="stable")
    values = chain.from_iterable(channel.values() for channel in weights)
    packed = np.fromiter(values, np.float64, len(terms)).astype(np.float16)[order]
    rarities = np.fromiter(map(rarity.__getitem__, terms), np.float64, len(terms))
    masses = np.bincount(of_channel, packed.astype(np.float64), len(sizes)).astype(float)
    return PackedTerms(hashes[order], packed, rarities.astype(np.float16)[order], sizes, masses)


@dataclass(frozen=True)
class Shared:
    """What a text shares with each of several others, each of shape (others, channels)."""

    count: Floats  # terms
    product: Floats  # sum of weight by weight: a cosine where the weights have unit length
    rarity: Floats  # sum
    of_new: Floats  # share of the text's own weights, [0, 1]
    of_old: Floats  # share of the other's, [0, 1]


def shared_terms(new: PackedTerms, old: Sequence[PackedTerms]) -> Shared:
    """Find the terms a text shares with others, channel by channel, all in one pass."""
    channels = len(new.sizes)
    total = len(old) * channels
    distinct, number = np.unique(new.hashes, return_inverse=True)
    place, term = find_in(distinct, np.concatenate([other.hashes for other in old]))
    group = np.repeat(np.arange(total), np.concatenate([other.sizes for other in old])).take(place)
    # The new text's terms as a table, a row for each and a column for each channel.
    own = number * channels + np.repeat(np.arange(channels), new.sizes)
    cell = term * channels + np.tile(np.arange(channels), len(old)).take(group)
    has = np.zeros(len(distinct) * channels, bool)
    has[own] = True
    met = has.take(cell)
    cell, group, place = cell[met], group[met], place[met]

    def of_own(values: NDArray[np.float16]) -> Floats:
        table = np.zeros(len(has))
        table[own] = values
        return table.take(cell)

    def summed(values: Floats | None) -> Floats:
        return np.bincount(group, values, total).reshape(len(old), channels).astype(float)

    of_new = of_own(new.weights)
    of_old = np.concatenate([other.weights for other in old]).take(place).astype(np.float64)
    return Shared(
        count=summed(None),
        product=summed(of_new * of_old),
        rarity=summed(of_own(new.rarities)),
        of_new=_share(summed(of_new), new.masses),
        of_old=_share(summed(of_old), np.array([other.masses for other in old])),
    )


def _keys(channel: NDArray[np.int64], hashes: NDArray[np.uint32]) -> NDArray[np.int64]:
    return (channel << 32) | hashes


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
