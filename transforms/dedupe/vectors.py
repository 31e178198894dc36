"""Unit vectors of one slice of the window, searched by cosine."""

import faiss
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

_STEPS = 127  # a component of a unit vector is stored as a whole number of 127ths
_SPARE = 32  # nearest by the rounded vectors that are weighed exactly beyond what is wanted
_LEEWAY = 0.02  # cosine: rounding moves one by 0.003 (standard deviation, 384 dimensions)


class VectorShard:
    """Finds the vectors nearest to another: looked for in 8 bits, then weighed exactly.

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
        self._vectors: list[Vector] = []

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, vector: Vector) -> None:
        """Let later searches find a unit vector; its place is the number of those before it."""
        self._rounded.add(np.rint(vector[None] * np.float32(_STEPS)))
        self._vectors.append(vector)

    def search(self, vector: Vector, k: int, least: float = -2.0) -> list[tuple[float, int]]:
        """Find the ``k`` nearest of a cosine of at least ``least``.

        Returns:
            Cosine and place, best first; ties keep the older vector.
        """
        most = float(np.abs(vector).max())
        scale = np.float32(_STEPS / most if most else 1.0)
        asked = min(k + _SPARE, len(self))
        if not asked:
            return []
        products, places = self._on_one_thread(np.rint(vector[None] * scale), asked)
        cosines = products[0] / (scale * np.float32(_STEPS))
        near = places[0][cosines >= least - _LEEWAY].tolist()
        # One by one: a product of matrices rounds differently with the number of rows.
        exact = [(float(np.dot(vector, self._vectors[place])), place) for place in near]
        exact.sort(key=lambda pair: (-pair[0], pair[1]))
        return [pair for pair in exact[:k] if pair[0] >= least]

    def _on_one_thread(
        self, query: Vector, asked: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Search without waking FAISS's other threads, which have nothing to do for one query.

        Waiting for them took 12 ms instead of 0.2 on a busy machine of two cores. The number of
        threads is this thread's own and is put back.
        """
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            products, places = self._rounded.search(query, asked)
        finally:
            faiss.omp_set_num_threads(threads)
        return products, places
