"""The stages in a Beam YAML pipeline, as deploy/yaml says."""

import csv
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
import yaml
from apache_beam.utils.timestamp import Timestamp

from pipelines.detect_events import main
from pipelines.yaml_provider import DetectEvents
from pipelines.yaml_rows import ArticleRow, EventRow, RejectedRow, RepeatRow, document, moment
from tests.environments import environment

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "yaml"
PINS = FOLDER / "requirements.txt"
NOON = datetime(2026, 3, 3, 12, tzinfo=timezone.utc)
OUTPUTS = {
    "articles": ArticleRow,
    "events": EventRow,
    "repeats": RepeatRow,
    "rejected": RejectedRow,
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What the example pipeline writes, by output."""
    folder = tmp_path_factory.mktemp("yaml")
    extra = environment(PINS).parents[1] / "lib" / f"python3.{sys.version_info.minor}"
    # What Beam YAML needs comes before the packages of this environment.
    path = os.pathsep.join([str(ROOT), str(extra / "site-packages")])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "apache_beam.yaml.main",
            "--runner=FnApiRunner",
            f"--yaml_pipeline_file={FOLDER / 'stories_to_events.yaml'}",
            f"--jinja_variables={json.dumps({'out': str(folder)})}",
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {
        name: [
            json.loads(line)
            for part in sorted(folder.glob(f"{name}.json-*"))
            for line in part.read_text(encoding="utf-8").splitlines()
        ]
        for name in OUTPUTS
    }


@pytest.fixture
def stories():
    with (FOLDER / "stories.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_leaves_by_one_output(outputs, stories):
    left = [row["row"] for name in ("articles", "repeats", "rejected") for row in outputs[name]]
    assert sorted(left) == sorted(story["id"] for story in stories)
    assert [(row["row"], row["reason"]) for row in outputs["rejected"]] == [
        ("blank-1", "no_article_fields")
    ]
    assert [(row["row"], row["reason"]) for row in outputs["repeats"]] == [("prize-1", "same_url")]


def test_reports_of_one_thing_are_one_event(outputs):
    event_of = {row["row"]: row["event_id"] for row in outputs["articles"]}
    assert event_of["lock-1"] == event_of["lock-2"] == event_of["lock-3"]
    assert event_of["prize-1"] == event_of["prize-2"] != event_of["lock-1"]
    counts = {row["event_id"]: row["article_count"] for row in outputs["events"]}
    assert counts == {event_of["lock-1"]: 3, event_of["prize-1"]: 2}
    (copy,) = (row for row in outputs["articles"] if row["dup_kind"] != "none")
    assert (copy["row"], copy["dup_kind"]) == ("lock-3", "exact_text")


def test_rows_have_the_fields_that_the_readme_names(outputs):
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name, row in OUTPUTS.items():
        assert set(outputs[name][0]) == set(row._fields)
        assert f"| `{name}` | {' '.join(f'`{field}`' for field in row._fields)}" in readme


def test_the_main_command_gives_the_same_ids(outputs, stories, tmp_path):
    told = [{name: value for name, value in story.items() if value} for story in stories]
    path = tmp_path / "stories.jsonl"
    path.write_text("".join(json.dumps(story) + "\n" for story in told), encoding="utf-8")
    arguments = ["--input", str(path), "--output", str(tmp_path / "out"), "--no-report"]
    assert main(arguments) == 0
    rows = pq.read_table(tmp_path / "out" / "articles").to_pylist()
    expected = {(row["article_id"], row["event_id"], row["dup_kind"]) for row in rows}
    found = {(row["article_id"], row["event_id"], row["dup_kind"]) for row in outputs["articles"]}
    assert found == expected


def test_pins_are_ours_but_for_pandas():
    """The packages of both come together in one process."""
    ours = pinned(ROOT / "constraints.txt")
    differ = {name for name, version in pinned(PINS).items() if ours.get(name, version) != version}
    assert differ == {"pandas"}


def pinned(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.lower().split("==") for line in lines if "==" in line)


def test_the_listing_names_what_is_there():
    (provider,) = yaml.safe_load((FOLDER / "providers.yaml").read_text(encoding="utf-8"))
    assert provider["transforms"] == {
        "NewsEvents/DetectEvents": f"{DetectEvents.__module__}.{DetectEvents.__name__}"
    }


def test_a_row_is_named_by_its_id_or_url_or_what_it_says():
    assert document({"id": 7, "url": "https://a.example/x"}, NOON).key == "row:7"
    assert document({"id": "", "url": "https://a.example/x"}, NOON).key == "row:https://a.example/x"
    unnamed = document({"title": "a"}, NOON).key
    assert unnamed == document({"title": "a", "id": None}, NOON).key
    assert unnamed != document({"title": "b"}, NOON).key


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, None),
        (float("nan"), None),
        (3, 3),
        (True, True),
        ("brücke", "brücke"),
        (b"br\xfccke", "br\ufffdcke"),
        (NOON, "2026-03-03T12:00:00+00:00"),
        (Timestamp.from_utc_datetime(NOON), "2026-03-03T12:00:00Z"),
        (["Ann", None], ["Ann", None]),
        (beam.Row(name="Ann"), {"name": "Ann"}),
        ({1: object}, {"1": str(object)}),
    ],
    ids=str,
)
def test_a_value_of_a_row_is_said_in_json(value, said):
    content = json.loads(document({"title": "a", "value": value}, NOON).content)
    assert content.get("value") == said


def test_rows_without_a_date_are_of_the_time_that_is_given():
    assert moment("2026-03-03T13:00:00+01:00") == NOON
    assert document({"title": "a"}, NOON).received_at == NOON


@pytest.mark.parametrize("text", ["", "noon", "2026-03-03T12:00:00", "2026-03-03"])
def test_a_time_without_a_zone_is_refused(text):
    with pytest.raises(ValueError, match=f"received_at {text}: write it like"):
        moment(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window_day": 3}, "DetectEvents knows no window_day: it has received_at, model"),
        ({"output": "x"}, "DetectEvents knows no output"),
        ({"window_days": -1}, "DetectEvents: argument --window_days: -1 is not a number"),
        ({"granularity": "topic"}, "DetectEvents: argument --granularity: invalid choice"),
        ({"model": "/no/such/model"}, "DetectEvents: .*/no/such/model"),
        ({"received_at": "noon"}, "received_at noon: write it like"),
    ],
)
def test_bad_config_is_refused_by_name(options, words):
    with pytest.raises(ValueError, match=words):
        DetectEvents(**options)


def test_options_are_those_of_the_command():
    made = DetectEvents(window_days=1, partitions=1, cross_language=False, granularity="story")
    settings = made._settings
    assert (settings.window_days, settings.partitions) == (1.0, 1)
    assert (settings.cross_language, settings.granularity) == (False, "story")
    assert DetectEvents(cross_language=True)._settings.cross_language
    assert datetime.now(timezone.utc) - made._received_at < timedelta(minutes=1)
