"""Unit vectors and their cosines."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


def cosines(vector: Vector, others: Sequence[Vector]) -> list[float]:
    """Multiply a unit vector with each of others.

    One by one, though in one call: a product of matrices rounds differently with their number.
    """
    if not others:
        return []
    products: list[float] = np.vecdot(np.array(others), vector).tolist()
    return products
