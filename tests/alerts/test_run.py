"""The main job tells a desk of what breaks, and only then, and only once."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.detect_events import main

STORIES = Path(__file__).parents[1] / "quality" / "hard_pairs.jsonl"
SINKS = """
[[sink]]
name = "desk"
url = "{url}"
"""


@pytest.fixture
def detect(tmp_path, server):
    """``detect(name, ago, mark)``: a round on reports of one event that came so long ago.

    ``mark`` stands before the title of the second of them.
    """

    def run(name, ago=timedelta(), mark="", store_text="full"):
        now = datetime.now(timezone.utc) - ago
        stories = [json.loads(line) for line in STORIES.read_text().splitlines()]
        told = [story for story in stories if story["label"] == "talmere-dam"][:4]
        for place, story in enumerate(told):
            story["title"] = f"{mark if place == 1 else ''}{story['title']}"
            story["published"] = (now - timedelta(minutes=40 - 7 * place)).isoformat()
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        lines = "".join(f"{json.dumps(story)}\n" for story in told)
        (folder / "stories.jsonl").write_text(lines)
        sinks = tmp_path / "alerts.toml"
        sinks.write_text(SINKS.format(url=server.answer("/in", status="204 No Content")))
        out = tmp_path / f"out-{name}"
        arguments = ["--input", str(folder), "--output", str(out), "--resume", "--no-report"]
        arguments += ["--store_text", store_text]
        assert main([*arguments, "--alerts", str(sinks), "--allow_private_hosts"]) == 0
        return out

    return run


def rows(out):
    paths = sorted((out / "alerts").glob("*/*.parquet"))
    return [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]


def test_what_breaks_is_told_once_before_the_run_ends(detect, server):
    out = detect("in")
    (request,) = server.requests
    event = json.loads(request.partition("\r\n\r\n")[2])
    assert event["type"] == "org.newsevents.alert.breaking"
    assert event["data"]["url"].startswith("https://")
    assert sorted(row["outcome"] for row in rows(out)) == ["delivered", "planned"]
    counts = json.loads((out / "run.json").read_text())["counts"]["stages"]["alerts"]
    assert (counts["planned"], counts["delivered"], counts["attempts"]) == (1, 1, 1)
    detect("in")
    assert len(server.requests) == 1


def test_without_stored_text_an_alert_quotes_none(detect, server):
    out = detect("in", store_text="none")
    (request,) = server.requests
    body = request.partition("\r\n\r\n")[2]
    assert json.loads(body)["data"]["summary"] == ""
    assert [row["body"] for row in rows(out) if row["outcome"] == "planned"] == [body]


def test_what_broke_yesterday_is_not_told(detect, server):
    out = detect("old", timedelta(days=1))
    assert server.requests == []
    assert rows(out) == []


def test_a_retraction_revises_the_alert_once(detect, server):
    detect("in")
    out = detect("in", mark="RETRACTED: ")
    assert detect("in", mark="RETRACTED: ") == out
    told = [json.loads(request.partition("\r\n\r\n")[2]) for request in server.requests]
    assert [event["type"].rpartition(".")[2] for event in told] == ["breaking", "updated"]
    planned = [row for row in rows(out) if row["outcome"] == "planned"]
    first, second = sorted(planned, key=lambda row: row["revision"])
    assert first["alert_id"] == second["alert_id"]
    assert "retracted" in second["why"]
    assert (first["retraction_count"], second["retraction_count"]) == (0, 1)
    (notice,) = told[1]["data"]["notices"]
    assert notice["kind"] == "retracted" and notice["title"].startswith("RETRACTED: ")
    assert told[1]["data"]["retracted_articles"] == 1
    assert not told[1]["data"]["title"].startswith("RETRACTED: ")
