"""The poller that feeds a topic: what it publishes, and what it knows when it is started again."""

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
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest

from pipelines.publish.__main__ import main
from pipelines.publish.rounds import PublishingRounds
from pipelines.publish.state import Kept, StateFile, state_file
from pipelines.publish.topic import Topic
from schemas import Document, Fetch
from transforms._shared.web.fetch import Fetched, FetchError
from transforms.read.feed import parse_feed
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import FeedState, Policy
from transforms.read.messages import Message, read_message
from transforms.read.origin import Limits
from transforms.read.poller import Poller
from transforms.read.reader import Reader
from transforms.write.output import OutputError

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
LEAST = timedelta(minutes=5)
FEEDS = [f"https://paper{number}.example/feed" for number in range(3)]


def rss(*names):
    items = "".join(
        f"<item><title>{name}</title><link>https://paper.example/{name}</link></item>"
        for name in names
    )
    return f"<rss><channel><title>Paper</title>{items}</channel></rss>".encode()


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


class Web:
    """Feeds that hold what a test puts there."""

    def __init__(self):
        self.held = {feed: rss("a") for feed in FEEDS}
        self.asked = []

    def fetch(self, url, headers=(), accept=""):
        self.asked.append(url)
        if url not in self.held:
            raise FetchError("http_status", "status 404", status=404)
        return Fetched(url, self.held[url], "application/rss+xml", "")


class Desk:
    """A topic that takes or refuses, and a poller before it, on a clock of the test."""

    def __init__(self, path, lines=FEEDS):
        self.web, self.now, self.lines, self.path = Web(), NOON, lines, path
        self.taken, self.refusing = [], False
        self._under_way = {}
        self.start()

    def start(self):
        """Begin as a new process would."""
        file = StateFile(self.path)
        kept = file.load()
        reader = Reader(self.web, lambda: self.now, Limits(), stored=False)
        policy = Policy.within(LEAST, timedelta(hours=1))
        book = FeedBook([parse_feed(line) for line in self.lines], policy, kept.states)
        poller = Poller(reader, book, (), lambda: self.now, read_again=timedelta(days=3))
        self.rounds = PublishingRounds(poller, self, file, kept, lambda: self.now, LEAST)

    def publish(self, name, message):
        self._under_way[name] = message

    def settle(self):
        failed = dict.fromkeys(self._under_way, "refused") if self.refusing else {}
        if not self.refusing:
            self.taken += self._under_way.values()
        self._under_way = {}
        return failed

    def round(self, later=timedelta()):
        """Take a round; gives what it did, and what was published, by ``told``."""
        self.now += later
        done = self.rounds.round()
        taken, self.taken = self.taken, []
        found = Counter()
        for number, one in enumerate(taken):
            message = Message(one.data, one.attributes, str(number), self.now)
            for item in read_message(message, "s"):
                name = f"{item.feed} {item.outcome}" if isinstance(item, Fetch) else item.key
                found[name] += 1
        return done, found


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "feeds.jsonl")


def of_each(*outcomes):
    return Counter(f"{feed} {outcome}" for feed in FEEDS for outcome in outcomes)


def test_each_feed_is_published_with_what_became_of_asking_for_it(desk):
    done, found = desk.round()
    assert found == Counter(FEEDS) + of_each("NEW")
    assert done.line().startswith("3 feeds asked: 3 published, 0 with nothing new, 0 failed; ")


def test_a_feed_that_did_not_change_is_not_published_again(desk):
    desk.round()
    desk.web.held[FEEDS[0]] = rss("b", "a")
    done, found = desk.round(timedelta(hours=2))
    assert found == Counter({FEEDS[0]: 1, f"{FEEDS[0]} NEW": 1, f"{FEEDS[1]} DUP_ONLY": 1,
                             f"{FEEDS[2]} DUP_ONLY": 1})  # fmt: skip
    assert (done.documents, done.unchanged) == (1, 2)


def test_a_story_that_was_edited_is_published_though_its_feed_has_no_new_item(desk):
    desk.round()
    desk.web.held[FEEDS[0]] = rss("a").replace(b"<title>a<", b"<title>A, corrected<")
    _, found = desk.round(timedelta(hours=2))
    assert (found[FEEDS[0]], found[f"{FEEDS[0]} DUP_ONLY"]) == (1, 1)


