import math
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from pipelines.cluster_scores import cluster_scores


def slow_scores(gold, predicted):
    """Count every pair of documents and every document's cluster, the way it is defined."""
    docs = range(len(gold))
    pairs = list(combinations(docs, 2))
    same = {(i, j) for i, j in pairs if gold[i] == gold[j]}
    joined = {(i, j) for i, j in pairs if predicted[i] == predicted[j]}
    pair_p = len(same & joined) / len(joined) if joined else 0.0
    pair_r = len(same & joined) / len(same) if same else 0.0
    b3_p = b3_r = 0.0
    for i in docs:
        label = {j for j in docs if gold[j] == gold[i]}
        cluster = {j for j in docs if predicted[j] == predicted[i]}
        b3_p += len(label & cluster) / len(cluster) / len(gold)
        b3_r += len(label & cluster) / len(label) / len(gold)
    return {
        "docs": len(gold),
        "gold_clusters": len(set(gold)),
        "pred_clusters": len(set(predicted)),
        "pair_P": pair_p,
        "pair_R": pair_r,
        "pair_F1": 2 * pair_p * pair_r / (pair_p + pair_r) if pair_p + pair_r else 0.0,
        "b3_P": b3_p,
        "b3_R": b3_r,
        "b3_F1": 2 * b3_p * b3_r / (b3_p + b3_r),
        "ari": float(adjusted_rand_score(gold, predicted)),
    }


def test_one_document_in_the_wrong_cluster():
    # Pairs: of the 3 joined one is right, of the 2 labelled one is found; B-cubed by hand.
    scores = cluster_scores(["a", "a", "b", "b"], [1, 1, 1, 2])
    assert scores == {
        "docs": 4,
        "gold_clusters": 2,
        "pred_clusters": 2,
        "pair_P": pytest.approx(1 / 3),
        "pair_R": pytest.approx(1 / 2),
        "pair_F1": pytest.approx(0.4),
        "b3_P": pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4),
        "b3_R": pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4),
        "b3_F1": pytest.approx(2 * (2 / 3) * (3 / 4) / (2 / 3 + 3 / 4)),
        "ari": pytest.approx(0.0),
    }


def test_equal_clusterings_score_one_whatever_their_names():
    scores = cluster_scores(["x", "y", "x", "z"], [3, 1, 3, 2])
    assert all(scores[name] == 1.0 for name in ("pair_F1", "b3_F1", "ari"))


@pytest.mark.parametrize(
    ("gold", "predicted", "b3_f1", "ari"),
    [
        (["a"], [1], 1.0, 1.0),
        (["a", "b", "c"], [1, 2, 3], 1.0, 1.0),
        (["a", "a", "a"], [1, 2, 3], 0.5, 0.0),
        (["a", "b", "c"], [1, 1, 1], 0.5, 0.0),
    ],
    ids=["one document", "all apart", "wrongly apart", "wrongly together"],
)
def test_without_any_pair_there_is_no_pairwise_score(gold, predicted, b3_f1, ari):
    scores = cluster_scores(gold, predicted)
    assert (scores["pair_F1"], scores["b3_F1"], scores["ari"]) == (0.0, b3_f1, ari)


labels = st.integers(0, 4)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=14))
@example([(0, 0), (0, 0)])
@example([(0, 0), (1, 1)])
def test_scores_are_those_of_the_definitions(documents):
    gold, predicted = zip(*documents)
    found, expected = cluster_scores(gold, predicted), slow_scores(gold, predicted)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert math.isclose(found[name], value, abs_tol=1e-9), name


@settings(deadline=None)
@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=14))
def test_swapping_labels_and_predictions_swaps_precision_and_recall(documents):
    gold, predicted = zip(*documents)
    one, other = cluster_scores(gold, predicted), cluster_scores(predicted, gold)
    for kind in ("pair", "b3"):
        assert one[f"{kind}_P"] == pytest.approx(other[f"{kind}_R"])
        assert one[f"{kind}_F1"] == pytest.approx(other[f"{kind}_F1"])
    assert one["ari"] == pytest.approx(other["ari"])


@pytest.mark.parametrize(("gold", "predicted"), [([], []), (["a"], []), (["a"], [1, 2])])
def test_lists_that_do_not_match_are_refused(gold, predicted):
    with pytest.raises(ValueError, match=f"{len(gold)} labels for {len(predicted)} predictions"):
        cluster_scores(gold, predicted)
