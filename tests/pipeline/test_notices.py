"""Corrections and retractions, from what a feed, a title or a page says to the tables."""

import json
from datetime import datetime, timedelta, timezone

import pyarrow.parquet as pq
import pytest

from pipelines.detect_events import main
from pipelines.explain.__main__ import main as explain
from pipelines.report.__main__ import main as report
from transforms._shared.stopping import STOP

ATOM = (
    "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:at='http://purl.org/atompub/tombstones/1.0'>"
    "<title>Courier</title><id>urn:courier</id><updated>2026-03-02T09:00:00Z</updated>{}</feed>"
)
ENTRY = (
    "<entry><id>tag:courier.example,2026:{name}</id><title>{title}</title><updated>{at}</updated>"
    "<published>{at}</published><link href='{base}/{name}'/><summary>{text}</summary></entry>"
)
DAM = (
    "Talmere dam gates stuck open",
    "Two gates of the Talmere dam stuck open on Monday and the lower town was told to leave.",
)
DAM_TOO = (
    "Lower town leaves as Talmere dam gates stick",
    "The lower town was told to leave on Monday because two gates of the Talmere dam stuck open.",
)
FERRY = (
    "Ferry aground off Skerra",
    "The ferry Solveig ran onto rocks off Skerra with eighty people on board.",
)
BASE = "https://courier.example"
TYPE = "org.newsevents.event."


def entry(name, story, minutes_ago, base=BASE):
    at = datetime.now(timezone.utc) - timedelta(minutes=minutes_ago)
    title, text = story
    return ENTRY.format(name=name, title=title, text=text, at=at.isoformat(), base=base)


def deleted(name, minutes_ago=1):
    when = (datetime.now(timezone.utc) - timedelta(minutes=minutes_ago)).isoformat()
    return f"<at:deleted-entry ref='tag:courier.example,2026:{name}' when='{when}'/>"


def rows(out, table):
    return [
        row
        for path in sorted((out / table).glob("*/*.parquet"))
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]


def latest(out):
    """Give the last revision of each event, by title."""
    found = {}
    for row in sorted(rows(out, "events"), key=lambda row: row["revision"]):
        found[row["event_id"]] = row
    return {row["title"]: row for row in found.values()}


def changes(out, kind):
    return [row for row in rows(out, "event_changes") if row["type"] == TYPE + kind]


def noticed(out):
    return sorted((row["kind"], row["evidence"]) for row in rows(out, "article_notices"))


def counted(out, stage):
    return json.loads((out / "run.json").read_text())["counts"]["stages"][stage]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def serve(server):
    """``serve(path, *parts)``: let the feed at ``path`` hold these parts; gives its address."""
    return lambda path, *parts: server.answer(path, ATOM.format("".join(parts)).encode())


@pytest.fixture
def run(out):
    """``run(*addresses, mode=)``: one round on these feeds."""

    def go(*addresses, mode="--resume", more=()):
        feeds = [part for address in addresses for part in ("--feeds", address)]
        arguments = [*feeds, "--output", str(out), "--no-report"]
        mode = [mode] if mode else []
        assert main([*arguments, *mode, *more, "--allow_private_hosts"]) == 0

    return go


def test_an_item_its_feed_takes_back_is_told_once_and_counted(serve, run, out):
    dam, too = entry("dam", DAM, 40), entry("too", DAM_TOO, 30)
    feed = serve("/feed", dam, too, entry("ferry", FERRY, 20))
    run(feed)
    assert noticed(out) == []
    for minutes in (3, 2, 1):
        serve("/feed", dam, deleted("too", minutes), deleted("nobody"))
        run(feed)
        ((kind, evidence),) = noticed(out)
        assert kind == "retracted"
        assert evidence.startswith("at:deleted-entry ref=tag:courier.example,2026:too of http://")
        events = latest(out)
        assert len(events) == 2
        (told,) = [row for row in events.values() if row["article_count"] == 2]
        assert (told["retraction_count"], told["correction_count"]) == (1, 0)
        assert told["status"] == "active"
        assert events["Ferry aground off Skerra"]["retraction_count"] == 0
        (change,) = changes(out, "retracted")
        assert change["subject"] == told["event_id"]
        data = json.loads(change["data"])
        (article,) = rows(out, "article_notices")
        assert (data["article_id"], data["title"]) == (article["article_id"], DAM_TOO[0])
        assert data["evidence"] == evidence
    assert len({row["id"] for row in rows(out, "event_changes")}) == len(rows(out, "event_changes"))
    counts = counted(out, "identify")
    assert [counts[f"deleted_{what}"] for what in ("known", "again", "unknown")] == [1, 2, 3]
    assert counted(out, "parse")["deleted"] == 6
    assert counted(out, "write")["rows_article_notices"] == 1


def test_what_was_noted_before_is_still_counted_after_a_resume(serve, run, out):
    dam = entry("dam", DAM, 40)
    feed = serve("/feed", dam)
    run(feed)
    serve("/feed", deleted("dam"))
    run(feed)
    serve("/feed", deleted("dam"), entry("too", DAM_TOO, 10))
    run(feed)
    (event,) = latest(out).values()
    assert (event["article_count"], event["retraction_count"]) == (2, 1)
    assert len(changes(out, "retracted")) == 1


