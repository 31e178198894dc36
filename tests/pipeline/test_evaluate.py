import json
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import evaluate as module
from pipelines.cluster_scores import cluster_scores
from pipelines.evaluate import Delay, evaluate_stream, main
from pipelines.labelled import Labelled, read_labels
from pipelines.options import parse_settings
from transforms.embed import model

HARD_PAIRS = Path(__file__).parents[2] / "tests" / "quality" / "hard_pairs.jsonl"
SCORES = [
    "docs", "gold_clusters", "pred_clusters", "pair_P", "pair_R", "pair_F1", "b3_P", "b3_R",
    "b3_F1", "ari", "all_singletons_b3_F1", "candidate_recall", "repeats", "rejected",
    "docs_per_second",
]  # fmt: skip
BRIDGE = "The old bridge at Kettlewick is closed because of a crack in its northern arch."
BREWERY = "The brewery of Hollowmere doubled its profit, and its workers will get a bonus in May."


def record(id_, title, text, label, url=None):
    return {
        "id": id_, "title": title, "text": text, "published": "2026-03-02T06:12:00Z",
        "lang": "en", "source": "Echo", "url": url or f"https://echo.example/{id_}",
        "label": label,
    }  # fmt: skip


def stream(*records):
    return "".join(json.dumps(item) + "\n" for item in records)


SMALL = stream(
    record("b1", "Old bridge at Kettlewick closed", BRIDGE, "bridge"),
    record("p1", "Brewery doubles profit", BREWERY, "brewery"),
    record("b2", "Kettlewick bridge closed after crack found in arch", BRIDGE + " Buses go round.",
           "bridge"),
    record("b1 again", "Old bridge at Kettlewick closed", BRIDGE, "bridge",
           url="https://echo.example/b1"),
    record("nothing", "", "", "bridge"),
)  # fmt: skip


@pytest.fixture
def command(capfd):
    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def test_small_stream_gets_the_scores_one_would_count_by_hand(command, make_file, tmp_path):
    out = tmp_path / "scores.json"
    code, printed, _ = command("--labelled", make_file("s.jsonl", SMALL), "--json", out)
    assert code == 0
    scores = json.loads(printed)
    assert json.loads(out.read_text(encoding="utf-8")) == scores
    assert list(scores) == SCORES
    assert scores.pop("docs_per_second") > 0
    # The repeat counts where its article went, the rejected line stands alone.
    expected = cluster_scores(list("BPBBB"), ["b", "p", "b", "b", "alone"])
    rounded = {name: round(value, 4) for name, value in expected.items()}
    assert scores == rounded | {
        "all_singletons_b3_F1": 0.5714,  # precision 1; recall (4 x 1/4 + 1) / 5 = 0.4
        "candidate_recall": 1.0,  # of the one article whose event was open: the second of bridge
        "repeats": 1,
        "rejected": 1,
    }


def test_scores_are_those_of_the_main_jobs_tables(command, detect, make_file, tmp_path):
    text = "".join(HARD_PAIRS.read_text(encoding="utf-8").splitlines(keepends=True)[:16])
    path = make_file("in/s.jsonl", text)
    scores = json.loads(command("--labelled", path, "--batch")[1])
    articles = detect(tmp_path / "out", "--input", path).rows("articles")
    event_of = {row["url"]: row["event_id"] for row in articles}
    records = [json.loads(line) for line in text.splitlines()]
    expected = cluster_scores(
        [item["label"] for item in records], [event_of[item["url"]] for item in records]
    )
    assert scores["docs"] == 16 > scores["pred_clusters"] > 1
    assert {name: scores[name] for name in expected} == {
        name: round(value, 4) for name, value in expected.items()
    }


def test_stream_of_one_document_is_scored(command, make_file):
    path = make_file("s.jsonl", stream(record("a", "Old bridge closed", BRIDGE, "x")))
    code, printed, _ = command("--labelled", path)
    assert code == 0
    scores = json.loads(printed)
    assert (scores["b3_F1"], scores["all_singletons_b3_F1"]) == (1.0, 1.0)
    assert scores["candidate_recall"] is None


