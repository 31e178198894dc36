"""Alerts of rounds: planned with them, sent once they count, settled later, and taken up again."""

import time
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.alerts import desk as desk_module
from pipelines.alerts.desk import AlertDesk
from pipelines.alerts.retrying import Retries
from schemas import Assignment, ComparedArticle, DuplicateVerdict
from transforms._shared.counts import reset, snapshot
from transforms._shared.web.fetch import FetchError
from transforms.write.manifest import read_run
from transforms.write.rounds import FolderStore, Rounds

VECTOR = np.array([0.5, -0.5, 0.5, 0.5], dtype="<f4").tobytes()
QUICK = Retries(first_seconds=0.001, most_seconds=0.002, attempts=3, failures=2)
DOWN = FetchError("connection_failed", "https://desk.example: refused", replayable=True)
GONE = FetchError("http_status", "https://desk.example: the server answered with status 410",
                  status=410)  # fmt: skip


class Desk:
    """A poster that takes everything, or refuses everything."""

    def __init__(self, error=None):
        self.error = error
        self.posted = []

    def post(self, url, content, headers):
        self.posted.append((dict(headers)["Idempotency-Key"], content))
        if self.error:
            raise self.error
        return 200


class Run:
    """One run on an output: rounds, and alerts beside them."""

    def __init__(self, folder, sinks, poster):
        self.folder, self.poster = folder, poster
        number = (read_run(str(folder)) or {}).get("rounds", 0)
        self.rounds = Rounds(FolderStore(str(folder), 4), number, lambda: {"files": []})
        self.rounds.begin()
        self.desk = AlertDesk(sinks, folder, poster, QUICK)
        self.desk.begin()

    def add(self, *events, articles=()):
        for table, records in (("events", events), ("articles", articles)):
            for record in records:
                self.rounds.add(table, record)
        self.desk.add_to(self.rounds, events[0].counts_as_of if events else NOW)

    def round(self, *events, articles=()):
        self.add(*events, articles=articles)
        self.rounds.commit()
        self.desk.committed()

    def wait_for_posts(self, n):
        for _ in range(1000):
            if len(self.poster.posted) >= n:
                return
            time.sleep(0.01)
        raise AssertionError("it was not posted")

    def end(self, seconds=5.0):
        self.desk.close(seconds)
        self.desk.settle(self.rounds)
        if self.rounds.has_rows():
            self.rounds.commit()


@pytest.fixture
def run(tmp_path, make_sink):
    """``run(poster, *sinks)``: a run on the output of this test."""
    runs = []

    def begin(poster=None, *sinks):
        runs.append(Run(tmp_path / "out", sinks or (make_sink(),), poster or Desk()))
        return runs[-1]

    reset()
    yield begin
    for one in runs:
        one.desk.close(0)


@pytest.fixture
def event(make_event):
    global NOW
    NOW = make_event().counts_as_of
    return lambda minutes=0, **changes: make_event(
        minutes, **{"centroid": VECTOR, "revision": minutes + 1} | changes
    )


def rows(folder):
    found = [
        row
        for path in (folder / "alerts").glob("*/*.parquet")
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]
    return sorted(found, key=lambda row: (row["sink"], row["revision"], row["settled_at"] is None))


def outcomes(folder):
    return [(row["revision"], row["outcome"], row["reason"]) for row in rows(folder)]


def test_nothing_is_sent_before_its_round_counts(run, event):
    one = run()
    one.add(event())
    assert one.poster.posted == []
    one.rounds.commit()
    one.desk.committed()
    one.end()
    assert len(one.poster.posted) == 1
    assert outcomes(one.folder) == [(1, "delivered", None), (1, "planned", None)]


def test_what_was_not_settled_is_sent_again_to_the_byte(run, event):
    first = run(Desk(DOWN))
    first.round(event())
    first.wait_for_posts(1)
    first.desk.close(0)  # killed: what became of it is not written
    second = run()
    second.end()
    assert second.poster.posted == first.poster.posted[:1]
    assert outcomes(second.folder) == [(1, "delivered", None), (1, "planned", None)]
    third = run()
    third.round(event(1))
    third.end()
    assert third.poster.posted == []


def test_a_run_that_goes_on_continues_the_revisions(run, event):
    run().round(event())
    second = run()
    second.round(event(1, breaking_state="developing"))
    second.end()
    assert [row["revision"] for row in rows(second.folder) if row["outcome"] == "planned"] == [1, 2]


