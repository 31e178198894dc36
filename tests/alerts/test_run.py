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
    """``detect(name, ago)``: one round on reports of one event that came so long ago."""

    def run(name, ago=timedelta()):
        now = datetime.now(timezone.utc) - ago
        stories = [json.loads(line) for line in STORIES.read_text().splitlines()]
        told = [story for story in stories if story["label"] == "talmere-dam"][:4]
        for place, story in enumerate(told):
            story["published"] = (now - timedelta(minutes=40 - 7 * place)).isoformat()
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        lines = "".join(f"{json.dumps(story)}\n" for story in told)
        (folder / "stories.jsonl").write_text(lines)
        sinks = tmp_path / "alerts.toml"
        sinks.write_text(SINKS.format(url=server.answer("/in", status="204 No Content")))
        out = tmp_path / f"out-{name}"
        arguments = ["--input", str(folder), "--output", str(out), "--resume", "--no-report"]
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


def test_what_broke_yesterday_is_not_told(detect, server):
    out = detect("old", timedelta(days=1))
    assert server.requests == []
    assert rows(out) == []
