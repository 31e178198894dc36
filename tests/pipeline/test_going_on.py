"""Runs that take up an output again: nothing twice, nothing lost, and what has to be refused."""

import json
import os
import shutil
import time
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from pipelines import stored_rows
from pipelines.compact import main as compact
from pipelines.detect_events import main
from pipelines.resume import OutputSeeds
from transforms._shared.stopping import STOP
from transforms.write import rounds as rounds_module
from transforms.write import transform as write_module

BRIDGE = (
    "Harbour bridge closes",
    "The harbour bridge closed on Monday after engineers found a crack in the main span, "
    "officials said.",
)
MAYOR = (
    "Council elects first woman mayor",
    "Dunmarrow elected its first woman mayor on Thursday night after three rounds of voting.",
)
MILL = (
    "Old mill sold",
    "The old mill at Verrow was sold at auction on Friday for two million to a housing company.",
)
MILL_OFF = (
    "Sale of old mill is off: buyer withdraws",
    "The old mill at Verrow will not be sold because the housing company that bid withdrew, "
    "the agent said on Saturday.",
)
MILL_OFF_TOO = (
    "Sale of Verrow's old mill is off as buyer withdraws",
    "The housing company that bid for the old mill at Verrow withdrew and it will not be sold, "
    "the agent said on Saturday evening.",
)
NOTE = (
    "Notes from the lighthouse\n\nThe keeper of Skerra lighthouse counted nine hundred geese on "
    "Sunday, more than in any autumn since the tower was built, and wrote each flock down.\n"
)
MAIL = (
    "Date: Mon, 02 Mar 2026 07:03:00 +0000\nFrom: Alert <news@courier.example>\n"
    "To: reader@reader.example\nSubject: Tram drivers in Hexley walk out\n"
    "Message-ID: <tram@courier.example>\nContent-Type: text/plain; charset=utf-8\n\n"
    "Tram drivers in Hexley walked out at noon on Monday over a new rota, their union said, and "
    "no tram will leave the Marsh Lane depot before Wednesday.\n"
)


def record(name, story, day, site="x.example"):
    title, text = story
    return {"id": name, "title": title, "text": text, "published": f"2026-{day}T20:00:00Z",
            "lang": "en", "source": "X Wire", "url": f"https://{site}/{name}"}  # fmt: skip


