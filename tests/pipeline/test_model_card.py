import numpy as np
import pytest

from pipelines.cluster_scores import cluster_scores
from pipelines.model_card import Scored, model_card
from transforms.cluster.join_model import FEATURES, JoinModel
from transforms.cluster.trees import trees_from_json, trees_to_json

LEAF = [[0, 0, 0, 0, 0.5]]
NOTHING = np.zeros(len(FEATURES))


def source(**changes):
    made = {"file": "s.jsonl.gz", "sha256": "0123456789abcdef" * 4, "labels": "all"}
    return made | {"forms": ["full", "headlines"], "expert": False} | changes


@pytest.fixture
def card():
    """``card(sources, scored)``: the card of a model of two trees and one expert."""
    trees = trees_from_json(trees_to_json(0.0, [LEAF, LEAF]), 1)
    model = JoinModel("m@1#8", NOTHING, 0.0, NOTHING, trees, (trees,), None, 0.2, 0.1)

    def make(sources, scored=()):
        return model_card("m@1#8", {"made_on": "2024-05-01", "made_from": sources}, model, scored)

    return make


def tables(text):
    """Read the tables of a card, each as rows of cells, header first."""
    found, open_table = [], False
    for line in text.splitlines():
        if line.startswith("|"):
            if not open_table:
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        open_table = line.startswith("|")
    return found


def test_it_says_what_the_model_is(card):
    text = card([source()])
    for said in (
        "- Embedding model: `m@1#8`\n",
        "- Made on: 2024-05-01\n",
        f"- Features per candidate: {len(FEATURES)}; ",
        "- General trees: 2; experts: 1, ",
        "- Joins at a probability of 0.2; contested within 0.1 of it\n",
    ):
        assert said in text
    assert text.startswith("# ")
    assert text.endswith("|\n")


def test_it_lists_every_stream_the_model_was_made_from(card):
    sources = [source(), source(file="x.jsonl", labels="half", forms=["full"], expert=True)]
    made_from, _ = tables(card(sources))
    assert made_from[2:] == [
        ["s.jsonl.gz", "all", "full, headlines", "no", "`0123456789abcdef`"],
        ["x.jsonl", "half", "full", "yes", "`0123456789abcdef`"],
    ]


def test_it_lists_every_score_under_its_heading(card):
    scores = cluster_scores("aaab", "ccdd")
    _, scored = tables(card([source()], [Scored("dev", "held out", scores)]))
    header, _, row = scored
    assert row[:5] == ["dev", "held out", "4", "2", "2"]
    assert row[5:] == [
        f"{scores[name]:.3f}"
        for name in ("b3_P", "b3_R", "b3_F1", "pair_P", "pair_R", "pair_F1", "ari")
    ]
    assert header[2:] == ["docs", "events", "found", "B3 P", "R", "F1", "pairs P", "R", "F1", "ARI"]


def test_all_rows_of_a_table_have_as_many_cells(card):
    scores = cluster_scores("aab", "ccd")
    for table in tables(card([source()] * 2, [Scored("dev", "held out", scores)] * 2)):
        assert len({len(row) for row in table}) == 1


def test_without_scores_the_table_is_empty(card):
    _, scored = tables(card([source()]))
    assert len(scored) == 2
