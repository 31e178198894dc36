import gzip
import json

import pytest

from pipelines.labelled import Labelled, LabelledError, line_of, read_labels


def line(id_, label="x", **more):
    return json.dumps({"id": id_, "label": label, **more}) + "\n"


def test_ids_and_labels_come_by_line_number(make_file):
    text = "\n" + line("a", "fire", title="Fire") + "  \n" + line(7, 3)
    assert read_labels(make_file("s.jsonl", text)) == {
        2: Labelled("a", "fire"),
        4: Labelled("7", "3"),
    }


@pytest.mark.parametrize("name", ["s.jsonl.gz", "s.jsonl"])
def test_gzip_is_told_by_content(make_file, name):
    path = make_file(name, gzip.compress(line("ä").encode()))
    assert read_labels(path) == {1: Labelled("ä", "x")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no labelled document: give JSON Lines with id"),
        (" \n\n", "holds no labelled document"),
        (line("a") + "{\n", "line 2: a JSON object with id and label is needed"),
        (line("a") + '{"id": "b"}\n', r"line 2: .*'label' is missing"),
        ('{"label": "b"}\n', r"line 1: .*'id' is missing"),
        ("[1]\n", "line 1: a JSON object"),
        ("3\n", "line 1: a JSON object"),
        ('"id label"\n', "line 1: a JSON object"),
        (line("a") + line("b") + line("a"), "line 3: the id a comes twice; give"),
        (b"\xff\xfe\n", "cannot read .*s.jsonl: .*utf-8.*; give JSON Lines"),
        (gzip.compress(line("a").encode())[:-9], "cannot read .*s.jsonl: "),
        (b"\x1f\x8b not gzip at all", "cannot read .*s.jsonl: "),
        (gzip.compress(line("a").encode())[:10] + b"\xff" * 40, "cannot read .*s.jsonl: .*inval"),
        ("[" * 200_000 + "\n", "line 1: a JSON object"),
    ],
    ids=[
        "empty", "blank", "broken line", "no label", "no id", "list", "number", "text", "same id",
        "not utf-8", "cut gzip", "broken gzip", "damaged gzip", "too deep",
    ],
)  # fmt: skip
def test_stream_that_cannot_be_used_is_named_with_its_line(make_file, text, words):
    path = make_file("s.jsonl", text)
    with pytest.raises(LabelledError, match=words) as caught:
        read_labels(path)
    assert path in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("missing.jsonl", "No such file or directory; check"), (".", "Is a directory; give JSON")],
    ids=["missing", "folder"],
)
def test_stream_that_is_not_there_is_named(tmp_path, name, words):
    with pytest.raises(LabelledError, match=f"cannot read .*: {words}"):
        read_labels(str(tmp_path / name))


def test_line_is_found_by_the_key_of_the_item():
    labels = {1: Labelled("a", "x"), 12: Labelled("b", "x")}
    assert line_of("file:///in/s%23L7.jsonl#L12", labels) == 12


def test_lone_line_has_a_key_without_number():
    assert line_of("file:///in/s.jsonl", {3: Labelled("a", "x")}) == 3