def write(path, content, ago=60.0):
    """Write a file that was changed ``ago`` seconds before now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (time.time() - ago,) * 2)


def tell(folder, name, *records, ago=60.0):
    write(folder / name, "".join(f"{json.dumps(row)}\n" for row in records), ago)


def rows(out, table):
    return [
        row
        for path in sorted((out / table).glob("*/*.parquet"))
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]


def names(out):
    """Give the end of the URL and the revision of each row of articles."""
    return sorted((row["url"].rpartition("/")[2], row["revision"]) for row in rows(out, "articles"))


def assert_nothing_twice(out):
    articles = rows(out, "articles")
    revisions = [(row["article_id"], row["revision"]) for row in articles]
    assert len(set(revisions)) == len(revisions)
    told = [(row["event_id"], row["revision"]) for row in rows(out, "events")]
    assert len(set(told)) == len(told)
    changes = rows(out, "event_changes")
    created = [row["subject"] for row in changes if row["type"].endswith(".created")]
    assert len(set(created)) == len(created)
    assert len({row["id"] for row in changes}) == len(changes)
    sequences = [row["sequence"] for row in articles]
    assert len(set(sequences)) == len(sequences)


def in_order(out):
    """Say whether the later revisions of each article were decided on later."""
    found = sorted(
        (row["article_id"], row["revision"], row["sequence"]) for row in rows(out, "articles")
    )
    return all(a[2] < b[2] for a, b in pairwise(found) if a[0] == b[0])


@pytest.fixture
def run(capfd):
    """``run(folder, out, *arguments)``: take a round; gives the messages."""

    def go(folder, out, *arguments, mode="--resume", expect=0):
        capfd.readouterr()
        code = main([*map(str, arguments), *([mode] if mode else []), "--input", str(folder),
                     "--output", str(out), "--no-report"])  # fmt: skip
        said = capfd.readouterr()
        assert code == expect, said.err
        assert "Traceback" not in said.err
        return said.out + said.err

    return go


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """An output of two rounds and its input, for all that only look at it or copy it."""
    folder = tmp_path_factory.mktemp("in")
    out = tmp_path_factory.mktemp("finished") / "out"
    arguments = ["--input", str(folder), "--output", str(out), "--resume", "--no-report"]
    tell(folder, "a.jsonl", record("mayor", MAYOR, "03-18"), record("mill", MILL_OFF, "03-19"))
    write(folder / "note.txt", NOTE)
    write(folder / "mail.eml", MAIL)
    assert main(arguments) == 0
    first = (out / "run.json").read_bytes()
    tell(folder, "b.jsonl", record("too", MILL_OFF_TOO, "03-19"))
    assert main(arguments) == 0
    return SimpleNamespace(folder=folder, out=out, first_run=first)


@pytest.fixture
def copied(finished, out):
    """A copy of the output of two rounds that may be spoilt; the input is shared."""
    shutil.copytree(finished.out, out)
    return SimpleNamespace(folder=finished.folder, out=out, articles=names(finished.out))


def cut(out, table, number):
    """Cut the files of a round to 500 bytes."""
    paths = list((out / table).glob(f"*/part-{number:09d}-*"))
    for path in paths:
        path.write_bytes(path.read_bytes()[:500])
    return len(paths)


def test_event_that_got_a_later_text_is_not_created_again(run, folder, out):
    first = [record("a", BRIDGE, "03-20"), record("c", MAYOR, "03-02")]
    tell(folder, "a.jsonl", *first, record("z", MILL, "03-01"))
    run(folder, out)
    later = [*first, record("z", MILL_OFF, "03-20")]
    tell(folder, "a.jsonl", *later, ago=50)
    run(folder, out)
    tell(folder, "a.jsonl", *later, record("d", MILL_OFF_TOO, "03-20"), ago=40)
    run(folder, out)
    assert names(out) == [("a", 1), ("c", 1), ("d", 1), ("z", 1), ("z", 2)]
    assert_nothing_twice(out)
    homes = {(r["url"][-1], r["revision"]): r["event_id"] for r in rows(out, "articles")}
    assert homes["d", 1] == homes["z", 2]


def test_no_sequence_is_used_twice_when_events_were_closed_at_once(run, folder, out):
    tell(folder, "a.jsonl", record("a", BRIDGE, "03-20"))
    run(folder, out)
    tell(folder, "b.jsonl", record("c", MAYOR, "02-27"), record("z", MILL, "03-01"))
    run(folder, out)
    tell(folder, "b.jsonl", record("c", MAYOR, "02-27"), record("z", MILL_OFF, "03-20"), ago=50)
    run(folder, out)
    assert names(out) == [("a", 1), ("c", 1), ("z", 1), ("z", 2)]
    assert in_order(out)
    assert_nothing_twice(out)


def test_changed_file_with_an_older_date_is_one_revision_however_often_it_is_read(run, folder, out):
    tell(folder, "a.jsonl", record("z", MILL, "03-19"))
    run(folder, out)
    tell(folder, "a.jsonl", record("z", MILL_OFF, "03-20"), ago=3600)
    for _ in range(2):
        run(folder, out)
        assert names(out) == [("z", 1), ("z", 2)]
    assert_nothing_twice(out)


def test_unchanged_file_is_not_forgotten_after_the_window(run, folder, out, monkeypatch):
    ahead, rounds = [0.0], [0]
    monkeypatch.setattr("pipelines.stream.time.time", lambda real=time.time: real() + ahead[0])
    real = rounds_module.Rounds.commit

    def commit(self):
        ended = real(self)
        rounds[0] += 1
        ahead[0] += 500  # less than what gets a line
        if rounds[0] == 20:  # more than twice the window
            os.utime(folder / "a.jsonl", (time.time() - ahead[0] - 30,) * 2)
        if rounds[0] == 23:
            STOP.set()
        return ended

    monkeypatch.setattr(rounds_module.Rounds, "commit", commit)
    tell(folder, "a.jsonl", record("z", MILL, "03-19"))
    write(folder / "note.txt", NOTE)
    settings = ("--window_days", "0.05", "--poll_seconds", "0.02")
    run(folder, out, *settings, mode="--streaming")
    assert len(rows(out, "articles")) == 2
    assert_nothing_twice(out)


_FORGOTTEN = pytest.mark.xfail(
    reason="sightings have the date of the file, so they are removed with the articles", strict=True
)


@pytest.mark.parametrize("file_from", ["now", pytest.param("december", marks=_FORGOTTEN)])
def test_removed_articles_do_not_come_back(run, folder, out, file_from):
    old = 60 if file_from == "now" else time.time() - 1764979200
    tell(folder, "a.jsonl", record("a", BRIDGE, "03-20"))
    stories = [record("c", MAYOR, "01-05", "y.example"), record("z", MILL, "01-02", "y.example")]
    tell(folder, "b.jsonl", *stories, ago=old)
    run(folder, out)
    assert len(rows(out, "articles")) == 3
    assert compact(["--output", str(out), "--keep_days", "20"]) == 0
    assert names(out) == [("a", 1)]
    for _ in range(2):
        said = run(folder, out)
        assert names(out) == [("a", 1)], said
    assert_nothing_twice(out)


def test_damaged_file_of_any_table_is_passed_over(copied):
    whole = {path: path.read_bytes() for path in copied.out.glob("*/*/part-0*.parquet")}
    for path, data in whole.items():
        for size in (0, 500, len(data) - 9):
            path.write_bytes(data[:size])
            seeds = OutputSeeds(str(copied.out), 14.0 + size / 1e9, 2)  # not what is known of it
            stored_rows._scan.cache_clear()
            seeds.load()
            list(seeds.decisions())
            list(seeds.compared())
            seeds.feed_states()
            seeds.letters()
            assert seeds.known() is not None
            (passed_over,) = seeds.unusable()
            assert passed_over.path == path.relative_to(copied.out).as_posix()
        path.write_bytes(data)


@pytest.mark.parametrize("number", [1, 2])
def test_resumed_run_gets_over_a_damaged_file_of_event_articles(run, copied, folder, number):
    assert cut(copied.out, "event_articles", number)
    before = {row["url"]: row["event_id"] for row in rows(copied.out, "articles")}
    tell(folder, "new.jsonl", record("new", BRIDGE, "03-20"))
    said = run(copied.folder, copied.out, "--input", folder)
    assert "passed over event_articles/" in said
    after = {row["url"]: row["event_id"] for row in rows(copied.out, "articles")}
    assert after.pop("https://x.example/new") not in before.values()
    assert after == before
    assert_nothing_twice(copied.out)


@pytest.mark.parametrize("table", ["articles", "events"])
def test_new_articles_are_taken_though_a_file_of_decisions_is_damaged(run, copied, folder, table):
    assert cut(copied.out, table, 1)
    tell(folder, "new.jsonl", record("new", BRIDGE, "03-20"))
    run(copied.folder, copied.out, "--input", folder)
    for path in (copied.out / table).glob("*/part-000000001-*"):
        path.unlink()
    assert names(copied.out) == sorted([*copied.articles, ("new", 1)])


def test_lost_articles_of_the_first_round_come_again_once(run, copied):
    for path in (copied.out / "articles").glob("*/part-000000001-*"):
        path.unlink()
    assert len(rows(copied.out, "articles")) == 1
    for _ in range(2):
        run(copied.folder, copied.out)
        assert names(copied.out) == copied.articles


def test_damaged_sightings_double_no_text_and_no_mail(run, copied):
    assert cut(copied.out, "sightings", 1) + cut(copied.out, "sightings", 2) >= 2
    for _ in range(2):
        run(copied.folder, copied.out)
        assert names(copied.out) == copied.articles
    kinds = Counter(row["input_kind"] for row in rows(copied.out, "articles"))
    assert kinds["txt"] == kinds["eml"] == 1, kinds


class KilledError(BaseException):
    """Stands for kill -9: nothing after it is done."""


def killed(*_, **__):
    raise KilledError


def test_output_that_a_killed_run_was_replacing_is_refused(run, finished, out, monkeypatch):
    run(finished.folder / "*", out, mode=None)
    before = sorted(out.rglob("*.parquet"))
    real, written = write_module.ParquetFolder.write, []

    def write_some(self, rows):
        for path in real(self, rows):
            written.append(path)
            yield path
            if len(written) == 3:
                killed()

    with monkeypatch.context() as patch:
        patch.setattr(write_module.ParquetFolder, "write", write_some)
        with pytest.raises(RuntimeError, match="KilledError"):
            run(finished.folder / "b*", out, "--overwrite", "--window_days", "7", mode=None)
    assert (out / ".unfinished").exists()
    left = sorted(out.rglob("*.parquet"))
    assert set(before) < set(left)
    said = run(finished.folder, out, expect=1)
    assert said.count("\n") == 1
    assert "was cut off, so its files may be of either run: begin anew with --overwrite" in said
    assert sorted(out.rglob("*.parquet")) == left


def test_rounds_that_a_killed_run_was_replacing_are_refused(run, copied, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("transforms.write.manifest.replace_file", killed_at_run_json)
        with pytest.raises(KilledError):
            run(copied.folder / "*", copied.out, "--overwrite", mode=None)
    assert json.loads((copied.out / "run.json").read_text())["rounds"] == 2
    left = sorted(copied.out.rglob("*.parquet"))
    said = run(copied.folder, copied.out, expect=1)
    assert "begin anew with --overwrite" in said
    assert sorted(copied.out.rglob("*.parquet")) == left
    run(copied.folder / "*", copied.out, "--overwrite", mode=None)
    assert names(copied.out) == copied.articles


def killed_at_run_json(path, data, durable=False, real=rounds_module.replace_file):
    if path.name == "run.json":
        killed()
    return real(path, data, durable)


def test_run_json_of_an_earlier_round_is_refused_and_nothing_removed(run, finished, copied):
    run_file = copied.out / "run.json"
    run_file.write_text(json.dumps(json.loads(finished.first_run) | {"rounds": 0}))
    left = sorted(copied.out.rglob("*"))
    said = run(copied.folder, copied.out, expect=1)
    assert said.count("\n") == 1
    assert "put back the last run.json" in said
    assert sorted(copied.out.rglob("*")) == left


@pytest.mark.parametrize(
    "edit",
    [
        {"options": None},
        {"options": "gone"},
        {"counts": None},
        {"counts": {"stages": None}},
        {"counts": {"stages": {"read": {"in": "3"}}}},
        {"versions": None},
        {"versions": "gone"},
        {"rounds": "3"},
        {"rounds": None},
        {"rounds": -1},
        {"rounds": True},
        {"files": None},
    ],
    ids=str,
)
def test_edited_run_json_is_refused_with_one_line(run, copied, edit):
    whole = json.loads((copied.out / "run.json").read_text())
    edited = {key: value for key, value in (whole | edit).items() if value != "gone"}
    (copied.out / "run.json").write_text(json.dumps(edited))
    left = sorted(copied.out.rglob("*"))
    said = run(copied.folder, copied.out, expect=1)
    assert said.count("\n") == 1
    assert sorted(copied.out.rglob("*")) == left


def test_links_that_lead_to_themselves_do_not_stop_the_start(run, folder, out):
    tell(folder, "a.jsonl", record("z", MILL, "03-19"))
    (folder / "loop").symlink_to("loop")
    (folder / "loop.txt").symlink_to("other.txt")
    (folder / "other.txt").symlink_to("loop.txt")
    (folder / "round").symlink_to(".")
    run(folder, out)
    assert names(out) == [("z", 1)]
