import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.train import (
    Step,
    fit,
    headlines_only,
    in_training_half,
    main,
    replay,
    to_json,
)
from schemas import ComparedArticle, DuplicateVerdict, Neighbour
from transforms.cluster.join_model import ANY_MODEL, FEATURES, parse_join_model

HARD_PAIRS = Path(__file__).parents[2] / "tests" / "quality" / "hard_pairs.jsonl"
DENSE = [row for row, name in enumerate(FEATURES) if "dense" in name]


@pytest.fixture
def compared(make_embedded):
    """``compared(id, *nearer_ids, copy_of="")``: an article and the neighbours it has."""

    def make(article_id, *near, copy_of=""):
        neighbours = tuple(Neighbour(other, 0.8, 0.1, "vector") for other in near)
        verdict = DuplicateVerdict("near_verbatim" if copy_of else "none", copy_of, 0.9, "")
        return ComparedArticle(make_embedded(article_id=article_id), verdict, neighbours)

    return make


def test_replay_puts_articles_where_their_labels_say(compared):
    steps = replay(
        [
            (compared("a1"), "a"),
            (compared("b1", "a1"), "b"),
            (compared("a2", "b1", "a1"), "a"),
            (compared("a3", "a2", "a1"), "a"),
            (compared("c1", "a1"), "c"),
        ]
    )
    assert [step.right for step in steps] == [-1, 1, 0, -1]
    assert [step.features.shape for step in steps] == [
        (rows, len(FEATURES)) for rows in (1, 2, 1, 1)
    ]
    size = FEATURES.index("log_size")
    assert steps[2].features[0, size] == pytest.approx(np.log1p(2))


def test_copies_teach_nothing(compared):
    stream = [(compared("a1"), "a"), (compared("a2", "a1", copy_of="a1"), "a")]
    assert replay(stream) == []


def test_article_whose_event_is_no_candidate_has_no_right_one(compared):
    stream = [(compared("a1"), "a"), (compared("b1"), "b"), (compared("a2", "b1"), "a")]
    assert [step.right for step in replay(stream)] == [-1]


def steps(seed, telling, count=60):
    """Choices among four candidates, where one feature tells the right one; a fifth have none."""
    rng = np.random.default_rng(seed)
    at = FEATURES.index(telling)
    made = []
    for number in range(count):
        features = rng.uniform(0.0, 0.3, (4, len(FEATURES)))
        right = int(rng.integers(4)) if number % 5 else -1
        if right >= 0:
            features[right, at] += 0.6
        made.append(Step(features, right))
    return made


@pytest.mark.parametrize("telling", ["lead_best", "names_best"])
def test_fitted_model_joins_the_right_event_and_no_other(telling):
    model = fit([steps(1, telling), steps(2, telling, 90)], "m@1#4")
    for step in steps(3, telling):
        decision = model.decision(step.features)
        if step.right >= 0:
            assert decision.best == step.right
            assert decision.probability > 0.5
        else:
            assert decision.probability < 0.5


def test_any_model_has_no_weight_on_cosines():
    bound, unbound = (fit([steps(1, "dense_best")], name) for name in ("m@1#4", ANY_MODEL))
    assert bound.rank[DENSE].any() and bound.decide[DENSE].any()
    assert not unbound.rank[DENSE].any()
    assert not unbound.decide[DENSE].any()
    assert (bound.embedding_model, unbound.embedding_model) == ("m@1#4", ANY_MODEL)


def test_large_stream_does_not_outvote_a_small_one():
    small, large = steps(1, "lead_best", 40), steps(2, "title_best", 400)
    rank = fit([small, large], "m@1#4").rank
    ratio = rank[FEATURES.index("lead_best")] / rank[FEATURES.index("title_best")]
    assert 0.5 < ratio < 2.0


def test_fitting_twice_gives_the_same_file():
    one, other = (to_json(fit([steps(1, "lead_best")], "m@1#4"), []) for _ in range(2))
    assert one == other


def test_file_holds_the_model_and_what_it_was_made_from():
    model = fit([steps(1, "lead_best")], "m@1#4")
    made_from = [{"file": "s.jsonl", "sha256": "0" * 64, "labels": "all"}]
    text = to_json(model, made_from)
    assert json.loads(text)["made_from"] == made_from
    read = parse_join_model(text, "join_model.json")
    for name in ("rank", "stranger", "decide"):
        np.testing.assert_allclose(getattr(read, name), getattr(model, name), atol=1e-6)
    assert (read.embedding_model, read.threshold) == (model.embedding_model, model.threshold)


def test_half_of_the_labels_is_for_training_always_the_same():
    chosen = [label for label in map(str, range(1000)) if in_training_half(label)]
    assert 430 < len(chosen) < 570
    assert chosen[:6] == ["3", "4", "11", "12", "13", "18"]


def test_headlines_keep_everything_but_the_text(make_file, tmp_path):
    records = [{"id": n, "title": f"Title {n}", "text": "Words.", "label": "ä"} for n in (1, 2)]
    path = make_file("s.jsonl", "\n".join(map(json.dumps, records)) + "\n\n")
    copy = Path(headlines_only(path, tmp_path / "bare.jsonl"))
    found = [json.loads(line) for line in copy.read_text(encoding="utf-8").splitlines()]
    assert found == [record | {"text": ""} for record in records]
    assert str(copy) != path


def first_lines(count):
    return "".join(HARD_PAIRS.read_text(encoding="utf-8").splitlines(keepends=True)[:count])


def test_command_writes_both_files_from_labelled_streams(make_file, tmp_path, capfd):
    path, half = make_file("s.jsonl", first_lines(16)), make_file("h.jsonl", first_lines(24))
    assert main(["--labelled", path, "--half", half, "--folder", str(tmp_path)]) == 0
    said = capfd.readouterr().err
    for name, bound in (("join_model.json", "all-MiniLM-L6-v2@53aa51172d14#384"),
                        ("join_model_any.json", ANY_MODEL)):  # fmt: skip
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert parse_join_model(text, name).embedding_model == bound
        made_from = json.loads(text)["made_from"]
        assert [(item["file"], item["labels"]) for item in made_from] == [
            ("s.jsonl", "all"),
            ("h.jsonl", "half"),
        ]
        assert f"wrote {tmp_path / name} for {bound}" in said


LONE = '{"id": "a", "title": "Old bridge closed", "text": "", "label": "x"}\n'


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "required: --labelled"),
        (["--labelled", "none.jsonl"], 2, "cannot read none.jsonl: "),
        (["--labelled", "LONE", "--models", "x"], 2, "unrecognized arguments: --models x"),
        (["--labelled", "LONE"], 2, "teaches nothing: it needs several events of several articles"),
        (["--labelled", "LONE", "--folder", "nowhere"], 2, "nowhere is no folder: give an existin"),
        (["--labelled", "LONE", "--model", "/no/model"], 1, "model /no/model does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_trained_on_is_one_line(
    make_file, tmp_path, monkeypatch, capfd, arguments, code, words
):
    lone = make_file("s.jsonl", LONE)
    monkeypatch.chdir(tmp_path)
    found = main(["--folder", ".", *(lone if a == "LONE" else a for a in arguments)])
    said = capfd.readouterr().err
    assert (found, said.count("\n")) == (code, 1)
    assert said.startswith("newsevents: ")
    assert words in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.jsonl"]
