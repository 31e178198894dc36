"""Articles that went to another event after they were written: what report and explain show."""

import json
from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.explain.__main__ import main
from pipelines.explain.stored import open_stored
from pipelines.explain.why import explain_event
from pipelines.report import ReportError, load_view, tables
from pipelines.report.page import render_page
from pipelines.report.tables import FilesChangedError, read_steadily
from schemas import (
    Assignment,
    ChannelReading,
    ComparedArticle,
    DuplicateVerdict,
    Event,
    Moved,
)
from schemas.tables import TABLES
from transforms.write.compaction import Compaction, compacting, finished_run
from transforms.write.rounds import FolderStore, Rounds
from transforms.write.rows import MOVED

START = datetime(2026, 3, 2, 6, tzinfo=timezone.utc)
VECTOR = np.array([1.0, 0.0], "<f4").tobytes()
NONE = DuplicateVerdict("none", "", 0.0, "")


def event(name, revision=1, into=""):
    return Event(
        event_id=name, revision=revision, status="merged" if into else "active", merged_into=into,
        title=f"Event {name}", summary="", summary_article_ids=(), representative_article_id="",
        keywords=(), entities=(), languages=(), first_published_at=START, first_seen_at=START,
        last_seen_at=START, updated_at=START, article_count=revision, unique_article_count=1,
        duplicate_count=0, publisher_family_count=1, source_diversity=0.0, articles_15m=0,
        articles_60m=0, families_60m=0, counts_as_of=START, breaking_state="none",
        breaking_since=None, breaking_score=0.0, breaking_reasons=(), alert_id="",
        cohesion_mean=1.0,
        cohesion_min=1.0, contested=False, novelty=0.5, centroid=VECTOR, embedding_model="m",
    )  # fmt: skip


@pytest.fixture
def output(tmp_path, make_embedded):
    """Three events. One article turned to another, then all that remained of it was merged.

    ``turned`` joined east, turned to west. ``east`` was merged into west by the very decision
    about ``last``, which had joined east by it.
    """
    path = tmp_path / "out"
    rounds = Rounds(
        FolderStore(str(path), 2), 0, lambda: {"files": [], "options": {"granularity": "event"}}
    )
    rounds.begin()

    def join(name, event_id, sequence, role="member", **changes):
        at = START + timedelta(minutes=sequence)
        embedded = make_embedded(
            VECTOR, article_id=name * 3, title=f"Story {name}", event_time=at, published_at=at,
            revision=changes.pop("revision", 1), url=f"https://{name}.example/story",
        )  # fmt: skip
        assignment = Assignment(
            ComparedArticle(embedded, NONE, ()), event_id, role, 0.9, f"{name} joined {event_id}",
            False, sequence=sequence, **changes,
        )  # fmt: skip
        rounds.add("articles", assignment)
        rounds.add("event_articles", assignment)

    def move(name, before, after, sequence, role="member", revision=1):
        at = START + timedelta(minutes=sequence)
        reason = f"{name} left {before}"
        rounds.add(
            MOVED,
            Moved(name * 3, revision, before, after, START, at, role, reason, 0.8, sequence),
        )

    measured = {
        "threshold": 0.25,
        "best_event_id": "east",
        "best_score": 0.9,
        "channels": (ChannelReading("names_best", 0.75, 0.125),),
    }
    join("west", "west", 1, "seed")
    join("east", "east", 2, "seed")
    join("turned", "east", 3, **measured)
    rounds.add("events", event("west"))
    rounds.add("events", event("east"))
    rounds.commit()
    move("turned", "east", "west", 4)
    join("other", "other", 4, "seed")
    rounds.add("events", event("other"))
    rounds.commit()
    join("last", "east", 5, **measured)
    for name, role in (("east", "seed"), ("last", "member")):
        move(name, "east", "west", 5, role)
    rounds.add("events", event("east", 2, "west"))
    rounds.add("events", event("west", 2))
    rounds.commit()
    join("turned", "west", 6, "update", revision=2)
    rounds.add("events", event("west", 3))
    rounds.commit()
    return path


def compact(output):
    with compacting(output) as work:
        one = Compaction(output, finished_run(output), work)
        for table in TABLES:
            list(one.merge_table(table))


