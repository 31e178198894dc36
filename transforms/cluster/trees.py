"""Boosted regression trees as flat arrays: small, exact, and without a library at run time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trees:
    """An ensemble whose answer is ``base`` plus one leaf of every tree.

    The nodes of all trees lie one after the other; a leaf is its own child.
    """

    base: float
    root: NDArray[np.intp]  # of each tree
    feature: NDArray[np.intp]
    threshold: Floats  # a value at or below it goes left
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    value: Floats
    depth: int
    children: NDArray[np.intp] = field(init=False, repr=False)  # left and right of each node

    def __post_init__(self) -> None:
        children = np.stack([self.left, self.right], axis=1).ravel()
        object.__setattr__(self, "children", children)

    def score(self, row: Floats) -> float:
        """Give the ensemble's log odds for one row of features."""
        node = self.root
        for _ in range(self.depth):
            goes_right = row.take(self.feature.take(node)) > self.threshold.take(node)
            node = self.children.take(2 * node + goes_right)
        return self.base + float(self.value.take(node).sum())


def trees_from_json(stored: Any, features: int) -> Trees:
    """Read what ``trees_to_json`` wrote.

    Raises:
        ValueError, KeyError, TypeError: it is not such an ensemble over ``features`` features.
    """
    sizes = [len(tree) for tree in stored["trees"]]
    if not sizes or not all(sizes):
        raise ValueError("an ensemble without trees")
    table = np.array([node for tree in stored["trees"] for node in tree], np.float64)
    if table.ndim != 2 or table.shape[1] != 5:
        raise ValueError("a node is feature, threshold, left, right and value")
    feature, left, right = (table[:, at].astype(np.intp) for at in (0, 2, 3))
    if feature.min() < 0 or feature.max() >= features:
        raise ValueError("a tree asks for a feature that does not exist")
    size = np.repeat(sizes, sizes)
    if min(left.min(), right.min()) < 0 or (np.maximum(left, right) >= size).any():
        raise ValueError("a tree points to a node that does not exist")
    root = np.cumsum([0, *sizes[:-1]])
    first = np.repeat(root, sizes)
    return Trees(
        base=float(stored["base"]),
        root=root,
        feature=feature,
        threshold=table[:, 1].copy(),
        left=left + first,
        right=right + first,
        value=table[:, 4].copy(),
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
