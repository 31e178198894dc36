"""Unit vectors of the slices of a window, searched by cosine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import faiss
import numpy as np
from numpy.typing import NDArray

from transforms._shared.vectors import Vector, cosines

_STEPS = 127  # a component of a unit vector is stored as a whole number of 127ths
_SPARE = 32  # nearest by the rounded vectors that are weighed exactly beyond what is wanted


class VectorShard:
    """Finds the vectors nearest to another, in 8 bits; ``nearest`` weighs them exactly.

    All vectors are read at every search, so nothing is trained and nothing depends on what came
    first. Rounded products are whole numbers: the same on every machine and with any number of
    threads. One vector missing among the nearest would have to be outdone by ``_SPARE`` others that
    are nearer once rounded, which only happens among vectors that are hardly different.

    Memory: a byte per component, and a reference to the vector, which the caller keeps anyway.
    """

    def __init__(self, dim: int) -> None:
        self._rounded = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )
        self.vectors: list[Vector] = []

    def __len__(self) -> int:
        return len(self.vectors)

    def add(self, vector: Vector) -> None:
        """Let later searches find a unit vector; its place is the number of those before it."""
        self._rounded.add(np.rint(vector[None] * np.float32(_STEPS)))
        self.vectors.append(vector)

    def roughly(self, vector: Vector, asked: int) -> tuple[Vector, NDArray[np.int64]]:
        """Find the ``asked`` nearest by rounded products, best first.

        Returns:
            Products, to be compared with those of other shards for the same vector, and places.
        """
        asked = min(asked, len(self))
        if not asked:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        most = float(np.abs(vector).max())
        query = np.rint(vector[None] * np.float32(_STEPS / most if most else 1.0))
        products, places = self._rounded.search(query, asked)
        return products[0], places[0]


def nearest(
    shards: Mapping[int, VectorShard], vector: Vector, k: int
) -> list[tuple[float, int, int]]:
    """Find the ``k`` nearest in several slices.

    Returns:
        Cosine, name of the shard and place, best first; ties in the order of names and places.
    """
    if not shards:
        return []
    with _one_thread():
        found = [
            (name, shard, *shard.roughly(vector, k + _SPARE)) for name, shard in shards.items()
        ]
    best = np.argsort(-np.concatenate([products for *_, products, _ in found]), kind="stable")
    at = [(name, shard, place) for name, shard, _, places in found for place in places.tolist()]
    near = [at[number] for number in best[: k + _SPARE].tolist()]
    exact = cosines(vector, [shard.vectors[place] for _, shard, place in near])
    ranked = [(cosine, name, place) for cosine, (name, _, place) in zip(exact, near)]
    return sorted(ranked, key=lambda one: (-one[0], one[1], one[2]))[:k]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Search without waking FAISS's other threads, which have nothing to do for one query.

    Waiting for them took 12 ms instead of 0.2 on a busy machine of two cores. The number of threads
    is this thread's own and is put back.
    """
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
