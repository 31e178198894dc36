"""The benchmark of copies: what it plants, and how it counts."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import near_duplicates
from benchmarks.near_duplicates import main, score_links
from benchmarks.near_duplicates_set import COPIES, SWAPPED, Document, build

STREAM = Path(__file__).parents[2].parent / "shared" / "stream" / "abp_2018_2020.jsonl.gz"


@pytest.fixture
def stream(tmp_path):
    """Sixty invented stories, each with words, names and numbers of its own."""
    chooser = np.random.default_rng(5)
    path = tmp_path / "stream.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for number in range(60):
            row = {"id": f"s{number}", "title": f"Story {number}", "text": _story(number, chooser)}
            lines.write(json.dumps(row) + "\n")
    return path


def _story(number, chooser):
    paragraphs = []
    for part in range(6):
        words = [f"word{n}" for n in chooser.integers(0, 4000, 40)]
        words[9:9] = [
            f"Name{'abcdefghij'[part]}{'klmnopqrst'[number % 10]}",
            str(number * 7 + part),
        ]
        paragraphs.append(" ".join(words).capitalize() + ".")
    return "\n\n".join(paragraphs)


def _document(name, group, kind="real", like=""):
    return Document(name, "", "", group, kind, like)


def test_the_same_seed_plants_the_same(stream):
    assert build(stream, 60, 1) == build(stream, 60, 1)
    assert build(stream, 60, 1) != build(stream, 60, 2)


def test_parts_share_no_story_and_no_template(stream):
    tuning, report = build(stream, 60, 1)
    groups = [{document.group for document in part.documents} for part in (tuning, report)]
    assert not groups[0] & groups[1]


def test_an_original_comes_before_its_copies(stream):
    for part in build(stream, 60, 1):
        seen = set()
        for document in part.documents:
            assert not document.like or document.like in seen
            seen.add(document.id)


def test_copies_keep_their_group_and_look_alikes_have_their_own(stream):
    documents = [document for part in build(stream, 60, 1) for document in part.documents]
    group = {document.id: document.group for document in documents}
    assert {document.kind for document in documents} == {*COPIES, *SWAPPED, "real", "template"}
    for document in documents:
        if document.kind in COPIES:
            assert document.group == group[document.like]
        elif document.kind in SWAPPED:
            assert document.group != group[document.like]


def test_real_copies_are_set_aside(stream, tmp_path):
    rows = gzip.decompress(stream.read_bytes()).decode().splitlines()
    again = json.loads(rows[0]) | {"id": "again"}
    path = tmp_path / "more.jsonl"
    path.write_text("\n".join([*rows, json.dumps(again)]), "utf-8")
    parts = build(path, 100, 1)
    assert [pair for part in parts for pair in part.set_aside] == [("again", "s0", 1.0)]


def test_pairs_links_and_kinds_are_counted_by_hand():
    documents = [
        _document("a", "a"), _document("a1", "a", "cut", "a"), _document("a2", "a", "exact", "a"),
        _document("b", "b"), _document("c", "c", "template"),
    ]  # fmt: skip
    score = score_links(documents, {1: 0, 4: 3})
    assert score.precision == 1 / 2  # a–a1 is right, b–c is not
    assert score.recall == 1 / 3  # of a–a1, a–a2 and a1–a2
    assert (score.link_precision, score.link_recall) == (1 / 2, 1 / 2)
    assert (score.recall_by_kind["cut"], score.recall_by_kind["exact"]) == (1, 0)
    assert score.false_by_kind == {"template": 1}


def test_links_to_copies_count_as_one_cluster():
    documents = [
        _document("a", "a"), _document("a1", "a", "cut", "a"), _document("a2", "a", "exact", "a"),
    ]  # fmt: skip
    assert score_links(documents, {1: 0, 2: 1}).recall == 1


def test_nothing_found_is_no_error():
    score = score_links([_document("a", "a"), _document("a1", "a", "cut", "a")], {})
    assert (score.precision, score.recall, score.link_recall) == (0, 0, 0)


def test_the_command_prints_a_table_and_writes_json(stream, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert main(["--stream", str(stream), "--no_vectors", "--json", str(out)]) == 0
    assert "newsevents, words alone" in capsys.readouterr().out
    written = json.loads(out.read_text("utf-8"))
    assert sorted(written) == ["report", "tuning"]
    for part in written.values():
        assert part["methods"][0]["precision"] >= 0.998
        assert part["methods"][0]["recall"] >= 0.95  # the templates weigh much in so few stories


def test_vectors_are_encoded_once(stream, tmp_path, fake_encoder, monkeypatch, capsys):
    monkeypatch.setattr(near_duplicates, "load_encoder", lambda name: fake_encoder)
    command = ["--stream", str(stream), "--cache", str(tmp_path / "cache"), "--parts", "tuning"]
    assert main(command) == 0
    assert "encoding" in capsys.readouterr().err
    assert main(command) == 0
    assert "encoding" not in capsys.readouterr().err


def test_a_missing_stream_is_named(tmp_path, capsys):
    assert main(["--stream", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl: no such file" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not STREAM.is_file(), reason="needs the real stream")
def test_the_reported_part_of_a_real_stream_holds_the_target(tmp_path):
    out = tmp_path / "out.json"
    main(["--stream", str(STREAM), "--no_vectors", "--parts", "report", "--json", str(out)])
    (ours,) = json.loads(out.read_text("utf-8"))["report"]["methods"]
    assert ours["precision"] >= 0.998
    assert ours["recall"] >= 0.99
