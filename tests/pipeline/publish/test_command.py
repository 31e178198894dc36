"""The poller against a server that speaks Pub/Sub's protocol: signals, kills, refusals."""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest

from pipelines.publish.__main__ import main
from pipelines.publish.state import StateFile
from pipelines.publish.topic import Topic
from schemas import Document
from transforms._shared.rejects import RejectError
from transforms.read.messages import Message, read_message

ROOT = Path(__file__).parents[3]


def opened(messages):
    """Read messages as the pipeline does; gives documents, fetches and letters."""
    return [
        item
        for one in messages
        for item in read_message(
            Message(one.data, dict(one.attributes), one.message_id, datetime.now(timezone.utc)), "s"
        )
    ]


def told(messages):
    """Say what messages hold: the feed of each document, the outcome of each fetch."""
    return Counter(
        item.key if isinstance(item, Document) else f"{item.feed} {item.outcome}"
        for item in opened(messages)
    )


@pytest.fixture
def command(server, tmp_path, rss):
    """``command(topic, *more)``: arguments that publish two feeds."""
    feeds = [server.answer(f"/{name}", rss(name)) for name in "ab"]

    def make(topic, *more):
        listed = [word for feed in feeds for word in ("--feeds", feed)]
        return [*listed, "--topic", topic, "--state", str(tmp_path / "state.jsonl"),
                "--allow_private_hosts", *more]  # fmt: skip

    return make


def test_once_publishes_every_feed_and_says_so(pubsub, command, capsys, server):
    topic, subscription = pubsub.create("news")
    assert main(command(topic, "--once")) == 0
    a, b = (f"{server.url}/{name}" for name in "ab")
    assert told(pubsub.take(subscription)) == Counter([a, b, f"{a} NEW", f"{b} NEW"])
    assert "2 feeds asked: 2 published, 0 with nothing new, 0 failed" in capsys.readouterr().err
    assert main(command(topic, "--once")) == 0
    assert told(pubsub.take(subscription)) == Counter([f"{a} DUP_ONLY", f"{b} DUP_ONLY"])
    assert "going on from" in capsys.readouterr().err


def test_a_server_that_refuses_for_a_while_only_delays(pubsub, command):
    topic, subscription = pubsub.create("news")
    pubsub.refuse(grpc.StatusCode.UNAVAILABLE, times=3)
    pubsub.refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, times=1)
    assert main(command(topic, "--once")) == 0
    assert len(pubsub.take(subscription)) == 4


def test_a_server_that_cannot_be_reached_loses_nothing(pubsub, command, capsys):
    topic, subscription = pubsub.create("news")
    pubsub.stop()
    began = time.monotonic()
    assert main(command(topic, "--once", "--publish_timeout_seconds", "1")) == 1
    assert time.monotonic() - began < 20
    assert "2 could not be published and are asked again" in capsys.readouterr().err
    pubsub.start()
    assert main(command(topic, "--once")) == 0
    assert sum("feed_url" in m.attributes for m in pubsub.take(subscription)) == 2


def test_a_topic_that_is_not_there_is_said_at_once(pubsub, command, capsys):
    topic, _ = pubsub.create("news")
    assert main(command(f"{topic}-else", "--once")) == 1
    assert "there is no such topic: create it" in capsys.readouterr().err


