"""``python -m pipelines.alerts`` and the flag of the main job."""

import json

import numpy as np
import pytest

from pipelines.alerts.__main__ import main
from pipelines.detect_events import main as detect
from transforms.write.rounds import FolderStore, Rounds

VECTOR = np.array([0.5, -0.5, 0.5, 0.5], dtype="<f4").tobytes()
GOOD = """
[[sink]]
name = "desk"
url = "https://desk.example/s3cret"
min_families = 3

[[sink]]
name = "chat"
url = "https://chat.example/"
format = "slack"
keywords = ["football"]
"""


@pytest.fixture
def sinks(tmp_path):
    """``sinks(text)``: write a file of alerts; gives its path."""

    def write(text=GOOD):
        path = tmp_path / "alerts.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def command(capsys):
    """``command(*arguments)``: exit code, and the lines on both streams."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out.splitlines(), printed.err.splitlines()

    return run


@pytest.fixture
def output(tmp_path, make_event):
    rounds = Rounds(FolderStore(str(tmp_path / "out"), 4), 0, lambda: {"files": []})
    rounds.begin()
    rounds.add("events", make_event(centroid=VECTOR))
    rounds.add("events", make_event(event_id="e2", centroid=VECTOR, breaking_since=None,
                                    breaking_state="none"))  # fmt: skip
    rounds.commit()
    return tmp_path / "out"


def test_check_shows_each_sink_without_its_path(command, sinks):
    code, printed, said = command("check", "--alerts", sinks())
    assert (code, said) == (0, [])
    assert printed == [
        "ok  desk  cloudevents to https://desk.example; publishers from 3; not signed",
        "ok  chat  slack to https://chat.example; keywords football; not signed",
    ]


def test_check_names_every_mistake_in_a_line(command, sinks):
    path = sinks('[[sink]]\nname = "desk"\nformat = "fax"\nkeyword = ["x"]\n')
    code, printed, said = command("check", "--alerts", path)
    assert (code, printed) == (2, [])
    assert said == [
        f"newsevents: {path}: line 1, sink desk: unknown key 'keyword'; did you mean keywords?",
        f'newsevents: {path}: line 1, sink desk: url is missing; add url = "…"',
        f"newsevents: {path}: line 1, sink desk: format: write 'cloudevents' or 'slack'",
    ]


def test_a_dry_run_prints_what_would_be_sent_and_sends_nothing(command, sinks, output):
    before = sorted(path for path in output.rglob("*"))
    code, printed, said = command("dry-run", "--alerts", sinks(), "--output", output)
    assert (code, said) == (0, [])
    assert printed[0] == "desk: e1 revision 1 (broke) Grain warehouse ablaze on Port Ellery docks"
    assert printed[-1] == (
        "1 would be sent as of 2024-05-01 12:00 UTC, 0 are not delivered yet, 0 are settled; "
        "nothing was sent"
    )
    body = json.loads("\n".join(printed[1:-1]))
    assert body["type"] == "org.newsevents.alert.breaking"
    assert sorted(path for path in output.rglob("*")) == before


def test_a_dry_run_needs_an_output(command, sinks, tmp_path):
    code, _, said = command("dry-run", "--alerts", sinks(), "--output", tmp_path / "none")
    assert code == 1
    assert len(said) == 1
    assert "holds no output of a run" in said[0]


@pytest.mark.parametrize("arguments", [(), ("check",), ("send",), ("check", "--alert", "x")])
def test_wrong_usage_is_one_line(command, arguments):
    code, _, said = command(*arguments)
    assert (code, len(said)) == (2, 1)


def test_a_run_that_ends_refuses_alerts(capsys, sinks, tmp_path):
    code = detect(["--input", "x", "--output", str(tmp_path / "out"), "--alerts", sinks()])
    assert code == 2
    said = capsys.readouterr().err
    assert said.startswith("newsevents: --alerts is for --streaming or --resume: ")


def test_a_run_with_a_wrong_file_of_alerts_does_not_begin(capsys, sinks, tmp_path):
    (tmp_path / "in").mkdir()
    code = detect(["--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--resume",
                   "--alerts", sinks("[[sink]]")])  # fmt: skip
    assert code == 2
    assert "line 1, sink 1: name is missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