def test_what_was_given_up_is_written_with_the_reason(run, event):
    one = run(Desk(GONE))
    one.round(event())
    one.end()
    settled, planned = rows(one.folder)
    assert (settled["outcome"], settled["reason"], settled["attempts"]) == ("failed", "http_410", 1)
    assert settled["error"] == "https://desk.example: the server answered with status 410"
    assert settled["body"] is None
    assert planned["body"]
    assert settled["planned_at"] == planned["planned_at"]  # one partition, so they go together


def test_what_happened_while_nobody_was_to_be_told_is_told(run, event, tmp_path):
    bare = Rounds(FolderStore(str(tmp_path / "out"), 4), 0, lambda: {"files": []})
    bare.begin()
    bare.add("events", event())
    bare.commit()
    one = run()
    one.round()
    one.end()
    assert outcomes(one.folder) == [(1, "delivered", None), (1, "planned", None)]


def test_alerts_for_a_sink_that_is_named_no_more_wait(run, event, make_sink, capsys):
    first = run(Desk(DOWN))
    first.round(event())
    first.desk.close(0)
    second = run(None, make_sink(name="other"))
    second.end()
    assert second.poster.posted == []
    assert outcomes(second.folder) == [(1, "planned", None)]
    assert "alerts: 1 wait for sinks that --alerts no longer names" in capsys.readouterr().err


def test_each_alert_is_counted_once_as_it_ended(run, event, make_sink):
    one = run(Desk(GONE), make_sink(), make_sink(name="two"))
    one.round(event())
    one.end()
    one.poster.error = None
    counts = snapshot()
    assert {name: counts["alerts", name] for name in ("planned", "failed", "attempts")} == {
        "planned": 2, "failed": 2, "attempts": 2,
    }  # fmt: skip
    assert ("alerts", "delivered") not in counts
    assert counts["write", "rows_alerts"] == 4


def test_the_link_is_that_of_the_article_that_speaks_for_the_event(run, event, make_embedded):
    article = make_embedded(VECTOR, article_id="a1", url="http://news.example/fire")
    assignment = Assignment(
        ComparedArticle(article, DuplicateVerdict("none", "", 0.0, ""), ()),
        "e1", "seed", 1.0, "", False,
    )  # fmt: skip
    at = event().first_seen_at
    placed = replace(article.article, event_time=at + timedelta(hours=1))
    assignment = replace(
        assignment,
        compared=replace(assignment.compared, embedded=replace(article, article=placed)),
    )
    one = run()
    one.round(event(), articles=(assignment,))
    later = event(1, breaking_state="developing", last_seen_at=at + timedelta(hours=2))
    one.round(later)  # found in the output
    one.end()
    bodies = [body for _, body in one.poster.posted]
    assert len(bodies) == 2
    assert all(b'"url":"http://news.example/fire"' in body for body in bodies)


def test_what_there_was_no_room_for_is_taken_from_the_output(run, event, monkeypatch):
    monkeypatch.setattr("pipelines.alerts.courier.MOST_WAITING", 1)
    one = run()
    lane = one.desk._lanes["desk"]
    one.round(event(), event(event_id="e2"), event(event_id="e3"))
    for _ in range(20):
        while lane.waiting():
            time.sleep(0.001)
        one.round()
    one.end()
    assert sorted(row["outcome"] for row in rows(one.folder)) == ["delivered"] * 3 + ["planned"] * 3
    assert len({key for key, _ in one.poster.posted}) == len(one.poster.posted) == 3


def test_a_damaged_file_of_alerts_does_not_stop_a_run(run, event):
    first = run()
    first.round(event())
    first.end()
    for path in (first.folder / "alerts").glob("*/*.parquet"):
        path.write_bytes(b"PAR1 not at all")
    second = run()
    second.round(event(1))
    second.end()
    # It says the same again: under the same key, so the desk can tell.
    assert [key for key, _ in second.poster.posted] == [key for key, _ in first.poster.posted]


def test_the_end_of_a_run_waits_no_longer_than_it_may(run, event, capsys):
    assert desk_module.DRAIN_SECONDS <= 30
    slow = Retries(first_seconds=600.0)
    one = run(Desk(DOWN))
    one.desk._lanes["desk"].retries = slow
    one.round(event())
    one.end(0.2)
    assert outcomes(one.folder) == [(1, "planned", None)]
    assert "alerts: 1 were not sent; --resume sends them" in capsys.readouterr().err
