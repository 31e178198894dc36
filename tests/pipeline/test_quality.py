"""The table of all labelled streams: its layout, its files and what it does without a stream."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from pipelines import quality as module
from pipelines.cluster_scores import cluster_scores
from pipelines.labelled import LabelledError
from pipelines.quality import Table, find_streams, main, markdown, set_names, training_labels
from transforms.embed import model

BRIDGE = "The old bridge at Kettlewick is closed because of a crack in its northern arch."
BREWERY = "The brewery of Hollowmere doubled its profit, and its workers will get a bonus in May."
DEFAULT_ID = "all-MiniLM-L6-v2@53aa51172d14#384"


def record(id_, title, text, label):
    return {
        "id": id_, "title": title, "text": text, "published": "2026-03-02T06:12:00Z",
        "lang": "en", "source": "Echo", "url": f"https://echo.example/{id_}", "label": label,
    }  # fmt: skip


SMALL = "".join(
    json.dumps(item) + "\n"
    for item in (
        record("b1", "Old bridge at Kettlewick closed", BRIDGE, "bridge"),
        record("p1", "Brewery doubles profit", BREWERY, "brewery"),
        record("b2", "Kettlewick bridge closed after crack", BRIDGE + " Buses go.", "bridge"),
    )
)


def scored(path="s.jsonl", trained_on="no", docs=6366):
    """Scores as ``score_set`` gives them, all made up."""
    shared = {
        "docs": docs, "gold_clusters": 87, "pred_clusters": 1234, "pair_P": 0.5, "pair_R": 0.25,
        "pair_F1": 1 / 3, "b3_P": 0.75, "b3_R": 0.6, "b3_F1": 2 / 3, "ari": -0.0123,
    }  # fmt: skip
    return {
        "file": path,
        "sha256": "00",
        "trained_on": trained_on,
        "ours": shared | {"candidate_recall": 0.987, "seconds": 12.34},
        "tf_idf": shared | {"seconds": 0.5},
        "singletons": shared,
    }


@pytest.fixture
def command(capfd):
    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def no_runs(monkeypatch):
    """Streams are scored by their names alone; those called bad cannot be used."""

    def score_set(path, settings, trained):
        if "bad" in path:
            raise LabelledError(f"cannot read {path}: mended by hand")
        return scored(path)

    monkeypatch.setattr(module, "score_set", score_set)


def test_small_stream_gets_its_three_rows(command, make_file, tmp_path, monkeypatch):
    path = make_file("small.jsonl", SMALL)
    digest = hashlib.sha256(SMALL.encode()).hexdigest()
    monkeypatch.setattr(module, "training_labels", lambda model_id: {digest: "half"})
    code, printed, said = command("--labelled", path, "--json", tmp_path / "out.json")
    assert code == 0
    assert said.startswith(f"scoring {path} (1 of 1)\n")
    (found,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["sets"]
    assert (found["name"], found["file"], found["sha256"]) == ("small", path, digest)
    assert found["trained_on"] == "half"
    expected = cluster_scores(["b", "p", "b"], [0, 1, 0])
    for method in ("ours", "tf_idf"):
        assert expected.items() <= found[method].items()
        assert found[method]["seconds"] >= 0.0
    assert found["ours"]["candidate_recall"] == 1.0
    # Alone: precision 1, recall (1/2 + 1 + 1/2) / 3 = 2/3, F1 0.8; no pair is made.
    alone = found["singletons"]
    assert (alone["b3_P"], alone["b3_R"], alone["b3_F1"]) == (1.0, 0.6667, 0.8)
    assert (alone["pred_clusters"], alone["pair_F1"], alone["ari"]) == (3, 0.0, 0.0)
    assert alone["b3_F1"] == found["ours"]["all_singletons_b3_F1"]
    rows = [line.split() for line in printed.splitlines()[2:5]]
    assert [row[:5] for row in rows] == [
        ["small", "ours", "3", "2", "2"],
        ["small", "TF-IDF", "3", "2", "2"],
        ["small", "singletons", "3", "2", "3"],
    ]
    assert [row[-1] for row in rows] == ["half", "-", "-"]


def test_table_is_aligned_and_fits_120_columns():
    name = "a_set_with_a_very_long_name"
    table = Table([name, "b"])
    lines = [*table.heading().splitlines(), *table.block(name, scored(docs=123_456)).splitlines()]
    lines += table.block("b", scored(trained_on="half")).splitlines()
    assert max(map(len, lines)) <= 120
    assert all(line == line.rstrip() for line in lines)
    assert lines[1].split() == "set method docs gold pred P R F1 P R F1 ARI recall secs on".split()
    assert (
        lines[2].split()
        == (
            "a_set_with_a_very_… ours 123,456 87 1,234 0.750 0.600 0.667 0.500 0.250 0.333 -0.012 "
            "0.987 12.3 no"
        ).split()
    )
    ends = [lines[1].index("recall") + len("recall"), lines[1].index("ARI") + len("ARI")]
    for line in (lines[2], lines[5]):
        assert [line[:end].split()[-1] for end in ends] == ["0.987", "-0.012"]
    assert [line.split()[-1] for line in lines[2:8]] == ["no", "-", "-", "half", "-", "-"]
    assert lines[4].split()[-3:] == ["-", "-", "-"]


def test_legend_fits_120_columns_too():
    assert max(map(len, module.LEGEND.splitlines())) <= 120


def test_markdown_has_the_same_rows():
    lines = markdown({"a|b": scored(), "c": scored(trained_on="all")}).splitlines()
    assert len(lines) == 2 + 6
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1
    assert lines[0].startswith(
        "| set | method | docs | gold | pred | B3 P | B3 R | B3 F1 | pairs P"
    )
    assert lines[2].startswith(r"| a\|b | ours | 6,366 | 87 |")
    assert lines[5].endswith("| 0.987 | 12.3 | all |")


@pytest.mark.usefixtures("no_runs")
def test_unusable_stream_is_told_and_the_rest_goes_on(command, make_file, tmp_path):
    paths = [make_file(f"{name}.jsonl") for name in ("one", "bad", "two")]
    arguments = [word for path in paths for word in ("--labelled", path)]
    out, table = tmp_path / "out.json", tmp_path / "out.md"
    code, printed, said = command(*arguments, "--json", out, "--markdown", table)
    assert code == 1
    assert f"newsevents: cannot read {paths[1]}: mended by hand\n" in said
    assert said.endswith("newsevents: 1 of 3 streams could not be scored\n")
    blocks = printed.split("\n\n")
    assert [block.split()[0] for block in blocks[1:-1]] == ["two"]
    assert "\none ours" in blocks[0]
    assert blocks[-1] == f"{module.LEGEND}\n"
    saved = json.loads(out.read_text(encoding="utf-8"))
    assert [item["name"] for item in saved["sets"]] == ["one", "two"]
    assert [item["file"] for item in saved["unusable"]] == [paths[1]]
    assert len(table.read_text(encoding="utf-8").splitlines()) == 8


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.jsonl", None, "No such file or directory; check the path"),
        ("empty.jsonl", "", "holds no labelled document: give JSON Lines with id"),
        ("plain.jsonl", "Old bridge closed\n", "line 1: a JSON object with id and label is needed"),
        ("cut.jsonl.gz", gzip.compress(SMALL.encode())[:-9], "; give JSON Lines with id, title"),
    ],
    ids=["missing", "empty", "no JSON", "cut gzip"],
)
def test_file_that_cannot_be_used_is_named_with_the_fix(
    command, make_file, tmp_path, name, content, words
):
    path = str(tmp_path / name) if content is None else make_file(name, content)
    code, printed, said = command("--labelled", path)
    assert (code, printed) == (1, "")
    (line,) = [line for line in said.splitlines() if path in line and "newsevents: " in line]
    assert words in line
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--labelled"], 2, "--labelled: expected one argument"),
        (["--labeled", "x"], 2, "unknown flag or argument --labeled"),
        (["--window_days", "0"], 2, "argument --window_days: 0 is not"),
        (["--folder", "FILE"], 2, "Not a directory; name a folder"),
        (["--model", "/no/model"], 1, "model /no/model does not exist"),
        (["--json", "FOLDER"], 1, "Is a directory; name another file"),
        (["--markdown", "FOLDER/no/out.md"], 1, "No such file or directory; name another file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("no_runs")
def test_wrong_usage_is_one_line(command, make_file, tmp_path, arguments, code, words):
    make_file("file")
    told = [
        word.replace("FILE", str(tmp_path / "file")).replace("FOLDER", str(tmp_path))
        for word in arguments
    ]
    found, printed, said = command(*told)
    assert (found, printed, said.count("\n")) == (code, "", 1), said
    assert said.startswith("newsevents: ")
    assert words in said


@pytest.mark.usefixtures("no_runs")
def test_model_that_fails_its_checksum_is_one_line(command, monkeypatch):
    monkeypatch.setitem(model._OFFICIAL_SHA256, "tokenizer.json", "0" * 64)
    code, printed, said = command()
    assert (code, printed, said.count("\n")) == (1, "", 1)
    assert "SHA-256 should be 000" in said


def test_streams_are_the_shipped_one_and_those_of_the_folder(make_file, tmp_path, capfd):
    for name in ("b.jsonl.gz", "a.jsonl", "notes.txt", "c.json"):
        make_file(f"sets/{name}")
    shipped, *inside = find_streams([], str(tmp_path / "sets"))
    assert Path(shipped).resolve() == module.SHIPPED
    assert [Path(path).name for path in inside] == ["a.jsonl", "b.jsonl.gz"]
    assert find_streams([inside[0], inside[0]], str(tmp_path / "sets")) == inside
    assert capfd.readouterr().err == ""


def test_folder_that_is_not_there_is_said_and_passed_by(tmp_path, capfd):
    assert len(find_streams([], str(tmp_path / "sets"))) == 1
    assert capfd.readouterr().err == (
        f"no folder {tmp_path / 'sets'} here: scoring what there is without it\n"
    )


def test_sets_of_one_name_are_told_apart_by_their_folders():
    paths = ["/x/old/s.jsonl", "/x/new/s.jsonl.gz", "/x/new/other.jsonl", ".jsonl"]
    assert set_names(paths) == ["old/s", "new/s", "other", ".jsonl"]


@pytest.mark.parametrize("model_id", [DEFAULT_ID, "another@0#8"])
def test_training_sets_of_the_shipped_models_are_known(model_id):
    found = training_labels(model_id)
    assert found
    assert set(found.values()) <= {"all", "half"}
    assert all(len(digest) == 64 for digest in found)
    shipped = hashlib.sha256(module.SHIPPED.read_bytes()).hexdigest()
    assert shipped not in found
