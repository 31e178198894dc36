"""How well predicted clusters match labels: pairwise, B-cubed and adjusted Rand."""

from collections import Counter
from collections.abc import Hashable, Sequence
from math import comb


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def cluster_scores(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> dict[str, float]:
    """Compare two clusterings of the same documents.

    Returns:
        docs, gold_clusters, pred_clusters; pair_P, pair_R, pair_F1 over pairs of documents;
        b3_P, b3_R and b3_F1 (means over documents; F1 of the two means); ari. Without any pair,
        the pairwise figures are 0.

    Raises:
        ValueError: the lengths differ, or there is no document.

    Source: Bagga and Baldwin 1998 (B-cubed); Hubert and Arabie 1985 (adjusted Rand).
    """
    if len(gold) != len(predicted) or not gold:
        raise ValueError(f"{len(gold)} labels for {len(predicted)} predictions")
    docs = len(gold)
    cells = Counter(zip(gold, predicted))
    rows, columns = Counter(gold), Counter(predicted)
    together = sum(comb(n, 2) for n in cells.values())
    in_gold = sum(comb(n, 2) for n in rows.values())
    in_predicted = sum(comb(n, 2) for n in columns.values())
    pair_p = together / in_predicted if in_predicted else 0.0
    pair_r = together / in_gold if in_gold else 0.0
    b3_p = sum(n * n / columns[column] for (_, column), n in cells.items()) / docs
    b3_r = sum(n * n / rows[row] for (row, _), n in cells.items()) / docs
    pairs = comb(docs, 2)
    expected = in_gold * in_predicted / pairs if pairs else 0.0
    most = (in_gold + in_predicted) / 2
    return {
        "docs": docs,
        "gold_clusters": len(rows),
        "pred_clusters": len(columns),
        "pair_P": pair_p,
        "pair_R": pair_r,
        "pair_F1": _f1(pair_p, pair_r),
        "b3_P": b3_p,
        "b3_R": b3_r,
        "b3_F1": _f1(b3_p, b3_r),
        "ari": (together - expected) / (most - expected) if most != expected else 1.0,
    }