def test_ten_megabytes_reach_the_topic_packed(pubsub, command, server, rss):
    topic, subscription = pubsub.create("news")
    words = b"".join(b"<!-- %d -->" % number for number in range(800_000))
    server.answer("/a", rss("a") + words)
    assert main(command(topic, "--once")) == 0
    documents = [item for item in opened(pubsub.take(subscription)) if isinstance(item, Document)]
    assert rss("a") + words in [document.content for document in documents]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--topic": "news"}, "projects/PROJECT/topics/NAME"),
        ({"--feeds": "missing.txt"}, "missing.txt"),
        ({"--poll_bounds": "6h:5m"}, "shortest"),
        ({"--publish_timeout_seconds": "0"}, "0 is not a number"),
        ({"--colour": "red"}, "--colour"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(change, message, tmp_path, capsys):
    given = {"--feeds": "https://a.example/f", "--topic": "projects/press-desk/topics/news",
             "--state": str(tmp_path), **change}  # fmt: skip
    assert main([word for pair in given.items() for word in pair]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_damaged_state_ends_the_command_and_stays(pubsub, command, tmp_path, capsys):
    topic, _ = pubsub.create("news")
    (tmp_path / "state.jsonl").write_bytes(b"{")
    assert main(command(topic)) == 1
    assert "move it away to begin anew" in capsys.readouterr().err
    assert (tmp_path / "state.jsonl").read_bytes() == b"{"


def started(arguments):
    """Start the command as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.publish", *arguments],
        cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_everything_noted(pubsub, command, tmp_path, number):
    topic, subscription = pubsub.create("news")
    process = started(command(topic))
    wait_for(lambda: pubsub.waiting(subscription) == 4)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "2 feeds asked: 2 published" in errors
    assert len(StateFile(tmp_path / "state.jsonl").load().states) == 2


def test_a_second_poller_of_the_same_state_is_refused(pubsub, command, capsys):
    topic, subscription = pubsub.create("news")
    process = started(command(topic))
    try:
        wait_for(lambda: pubsub.waiting(subscription) == 4)
        assert main(command(topic, "--once")) == 1
        assert "another poller goes on from" in capsys.readouterr().err
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_poller_that_was_killed_publishes_again_what_it_had_not_noted(pubsub, command, tmp_path):
    topic, subscription = pubsub.create("news")
    process = started(command(topic))
    wait_for(lambda: pubsub.waiting(subscription) >= 2)
    process.kill()
    process.communicate(timeout=20)
    noted = StateFile(tmp_path / "state.jsonl").load().states
    before = told(pubsub.take(subscription))
    assert main(command(topic, "--once")) == 0
    after = told(pubsub.take(subscription))
    documents = Counter(name for name in before + after if " " not in name)
    assert len(documents) == 2  # none is lost, whenever it was killed
    assert not (noted and any(name in after for name in documents))


class GrowingFeed:
    """A feed that has one item more with every request."""

    def __init__(self, rss):
        self.items = 0
        feed = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                feed.items += 1
                body = rss(*map(str, range(feed.items)))
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/feed"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def test_killed_at_any_moment_it_has_noted_nothing_that_was_not_published(pubsub, tmp_path, rss):
    dice, feed, path = random.Random(7), GrowingFeed(rss), tmp_path / "state.jsonl"
    topic, subscription = pubsub.create("news")
    arguments = ["--feeds", feed.url, "--topic", topic, "--allow_private_hosts",
                 "--state", str(path), "--poll_bounds", "0.05s:0.1s"]  # fmt: skip

    def noted():
        (state,) = StateFile(path).load().states.values()
        return state

    def published():
        return [one.data for one in pubsub.published if "feed_url" in one.attributes]

    try:
        for _ in range(6):
            process, enough = started(arguments), len(pubsub.published) + 4
            wait_for(lambda enough=enough: len(pubsub.published) > enough)
            pubsub.refuse(grpc.StatusCode.UNAVAILABLE, times=dice.randrange(3))
            time.sleep(dice.random() * 0.4)
            process.kill()
            process.communicate(timeout=20)
            assert noted().digest in {hashlib.sha256(data).digest() for data in published()}
        assert main([*arguments, "--once"]) == 0
    finally:
        feed.close()
    assert published()[-1] == rss(*map(str, range(feed.items)))
    assert len(published()) == len(set(published()))  # each request gave another content
    assert len(noted().items) == 8 * feed.items
    assert pubsub.waiting(subscription) == len(pubsub.published)


def test_it_needs_neither_beam_nor_a_model(tmp_path):
    program = (
        "import sys; from pipelines.publish.__main__ import main; code = main(sys.argv[1:]);"
        "heavy = {'apache_beam', 'torch', 'pyarrow', 'pandas'}; print(code, heavy & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--feeds", "https://a.example/f", "--state", str(tmp_path),
         "--topic", "projects/press-desk/topics/news", "--once", "--publish_timeout_seconds", "1"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PUBSUB_EMULATOR_HOST": "127.0.0.1:1"},
    )  # fmt: skip
    assert done.stdout == "1 set()\n", done.stderr


def test_a_topic_tells_which_messages_it_does_not_have(pubsub):
    name, subscription = pubsub.create("news")
    topic = Topic(name, 2.0, lambda: False)
    try:
        for number in range(300):
            topic.publish(number, _Out(json.dumps(number).encode(), {}))
        assert topic.settle() == {}
        pubsub.refuse(grpc.StatusCode.PERMISSION_DENIED)
        topic.publish("refused", _Out(b"x", {}))
        assert topic.settle() == {
            "refused": "publishing is not allowed: grant roles/pubsub.publisher on the topic"
        }
    finally:
        topic.close()
    assert sorted(json.loads(one.data) for one in pubsub.take(subscription)) == list(range(300))


def test_what_no_message_can_hold_is_refused_alone(pubsub):
    name, subscription = pubsub.create("news")
    topic = Topic(name, 5.0, lambda: False)
    try:
        for number, data in enumerate((b"a", b"x" * 10_000_001, b"c")):
            with contextlib.nullcontext() if number != 1 else pytest.raises(RejectError):
                topic.publish(number, _Out(data, {}))
        assert topic.settle() == {}
    finally:
        topic.close()
    assert [one.data for one in pubsub.take(subscription)] == [b"a", b"c"]


def test_a_run_that_is_to_end_does_not_wait_long_for_pubsub(pubsub, monkeypatch):
    monkeypatch.setattr("pipelines.publish.topic._STOPPING_SECONDS", 0.5)
    name, _ = pubsub.create("news")
    pubsub.stop()
    topic = Topic(name, 600.0, lambda: True)
    topic.publish("a", _Out(b"x", {}))
    began = time.monotonic()
    assert topic.settle() == {"a": "Pub/Sub did not answer in time"}
    assert time.monotonic() - began < 10
    topic.close()


def test_a_closed_topic_tries_nothing_again(pubsub):
    name, _ = pubsub.create("news")
    pubsub.stop()
    topic = Topic(name, 600.0, lambda: False)
    topic.publish("a", _Out(b"x", {}))
    time.sleep(1)
    topic.close()
    until = time.monotonic() + 30
    while any("CommitBatch" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.1)


class _Out:
    def __init__(self, data, attributes):
        self.data, self.attributes = data, attributes
