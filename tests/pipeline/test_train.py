import contextlib
import hashlib
import io
import json
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.labelled import LabelledError
from pipelines.model_card import CARD
from pipelines.train import in_training_half, main, shortened
from transforms.cluster.join_model import ANY_MODEL, parse_join_model

HARD_PAIRS = Path(__file__).parents[2] / "tests" / "quality" / "hard_pairs.jsonl"
MINILM = "all-MiniLM-L6-v2@53aa51172d14#384"
FILES = {
    "join_model.json": MINILM,
    "join_model_any.json": ANY_MODEL,
    "join_model_cross.json": "cross-language",
}


def test_half_of_the_labels_is_for_training_always_the_same():
    chosen = [label for label in map(str, range(1000)) if in_training_half(label)]
    assert 430 < len(chosen) < 570
    assert chosen[:6] == ["3", "4", "11", "12", "13", "18"]


TEXT = " ".join(f"w{number}" for number in range(100))


@pytest.fixture
def short(make_file, tmp_path):
    """``short(form, *texts)``: the records of a stream with these texts, and of its short copy."""

    def make(form, *texts):
        records = [
            {"id": n, "title": f"Title {n}", "text": text, "label": "ä"}
            for n, text in enumerate(texts)
        ]
        path = make_file("s.jsonl", "\n".join(map(json.dumps, records)) + "\n\n")
        copy = Path(shortened(path, tmp_path / "short.jsonl", form))
        assert str(copy) != path
        found = copy.read_text(encoding="utf-8").splitlines()
        return records, [json.loads(line) for line in found]

    return make


def test_headlines_keep_everything_but_the_text(short):
    records, found = short("headlines", TEXT, "Words.")
    assert found == [record | {"text": ""} for record in records]


def test_summaries_keep_everything_but_the_end_of_the_text(short):
    records, found = short("summaries", *[TEXT] * 50)
    assert [item | {"text": ""} for item in found] == [item | {"text": ""} for item in records]
    assert all(TEXT.startswith(item["text"] + " ") for item in found)
    lengths = [len(item["text"].split()) for item in found]
    assert 40 <= min(lengths) < max(lengths) < 80
    assert all(one != other for one, other in pairwise(lengths))


def test_summaries_of_short_and_missing_texts_are_whole(short):
    _, found = short("summaries", "Few words.", "", None)
    assert [item["text"] for item in found] == ["Few words.", "", ""]


def test_stream_that_cannot_be_read_has_no_short_copy(tmp_path):
    with pytest.raises(LabelledError, match="cannot read"):
        shortened(str(tmp_path / "none.jsonl"), tmp_path / "short.jsonl", "headlines")


class Trained:
    """What one run of the command with the default model left and said."""

    def __init__(self, folder):
        lines = HARD_PAIRS.read_text(encoding="utf-8").splitlines(keepends=True)
        paths = {}
        for name, count in (("s", 12), ("x", 12), ("h", 24), ("d", 6)):
            paths[name] = folder / f"{name}.jsonl"
            paths[name].write_text("".join(lines[:count]), encoding="utf-8")
        self.folder = folder / "out"
        self.folder.mkdir()
        arguments = (
            "--labelled", paths["s"], "--expert", paths["x"], "--half", paths["h"],
            "--held_out", paths["d"], "--cross_validate", "--folder", self.folder,
        )  # fmt: skip
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.code = main(list(map(str, arguments)))
        self.said = said.getvalue()

    def text(self, name):
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return Trained(tmp_path_factory.mktemp("train"))


def test_command_writes_three_files_and_the_card(trained):
    assert trained.code == 0
    assert {path.name for path in trained.folder.iterdir()} == {*FILES, CARD}
    written = [line for line in trained.said.splitlines() if "documents read" not in line]
    assert written == [
        "fitting 6 models",
        *(f"wrote {trained.folder / name} for {bound}" for name, bound in FILES.items()),
        f"wrote {trained.folder / CARD}",
    ]


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_a_model_and_names_the_streams_it_was_made_from(trained, name):
    model = parse_join_model(trained.text(name), name)
    assert model.embedding_model == FILES[name]
    assert len(model.experts) == (1 if name == "join_model.json" else 0)
    stored = json.loads(trained.text(name))
    assert date.fromisoformat(stored["made_on"])
    keys = ("file", "labels", "forms", "expert")
    assert [tuple(item[key] for key in keys) for item in stored["made_from"]] == [
        ("s.jsonl", "all", ["full", "headlines"], False),
        ("x.jsonl", "all", ["full", "summaries", "headlines"], True),
        ("h.jsonl", "half", ["full"], False),
    ]
    for item in stored["made_from"]:
        content = (trained.folder.parent / item["file"]).read_bytes()
        assert item["sha256"] == hashlib.sha256(content).hexdigest()


def test_held_out_stream_is_scored_and_taught_nothing(trained):
    (line,) = [line for line in trained.text(CARD).splitlines() if line.startswith("| d ")]
    assert line.startswith("| d | held out | 6 | ")
    assert "d.jsonl" not in trained.text(CARD)


def test_cross_validation_adds_a_line_for_each_trained_stream(trained):
    scored = [
        line for line in trained.text(CARD).splitlines() if " | left out of training | " in line
    ]
    assert [line.split(" | ")[:3] for line in scored] == [
        ["| s", "left out of training", "12"],
        ["| x", "left out of training", "12"],
        ["| h", "left out of training", "24"],
    ]


LONE = '{"id": "a", "title": "Old bridge closed", "text": "", "label": "x"}\n'


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "nothing to train on: give --labelled, --expert or --half"),
        (["--held_out", "LONE"], 2, "nothing to train on"),
        (["--expert", "LONE"], 2, "an expert needs other streams to differ from"),
        (["--labelled", "LONE", "--held_out", "LONE"], 2, "two streams have the same name"),
        (["--labelled", "LONE", "--cross_validate"], 2, "give two or more to train on"),
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
    lines = capfd.readouterr().err.splitlines(keepends=True)
    said = "".join(line for line in lines if "documents read" not in line)  # told when it is slow
    assert (found, said.count("\n")) == (code, 1)
    assert said.startswith("newsevents: ")
    assert words in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.jsonl"]
