import json

import numpy as np
import pytest

from transforms.cluster.join_model import (
    ANY_MODEL,
    CONTEXT,
    FEATURES,
    Gate,
    JoinModelError,
    least_probability,
    load_cross_model,
    load_join_model,
    parse_join_model,
)
from transforms.cluster.likeness import LIKENESS

SHIPPED_FOR = "all-MiniLM-L6-v2@53aa51172d14#384"
SOMEWHERE = np.full(384, 384**-0.5, np.float32)


def candidate(likenesses, **others):
    """A candidate whose members are all alike: best and mean are one."""
    values = {f"{name}_{kind}": v for name, v in likenesses.items() for kind in ("best", "mean")}
    values |= {"dense_centroid": likenesses["dense"], "near_newest": 0.98, "near_oldest": 0.98}
    values |= {"log_gap": 0.4, "same_day": 1.0, "log_size": 0.7, "log_neighbours": 0.7} | others
    return np.array([values.get(name, 0.0) for name in FEATURES])


SAME = candidate(dict.fromkeys(LIKENESS, 0.7) | {"dense": 0.9, "rare_full": 3.0, "rare_names": 1.5})
OTHER = candidate(dict.fromkeys(LIKENESS, 0.05) | {"dense": 0.4, "containment": 0.0})


@pytest.mark.parametrize(
    "load",
    [lambda: load_join_model(SHIPPED_FOR), lambda: load_join_model("x@0#768"), load_cross_model],
    ids=["shipped", "any", "cross-language"],
)
def test_the_shipped_coefficients_tell_the_same_event_from_another(load):
    model = load()
    decision = model.decision(np.array([OTHER, SAME, OTHER]), SOMEWHERE)
    assert decision.best == 1
    assert decision.probability > 0.6
    assert model.decision(np.array([OTHER]), SOMEWHERE).probability < model.threshold


def splits(model):
    inner = model.general.left != np.arange(len(model.general.left))
    return {(*FEATURES, *CONTEXT)[at] for at in model.general.feature[inner]}


def test_another_embedding_model_gets_coefficients_without_cosines():
    model = load_join_model("some-other@0123456789ab#768")
    assert (model.embedding_model, model.gate) == (ANY_MODEL, None)
    assert not [name for name in splits(model) if "dense" in name]
    assert not any(w for name, w in zip(FEATURES, model.rank) if "dense" in name)


def test_between_languages_no_word_counts():
    model = load_cross_model()
    words = ("lead", "full", "title", "names", "rare", "spans", "containment")
    assert not [name for name in splits(model) if name.startswith(words)]
    assert not any(w for name, w in zip(FEATURES, model.rank) if name.startswith(words))


def test_ties_keep_the_first_candidate():
    decision = load_join_model(SHIPPED_FOR).decision(np.array([SAME, SAME]), SOMEWHERE)
    assert (decision.best, decision.second) == (0, 1)


def test_a_gate_trusts_an_expert_only_where_it_knows_the_kind_of_news():
    gate = Gate(np.array([[9.0, 0.0], [0.0, 9.0], [0.0, 0.0]]), np.zeros(3))
    known = gate.shares(np.array([1.0, 0.0], np.float32))
    assert 0.7 < known[0] <= 0.8
    assert known[1] < 0.01
    assert gate.shares(np.array([-1.0, -1.0], np.float32)).sum() < 0.01


def test_a_story_takes_in_more_than_an_event():
    model = load_join_model(SHIPPED_FOR)
    event, story = (least_probability(model, name) for name in ("event", "story"))
    assert 0.0 < story < event == model.threshold
    with pytest.raises(ValueError, match="use one of event, story"):
        least_probability(model, "topic")


LEAF = {"base": 0.0, "depth": 0, "trees": [[[0, 0.0, 0, 0, 0.1]]]}


def stored(**changes):
    count = len(FEATURES)
    fields = {
        "embedding_model": "m",
        "features": FEATURES,
        "context": FEATURES + CONTEXT,
        "rank": [0.0] * count,
        "rank_bias": 0.0,
        "stranger": [0.0] * count,
        "general": LEAF,
        "experts": [],
        "gate": None,
        "threshold": 0.5,
        "contested_band": 0.1,
    }
    return json.dumps(fields | changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (stored(features=["x"]), "made for other features"),
        ("{", "damaged"),
        (stored(rank="no"), "damaged"),
        (stored(rank=[0.0]), "damaged"),
        (stored(general={"base": 0.0, "depth": 1, "trees": []}), "damaged"),
        (stored(experts=[LEAF], gate={"weights": [[0.0]], "bias": [0.0]}), "damaged"),
        (stored(threshold=None), "damaged"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(text, message):
    with pytest.raises(JoinModelError, match=f"model.json.*{message}"):
        parse_join_model(text, "model.json")
