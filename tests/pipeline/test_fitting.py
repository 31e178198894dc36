import json

import numpy as np
import pytest

from pipelines.fitting import CROSS_LANGUAGE, Replay, Step, cluster, fit, fit_twice, replay, to_json
from schemas import ComparedArticle, DuplicateVerdict, Neighbour
from transforms.cluster.join_model import (
    ANY_MODEL,
    CONTEXT,
    FEATURES,
    JoinModel,
    parse_join_model,
)
from transforms.cluster.trees import trees_from_json, trees_to_json

NAMES = (*FEATURES, *CONTEXT)
DENSE = {name for name in NAMES if "dense" in name}
WORDS = {
    name
    for name in NAMES
    if {"lead", "full", "title", "names", "spans", "containment"} & set(name.split("_"))
}
NO_VECTOR = np.zeros(8, np.float32)


@pytest.fixture
def compared(make_embedded):
    """``compared(id, *nearer_ids, copy_of="")``: an article and the neighbours it has."""

    def make(article_id, *near, copy_of=""):
        neighbours = tuple(Neighbour(other, 0.8, 0.1, "vector") for other in near)
        verdict = DuplicateVerdict("near_verbatim" if copy_of else "none", copy_of, 0.9, "")
        return ComparedArticle(make_embedded(article_id=article_id), verdict, neighbours)

    return make


@pytest.fixture
def make_model():
    """``make_model(joins)``: a model that joins whatever it is asked about, or nothing."""

    def make(joins):
        value = 9.0 if joins else -9.0
        leaf = trees_from_json(trees_to_json(value, [[[0, 0.0, 0, 0, 0.0]]]), 1)
        nothing = np.zeros(len(FEATURES))
        return JoinModel(ANY_MODEL, nothing, 0.0, nothing, leaf, (), None, 0.5, 0.1)

    return make


def right(step):
    """Give the row of the one candidate that is right, or -1."""
    rows = np.flatnonzero(step.right)
    assert len(rows) <= 1
    return int(rows[0]) if len(rows) else -1


def test_replay_puts_articles_where_their_labels_say(compared):
    stream = [
        (compared("a1"), "a"),
        (compared("b1", "a1"), "b"),
        (compared("a2", "b1", "a1"), "a"),
        (compared("a3", "a2", "a1"), "a"),
        (compared("c1", "a1"), "c"),
    ]
    done = replay("s", "headlines", stream)
    assert (done.stream, done.form) == ("s", "headlines")
    assert [right(step) for step in done.steps] == [-1, 1, 0, -1]
    assert [step.features.shape for step in done.steps] == [
        (rows, len(FEATURES)) for rows in (1, 2, 1, 1)
    ]
    size = FEATURES.index("log_size")
    assert done.steps[2].features[0, size] == pytest.approx(np.log1p(2))


def test_replay_keeps_the_vector_of_every_article(compared):
    stream = [(compared("a1"), "a"), (compared("a2", copy_of="a1"), "a")]
    vectors = replay("s", "full", stream).vectors
    expected = [np.frombuffer(article.embedded.embedding, "<f4") for article, _ in stream]
    np.testing.assert_array_equal(vectors, expected)


def test_replay_by_a_model_shows_its_errors(compared, make_model):
    """A model that joins everything: the event is half right for one label, not for the next."""
    stream = [
        (compared("a1"), "a"),
        (compared("b1", "a1"), "b"),
        (compared("a2", "b1", "a1"), "a"),
        (compared("c1", "a1"), "c"),
    ]
    done = replay("s", "full", stream, make_model(joins=True))
    assert [right(step) for step in done.steps] == [-1, 0, -1]
    apart = replay("s", "full", stream, make_model(joins=False))
    assert [len(step.features) for step in apart.steps] == [1, 2, 1]
    assert [right(step) for step in apart.steps] == [-1, 1, -1]


def test_copies_teach_nothing(compared):
    stream = [(compared("a1"), "a"), (compared("a2", "a1", copy_of="a1"), "a")]
    assert replay("s", "full", stream).steps == []


def test_article_whose_event_is_no_candidate_has_no_right_one(compared):
    stream = [(compared("a1"), "a"), (compared("b1"), "b"), (compared("a2", "b1"), "a")]
    assert [right(step) for step in replay("s", "full", stream).steps] == [-1]


