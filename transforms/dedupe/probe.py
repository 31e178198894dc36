"""What the search for earlier articles needs of an article, and what it gives back."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from transforms._shared.words import Hashes, overlap
from transforms.dedupe.fingerprint import Fingerprint
from transforms.dedupe.sketch import AnySketch

_SAMPLED = 2**32 // 8  # hashes below it are searched for: 1 in 8
LEAST_SHARED = 2  # sampled hashes two texts must share to be compared
_LEAST_CANDIDATE_SHARE = 0.2  # of the shorter sample

Near = tuple[float, int, int]  # cosine with its sign changed, shard, number: best, then older first
Sharing = tuple[float, str, int]  # share with its sign changed, article_id, number


@dataclass(frozen=True, slots=True)
class Probe:
    """One article as the search knows it: about 2 KB."""

    article_id: str
    at: float | None  # event time, seconds since 1970; None when unknown
    vector: NDArray[np.float32]  # unit norm
    sampled: Hashes  # of its text, ascending
    quoted: Hashes  # of comments and texts re-posted in them, ascending; often empty


@dataclass(frozen=True)
class Findings:
    """Numbers of earlier articles that resemble a new one, best first; copies may be among them."""

    by_vector: tuple[Near, ...] = ()
    by_words: tuple[Sharing, ...] = ()


def probe(of: Fingerprint) -> Probe:
    """Take from a fingerprint what the search needs."""
    return Probe(of.article_id, of.at, of.vector, _sample(of.grams), _sample(of.quoted))


def merge(found: Iterable[Findings], most: int) -> Findings:
    """Join what several partitions found, and keep the ``most`` best of each search."""
    parts = list(found)
    return Findings(
        tuple(sorted(chain.from_iterable(part.by_vector for part in parts))[:most]),
        tuple(sorted(chain.from_iterable(part.by_words for part in parts))[:most]),
    )


def shared_words(new: Probe, old: Probe) -> float:
    """Give the share by which ``old`` is found for ``new``; 0.0 when it is not found."""
    return max(
        own_share(overlap(new.sampled, old.sampled), len(new.sampled), len(old.sampled)),
        quoted_share(overlap(new.quoted, old.sampled), len(new.quoted)),
        quoted_share(overlap(new.sampled, old.quoted), len(new.sampled)),
    )


def own_share(shared: int, new: int, old: int) -> float:
    """Give ``shared`` hashes as a share of the shorter of two samples; 0.0 when too few."""
    share = shared / max(1, min(new, old))
    return share if shared >= LEAST_SHARED and share >= _LEAST_CANDIDATE_SHARE else 0.0


def quoted_share(shared: int, new: int) -> float:
    """Give the share of a text that stands in comments, or the other way round; 0.0 when small."""
    return shared / new if shared >= 2 * LEAST_SHARED else 0.0


def _sample(grams: AnySketch) -> Hashes:
    below = grams.below(_SAMPLED)
    sample = below if len(below) >= LEAST_SHARED else grams.hashes[:LEAST_SHARED]
    return sample.copy()  # all the hashes are not kept
