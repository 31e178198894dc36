"""Dead letters tried again: what becomes rows, what fails again, and what cannot be tried."""

import json
import os
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.detect_events import main as detect
from pipelines.replay.__main__ import main as replay
from transforms.extract import transform as extract_module
from transforms.parse import transform as parse_module
from transforms.write.locks import run_lock

ROOT = Path(__file__).parents[2]
TEXT = "The harbour bridge closed on Monday after engineers found a crack in the main span."
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Kettlewick Echo</title>
<link>https://echo.example/</link><item><guid>e1</guid><title>Old bridge closed</title>
<link>https://echo.example/bridge</link><pubDate>Mon, 02 Mar 2026 06:12:00 GMT</pubDate>
<description>The old bridge at Kettlewick is closed because of a crack.</description>
</item></channel></rss>"""


def record(name, **more):
    return {
        "id": name,
        "title": f"Harbour bridge closes, {name}",
        "text": TEXT,
        "lang": "en",
        "published": "2026-03-02T20:00:00Z",
        "url": f"https://x.example/{name}",
    } | more


def write(path, *lines):
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    )
    os.utime(path, (time.time() - 60,) * 2)
    return path


def rows(out, table):
    return [
        row
        for path in sorted((out / table).glob("*/*.parquet"))
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]


def urls(out):
    return sorted(row["url"].rpartition("/")[2] for row in rows(out, "articles"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def run(folder, out):
    """``run(*arguments)``: take one round of the folder."""

    def go(*arguments):
        source = ["--input", str(folder / "*")] if folder.exists() else []
        options = [*source, "--resume", "--no-report", "--output", str(out)]
        assert detect([*options, *map(str, arguments)]) == 0

    return go


@pytest.fixture
def again(out, capfd):
    """``again(*arguments)``: replay; gives the last line, or all that was said if it failed."""

    def go(*arguments, expect=0):
        capfd.readouterr()
        code = replay(["--output", str(out), *map(str, arguments)])
        said = capfd.readouterr()
        assert code == expect, said.err
        assert "Traceback" not in said.err
        go.said = said
        return said.out.splitlines()[-1] if code == 0 else said.err

    return go


@pytest.fixture
def failing(monkeypatch):
    """``failing(module, name, word)``: break a step for items that hold a word; gives the cure."""

    def breaks(module, name, word):
        whole = getattr(module, name)

        def broken(item, *more):
            if word in repr(item):
                raise KeyError(word)
            return whole(item, *more)

        monkeypatch.setattr(module, name, broken)
        return lambda: monkeypatch.setattr(module, name, whole)

    return breaks


def test_a_file_that_was_too_large_succeeds_with_a_larger_limit(folder, out, run, again):
    write(folder / "big.jsonl", record("big", pad="x" * 1_100_000))
    write(folder / "small.jsonl", record("small"))
    run("--max_file_mb", 1)
    assert [row["reason"] for row in rows(out, "dead_letters")] == ["too_large"]
    assert again() == "0 items of 0 dead letters; nothing was tried"  # it is not replayable
    assert again("--reason", "too_large").endswith("1 failed again + 0 brought nothing + 0 cannot "
                                                   "be tried")  # fmt: skip
    said = again("--reason", "too_large", "--max_file_mb", 4)
    assert said.startswith("1 item of 1 dead letter = 1 succeeded + 0 known already + 0 failed")
    assert urls(out) == ["big", "small"]
    assert len(rows(out, "dead_letters")) == 1
    assert "1 known already" in again("--reason", "too_large", "--max_file_mb", 4)
    assert urls(out) == ["big", "small"]


def test_what_a_bug_refused_becomes_an_article_and_its_neighbours_stay(
    folder, out, run, again, failing
):
    write(folder / "three.jsonl", record("one"), record("two"), record("three"))
    cure = failing(extract_module, "extract_article", "x.example/two")
    run()
    assert urls(out) == ["one", "three"]
    assert "= 0 succeeded + 0 known already + 1 failed again" in again()
    assert len(rows(out, "dead_letters")) == 1
    cure()
    assert "= 1 succeeded + 0 known already + 0 failed again" in again()
    assert urls(out) == ["one", "three", "two"]


def test_a_line_of_a_file_that_is_gone_comes_from_its_letter(folder, out, run, again, failing):
    line = record("two")
    del line["url"], line["published"]
    path = write(folder / "two.jsonl", record("one"), line)
    cure = failing(parse_module, "parse_document", "bridge closes, two")
    run()
    (letter,) = rows(out, "dead_letters")
    path.unlink()
    cure()
    assert "= 1 succeeded" in again()
    found = next(row for row in rows(out, "articles") if row["title"].endswith("two"))
    assert found["url"] == path.as_uri()
    assert found["input_kind"] == "jsonl"
    assert found["first_seen_at"] == letter["first_failed_at"]


def test_a_document_that_is_gone_comes_from_its_letter_only_if_it_is_whole(
    folder, out, run, again, failing
):
    short = write(folder / "short.txt", "Mill sold", "", f"zzz {TEXT}")
    long = write(folder / "long.txt", "Mill burnt", "", f"zzz {TEXT} " * 1500)
    cure = failing(parse_module, "parse_document", "zzz")
    run()
    assert {len(row["payload"]) < 65_536 for row in rows(out, "dead_letters")} == {True, False}
    short.unlink()
    long.unlink()
    cure()
    said = again()
    assert said == (
        "2 items of 2 dead letters = 1 succeeded + 0 known already + 0 failed again + 0 brought "
        "nothing + 1 cannot be tried"
    )
    assert [row["title"] for row in rows(out, "articles")] == ["Mill sold"]


@pytest.mark.parametrize("gone", [True, False])
def test_without_stored_text_only_what_is_still_there_can_be_tried(
    gone, folder, out, run, again, failing
):
    path = write(folder / "two.jsonl", record("one"), record("two"))
    cure = failing(parse_module, "parse_document", "x.example/two")
    run("--store_text", "none")
    assert [row["payload"] for row in rows(out, "dead_letters")] == [b""]
    cure()
    if gone:
        path.unlink()
    said = again()
    assert ("1 cannot be tried" in said) is gone
    assert ("nothing was tried" in said) is gone
    assert urls(out) == (["one"] if gone else ["one", "two"])
    assert {row["body"] for row in rows(out, "articles")} == {None}


def test_a_feed_that_failed_is_asked_again_as_the_same_feed(server, out, run, again):
    feed = server.answer("/feed.xml", status="503 Busy", Retry_After="7200")
    run("--feeds", feed, "--allow_private_hosts")
    server.answer("/feed.xml", FEED.encode(), Content_Type="application/rss+xml")
    said = again("--allow_private_hosts")
    assert said.startswith("1 item of 1 dead letter = 1 succeeded")
    assert urls(out) == ["bridge"]
    log = rows(out, "fetch_log")
    assert [row["outcome"] for row in log] == ["TEMP", "NEW"]
    assert len({row["feed_id"] for row in log}) == 1


def test_a_feed_that_fails_again_on_the_same_day_has_one_letter(server, out, run, again):
    run("--feeds", server.answer("/feed.xml", status="503 Busy"), "--allow_private_hosts")
    assert "1 failed again" in again("--allow_private_hosts")
    assert len(rows(out, "dead_letters")) == 1


def test_run_json_goes_on_naming_the_input_of_the_last_run(folder, out, run, again):
    write(folder / "lines.jsonl", record("one"), "{broken")
    run("--granularity", "story")
    before = json.loads((out / "run.json").read_text())
    again("--reason", "broken_json")
    after = json.loads((out / "run.json").read_text())
    assert after["options"] == before["options"]
    assert after["counts"]["rejected_again"] == 1


def test_the_output_of_a_run_that_ended_can_be_replayed(folder, out, again, failing):
    write(folder / "two.jsonl", record("one"), record("two"))
    cure = failing(parse_module, "parse_document", "x.example/two")
    assert detect(["--input", str(folder / "*"), "--output", str(out), "--no-report"]) == 0
    cure()
    assert "= 1 succeeded" in again()
    assert urls(out) == ["one", "two"]


def test_hostile_items_fail_again_and_nothing_else_happens(folder, out, run, again):
    bomb = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    write(
        folder / "bomb.xml", f"{bomb}<rss><channel><item><title>&b;</title></item></channel></rss>"
    )
    write(folder / "deep.jsonl", "[" * 60_000, '{"a": ' * 20_000, '{"x": "\\u0000\ud7ff"}')
    (folder / "bytes\x1b[31m.bin").write_bytes(bytes(range(256)) * 40)
    run()
    reasons = {row["reason"] for row in rows(out, "dead_letters")}
    letters = len(rows(out, "dead_letters"))
    flags = [part for reason in sorted(reasons) for part in ("--reason", reason)]
    again(*flags, "--dry_run")
    said = again(*flags)
    assert "= 0 succeeded + 0 known already" in said
    assert "+ 0 cannot be tried" in said
    assert len(rows(out, "dead_letters")) == letters
    assert rows(out, "articles") == []


def test_dry_run_lists_and_writes_nothing(folder, out, run, again, capfd):
    write(folder / "lines.jsonl", record("one"), "{broken \x1b[31m", "{broken too")
    run()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert again("--reason", "broken_json", "--dry_run") == (
        "2 items of 2 dead letters: 2 payload; nothing was tried"
    )
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert again("--reason", "nosuch", "--dry_run") == (
        "0 items of 0 dead letters; nothing was tried"
    )


def test_letters_are_chosen_by_time_and_stage(folder, out, run, again):
    write(folder / "lines.jsonl", record("one"), "{broken")
    run()
    (letter,) = rows(out, "dead_letters")
    chosen = ["--reason", "broken_json", "--dry_run"]
    day = letter["first_failed_at"].date().isoformat()
    assert "1 item of" in again(*chosen, "--since", day, "--stage", "read")
    assert "0 items of" in again(*chosen, "--stage", "parse")
    later = datetime.now(timezone.utc).replace(year=2100).isoformat(timespec="minutes")
    assert "0 items of" in again(*chosen, "--since", later)


def test_a_reason_that_no_letter_has_is_answered_with_those_there_are(folder, run, again, capfd):
    write(folder / "a.jsonl", record("a"), "{broken")
    run()
    again("--reason", "brokn_json", "--dry_run")
    assert (
        again.said.err.count("1 parse broken_json") + again.said.err.count("1 read broken_json")
        == 1
    )


def test_an_output_that_is_being_written_is_refused(folder, out, run, again):
    write(folder / "lines.jsonl", record("one"), "{broken")
    run()
    with run_lock(out):
        said = again("--reason", "broken_json", expect=1)
    assert said.splitlines()[-1].startswith("newsevents: ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 1, "holds no output"),
        (["--since", "yesterday"], 2, "no time such as"),
        (["--streaming"], 2, "unrecognized arguments: --streaming"),
        (["--feeds", "none.txt"], 2, "none.txt"),
        (["--max_file_mb", "0"], 2, "0 is not a whole number above 0"),
    ],
)
def test_wrong_usage_is_one_line(arguments, code, words, folder, out, again, run):
    if arguments:
        write(folder / "lines.jsonl", "{broken")
        run()
    said = again(*arguments, expect=code)
    assert words in said
    assert said.splitlines()[-1].startswith("newsevents: ")


def test_a_damaged_table_is_named(folder, out, run, again):
    write(folder / "lines.jsonl", record("one"), "{broken")
    run()
    (path,) = (out / "dead_letters").rglob("part-0*.parquet")
    path.write_bytes(b"PAR1 nothing PAR1")
    assert "cannot be read" in again("--reason", "broken_json", expect=1)


def test_help_loads_nothing_heavy():
    heavy = {"torch", "apache_beam", "pyarrow", "sklearn", "trafilatura"}
    code = (
        "import sys\nfrom pipelines.replay.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
