"""Boosted regression trees as flat arrays: small, exact, and without a library at run time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trees:
    """An ensemble whose answer is ``base`` plus one leaf of every tree.

    All arrays have the shape (trees, nodes); node 0 is the root, and a leaf is its own child.
    """

    base: float
    feature: NDArray[np.intp]
    threshold: Floats  # a value at or below it goes left
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    value: Floats
    depth: int

    def score(self, row: Floats) -> float:
        """Give the ensemble's log odds for one row of features."""
        trees = np.arange(len(self.value))
        node = np.zeros(len(self.value), np.intp)
        for _ in range(self.depth):
            goes_left = row[self.feature[trees, node]] <= self.threshold[trees, node]
            node = np.where(goes_left, self.left[trees, node], self.right[trees, node])
        return self.base + float(self.value[trees, node].sum())


def trees_from_json(stored: Any, features: int) -> Trees:
    """Read what ``trees_to_json`` wrote.

    Raises:
        ValueError, KeyError, TypeError: it is not such an ensemble over ``features`` features.
    """
    nodes = [[tuple(node) for node in tree] for tree in stored["trees"]]
    if not nodes or not all(nodes):
        raise ValueError("an ensemble without trees")
    width = max(len(tree) for tree in nodes)
    table = np.zeros((len(nodes), width, 5))
    for number, tree in enumerate(nodes):
        table[number, : len(tree)] = tree
    feature, left, right = (table[:, :, at].astype(np.intp) for at in (0, 2, 3))
    if feature.min() < 0 or feature.max() >= features:
        raise ValueError("a tree asks for a feature that does not exist")
    if min(left.min(), right.min()) < 0 or max(left.max(), right.max()) >= width:
        raise ValueError("a tree points to a node that does not exist")
    return Trees(
        base=float(stored["base"]),
        feature=feature,
        threshold=table[:, :, 1],
        left=left,
        right=right,
        value=table[:, :, 4],
        depth=int(stored["depth"]),
    )


def trees_to_json(base: float, trees: Sequence[Sequence[Sequence[float]]]) -> dict[str, Any]:
    """Store an ensemble: per node feature, threshold, left, right and value.

    Args:
        trees: nodes of each tree, root first; a leaf names itself as both children.
    """
    return {"base": base, "depth": max(_depth(tree) for tree in trees), "trees": trees}


def _depth(tree: Sequence[Sequence[float]], node: int = 0) -> int:
    left, right = int(tree[node][2]), int(tree[node][3])
    return 0 if left == node else 1 + max(_depth(tree, left), _depth(tree, right))
