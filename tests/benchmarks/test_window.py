"""The benchmark of the window: how it repeats a stream, and what it counts."""

import gzip
import json
from datetime import datetime, timezone

import numpy as np
import pytest

from benchmarks import filling, window, window_task
from benchmarks.filling import Window, decide_once, fill
from benchmarks.repeats import Story, Stream, make_repeats
from benchmarks.window import main
from transforms.embed.model import DEFAULT_MODEL, resolve_model

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
DIM = 384  # the shipped join model asks for it


def _stories(count):
    chooser = np.random.default_rng(7)
    made = []
    for number in range(count):
        words = [f"word{n}" for n in chooser.zipf(1.3, 150) % 2000]
        words[5:5] = ["Councillor", f"Name{number}", str(1000 + number)]
        made.append(Story(f"Story {number}", " ".join(words) + "."))
    return made


def _vectors(count):
    rows = np.random.default_rng(8).standard_normal((count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _vector(embedded):
    return np.frombuffer(embedded.embedding, "<f4")


@pytest.fixture
def stories():
    return _stories(40)


def test_the_first_pass_is_the_stream_as_it_is(stories):
    first = make_repeats(stories, DIM, 3, 1)[0]
    assert first.text(stories[0].text) == stories[0].text
    assert np.array_equal(first.vector(_vectors(1)[0]), _vectors(1)[0])


def test_a_repeat_exchanges_words_one_for_one(stories):
    for repeat in make_repeats(stories, DIM, 3, 1)[1:]:
        assert sorted(repeat.exchange) == sorted(repeat.exchange.values())
        assert repeat.text(stories[0].text) != stories[0].text
        assert len(repeat.text(stories[0].text).split()) == len(stories[0].text.split())


def test_words_are_exchanged_for_words_of_their_form(stories):
    for old, new in make_repeats(stories, DIM, 2, 1)[1].exchange.items():
        assert old[0].isupper() == new[0].isupper()
        assert old.isdigit() == new.isdigit()


def test_a_repeated_vector_is_near_its_first_and_of_length_one():
    repeat = make_repeats(_stories(5), DIM, 2, 1)[1]
    rows = np.random.default_rng(8).standard_normal((20, DIM)).astype(np.float32)
    for row in rows / np.linalg.norm(rows, axis=1, keepdims=True):
        turned = repeat.vector(row)
        assert np.linalg.norm(turned) == pytest.approx(1.0, abs=1e-5)
        assert 0.8 < float(turned @ row) < 0.97


def test_no_story_comes_twice_in_one_pass(stories):
    stream = Stream(stories, _vectors(40), 150, 1)
    names = [stream.get(number, AT).article.article_id for number in range(150)]
    assert len(set(names)) == 150


def test_the_same_seed_makes_the_same_stream(stories):
    one, other = (Stream(stories, _vectors(40), 90, 1) for _ in range(2))
    for number in (0, 41, 89):
        assert one.get(number, AT) == other.get(number, AT)


def test_recall_counts_the_nearest_that_were_found(make_embedded):
    exact = window._Exact(4, 2)
    for name, row in (("a", [1, 0]), ("b", [0.8, 0.6]), ("c", [0, 1])):
        exact.add(make_embedded(np.array(row, "<f4"), article_id=name))
    asked = np.array([1, 0], np.float32)
    assert exact.recall(asked, {"a", "b", "c"}) == 1.0
    assert exact.recall(asked, {"a", "b"}) == pytest.approx(2 / 3)


def test_an_empty_window_misses_nothing():
    assert window._Exact(4, 2).recall(np.array([1, 0], np.float32), set()) == 1.0


def test_figures_are_written_for_each_size(tmp_path, monkeypatch, capsys):
    path, out = tmp_path / "stream.jsonl.gz", tmp_path / "out.json"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for story in _stories(40):
            lines.write(json.dumps({"title": story.title, "text": story.text}) + "\n")
    monkeypatch.setattr(window_task, "encode", lambda articles, cache: _vectors(len(articles)))
    monkeypatch.setattr(window_task, "ProcessPoolExecutor", _Here)
    assert main(["--stream", str(path), "--sizes", "30,100", "--json", str(out)]) == 0
    rows = json.loads(out.read_text("utf-8"))["sizes"]
    assert [row["size"] for row in rows] == [30, 100]
    assert [sum(row["roles"].values()) for row in rows] == [30, 100]
    assert all(row["neighbour_recall"] == 1.0 for row in rows)
    assert "recall" in capsys.readouterr().out


class _Here:
    """Runs in this process what would run in another."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def submit(self, function, *arguments):
        answer = function(*arguments)
        return type("Done", (), {"result": lambda self: answer})()


def test_a_missing_stream_is_named(tmp_path, capsys):
    assert main(["--stream", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err


DAYS = 7.0
MODEL = resolve_model(DEFAULT_MODEL).model_id


@pytest.fixture(scope="module")
def told():
    """Thirty stories, every third of which is told again, word for word, by the next."""
    stories = _stories(30)
    vectors = _vectors(30)
    for first in range(0, 30, 3):
        stories[first + 1] = stories[first]
        vectors[first + 1] = vectors[first]
    return stories, vectors


def test_what_is_decided_on_stories_names_originals_and_first_articles(told):
    decided = decide_once(*told, DAYS, MODEL)
    assert [what.original for what in decided[:6]] == [0, 0, 2, 3, 3, 5]
    assert [what.kind for what in decided[:3]] == ["none", "exact_text", "none"]
    assert decided[1].seed == decided[0].seed == 0


def test_a_window_filled_by_repeating_holds_what_one_decided_on_does(told):
    stream = Stream(*told, 30, 1)
    filled = {}
    for way, decided in (("decided", ()), ("repeated", decide_once(*told, DAYS, MODEL))):
        window = Window(30, DAYS, DIM, MODEL)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(filling, "LAST_DECIDED", 0)
            put = [(p.kind, p.role) for p in fill(window, stream, 30, decided)]
        filled[way] = (len(window.dedupe), len(list(window.cluster.states())), put)
    assert filled["repeated"][:2] == filled["decided"][:2]
    assert filled["repeated"][2] == filled["decided"][2]


def test_a_copy_whose_original_is_not_there_yet_is_none(told):
    decided = decide_once(*told, DAYS, MODEL)
    copies = filling.Copies(Stream(*told, 60, 1), decided)
    assert copies.as_decided(1, 1)[0].kind == "none"  # the repeat began between the two
    copies.as_decided(1, 0)
    assert copies.as_decided(1, 1)[0].of == "r1-0"


def test_a_repeat_joins_the_events_of_its_own_repeat(told):
    copies = filling.Copies(Stream(*told, 60, 1), decide_once(*told, DAYS, MODEL))
    assert copies.as_decided(0, 1)[1] != copies.as_decided(1, 1)[1]


def test_decisions_are_kept_for_the_same_stories_and_window(tmp_path, monkeypatch, capsys):
    path = tmp_path / "stream.jsonl"
    rows = ({"title": story.title, "text": story.text} for story in _stories(12))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    monkeypatch.setattr(window_task, "encode", lambda articles, cache: _vectors(len(articles)))
    monkeypatch.setattr(window_task, "ProcessPoolExecutor", _Here)
    command = ["--stream", str(path), "--sizes", "20", "--cache", str(tmp_path / "cache")]
    said = []
    for days in ("7", "7", "3"):
        assert main([*command, "--days", days]) == 0
        said.append("deciding on 12 stories" in capsys.readouterr().err)
    assert said == [True, False, True]
