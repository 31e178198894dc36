"""What is left of texts in an output that is not to hold them."""

import gzip
import json
import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.detect_events import main
from pipelines.explain.__main__ import main as explain
from pipelines.report.__main__ import main as report
from schemas.tables import TABLES

DEMO = Path(__file__).parents[1] / "data" / "demo"
MARKER = "Quietly vennomatic brambleholt trundles past forty glass lanterns near Oxhythe mill."


def pieces():
    """Give every three words of the marker in a row."""
    words = MARKER.strip(".").lower().split()
    return [" ".join(words[at : at + 3]).encode() for at in range(len(words) - 2)]


def marked(data):
    """Put the marker between sentences of whatever format this is."""
    for opening in (b"The", b"A", b"She", b"Le", b"Die"):
        for space in (b" ", b"\n"):
            old = b"." + space + opening + b" "
            data = data.replace(old, b". " + MARKER.encode() + space + opening + b" ")
    return data


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """The demo input with a sentence of ours in its texts, and a line that cannot be read."""
    folder = tmp_path_factory.mktemp("marked")
    (folder / "feeds.txt").write_bytes((DEMO / "feeds.txt").read_bytes())
    for path in sorted([*(DEMO / "dropped").iterdir(), *(DEMO / "feeds").iterdir()]):
        data = path.read_bytes()
        packed = path.suffix == ".gz"
        data = marked(gzip.decompress(data) if packed else data)
        target = folder / path.parent.name / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    line = json.dumps({"title": "A mill", "text": MARKER})
    (folder / "dropped" / "broken.jsonl").write_text(f"{line}\n{line[:-1]}\n{line[:-2]}\n")
    return ("--input", str(folder / "dropped" / "*"), "--feeds", str(folder / "feeds.txt"))


@pytest.fixture(scope="module")
def stored(arguments, tmp_path_factory):
    """``stored(how, mode)``: the output of one run, made once."""
    made = {}

    def run(how, *mode):
        name = (how, *mode)
        if name not in made:
            out = tmp_path_factory.mktemp(how) / "out"
            options = [*arguments, *mode, "--store_text", how, "--output", str(out)]
            assert main(options) == 0
            made[name] = out
        return made[name]

    return run


def buffers(array):
    for chunk in array.chunks if isinstance(array, pa.ChunkedArray) else [array]:
        yield from (bytes(buffer) for buffer in chunk.buffers() if buffer is not None)


def places_with_marker(out):
    """Name the columns and files that hold three words of the marker in a row."""
    found = set()
    for table in TABLES:
        for path in (out / table.name).rglob("*.parquet"):
            data = pq.read_table(path, partitioning=None)
            for name in data.column_names:
                for buffer in buffers(data[name].combine_chunks()):
                    text = buffer.lower()
                    if any(piece in text for piece in pieces()):
                        found.add(f"{table.name}.{name}")
    for path in out.iterdir():
        if path.is_file() and any(piece in path.read_bytes().lower() for piece in pieces()):
            found.add(path.name)
    return found


@pytest.mark.parametrize("mode", [(), ("--resume",)], ids=["at once", "in rounds"])
def test_none_leaves_nothing_of_a_sentence_of_the_texts(mode, stored):
    assert places_with_marker(stored("none", *mode)) == set()


def test_the_same_sentence_is_found_where_text_is_stored(stored):
    found = places_with_marker(stored("full"))
    assert found >= {"articles.body", "events.summary", "dead_letters.payload", "report.html"}


def test_lead_leaves_it_where_it_stands_at_the_beginning_only(stored):
    found = places_with_marker(stored("lead"))
    assert "dead_letters.payload" not in found
    rows = pq.read_table(stored("lead") / "articles").to_pylist()
    assert max(len(row["body"] or "") for row in rows) <= 400
    assert max(len(row["description"] or "") for row in rows) <= 400


def decisions(out):
    rows = pq.read_table(out / "articles").to_pylist()
    hidden = ("body", "description")
    return sorted(
        repr({name: value for name, value in row.items() if name not in hidden}) for row in rows
    )


@pytest.mark.parametrize("how", ["lead", "none"])
def test_a_run_decides_the_same_whatever_it_stores(how, stored):
    assert decisions(stored(how)) == decisions(stored("full"))
    run, full = (json.loads((stored(name) / "run.json").read_text()) for name in (how, "full"))
    assert run["counts"] == full["counts"]
    assert run["options"] == full["options"] | {"store_text": how}


def test_report_and_explain_work_without_texts(stored, capsys):
    out = stored("none")
    assert report(["--output", str(out)]) == 0
    article = pq.read_table(out / "articles").to_pylist()[0]
    assert explain(["--output", str(out), article["event_id"]]) == 0
    assert article["title"][:20] in capsys.readouterr().out


def story(name, title, text, day):
    return {
        "title": title,
        "text": text,
        "published": f"2026-03-{day}T09:00:00Z",
        "url": f"https://{name}.example/a",
    }


def tell(folder, name, *records):
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    os.utime(path, (time.time() - 60,) * 2)


FERRY = " ".join(
    f"The ferry Skerra Maid ran aground {n} hundred metres off the island of Dunlow in fog."
    for n in ("two", "three", "four", "five", "six", "seven", "eight", "nine")
)


@pytest.mark.parametrize("how", ["lead", "none"])
def test_a_run_that_goes_on_knows_what_came_before_by_hashes(how, tmp_path, capfd):
    folder, out = tmp_path / "in", tmp_path / "out"
    options = ["--input", str(folder), "--resume", "--no-report", "--output", str(out)]
    tell(folder, "first", story("one", "Ferry aground off Dunlow", FERRY, "02"))
    assert main([*options, "--store_text", how]) == 0
    tell(
        folder,
        "second",
        story("two", "Ferry aground off Dunlow", FERRY, "03"),
        story("three", "Passengers stuck on Skerra Maid", FERRY, "03"),
    )
    capfd.readouterr()
    assert main([*options, "--store_text", "full"]) == 0
    assert f"--store_text full, and {how} before: rows that are there" in capfd.readouterr().err
    rows = pq.read_table(out / "articles").to_pylist()
    found = {row["domain"]: row for row in rows}
    assert sorted(found) == ["one.example", "three.example", "two.example"]
    assert len(rows) == 3  # what was there is a repeat
    assert found["two.example"]["dup_kind"] == "exact_text"
    assert found["two.example"]["dup_of"] == found["one.example"]["article_id"]
    assert "by their hash" in found["two.example"]["dup_evidence"]
    assert len({row["event_id"] for row in rows}) == 1
    assert found["one.example"]["body"] != FERRY
    assert found["two.example"]["body"] == FERRY


def test_a_run_that_goes_on_keeps_no_more_than_the_one_before_unless_it_is_told(tmp_path, capsys):
    out = tmp_path / "out"
    for number, options in enumerate((["--store_text", "none"], [], ["--store_text", "full"])):
        (tmp_path / f"{number}.txt").write_text(f"Mill number {number} burnt\n\n{MARKER}")
        os.utime(tmp_path / f"{number}.txt", (time.time() - 60,) * 2)
        arguments = ["--input", str(tmp_path / "*.txt"), "--output", str(out), "--no-report"]
        assert main([*arguments, "--resume", *options]) == 0
    rows = pq.read_table(out / "articles", columns=["title", "body"]).to_pylist()
    kept = {row["title"].split()[2] for row in rows if row["body"]}
    assert (len(rows), kept) == (3, {"2"})
    assert "--store_text none, as before" in capsys.readouterr().err