def steps(seed, telling, count=60):
    """Choices among four candidates, where one feature tells the right one; a fifth have none.

    The values are round: with few distinct ones the trees grow in a tenth of the time.
    """
    rng = np.random.default_rng(seed)
    at = FEATURES.index(telling)
    made = []
    for number in range(count):
        features = rng.uniform(0.0, 0.3, (4, len(FEATURES))).round(1)
        belongs = np.zeros(4, bool)
        if number % 5:
            belongs[rng.integers(4)] = True
            features[belongs, at] += 0.6
        made.append(Step(features, belongs))
    return made


def vectors(seed, axis, count=60):
    """Unit vectors around one axis: what a stream is about."""
    made = np.random.default_rng(seed).normal(0.0, 0.1, (count, 8))
    made[:, axis] += 1.0
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def stream(seed, telling, count=60, form="full", name="", axis=0):
    found = steps(seed, telling, count)
    return Replay(name or f"s{seed}", form, found, vectors(seed, axis, count))


def splits(ensemble):
    """Name the features that the trees of an ensemble ask for."""
    return {
        NAMES[int(node[0])]
        for tree in ensemble["trees"]
        for at, node in enumerate(tree)
        if node[2] != at
    }


@pytest.mark.parametrize("telling", ["lead_best", "names_best"])
def test_fitted_model_joins_the_right_event_and_no_other(telling):
    model = fit([stream(1, telling), stream(2, telling, 90)], (), "m@1#8").model
    for step in steps(3, telling):
        decision = model.decision(step.features, NO_VECTOR)
        if step.right.any():
            assert decision.best == right(step)
            assert decision.probability > 0.5
        else:
            assert decision.probability < model.threshold


def test_fitted_model_decides_without_dates_as_well():
    model = fit([stream(1, "lead_best", 300)], (), "m@1#8").model
    at = [FEATURES.index(name) for name in ("near_newest", "near_oldest", "log_gap", "same_day")]
    for step in steps(2, "lead_best"):
        features = step.features.copy()
        features[:, at] = 0.0
        features[:, FEATURES.index("gap_unknown")] = 1.0
        found = model.decision(features, NO_VECTOR)
        assert (found.probability > model.threshold) == step.right.any()


@pytest.mark.parametrize(
    ("unbound", "masked", "telling"),
    [(ANY_MODEL, DENSE, "dense_best"), (CROSS_LANGUAGE, WORDS, "lead_best")],
    ids=["another model: no cosine", "another language: no word"],
)
def test_what_means_nothing_elsewhere_has_no_weight(unbound, masked, telling):
    bound, fitted = (fit([stream(1, telling)], (), name) for name in ("m@1#8", unbound))
    at = [row for row, name in enumerate(FEATURES) if name in masked]
    assert bound.model.rank[at].any()
    assert splits(bound.general) & masked
    assert not fitted.model.rank[at].any()
    assert not splits(fitted.general) & masked
    assert splits(fitted.general)
    assert (bound.model.embedding_model, fitted.model.embedding_model) == ("m@1#8", unbound)


def test_large_stream_does_not_outvote_a_small_one():
    small, large = stream(1, "lead_best", 40), stream(2, "title_best", 400)
    model = fit([small, large], (), "m@1#8").model
    lead, title = (model.rank[FEATURES.index(name)] for name in ("lead_best", "title_best"))
    assert 0.5 < lead / title < 2.0
    for step in steps(3, "lead_best"):
        joins = model.decision(step.features, NO_VECTOR).probability > model.threshold
        assert joins == step.right.any()


def test_summaries_teach_only_the_experts():
    full = [stream(1, "lead_best", name="a"), stream(2, "names_best", name="b", axis=1)]
    more = [*full, stream(3, "title_best", form="summaries", name="a")]
    without, fitted = (fit(replays, ["a"], "m@1#8") for replays in (full, more))
    assert fitted.general == without.general
    np.testing.assert_array_equal(fitted.model.rank, without.model.rank)
    assert fitted.experts != without.experts


def three_kinds():
    """Three kinds of news by their vectors; what tells the right event differs between two."""
    return [
        stream(1, "lead_best", name="politics", axis=0),
        stream(2, "names_best", name="crime", axis=1),
        stream(3, "title_best", name="rest", axis=2),
    ]


@pytest.mark.parametrize(
    ("experts", "axes"),
    [(["politics", "crime"], (0, 1)), (["crime"], (1,))],
    ids=["two experts", "one"],
)
def test_gate_trusts_the_expert_of_what_the_article_is_about(experts, axes):
    gate = fit(three_kinds(), experts, "m@1#8").model.gate
    for expert, axis in enumerate(axes):
        for vector in vectors(9, axis, 20):
            shares = gate.shares(vector)
            assert shares.argmax() == expert
            assert shares[expert] > 0.4
            assert np.delete(shares, expert).sum() < 0.05
    for vector in vectors(9, 2, 20):
        assert gate.shares(vector).sum() < 0.05


