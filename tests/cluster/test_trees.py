import numpy as np
import pytest

from transforms.cluster.trees import trees_from_json, trees_to_json

# A stump on feature 0, and a tree of depth 2 on features 1 and 2.
STUMP = [[0, 0.5, 1, 2, 0.0], [0, 0, 1, 1, -1.0], [0, 0, 2, 2, 1.0]]
DEEPER = [
    [1, 0.0, 1, 2, 0.0],
    [0, 0, 1, 1, 10.0],
    [2, 3.0, 3, 4, 0.0],
    [0, 0, 3, 3, 20.0],
    [0, 0, 4, 4, 30.0],
]


@pytest.mark.parametrize(
    ("row", "score"),
    [
        ([0.5, 0.0, 0.0], 0.25 - 1 + 10),
        ([0.6, 0.0, 9.0], 0.25 + 1 + 10),
        ([0.0, 1.0, 3.0], 0.25 - 1 + 20),
        ([9.0, 1.0, 3.1], 0.25 + 1 + 30),
    ],
)
def test_every_tree_adds_the_leaf_its_row_falls_into(row, score):
    trees = trees_from_json(trees_to_json(0.25, [STUMP, DEEPER]), 3)
    assert trees.score(np.array(row)) == pytest.approx(score)


def test_it_scores_as_the_library_that_grew_it():
    from sklearn.ensemble import HistGradientBoostingClassifier

    from pipelines.fitting import _nodes

    random = np.random.default_rng(3)
    rows = random.normal(size=(400, 5)).round(3)
    right = rows[:, 0] + rows[:, 1] * rows[:, 2] > 0
    grown = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=6, random_state=0)
    grown.fit(rows, right)
    stored = [_nodes(found[0].nodes) for found in grown._predictors]
    trees = trees_from_json(
        trees_to_json(float(np.ravel(grown._baseline_prediction)[0]), stored), 5
    )
    ours = [trees.score(row) for row in rows[:100]]
    np.testing.assert_allclose(ours, grown.decision_function(rows[:100]), atol=1e-4)


@pytest.mark.parametrize(
    "trees",
    [[], [[]], [[[7, 0, 0, 0, 0]]], [[[0, 0, 5, 5, 0]]], [[[0, 0, -1, 0, 0]]], [[[0, 0, 0]]]],
)
def test_what_is_no_ensemble_is_refused(trees):
    with pytest.raises(ValueError):
        trees_from_json({"base": 0.0, "depth": 1, "trees": trees}, 3)