def test_a_failing_feed_is_told_of_and_stops_no_other(desk, capsys):
    del desk.web.held[FEEDS[1]]
    done, found = desk.round()
    assert found == Counter([FEEDS[0], FEEDS[2]]) + Counter(
        f"{feed} {outcome}" for feed, outcome in zip(FEEDS, ("NEW", "HARD", "NEW"))
    )
    assert "1 failed" in done.line()
    assert capsys.readouterr().err == f"{FEEDS[1]}: HARD: status 404\n"
    desk.round(timedelta(hours=5))
    assert capsys.readouterr().err == ""
    desk.web.held[FEEDS[1]] = rss("a")
    desk.round(timedelta(hours=24))
    assert capsys.readouterr().err == f"{FEEDS[1]}: works again\n"


def test_a_document_that_parse_refuses_is_published_for_its_dead_letter(desk):
    desk.web.held[FEEDS[0]] = b"<rss><channel><title>Nothing</title></channel></rss>"
    done, found = desk.round()
    assert (found[FEEDS[0]], found[f"{FEEDS[0]} EMPTY"]) == (1, 1)
    assert done.documents == 3


def test_a_restart_loses_nothing_and_repeats_nothing(desk):
    desk.round()
    desk.web.held[FEEDS[2]] = rss("b", "a")
    desk.start()
    assert desk.round()[1] == Counter()  # nothing is due
    _, found = desk.round(timedelta(hours=2))
    assert (found[FEEDS[2]], sum(found[feed] for feed in FEEDS)) == (1, 1)


def test_the_first_answer_tells_of_the_past_and_those_after_a_restart_do_not(desk):
    def backfill():
        desk.rounds.round()
        taken, desk.taken = desk.taken, []
        return {one.attributes.get("backfill") for one in taken if "feed_url" in one.attributes}

    assert backfill() == {"true"}
    desk.start()
    desk.now += timedelta(hours=2)
    desk.web.held = {feed: rss("b", "a") for feed in FEEDS}
    assert backfill() == {None}


def test_what_cannot_be_published_is_not_seen_and_comes_later(desk):
    desk.refusing = True
    done, found = desk.round()
    assert (found, done.documents, done.unpublished) == (Counter(), 0, 3)
    assert "3 could not be published and are asked again; refused" in done.line()
    assert len(desk.web.asked) == 3
    desk.round(LEAST / 2)
    assert len(desk.web.asked) == 3  # they are left alone for a while
    desk.start()
    desk.refusing = False
    _, found = desk.round(LEAST)
    assert found == Counter(FEEDS) + of_each("NEW")
    _, found = desk.round(timedelta(hours=2))
    assert found == of_each("DUP_ONLY")


def test_a_process_lost_between_publishing_and_noting_publishes_again(desk, monkeypatch):
    def full(path, data, durable=False):
        raise OutputError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.publish.state.replace_file", full)
        with pytest.raises(OutputError):
            desk.round()
    assert len(desk.taken) == 3
    desk.taken = []
    desk.start()
    _, found = desk.round()
    assert found == Counter(FEEDS) + of_each("NEW")


def test_a_feed_is_not_blamed_for_what_pubsub_refuses(desk):
    desk.refusing = True
    desk.round()
    assert {state.failures for state in StateFile(desk.path).load().states.values()} == {0}


def test_no_feed_is_asked_while_what_became_of_the_last_requests_cannot_be_published(desk):
    desk.round()
    desk.refusing = True
    desk.round(timedelta(hours=2))
    asked = len(desk.web.asked)
    for _ in range(3):
        done, _ = desk.round(timedelta(hours=2))
        assert (done.pending, done.why, done.fetches) == (3, "refused", [])
    assert len(desk.web.asked) == asked
    desk.start()  # what waits outlives the process
    desk.refusing = False
    _, found = desk.round()
    assert found == of_each("DUP_ONLY", "DUP_ONLY")


def test_what_waits_for_pubsub_is_bounded_and_what_is_given_up_is_told(desk, monkeypatch):
    monkeypatch.setattr("pipelines.publish.rounds._MOST_PENDING_BYTES", 1000)
    desk.rounds._pending = [b"x" * 100] * 17
    desk.rounds._is_down = desk.refusing = True
    done, _ = desk.round()
    assert (done.dropped, done.pending) == (7, 10)
    assert "7 fetches that waited longest were given up" in done.line()


def test_a_feed_too_large_for_a_message_fails_by_name_and_is_tried_again(desk, capsys):
    big = b"".join(b"<!--%d-->" % number for number in range(100))
    desk.web.held[FEEDS[0]] = rss("a") + os.urandom(12_000_000) + big
    done, found = desk.round()
    assert found[f"{FEEDS[0]} TOO_BIG"] == 1
    assert found[FEEDS[0]] == 0
    assert done.documents == 2
    assert "do not fit into a Pub/Sub message" in capsys.readouterr().err
    desk.web.held[FEEDS[0]] = rss("a")
    _, found = desk.round(timedelta(days=2))
    assert (found[FEEDS[0]], found[f"{FEEDS[0]} NEW"]) == (1, 1)