def test_a_feed_of_which_all_is_taken_back_is_no_failure(serve, run, out):
    feed = serve("/feed", entry("dam", DAM, 40))
    run(feed)
    serve("/feed", deleted("dam"))
    run(feed)
    log = sorted(rows(out, "fetch_log"), key=lambda row: row["fetched_at"])
    assert [(row["outcome"], row["deleted"]) for row in log] == [("NEW", 0), ("EMPTY", 1)]
    assert rows(out, "dead_letters") == []
    assert [kind for kind, _ in noticed(out)] == ["retracted"]


def test_no_feed_takes_back_what_another_one_showed(serve, run, out):
    theirs = serve("/theirs", entry("dam", DAM, 40))
    other = serve("/other", entry("ferry", FERRY, 20))
    run(theirs, other)
    by_address = f"<at:deleted-entry ref='{BASE}/dam' when='2026-03-02T09:00:00Z'/>"
    serve("/other", entry("ferry", FERRY, 20), deleted("dam"), by_address)
    run(theirs, other)
    assert noticed(out) == []
    assert counted(out, "identify")["deleted_unknown"] == 2


def test_rounds_of_one_run_tell_it_once(serve, server, run, out):
    feed = serve("/feed")
    head, dam, polls = (
        server.answers["/feed"][0].partition(b"\r\n\r\n")[0],
        entry("dam", DAM, 40),
        [],
    )

    class Answers:
        def __iter__(self):
            polls.append(1)
            if len(polls) >= 5:
                STOP.set()
            yield head + b"\r\n\r\n"
            yield ATOM.format(dam if len(polls) == 1 else deleted("dam", len(polls) / 9)).encode()

    server.answers["/feed"] = Answers()
    run(feed, mode="--streaming", more=["--poll_seconds", "0.05"])
    assert [kind for kind, _ in noticed(out)] == ["retracted"]
    assert [row["retraction_count"] for row in rows(out, "events")][-1] == 1
    assert len(changes(out, "retracted")) == 1


def test_a_title_that_says_corrected_is_noted(serve, run, out):
    feed = serve("/feed", entry("dam", DAM, 40))
    run(feed)
    title = f"CORRECTED: {DAM[0]}"
    for _ in range(2):
        serve("/feed", entry("dam", (title, DAM[1]), 40))
        run(feed)
        assert noticed(out) == [("corrected", f'title: "{title}"')]
        (event,) = latest(out).values()
        assert (event["correction_count"], event["retraction_count"]) == (1, 0)
        (change,) = changes(out, "corrected")
        assert json.loads(change["data"])["title"] == title


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_a_page_that_is_gone_is_noted(serve, server, run, out, status):
    server.answer("/robots.txt", b"", "404 Not Found")
    page = server.answer("/dam", b"gone", status)
    server.answer("/ferry", b"not now", "503 Service Unavailable")
    base = page.rpartition("/")[0]
    feed = serve("/feed", entry("dam", DAM, 40, base), entry("ferry", FERRY, 30, base))
    run(feed, more=["--fetch_pages"])
    assert noticed(out) == [("gone", f"HTTP {status[:3]} {page}")]
    events = latest(out)
    assert events[DAM[0]]["retraction_count"] == 1
    assert events[FERRY[0]]["retraction_count"] == 0


def test_a_run_that_ends_notes_the_same(serve, server, tmp_path, run, out):
    old = tmp_path / "old.xml"
    old.write_text(
        ATOM.format(
            entry("dam", (f"Correction: {DAM[0]}", DAM[1]), 40)
            + entry("too", DAM_TOO, 30)
            + deleted("too")
        )
    )
    arguments = ["--input", str(old), "--output", str(out), "--no-report"]
    assert main(arguments) == 0
    assert [kind for kind, _ in noticed(out)] == ["corrected", "retracted"]
    (event,) = latest(out).values()
    assert (event["correction_count"], event["retraction_count"]) == (1, 1)
    before = noticed(out)
    assert main([*arguments, "--partitions", "2", "--overwrite"]) == 0
    assert noticed(out) == before


def test_what_was_noted_is_explained_and_reported(serve, run, out, tmp_path, capsys):
    feed = serve("/feed", entry("dam", DAM, 40), entry("too", DAM_TOO, 30))
    run(feed)
    serve("/feed", entry("dam", (f"CORRECTED: {DAM[0]}", DAM[1]), 40), deleted("too"))
    run(feed)
    capsys.readouterr()
    (event,) = latest(out).values()
    article = next(row for row in rows(out, "article_notices") if row["kind"] == "retracted")
    for name in (event["event_id"], article["article_id"]):
        assert explain(["--output", str(out), name]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "taken back" in said and "at:deleted-entry ref=tag:courier.example,2026:too" in said
    page = tmp_path / "report.html"
    assert report(["--output", str(out), "--html", str(page)]) == 0
    html = page.read_text()
    assert "1 corrected, 1 taken back" in html
    assert "an article was taken back" in html
    assert "Taken back: <bdi>at:deleted-entry ref=tag:courier.example,2026:too" in html
