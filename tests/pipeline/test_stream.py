"""Runs that go on: rounds, stopping, taking up again, and what may go wrong meanwhile."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.compact import main as compact
from pipelines.detect_events import main
from pipelines.stream import ClockError, SteadyClock
from transforms._shared.stopping import STOP
from transforms.write import rounds as rounds_module
from transforms.write.locks import run_lock
from transforms.write.output import output_error

ROOT = Path(__file__).parents[2]
FIRE = (
    "The fire in the grain store on Pell quay in {0} burnt for {1} hours; forty people were moved."
)
STORIES = [
    ("Grain store burns in Almsea", FIRE.format("Almsea", "six") + " Nobody was hurt."),
    ("Almsea grain store fire is out", FIRE.format("Almsea", "six") + " The cause is not known."),
    ("Mayor of Dunmow resigns", "Ilse Marrow stepped down as mayor of Dunmow over a land sale."),
    ("Dunmow's mayor Ilse Marrow quits", "After the land sale Ilse Marrow left office in Dunmow."),
    ("Ferry aground off Skerra", "The ferry Solveig ran onto rocks off Skerra with 80 on board."),
]


class Site:
    """Feeds on the loopback address that a test fills while a run fetches them."""

    def __init__(self):
        self.items = {}  # by feed
        self.fetches = Counter()
        self.on_fetch = lambda feed, number: None
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                feed = self.path.strip("/")
                site.fetches[feed] += 1
                site.on_fetch(feed, site.fetches[feed])
                body = site.feed(feed)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, feed):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{feed}"

    def tell(self, feed, *places, base=0):
        start = datetime.now(timezone.utc) - timedelta(hours=5)
        for place in places:
            title, text = STORIES[place]
            at = format_datetime(start + timedelta(minutes=9 * (place + base)))
            self.items.setdefault(feed, []).append(
                f"<item><title>{title}</title><link>https://{feed}.example/{place}</link>"
                f"<pubDate>{at}</pubDate><description>{text}</description></item>"
            )

    def feed(self, feed):
        return (
            f"<rss version='2.0'><channel><title>{feed}</title><link>https://{feed}.example/"
            f"</link>{''.join(self.items.get(feed, []))}</channel></rss>"
        ).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def site():
    made = Site()
    yield made
    made.close()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def stream(out, capfd):
    """``stream(*arguments)``: run in rounds; gives exit code, output and messages."""

    def run(*arguments, expect=0, mode="--streaming"):
        capfd.readouterr()
        pace = ["--poll_seconds", "0.05"] if mode == "--streaming" else []
        code = main(
            [*map(str, arguments), mode, *pace, "--allow_private_hosts", "--output", str(out),
             "--no-report"]
        )  # fmt: skip
        captured = capfd.readouterr()
        assert code == expect, captured.err
        return captured.out + captured.err

    return run


def rows(out, table):
    return [
        row
        for path in sorted((out / table).glob("*/*.parquet"))
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]


def events_by_url(out):
    return {row["url"]: row["event_id"] for row in rows(out, "articles")}


def test_results_come_round_by_round_until_it_is_stopped(site, out, stream):
    site.tell("echo", 0)
    found = []

    def tell(_, number):
        if number == 2:
            found.append(len(rows(out, "articles")))
            site.tell("echo", 1, 2)
        if number == 4:
            found.append(len(rows(out, "articles")))
            STOP.set()

    site.on_fetch = tell
    said = stream("--feeds", site.url("echo"))
    assert found == [1, 3]
    events = rows(out, "events")
    assert sorted((row["article_count"], row["revision"]) for row in events) == [
        (1, 1), (1, 1), (2, 2),
    ]  # fmt: skip
    kinds = Counter(row["type"].rpartition(".")[2] for row in rows(out, "event_changes"))
    assert kinds == {"created": 2, "updated": 1}
    assert "3 articles" in said
    run = json.loads((out / "run.json").read_text())
    assert {row["round"] for row in rows(out, "articles")} == {1, 2}
    assert run["counts"]["stages"]["read"]["skipped_unchanged"] >= 1
    fetches = sorted(rows(out, "fetch_log"), key=lambda row: row["fetched_at"])
    assert [row["outcome"] for row in fetches] == ["NEW", "NEW", "DUP_ONLY", "DUP_ONLY"]
    assert [(row["kept"], row["known"]) for row in fetches] == [(1, 0), (2, 1), (0, 0), (0, 0)]


def test_a_resumed_run_adds_what_is_new_and_nothing_twice(site, out, stream):
    site.on_fetch = lambda _, number: STOP.set()
    site.tell("echo", 0, 2)
    stream("--feeds", site.url("echo"))
    before = events_by_url(out)
    site.tell("echo", 1, 3, 4)
    said = stream("--feeds", site.url("echo"), "--resume")
    after = events_by_url(out)
    assert before.items() <= after.items()
    assert len(rows(out, "articles")) == len(after) == 5
    assert after["https://echo.example/1"] == after["https://echo.example/0"]
    assert after["https://echo.example/3"] == after["https://echo.example/2"]
    revisions = [(row["event_id"], row["revision"]) for row in rows(out, "events")]
    assert len(set(revisions)) == len(revisions) == 5
    created = [row for row in rows(out, "event_changes") if row["type"].endswith("created")]
    assert len(created) == 3
    assert "going on from" in said
    assert "2 articles, 2 open events" in said
    assert "5 items read = 3 articles + 2 repeats + 0 rejected; 3 events;" in said
    counts = json.loads((out / "run.json").read_text())["counts"]
    assert (counts["read"], counts["articles"], counts["events"]) == (7, 5, 3)
    assert {row["round"] for row in rows(out, "events") if row["revision"] == 2} == {2}


def test_files_may_be_merged_before_a_resumed_run_meets_its_first_article(site, out, stream):
    site.tell("echo", 0)
    site.on_fetch = lambda *_: STOP.set()
    stream("--feeds", site.url("echo"))
    (out.parent / "feeds.txt").write_text(f"{site.url('echo')}\nhttp://127.0.0.1:9/none\n")

    def fetch(_, number):
        if number == 3:  # the round before wrote nothing but a dead letter
            assert compact(["--output", str(out)]) == 0
            site.tell("echo", 1)
        if number == 4:
            STOP.set()

    site.on_fetch = fetch
    stream("--feeds", out.parent / "feeds.txt", "--resume")
    assert len(set(events_by_url(out).values())) == 1
    assert len(rows(out, "articles")) == 2


def test_without_streaming_resume_takes_one_round(site, out, stream):
    site.tell("echo", 0)
    stream("--feeds", site.url("echo"), mode="--resume")
    site.tell("echo", 1)
    stream("--feeds", site.url("echo"), mode="--resume")
    assert site.fetches["echo"] == 2
    assert len(rows(out, "articles")) == 2
    assert len(set(events_by_url(out).values())) == 1


def test_a_run_that_ended_is_a_place_to_go_on_from(site, out, stream, tmp_path):
    site.tell("echo", 0, 1, 2)
    assert main(["--feeds", site.url("echo"), "--output", str(out), "--no-report",
                 "--allow_private_hosts"]) == 0  # fmt: skip
    site.tell("echo", 3)
    stream("--feeds", site.url("echo"), mode="--resume")
    events = events_by_url(out)
    assert len(rows(out, "articles")) == 4
    assert events["https://echo.example/3"] == events["https://echo.example/2"]
    again = main(["--feeds", site.url("echo"), "--output", str(out), "--no-report", "--overwrite",
                  "--allow_private_hosts"])  # fmt: skip
    assert again == 0
    assert len(rows(out, "articles")) == 4


def test_new_and_changed_files_of_a_watched_folder_are_read(out, stream, tmp_path):
    folder = tmp_path / "in"
    old = time.time() - 60

    def put(name, place, extra=""):
        title, text = STORIES[place]
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(f"{title}\n\n{text}{extra}\n")
        os.utime(path, (old, old + len(extra)))

    seen = []
    real = rounds_module.Rounds.commit

    def commit(self):
        ended = real(self)
        seen.append(len(rows(out, "articles")))
        if len(seen) == 2:
            put("a.txt", 0)
        elif len(seen) == 3:
            put("b.txt", 2)
            put(
                "a.txt",
                0,
                " Later the roof of the store fell in, and the quay was closed to ships.",
            )
        elif len(seen) == 5:
            shutil.rmtree(folder)
        elif len(seen) == 7:
            STOP.set()
        return ended

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds_module.Rounds, "commit", commit)
        said = stream("--input", folder)
    # A text file is known by its text: changed, it is another article of the same event.
    assert seen == [0, 0, 1, 3, 3, 3, 3, 3][: len(seen)]
    assert said.count("nothing is there now; looking again in every round") == 2
    assert said.count("there again") == 1
    assert "3 articles" in said
    assert all(row["time_known"] for row in rows(out, "articles"))


def test_what_is_wrong_again_and_again_is_one_dead_letter_a_day(site, out, stream):
    site.on_fetch = lambda _, number: number == 4 and STOP.set()
    (out.parent / "feeds.txt").write_text(f"{site.url('echo')}\nhttp://127.0.0.1:9/none\n")
    site.tell("echo", 0)
    said = stream("--feeds", out.parent / "feeds.txt")
    (letter,) = rows(out, "dead_letters")
    assert letter["reason"] == "connection_failed"
    assert "rejected again" in said
    site.fetches.clear()
    stream("--feeds", out.parent / "feeds.txt", "--resume")
    assert len(rows(out, "dead_letters")) == 1


def test_a_feed_that_hangs_does_not_keep_the_others_waiting_for_ever(site, out, stream):
    hung = threading.Event()

    def fetch(feed, number):
        if feed == "slow":
            hung.wait(20)
        if number == 2:
            STOP.set()

    site.on_fetch = fetch
    site.tell("echo", 0)
    (out.parent / "feeds.txt").write_text(f"{site.url('slow')}\n{site.url('echo')}\n")
    try:
        stream("--feeds", out.parent / "feeds.txt", "--fetch_timeout_seconds", "0.5")
    finally:
        hung.set()
    assert len(rows(out, "articles")) == 1
    assert {row["reason"] for row in rows(out, "dead_letters")} == {"deadline"}


def test_an_output_in_use_or_not_asked_for_is_refused(site, out, stream):
    site.tell("echo", 0)
    site.on_fetch = lambda *_: STOP.set()
    stream("--feeds", site.url("echo"))
    said = stream("--feeds", site.url("echo"), expect=1)
    assert "add --resume to go on from it, --overwrite to begin anew" in said
    with run_lock(out):
        said = stream("--feeds", site.url("echo"), "--resume", expect=1)
    assert "another run is writing to" in said


def test_an_output_of_an_older_version_or_another_model_is_refused(site, out, stream):
    site.tell("echo", 0)
    site.on_fetch = lambda *_: STOP.set()
    stream("--feeds", site.url("echo"))
    path = out / "run.json"
    run = json.loads(path.read_text())
    path.write_text(json.dumps(run | {"versions": run["versions"] | {"schema": "1"}}))
    said = stream("--feeds", site.url("echo"), "--resume", expect=1)
    assert "was written with schema version 1" in said
    assert "go on with the newsevents that wrote it, or choose another folder" in said
    path.write_text(json.dumps(run))
    said = stream("--feeds", site.url("echo"), "--resume", "--max_tokens", "32", expect=1)
    assert "vectors of another cannot be compared" in said


def test_damaged_and_foreign_files_are_named_and_passed_over(site, out, stream):
    site.tell("echo", 0)
    site.on_fetch = lambda _, number: STOP.set()
    stream("--feeds", site.url("echo"))
    site.tell("echo", 2)
    stream("--feeds", site.url("echo"), "--resume")
    first, second = sorted((out / "articles").glob("*/part-0*.parquet"), key=lambda p: p.name)
    second.write_bytes(second.read_bytes()[:900])
    (first.parent / "notes.txt").write_text("mine")
    (first.parent / f"part-000000003-{'0' * 32}.parquet").write_bytes(b"PAR1")
    site.tell("echo", 3)
    said = stream("--feeds", site.url("echo"), "--resume")
    assert f"passed over articles/{second.parent.name}/{second.name}: damaged" in said
    assert "notes.txt: not a file of a finished round" in said
    assert json.loads((out / "run.json").read_text())["files_passed_over"] == 2
    assert "removed 1 files of a round that was not finished" in said
    assert (first.parent / "notes.txt").exists()
    newest = rows_of_round(out, 3)
    # What the damaged file held is still offered, so it comes again.
    assert sorted(row["url"][-1] for row in newest) == ["2", "3"]


def rows_of_round(out, number):
    paths = (out / "articles").glob(f"*/part-{number:09d}-*.parquet")
    return [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]


def test_a_full_disk_stops_the_run_with_one_line_and_loses_nothing(site, out, stream, monkeypatch):
    site.tell("echo", 0)
    site.on_fetch = lambda _, number: number >= 2 and site.tell("echo", 2)
    written = []

    def full(path, data):
        written.append(path)
        if len(written) > 7:
            raise output_error(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        return real(path, data)

    real = rounds_module.write_durably
    with monkeypatch.context() as patch:
        patch.setattr(rounds_module, "write_durably", full)
        said = stream("--feeds", site.url("echo"), expect=1)
    assert "No space left on device: free some space or choose another folder" in said
    assert "Traceback" not in said
    assert len(rows(out, "articles")) == 1
    assert not list(out.rglob("*.tmp"))
    site.on_fetch = lambda *_: STOP.set()
    stream("--feeds", site.url("echo"), "--resume")
    assert sorted(events_by_url(out)) == ["https://echo.example/0", "https://echo.example/2"]


def test_an_output_that_vanishes_while_nothing_comes_stops_the_run(site, out, stream):
    site.tell("echo", 0)
    site.on_fetch = lambda _, number: number == 3 and shutil.move(out, out.with_name("elsewhere"))
    said = stream("--feeds", site.url("echo"), expect=1)
    assert "run.json is gone or was changed by somebody else" in said
    assert not (out / "run.json").exists()


@pytest.mark.parametrize("moment", ["sign", "remove_mark", "write_empty"])
def test_a_start_that_was_cut_off_can_be_begun_again(site, out, stream, monkeypatch, moment):
    class CutOffError(BaseException):
        pass

    def cut_off(*_):
        raise CutOffError

    site.tell("echo", 0)
    site.on_fetch = lambda *_: STOP.set()
    stream("--feeds", site.url("echo"))
    owner = {"sign": rounds_module.FolderStore, "write_empty": rounds_module.ParquetFolder}
    with monkeypatch.context() as patch:
        patch.setattr(owner.get(moment, rounds_module), moment, cut_off)
        with pytest.raises(CutOffError):
            stream("--feeds", site.url("echo"), "--overwrite")
    stream("--feeds", site.url("echo"), "--resume")
    assert len(rows(out, "articles")) == 1
    assert not (out / ".unfinished").exists()


def test_lost_rows_of_articles_come_again_and_lost_sightings_double_nothing(site, out, stream):
    site.on_fetch = lambda *_: STOP.set()
    site.tell("echo", 0)
    stream("--feeds", site.url("echo"))
    site.tell("echo", 2)
    stream("--feeds", site.url("echo"), "--resume")
    for path in (out / "articles").glob("*/part-000000002-*"):
        path.unlink()
    stream("--feeds", site.url("echo"), "--resume")
    assert sorted(row["url"][-1] for row in rows(out, "articles")) == ["0", "2"]
    for path in (out / "sightings").glob("*/part-0*"):
        path.unlink()
    stream("--feeds", site.url("echo"), "--resume")
    assert len(rows(out, "articles")) == 2


def test_a_run_that_ends_does_not_write_beside_one_that_goes_on(site, out, stream):
    site.tell("echo", 0)
    site.on_fetch = lambda *_: STOP.set()
    stream("--feeds", site.url("echo"))
    with run_lock(out):
        code = main(["--feeds", site.url("echo"), "--output", str(out), "--overwrite"])
    assert code == 1


def test_an_output_that_vanishes_stops_the_run(site, out, stream):
    site.tell("echo", 0)

    def fetch(_, number):
        if number == 3:
            shutil.rmtree(out)
            site.tell("echo", 2)

    site.on_fetch = fetch
    said = stream("--feeds", site.url("echo"), expect=1)
    assert "run.json is gone or was changed by somebody else" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("jump", "words"),
    [(0.0, ""), (1800.0, "forwards by 30 minutes; going on"), (-1800.0, "backwards by 30 minutes")],
)
def test_a_clock_that_is_set_a_little_gets_a_line(capfd, jump, words):
    wall, passed = [1e9], [50.0]
    clock = SteadyClock(lambda: wall[0], lambda: passed[0])
    clock.check()
    before = clock.now()
    wall[0] += 60 + jump
    passed[0] += 60
    clock.check()
    assert words in capfd.readouterr().err
    assert clock.now() >= before


@pytest.mark.parametrize("jump", [-9e7, 2e5])
def test_a_clock_that_jumps_by_days_stops_the_run(jump):
    wall, passed = [1e9], [50.0]
    clock = SteadyClock(lambda: wall[0], lambda: passed[0])
    clock.check()
    wall[0] += jump
    with pytest.raises(ClockError, match="set it right and go on with --resume"):
        clock.check()


def test_a_clock_that_jumps_while_it_runs_ends_it_cleanly(site, out, stream, monkeypatch):
    site.tell("echo", 0)
    ahead = [0.0]
    monkeypatch.setattr("pipelines.stream.time.time", lambda real=time.time: real() + ahead[0])

    def fetch(_, number):
        if number == 3:
            ahead[0] = 9e8

    site.on_fetch = fetch
    said = stream("--feeds", site.url("echo"), expect=1)
    assert "the clock of this machine jumped forwards by" in said
    assert "Traceback" not in said
    assert len(rows(out, "articles")) == 1


def test_an_output_from_the_future_is_not_gone_on_from(site, out, stream, monkeypatch):
    site.tell("echo", 0)
    site.on_fetch = lambda *_: STOP.set()
    stream("--feeds", site.url("echo"))
    monkeypatch.setattr("pipelines.stream.time.time", lambda real=time.time: real() - 9e6)
    said = stream("--feeds", site.url("echo"), "--resume", expect=1)
    assert "which the clock of this machine has not reached" in said


@pytest.mark.parametrize("signals", [("TERM",), ("INT", "INT")])
def test_a_signal_ends_it_after_the_round_and_a_second_one_at_once(site, out, signals):
    site.tell("echo", 0)
    begun = threading.Event()
    held = threading.Event()

    def fetch(_, number):
        if number == 2:
            begun.set()
            held.wait(20)

    site.on_fetch = fetch
    command = [sys.executable, "-m", "pipelines.detect_events", "--feeds", site.url("echo"),
               "--output", str(out), "--streaming", "--poll_seconds", "0.1",
               "--allow_private_hosts"]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as run:  # fmt: skip
        assert begun.wait(120)
        for name in signals:
            subprocess.run(["kill", f"-{name}", str(run.pid)], check=True)
            time.sleep(0.5)
        if len(signals) == 1:
            held.set()
        printed, said = run.communicate(timeout=60)
    held.set()
    assert "finishing the round; once more to stop at once" in said
    if len(signals) == 1:
        assert run.returncode == 0, said
        assert "1 article" in printed
        assert (out / "report.html").exists()
    else:
        assert run.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--partitions", "2"], "--partitions splits the search of a run that ends"),
        (["--resume", "--overwrite"], "give one of them"),
        (["--runner", "FlinkRunner"], "leave out --runner FlinkRunner"),
        (["--poll_seconds", "0"], "not a number between 0 and a million"),
    ],
)
def test_what_cannot_be_done_in_rounds_is_refused(stream, arguments, words):
    assert words in stream("--feeds", "http://127.0.0.1:9/x", *arguments, expect=2)