def test_other_events_for_the_same_articles_are_scored_alike(make_file):
    path = make_file("s.jsonl", SMALL)
    found = module.evaluate_stream(path, parse_settings(["--input", path, "--output", "none"]))
    assert len(found.assignments) == 3
    same = found.score([assignment.event_id for assignment in found.assignments])
    assert module.rounded(same).items() <= found.scores.items()
    assert found.score([0, 0, 0])["pred_clusters"] == 2  # the repeat follows; the rejected is alone


def test_repeat_of_a_rejected_article_stands_alone():
    labels = {n: Labelled(str(n), "x") for n in (1, 2, 3, 4)}
    assigned = [["f#L1", "bridge", "E"], ["f#L3", "mill", "M"]]
    repeated = [["f#L2", "bridge"], ["f#L4", "lost"]]
    predicted = module._predicted(labels, assigned, repeated)
    assert (predicted[1], predicted[2], predicted[3]) == ("E", "E", "M")
    assert predicted[4] not in ("E", "M")


def test_lines_that_became_nothing_stand_apart():
    labels = {n: Labelled(str(n), "x") for n in (1, 2)}
    assert len(set(module._predicted(labels, [], []).values())) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "required: --labelled"),
        (["--labelled", "none.jsonl"], 2, "cannot read none.jsonl: No such file or directory; ch"),
        (["--labelled", "LABELS", "--stream_it"], 2, "unknown flag or argument --stream_it"),
        (["--labelled", "LABELS", "--window_days", "0"], 2, "argument --window_days: 0 is not"),
        (["--labelled", "BAD"], 2, "line 1: a JSON object with id and label is needed"),
        (["--labelled", "NOTHING"], 2, "no line became an article (no_article_fields); give JSON"),
        (["--labelled", "LABELS", "--model", "/no/model"], 1, "model /no/model does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_scored_is_one_line(command, make_file, arguments, code, words):
    files = {
        "LABELS": make_file("s.jsonl", SMALL),
        "BAD": make_file("bad.jsonl", '{"id": 1}\n'),
        "NOTHING": make_file("no.jsonl", stream(*(record(id_, "", "", "x") for id_ in "ab"))),
    }
    found, printed, said = command(*(files.get(argument, argument) for argument in arguments))
    assert (found, printed) == (code, "")
    assert said.count("\n") == 1
    assert said.startswith("newsevents: ")
    assert words in said


def test_model_that_fails_its_checksum_is_one_line(command, make_file, monkeypatch):
    monkeypatch.setitem(model._OFFICIAL_SHA256, "tokenizer.json", "0" * 64)
    code, _, said = command("--labelled", make_file("s.jsonl", SMALL))
    assert (code, said.count("\n")) == (1, 1)
    assert "SHA-256 should be 000" in said


def test_scores_that_cannot_be_written_are_one_line(command, make_file, tmp_path):
    path = make_file("s.jsonl", stream(record("a", "Old bridge closed", BRIDGE, "x")))
    code, _, said = command("--labelled", path, "--json", tmp_path)
    assert code == 1
    assert f"newsevents: cannot write {tmp_path}: Is a directory\n" in said


def test_shipped_stream_is_complete():
    labels = read_labels(str(HARD_PAIRS))
    assert len(labels) == 90
    assert len({item.label for item in labels.values()}) == 37


def test_a_stream_in_order_gives_the_events_of_one_bounded_run():
    path = str(HARD_PAIRS)
    batch = evaluate_stream(path, _settings(path))
    stream = evaluate_stream(path, _settings(path), Delay(timedelta(), 0))
    batch.scores.pop("docs_per_second")
    stream.scores.pop("docs_per_second")
    assert stream.scores == batch.scores
    assert [_placed(item) for item in stream.assignments] == [
        _placed(item) for item in batch.assignments
    ]


def test_a_shaken_stream_holds_every_article_once():
    path = str(HARD_PAIRS)
    shaken = evaluate_stream(path, _settings(path), Delay(timedelta(hours=6), 1))
    assert len({_placed(item)[0] for item in shaken.assignments}) == len(shaken.assignments) == 90
    assert shaken.scores["b3_F1"] > 0.85


def _settings(path):
    return parse_settings(["--input", path, "--output", "none"])


def _placed(assignment):
    article = assignment.compared.embedded.article
    return article.article_id, assignment.event_id, assignment.sequence