def double(output):
    """Let every row stand twice, as while files are merged one by one."""
    for path in list(output.glob("*/*/part-0*.parquet")):
        path.with_name(f"part-compact-{path.name[-40:]}").write_bytes(path.read_bytes())


@pytest.fixture(params=["as written", "merged", "doubled"])
def state(request, output):
    if request.param == "merged":
        compact(output)
    if request.param == "doubled":
        double(output)
    return output


def test_page_shows_each_article_once_under_the_event_it_is_in(state):
    view = load_view(str(state))
    shown = {e.event_id: [(a.article_id, a.role) for a in e.articles] for e in view.events}
    assert shown == {
        "west": [
            ("westwestwest", "seed"),
            ("easteasteast", "member"),
            ("lastlastlast", "member"),
            ("turnedturnedturned", "update"),
        ],
        "other": [("otherotherother", "seed")],
    }
    west = view.events[0]
    assert (west.revision, west.article_count, west.absorbed) == (3, 3, ("east",))
    assert (view.article_count, view.revision_count, view.orphan_count) == (5, 6, 0)
    page = render_page(view)
    for name in ("west", "east", "last", "turned", "other"):
        assert page.count(f'href="https://{name}.example/story"') == 1
    evidence = {article.article_id: article.evidence for article in west.articles}
    assert evidence["easteasteast"] == "moved here: east left east"


@pytest.fixture
def explain(capsys, state):
    def run(name):
        assert main(["--output", str(state), name, "--json"]) == 0
        return json.loads(capsys.readouterr()[0])

    return run


@pytest.mark.parametrize("name", ["lastlastlast", "easteasteast", "turnedturnedturned"])
def test_article_tells_where_it_is_and_what_it_left(name, explain):
    found = explain(name)
    assert found["decision"]["event"]["event_id"] == "west"
    assert [one["event"]["event_id"] for one in found["left"]] == ["east"]
    assert found["decision"]["evidence"].startswith("moved here: ")


def test_what_was_measured_when_it_came_is_still_told(explain):
    found = explain("lastlastlast")["decision"]
    assert (found["threshold"], found["best"]["event"]["event_id"]) == (0.25, "east")
    assert found["channels"][0]["name"] == "names_best"
    found = explain("turnedturnedturned")
    assert found["decision"]["threshold"] == 0.25
    assert found["decision"]["event"]["event_id"] == "west"
    assert [one["revision"] for one in found["later"]] == [2]


def test_events_tell_their_articles_once(state):
    ids = {}
    for name in ("west", "east"):
        with open_stored(state) as stored:
            why = explain_event(stored, name)
        ids[name] = (
            [(m.article_id, m.decision.revision) for m in why.members],
            [m.article_id for m in why.left],
        )
    assert ids == {
        "west": (
            [
                ("westwestwest", 1),
                ("easteasteast", 1),
                ("lastlastlast", 1),
                ("turnedturnedturned", 1),
                ("turnedturnedturned", 2),
            ],
            [],
        ),
        "east": ([], ["easteasteast", "lastlastlast", "turnedturnedturned"]),
    }


def test_files_that_are_merged_while_they_are_read_are_read_again(output, monkeypatch):
    before = load_view(str(output))
    listed = tables._parquet_files
    merges = []

    def then_merged(folder):
        found = listed(folder)
        if folder.name == "event_articles" and not merges:
            merges.append(folder)
            compact(output)
        return found

    monkeypatch.setattr(tables, "_parquet_files", then_merged)
    assert load_view(str(output)) == before
    assert merges


def test_files_that_change_all_the_time_are_an_error():
    tries = []

    def read():
        tries.append(1)
        raise FilesChangedError("out")

    with pytest.raises(ReportError, match="out: its files change faster than they can be read"):
        read_steadily(read)
    assert len(tries) == 5


def test_merged_tables_say_the_same(output):
    def rows(table):
        found = pq.read_table(output / table).to_pylist()
        return sorted(map(repr, found))

    before = {table: rows(table) for table in ("articles", "events", "event_articles")}
    compact(output)
    assert {table: rows(table) for table in before} == before