def test_gate_always_leaves_the_general_model_a_say():
    gate = fit(three_kinds(), ["politics", "crime"], "m@1#8").model.gate
    random = np.random.default_rng(4)
    for length in (0.0, 1.0, 10.0, 10_000.0):
        for vector in (length * random.normal(size=(20, 8))).astype(np.float32):
            shares = gate.shares(vector)
            assert shares.min() >= 0.0
            assert shares.sum() <= 0.8 + 1e-12


def test_expert_decides_by_what_tells_in_its_own_stream():
    model = fit(three_kinds(), ["politics", "crime"], "m@1#8").model
    politics, crime = (vectors(9, axis, 1)[0] for axis in (0, 1))
    for telling, own, other in (("lead_best", politics, crime), ("names_best", crime, politics)):
        belonging = [step.features for step in steps(4, telling) if step.right.any()]
        trusted = [model.decision(features, own).probability for features in belonging]
        foreign = [model.decision(features, other).probability for features in belonging]
        assert min(trusted) > model.threshold
        assert np.mean(trusted) > np.mean(foreign) + 0.1


@pytest.mark.parametrize("unbound", [ANY_MODEL, CROSS_LANGUAGE])
def test_without_a_bound_model_there_is_no_expert(unbound):
    fitted = fit(three_kinds(), ["politics", "crime"], unbound)
    assert (fitted.experts, fitted.model.experts, fitted.model.gate) == ((), (), None)


def test_without_another_stream_there_is_no_expert():
    fitted = fit(three_kinds()[:2], ["politics", "crime"], "m@1#8")
    assert (fitted.experts, fitted.model.experts, fitted.model.gate) == ((), (), None)


MADE = {
    "made_on": "2024-05-01",
    "made_from": [{"file": "s.jsonl", "sha256": "0" * 64, "labels": "all"}],
}


def test_fitting_twice_gives_the_same_file():
    one, other = (
        json.dumps(to_json(fit(three_kinds(), ["politics"], "m@1#8"), MADE)) for _ in range(2)
    )
    assert one == other


@pytest.mark.parametrize("experts", [[], ["crime"], ["politics", "crime"]], ids=len)
def test_file_holds_the_model_and_what_it_was_made_from(experts):
    fitted = fit(three_kinds(), experts, "m@1#8")
    text = json.dumps(to_json(fitted, MADE))
    stored = json.loads(text)
    assert {name: stored[name] for name in MADE} == MADE
    read = parse_join_model(text, "join_model.json")
    model = fitted.model
    assert len(read.experts) == len(experts)
    assert (read.embedding_model, read.threshold) == (model.embedding_model, model.threshold)
    for axis, telling in enumerate(("lead_best", "names_best", "title_best")):
        for step, vector in zip(steps(9, telling, 20), vectors(9, axis, 20)):
            ours, theirs = (m.decision(step.features, vector) for m in (model, read))
            assert (theirs.best, theirs.second) == (ours.best, ours.second)
            assert theirs.probability == pytest.approx(ours.probability, abs=1e-3)


def test_cluster_names_the_event_of_each_article_at_the_end(compared):
    found = [
        (compared("a1"), "a"),
        (compared("b1"), "b"),
        (compared("a2", copy_of="a1"), "a"),
    ]
    events = cluster(found, fit([stream(1, "lead_best")], (), "m@1#8").model)
    assert events[0] == events[2] != events[1]


def test_the_second_fit_knows_the_errors_of_the_first(compared):
    near = [("b1", ("a1",)), ("a2", ("b1", "a1")), ("b2", ("b1", "a2")), ("a3", ("a2", "b2"))]
    told = [(compared("a1"), "a"), *((compared(name, *ids), name[0]) for name, ids in near)]
    streams = {("s", "full"): told, ("t", "full"): told}
    replays = [replay(stream, form, told) for stream, form in streams]
    once, twice = fit(replays, (), "m@1#8"), fit_twice(streams, replays, (), "m@1#8")
    assert twice.model.embedding_model == "m@1#8"
    again = fit_twice(streams, replays, (), "m@1#8")
    assert to_json(twice, {}) == to_json(again, {})
    followed = [replay(s, f, told, once.model) for s, f in streams]
    assert to_json(twice, {}) == to_json(fit([*replays, *followed], (), "m@1#8"), {})
