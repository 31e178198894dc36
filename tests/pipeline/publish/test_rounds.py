"""What a poller publishes, and what it knows when it is started again."""

import os
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from pipelines.publish.rounds import PublishingRounds
from pipelines.publish.state import Kept, StateFile, state_file
from schemas import Fetch
from transforms._shared.web.fetch import Fetched, FetchError
from transforms.read.feed import parse_feed
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import FeedState, Policy
from transforms.read.messages import Message, read_message
from transforms.read.origin import Limits
from transforms.read.poller import Poller
from transforms.read.reader import Reader
from transforms.write.output import OutputError

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
LEAST = timedelta(minutes=5)
FEEDS = [f"https://paper{number}.example/feed" for number in range(3)]
LIST = "https://list.example/opml"


class Web:
    """Feeds that hold what a test puts there."""

    def __init__(self, held):
        self.held = held
        self.asked = []

    def fetch(self, url, headers=(), accept=""):
        self.asked.append(url)
        if url not in self.held:
            raise FetchError("http_status", "status 404", status=404)
        return Fetched(url, self.held[url], "application/rss+xml", "")


class Desk:
    """A topic that takes or refuses, and a poller before it, on a clock of the test."""

    def __init__(self, path, held, lines=FEEDS):
        self.web, self.now, self.lines, self.path = Web(held), NOON, lines, path
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
def desk(tmp_path, rss):
    return Desk(tmp_path / "feeds.jsonl", {feed: rss("a") for feed in FEEDS})


def of_each(*outcomes):
    return Counter(f"{feed} {outcome}" for feed in FEEDS for outcome in outcomes)


def test_each_feed_is_published_with_what_became_of_asking_for_it(desk):
    done, found = desk.round()
    assert found == Counter(FEEDS) + of_each("NEW")
    assert done.line().startswith("3 feeds asked: 3 published, 0 with nothing new, 0 failed; ")


def test_a_feed_that_did_not_change_is_not_published_again(desk, rss):
    desk.round()
    desk.web.held[FEEDS[0]] = rss("b", "a")
    done, found = desk.round(timedelta(hours=2))
    assert found == Counter({FEEDS[0]: 1, f"{FEEDS[0]} NEW": 1, f"{FEEDS[1]} DUP_ONLY": 1,
                             f"{FEEDS[2]} DUP_ONLY": 1})  # fmt: skip
    assert (done.documents, done.unchanged) == (1, 2)


def test_a_story_that_was_edited_is_published_though_its_feed_has_no_new_item(desk, rss):
    desk.round()
    desk.web.held[FEEDS[0]] = rss("a").replace(b"<title>a<", b"<title>A, corrected<")
    _, found = desk.round(timedelta(hours=2))
    assert (found[FEEDS[0]], found[f"{FEEDS[0]} DUP_ONLY"]) == (1, 1)


def test_a_failing_feed_is_told_of_and_stops_no_other(desk, capsys, rss):
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


def test_a_restart_loses_nothing_and_repeats_nothing(desk, rss):
    desk.round()
    desk.web.held[FEEDS[2]] = rss("b", "a")
    desk.start()
    assert desk.round()[1] == Counter()  # nothing is due
    _, found = desk.round(timedelta(hours=2))
    assert (found[FEEDS[2]], sum(found[feed] for feed in FEEDS)) == (1, 1)


def test_the_first_answer_tells_of_the_past_and_those_after_a_restart_do_not(desk, rss):
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
    assert "7 fetches were given up" in done.line()


def test_a_feed_too_large_for_a_message_fails_by_name_and_is_tried_again(desk, capsys, rss):
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


def test_a_long_round_is_noted_in_parts(tmp_path, rss):
    feeds = [f"https://site{number}.example/feed" for number in range(450)]
    desk = Desk(tmp_path / "feeds.jsonl", {feed: rss("a") for feed in feeds}, feeds)
    settled = []
    settle = desk.settle
    desk.settle = lambda: (settled.append(len(desk._under_way)), settle())[1]
    done, found = desk.round()
    assert done.documents == 450
    assert sum(found.values()) == 900
    assert max(settled) == 200


def test_what_a_list_names_is_asked_for_after_a_restart_too(tmp_path, rss):
    outlines = "".join(f'<outline xmlUrl="{feed}"/>' for feed in FEEDS)
    desk = Desk(tmp_path / "feeds.jsonl", {feed: rss("a") for feed in FEEDS}, [LIST])
    desk.web.held[LIST] = f"<opml><body>{outlines}</body></opml>".encode()
    _, found = desk.round()
    assert {name: n for name, n in found.items() if name in FEEDS} == dict.fromkeys(FEEDS, 1)
    desk.start()
    desk.web.held[FEEDS[0]] = rss("b", "a")
    _, found = desk.round(timedelta(hours=2))
    assert {name: n for name, n in found.items() if name in FEEDS} == {FEEDS[0]: 1}
    assert sum("DUP_ONLY" in name for name in found) == 3  # the list, and two of its feeds


def test_a_local_feed_that_could_not_be_published_is_read_again(tmp_path, rss):
    path = tmp_path / "feed.xml"
    path.write_bytes(rss("a"))
    os.utime(path, (1, 1))
    desk = Desk(tmp_path / "feeds.jsonl", {}, [str(path)])
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
