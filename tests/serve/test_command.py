"""The command: how it starts, ends and refuses."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from pipelines import compact
from pipelines.serve.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start():
    """``start(output, ...)``: the command as a process, and the line it prints when it is ready."""
    started = []

    def begin(output, *more):
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.serve", "--output", str(output), "--port", "0",
             *more],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process, process.stdout.readline()

    yield begin
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_while_it_starts_and_leaves_nothing(
    busy, tmp_path, monkeypatch, capsys, number
):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(
        "pipelines.serve.index.list_output", lambda folder: signal.raise_signal(number)
    )
    before = signal.getsignal(number)
    assert main(["--output", str(busy.path), "--port", "0"]) == 0
    assert capsys.readouterr().err == ""
    assert list((tmp_path / "tmp").iterdir()) == []
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_with_0(busy, start, number):
    process, line = start(busy.path)
    address = re.fullmatch(r"serving .* at (http://127\.0\.0\.1:[0-9]+)/\n", line)[1]
    answer = httpx.get(f"{address}/")
    assert answer.status_code == 200
    assert "server" not in answer.headers
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def test_a_page_shows_what_a_run_adds_and_a_compaction_changes_nothing(busy, start):
    _, line = start(busy.path)
    address = line.split()[-1]
    with httpx.Client(base_url=address) as client:
        for n in range(12):
            busy.event(f"new{n}", 200 + n, title=f"Fresh event {n}")
            busy.article(f"n{n}", f"new{n}", 200 + n)
            busy.commit()
            if n % 5 == 4:
                assert compact.main(["--output", str(busy.path)]) == 0
            for path in ("/", "/events?q=fresh", "/api/v1/articles", "/events.csv"):
                assert client.get(path).status_code == 200
            seen = client.get("/api/v1/status").json()
            # Never anything but whole rounds: 7 articles at first, then one with each.
            assert seen["articles"] == 6 + seen["round"]
            assert seen["events"] == 2 + seen["round"]
            assert seen["error"] is None
        for _ in range(200):
            if client.get("/api/v1/status").json()["round"] == busy.rounds:
                break
            time.sleep(0.1)
        assert client.get("/api/v1/events?q=fresh").json()["total"] == 12


def test_another_address_than_loopback_is_a_warning(busy, start):
    process, line = start(busy.path, "--host", "0.0.0.0")  # noqa: S104 - that is the question
    assert line.startswith("serving ")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert errors == (
        "newsevents: 0.0.0.0 is not this machine alone: whoever reaches it can read this output\n"
    )


def test_a_port_in_use_is_named(busy, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--output", str(busy.path), "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"cannot listen at port {port} of 127.0.0.1" in said
    assert "choose another --port" in said


@pytest.mark.parametrize(
    ("name", "says"),
    [("missing", "no such folder"), ("empty", "holds neither run.json nor tables")],
)
def test_a_folder_that_is_no_output_is_named(tmp_path, capsys, name, says):
    (tmp_path / "empty").mkdir()
    assert main(["--output", str(tmp_path / name), "--port", "0"]) == 1
    said = capsys.readouterr().err
    assert (said.count("\n"), says in said, name in said) == (1, True, True)


@pytest.mark.parametrize(
    "wrong",
    [[], ["--output"], ["--output", "x", "--port", "70000"], ["--output", "x", "--port", "-1"],
     ["--output", "x", "--nothing"], ["--output", "x", "--memory_mb", "1"]],
    ids=str,
)  # fmt: skip
def test_wrong_usage_is_2(wrong, capsys):
    assert main(wrong) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_another_storage_is_refused(capsys):
    assert main(["--output", "gs://bucket/out", "--port", "0"]) == 1
    assert "local folders only" in capsys.readouterr().err