def test_a_long_round_is_noted_in_parts(tmp_path):
    feeds = [f"https://site{number}.example/feed" for number in range(450)]
    desk = Desk(tmp_path / "feeds.jsonl", feeds)
    desk.web.held = {feed: rss("a") for feed in feeds}
    settled = []
    settle = desk.settle
    desk.settle = lambda: (settled.append(len(desk._under_way)), settle())[1]
    done, found = desk.round()
    assert done.documents == 450
    assert sum(found.values()) == 900
    assert max(settled) == 200


def test_what_a_list_names_is_asked_for_after_a_restart_too(tmp_path):
    outlines = "".join(f'<outline xmlUrl="{feed}"/>' for feed in FEEDS)
    desk = Desk(tmp_path / "feeds.jsonl", ["https://list.example/opml"])
    desk.web.held["https://list.example/opml"] = f"<opml><body>{outlines}</body></opml>".encode()
    _, found = desk.round()
    assert {name: n for name, n in found.items() if name in FEEDS} == dict.fromkeys(FEEDS, 1)
    desk.start()
    desk.web.held[FEEDS[0]] = rss("b", "a")
    _, found = desk.round(timedelta(hours=2))
    assert {name: n for name, n in found.items() if name in FEEDS} == {FEEDS[0]: 1}
    assert sum("DUP_ONLY" in name for name in found) == 3  # the list, and two of its feeds


def test_a_local_feed_that_could_not_be_published_is_read_again(tmp_path):
    path = tmp_path / "feed.xml"
    path.write_bytes(rss("a"))
    os.utime(path, (1, 1))
    desk = Desk(tmp_path / "feeds.jsonl", [str(path)])
    desk.refusing = True
    assert desk.round()[0].unpublished == 1
    desk.refusing = False
    assert desk.round()[1][path.as_uri()] == 1


# The file.


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b'{"newsevents": "states of feeds", "format": 1}\n',
        b'{"newsevents": "states of feeds", "format": 2}\n',
        b"\xff\n",
    ],
)
def test_a_file_of_somebody_else_is_not_taken_for_states(tmp_path, content):
    path = tmp_path / "feeds.jsonl"
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"line [12].* move it away"):
        StateFile(path).load()


def test_states_come_back_as_they_went(tmp_path):
    states = {"a": FeedState(), "b": FeedState(answered_at=NOON, items=b"12345678", failures=2)}
    file = StateFile(tmp_path / "new" / "feeds.jsonl")
    assert file.load() == Kept()
    file.save(states, [b'{"a": "\xc3\xa4"}'])
    assert file.load() == Kept(states, [b'{"a": "\xc3\xa4"}'])
    damaged = tmp_path / "new" / "feeds.jsonl"
    damaged.write_bytes(damaged.read_bytes()[:-30])
    with pytest.raises(OutputError, match="line 4"):
        file.load()


def test_the_state_is_a_file_or_lies_in_a_folder(tmp_path):
    assert state_file(str(tmp_path)) == tmp_path / "feeds.jsonl"
    assert state_file(f"{tmp_path}/new/") == tmp_path / "new" / "feeds.jsonl"
    assert state_file(f"{tmp_path}/new") == tmp_path / "new"


# The command, against a server that speaks Pub/Sub's protocol.


@pytest.fixture
def command(server, tmp_path):
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


def test_ten_megabytes_reach_the_topic_packed(pubsub, command, server):
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

    def __init__(self):
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


def test_killed_at_any_moment_it_has_noted_nothing_that_was_not_published(pubsub, tmp_path):
    dice, feed, path = random.Random(7), GrowingFeed(), tmp_path / "state.jsonl"
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


def test_a_run_that_is_to_end_does_not_wait_long_for_pubsub(pubsub, monkeypatch):
    monkeypatch.setattr("pipelines.publish.topic._STOPPING_SECONDS", 0.5)
    name, _ = pubsub.create("news")
    pubsub.stop()
    topic = Topic(name, 600.0, lambda: True)
    topic.publish("a", _Out(b"x", {}))
    began = time.monotonic()
    assert topic.settle() == {"a": "Pub/Sub did not answer in time"}
    assert time.monotonic() - began < 10


class _Out:
    def __init__(self, data, attributes):
        self.data, self.attributes = data, attributes
