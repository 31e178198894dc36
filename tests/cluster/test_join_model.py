import json

import numpy as np
import pytest

from transforms.cluster.join_model import (
    ANY_MODEL,
    CONTEXT,
    FEATURES,
    JoinModelError,
    load_join_model,
    parse_join_model,
)

SHIPPED_FOR = "all-MiniLM-L6-v2@53aa51172d14#384"


def candidate(**values):
    return np.array([values.get(name, 0.0) for name in FEATURES])


SAME = candidate(
    dense_centroid=0.85, dense_best=0.9, lead_centroid=0.6, lead_best=0.65, full_centroid=0.55,
    full_best=0.6, title_centroid=0.5, title_best=0.6, names_centroid=0.7, names_best=0.75,
    numbers_centroid=0.5, numbers_best=0.5, rare_names=0.8, rare_numbers=0.4, containment=0.1,
    near_newest=1.0, near_oldest=1.0, log_size=0.7,
)  # fmt: skip
OTHER = candidate(
    dense_centroid=0.4, dense_best=0.45, lead_centroid=0.1, lead_best=0.1, full_centroid=0.1,
    full_best=0.1, names_centroid=0.05, near_newest=1.0, near_oldest=1.0, log_size=0.7,
)  # fmt: skip


@pytest.mark.parametrize("embedding_model", [SHIPPED_FOR, "some-other@0123456789ab#768"])
def test_the_shipped_coefficients_tell_the_same_event_from_another(embedding_model):
    model = load_join_model(embedding_model)
    decision = model.decision(np.array([OTHER, SAME, OTHER]))
    assert decision.best == 1
    assert decision.probability > 0.8
    assert model.decision(np.array([OTHER])).probability < model.threshold


def test_another_embedding_model_gets_coefficients_without_cosines():
    model = load_join_model("some-other@0123456789ab#768")
    assert model.embedding_model == ANY_MODEL
    dense = [i for i, name in enumerate((*FEATURES, *CONTEXT)) if "dense" in name]
    assert not model.decide[dense].any()
    assert not model.rank[[i for i in dense if i < len(FEATURES)]].any()


def test_ties_keep_the_first_candidate():
    assert load_join_model(SHIPPED_FOR).decision(np.array([SAME, SAME])).best == 0


def stored(**changes):
    count = len(FEATURES)
    fields = {
        "embedding_model": "m",
        "features": FEATURES,
        "context": FEATURES + CONTEXT,
        "rank": [0.0] * count,
        "rank_bias": 0.0,
        "stranger": [0.0] * count,
        "decide": [0.0] * (count + len(CONTEXT)),
        "decide_bias": 0.0,
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
        (stored(threshold=None), "damaged"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(text, message):
    with pytest.raises(JoinModelError, match=f"model.json.*{message}"):
        parse_join_model(text, "model.json")
