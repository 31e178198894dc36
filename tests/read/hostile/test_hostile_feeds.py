"""Whatever a server does, each feed gets its answer, its row in the log, and no more than that."""

import shutil
import ssl
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from behaviours import BEHAVIOURS, FEED, HELPERS, NAMES, answering, head, redirecting, rss
from chain import DAY, DEADLINE_SECONDS, HOUR, SECRET, Chain
from server import HostileServer

from schemas.feed import OUTCOMES
from transforms.read.feed_state import FeedState

GOOD = 40
PARSE_SECONDS = 10.0  # a tenth of that on an idle machine
SLACK_SECONDS = 4.0  # after the deadline, for a machine that is busy with other things
NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "feeds"


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl is needed to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout",
         key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture(scope="module")
def first_round(tls):
    """All behaviours and some good feeds, asked for at the same time."""
    plays = {name: behaviour.play for name, behaviour in BEHAVIOURS.items()}
    server = HostileServer({**plays, **HELPERS}, tls)
    good = [f"http://good{n}.example/good/{n}" for n in range(GOOD)]
    chain = Chain(server, [*(b.line for b in BEHAVIOURS.values()), *good], NAMES)
    for behaviour in BEHAVIOURS.values():  # large bodies are made before the clock starts
        if not behaviour.hangs:
            list(zip(range(9), behaviour.play(_WARM)))
    results = chain.round()
    yield chain, results
    server.close()


class _Warm:
    path, headers, number = "/x/x", {"x-key": ""}, 1


_WARM = _Warm()


def result_of(chain, results, name):
    feeds = dict(zip(BEHAVIOURS, chain.feeds))
    return results[feeds[name].name]


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_what_comes_of_a_behaviour(first_round, name):
    behaviour, fetch = BEHAVIOURS[name], result_of(*first_round, name).fetch
    assert fetch.outcome == behaviour.outcome, fetch.error
    dropped = {part.reason: part.count for part in fetch.dropped}
    assert (fetch.kept, fetch.known, dropped) == (
        behaviour.kept, behaviour.known, dict(behaviour.dropped),
    )  # fmt: skip


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_failure_says_why_and_leaves_a_dead_letter(first_round, name):
    result = result_of(*first_round, name)
    if result.fetch.outcome in ("NEW", "DUP_ONLY", "NOT_MODIFIED"):
        assert result.fetch.error == ""
    else:
        assert result.rejected, result.fetch
        assert result.fetch.error or result.fetch.outcome == "EMPTY"


def lost(chain, results):
    """Count items that are neither an entry nor a loss, and are not refused with the document."""
    fetches = (result.fetch for result in results.values())
    return {
        fetch.feed: chain.offered[fetch.feed_id] - fetch.entries
        for fetch in fetches
        if fetch.entries < chain.offered.get(fetch.feed_id, 0)
    }


def test_all_are_survived_and_nothing_is_lost(first_round, capsys):
    chain, results = first_round
    figures = {
        "behaviours": len(BEHAVIOURS),
        "feeds asked for": len(results),
        "unanswered": len(chain.feeds) - sum(feed.name in results for feed in chain.feeds),
        "slowest answer, seconds": round(max(r.seconds for r in results.values()), 1),
        "slowest good feed, seconds": round(max(slow_good(results)), 1),
        "slowest to parse, seconds": round(max(chain.parsing.values()), 1),
        "items kept": sum(r.fetch.kept for r in results.values()),
        "items dropped, with a reason": sum(
            part.count for r in results.values() for part in r.fetch.dropped
        ),
        "items offered": sum(chain.offered.values()),
        "items lost silently": sum(lost(chain, results).values()),
        "connections": chain.backend.connections,
        "connections to private addresses": len(chain.backend.private),
        "secrets told": len(chain.leaks),
    }
    with capsys.disabled():
        print("\n" + "\n".join(f"  {name}: {value:,}" for name, value in figures.items()))
    assert figures["behaviours"] >= 60
    assert {b.outcome for b in BEHAVIOURS.values()} <= set(OUTCOMES)
    for name in ("unanswered", "items lost silently", "connections to private addresses",
                 "secrets told"):  # fmt: skip
        assert figures[name] == 0, (name, chain.leaks[:3], chain.backend.private)


def test_the_numbers_of_every_row_add_up(first_round):
    for result in first_round[1].values():
        fetch = result.fetch
        dropped = sum(part.count for part in fetch.dropped)
        assert fetch.entries == fetch.kept + fetch.known + dropped
        if fetch.outcome == "NEW" and result.entries:
            assert len(result.entries) == fetch.kept + fetch.known
        assert FeedState.from_bytes(fetch.state).next_at == fetch.next_at > fetch.fetched_at


def slow_good(results):
    return [r.seconds for name, r in results.items() if name.startswith("http://good")]


def test_every_feed_has_its_answer_in_time(first_round):
    _, results = first_round
    assert max(r.seconds for r in results.values()) < DEADLINE_SECONDS + SLACK_SECONDS
    assert len(slow_good(results)) == GOOD
    hanging = [result_of(*first_round, b.name) for b in BEHAVIOURS.values() if b.hangs]
    assert len(hanging) >= 5
    assert min(r.seconds for r in hanging) >= DEADLINE_SECONDS


def test_no_document_keeps_the_parser_busy_for_long(first_round):
    slow = {name: s for name, s in first_round[0].parsing.items() if s > PARSE_SECONDS}
    assert slow == {}


def test_no_link_of_an_entry_leads_anywhere_but_to_the_web(first_round):
    for result in first_round[1].values():
        for entry in result.entries:
            assert entry.url.startswith(("http://", "https://")), entry.url
            assert "passwd" not in entry.url + entry.content + entry.title


def test_variables_in_a_list_from_outside_are_not_resolved(first_round):
    chain, results = first_round
    listed = [name for name in results if name.startswith("http://variables.example/")]
    assert len(listed) == 2
    assert not any("/home/somebody" in text for text in chain.said)


def test_a_list_that_never_ends_is_not_followed_for_ever(first_round):
    followed = [name for name in first_round[1] if "opml-without-end" in name]
    assert 1 < len(followed) < 10


# --- behaviours that take more than one poll ---


@pytest.fixture
def serve():
    running = []

    def start(**plays):
        server = HostileServer(plays)
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()


@pytest.fixture
def clock():
    return [NOON]


def polls(chain, clock, count, step):
    found = []
    for _ in range(count):
        found.append(chain.poll())
        clock[0] += step
    return found


def not_modified_for_ever(asked):
    if "if-none-match" in asked.headers:
        return [head("304 Not Modified")]
    return [head("200 OK", 'ETag: "x"'), rss(range_items(asked.number))]


def range_items(number):
    return [f"<item><title>Story {number}</title><link>https://news.example/{number}</link></item>"]


@pytest.mark.parametrize(("step", "full"), [(HOUR / 12, [0, 20]), (5 * HOUR, [0, 5, 10, 15, 20])])
def test_304_for_ever_is_not_believed(serve, clock, step, full):
    server = serve(f=not_modified_for_ever)
    found = polls(Chain(server, ["http://a.example/f"], clock=clock), clock, 22, step)
    assert [n for n, fetch in enumerate(found) if fetch.outcome == "NEW"] == full
    assert {fetch.outcome for fetch in found} == {"NEW", "NOT_MODIFIED"}


def test_304_to_a_request_without_conditions_is_a_failure(serve, clock):
    server = serve(f=answering(b"", "304 Not Modified", 'ETag: "x"'))
    found = polls(
        Chain(server, ["http://a.example/f"], clock=clock, every=False), clock, 3, 2 * DAY
    )
    assert [(f.outcome, f.failures) for f in found] == [("SOFT", 1), ("SOFT", 2), ("SOFT", 3)]
    assert "if-none-match" not in server.requests("f")[-1].headers


@pytest.mark.parametrize(
    "etag", ['"x"', "x" * 5000, "x" * 995 + " " * 20 + "y", '"\u00e9\u20ac"', "\x80", '"a", "b"']
)
def test_what_is_sent_back_of_a_bogus_etag_is_no_reason_to_fail(serve, clock, etag):
    server = serve(f=answering(FEED, "200 OK", f"ETag: {etag}", "Last-Modified: " + "9" * 2000))
    found = polls(Chain(server, ["http://a.example/f"], clock=clock), clock, 3, HOUR)
    assert [fetch.outcome for fetch in found] == ["NEW", "DUP_ONLY", "DUP_ONLY"]


def test_a_feed_that_is_gone_is_asked_for_once_a_month(serve, clock):
    server = serve(f=answering(b"", "410 Gone"))
    chain = Chain(server, ["http://a.example/f"], clock=clock)
    asked = []
    for day in range(100):
        clock[0] = NOON + day * DAY
        asked += [day] * len(chain.round())
    assert asked == [0, 30, 60, 90]


def test_retry_after_is_kept_to_but_no_longer_than_a_day(serve, clock):
    for value, least, most in (("7200", 2, 2), ("9" * 30, 24, 24), ("soon", 0, 2), ("", 0, 2)):
        server = serve(f=answering(b"", "429 Slow", f"Retry-After: {value}"))
        fetch = Chain(server, ["http://a.example/f"], clock=clock).poll()
        assert least * HOUR <= fetch.next_at - NOON <= most * HOUR


def test_a_name_that_turns_private_is_not_followed(serve, clock):
    server = serve(f=answering(FEED))
    names = {"a.example": [["93.184.216.34"], ["10.0.0.5"]]}
    chain = Chain(server, ["http://a.example/f"], names, clock)
    assert [f.outcome for f in polls(chain, clock, 2, HOUR)] == ["NEW", "SSRF_DENIED"]
    assert chain.backend.private == []


def test_link_local_addresses_are_refused_even_where_private_ones_are_allowed(serve):
    server = serve(
        f=redirecting("http://metadata.example/"), g=redirecting("http://[::ffff:a9fe:a9fe]/")
    )
    chain = Chain(server, ["http://a.example/f", "http://a.example/g"], NAMES, allow_private=True)
    assert {r.fetch.outcome for r in chain.round().values()} == {"SSRF_DENIED"}
    assert chain.backend.private == []


@pytest.mark.parametrize(
    ("second", "outcomes"),
    [
        pytest.param(rss([f"<item><title>B</title><guid>{n}</guid><link>https://n.example/1</link></item>"
                          for n in (1,)]), ["NEW"] + ["DUP_ONLY"] * 5, id="flapping-title"),
    ],
)  # fmt: skip
def test_items_that_flap_are_new_once(serve, clock, second, outcomes):
    first = second.replace(b"<title>B<", b"<title>A<")
    server = serve(f=lambda asked: [head(), first if asked.number % 2 else second])
    found = polls(Chain(server, ["http://a.example/f"], clock=clock), clock, 6, HOUR)
    assert [fetch.outcome for fetch in found] == outcomes


def test_items_whose_guid_changes_with_each_poll_are_new_once(serve, clock):
    def play(asked):
        return [head(), FEED.replace(b"<guid>g", b"<guid>%d-" % asked.number)]

    found = polls(Chain(serve(f=play), ["http://a.example/f"], clock=clock), clock, 4, HOUR)
    assert [(f.kept, f.known) for f in found] == [(3, 0), (0, 3), (0, 3), (0, 3)]


class Moving:
    """A feed that says it moved, and a new place that works until it is told not to."""

    def __init__(self):
        self.new = answering(FEED)
        self.old = redirecting("http://new.example/new", "301 Moved Permanently")

    def start(self, serve):
        return serve(old=lambda asked: self.old(asked), new=lambda asked: self.new(asked))


def test_a_move_is_believed_after_five_sightings_in_three_days(serve, clock):
    server = Moving().start(serve)
    chain = Chain(server, ["http://old.example/old"], clock=clock)
    polls(chain, clock, 12, 12 * HOUR)
    assert len(server.requests("old")) == 7  # until three days had gone by
    hasty = Moving().start(serve)
    polls(Chain(hasty, ["http://old.example/old"], clock=clock), clock, 12, HOUR)
    assert len(hasty.requests("old")) == 12
    rare = Moving().start(serve)
    polls(Chain(rare, ["http://old.example/old"], clock=clock), clock, 12, 2 * DAY)
    assert len(rare.requests("old")) == 5


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone", "503 Busy"])
def test_a_feed_that_moved_and_fails_there_is_asked_for_where_it_is_listed(serve, clock, status):
    site = Moving()
    server = site.start(serve)
    chain = Chain(server, ["http://old.example/old"], clock=clock)
    polls(chain, clock, 12, DAY)
    asked = len(server.requests("old"))
    site.new, site.old = answering(b"", status), answering(rss(5))
    found = polls(chain, clock, 2, 3 * DAY)
    assert [(f.outcome, f.kept) for f in found] == [(found[0].outcome, 0), ("NEW", 2)]
    assert found[0].failures == 1
    assert len(server.requests("old")) == asked + 1


def test_a_move_to_an_address_that_holds_a_secret_is_not_kept(serve, clock):
    server = serve(
        old=lambda asked: [
            head("301 Moved", "Location: http://new.example/new/" + asked.headers["x-key"])
        ],
        new=answering(FEED),
    )
    chain = Chain(server, ['http://old.example/old header="X-Key: ${FEED_KEY}"'], clock=clock)
    polls(chain, clock, 10, DAY)
    assert chain.leaks == []
    assert len(server.requests("old")) == 10


def test_a_secret_that_the_feed_repeats_is_written_nowhere(serve, clock):
    link = f'<atom:link rel="self" href="http://a.example/f?page={SECRET}"/>'.encode()
    body = FEED.replace(b"<item>", link + b"<item>", 1)
    server = serve(f=answering(body[:-40], "200 OK", f'ETag: "{SECRET}"'))
    chain = Chain(server, ["http://a.example/f?page=${FEED_KEY}"], clock=clock)
    assert chain.poll().kept == 3
    assert chain.leaks == []


def test_good_feeds_do_not_wait_for_those_that_hang(serve):
    hanging = [behaviour for behaviour in BEHAVIOURS.values() if behaviour.hangs] * 6
    server = serve(good=HELPERS["good"], **{b.name: b.play for b in hanging})
    lines = [f"{behaviour.url}?{number}" for number, behaviour in enumerate(hanging)]
    chain = Chain(server, [*lines, *(f"http://good{n}.example/good/{n}" for n in range(GOOD))])
    results = chain.round()
    assert len(results) == len(hanging) + GOOD
    assert max(slow_good(results)) < DEADLINE_SECONDS / 2


def test_hanging_feeds_by_the_hundred_do_not_hold_up_good_ones_that_were_seen_before(serve):
    server = serve(f=answering(FEED), slow=lambda asked: [600.0])
    lines = [f"http://slow{n}.example/slow/{n}" for n in range(150)]
    deadline = 1.0
    chain = Chain(server, [*lines, "http://a.example/f"], seconds=deadline)
    failing = FeedState(failures=1)
    chain.book._states |= {feed.feed_id: failing for feed in chain.feeds[:-1]}
    results = chain.round()
    assert len(results) == 151
    assert results["http://a.example/f"].seconds < deadline, "behind others it would wait for one"


# --- feeds of others ---


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside the repository")
def test_all_sample_feeds_go_through(serve):
    files = {f"s{n}": p for n, p in enumerate(sorted(p for p in SAMPLES.rglob("*") if p.is_file()))}
    server = serve(**{name: answering(path.read_bytes()) for name, path in files.items()})
    chain = Chain(server, [f"http://{name}.example/{name}" for name in files], seconds=20.0)
    results = chain.round()
    assert len(results) == len(files) > 0
    outcomes = sorted(result.fetch.outcome for result in results.values())
    assert set(outcomes) <= {"NEW", "EMPTY", "SOFT", "NOT_A_FEED"}
    for result in results.values():
        fetch = result.fetch
        dropped = sum(part.count for part in fetch.dropped)
        assert fetch.entries == fetch.kept + fetch.known + dropped
        assert fetch.kept + fetch.known == len(result.entries)
        assert result.entries or result.rejected
    assert lost(chain, results) == {}
    assert outcomes.count("NEW") + outcomes.count("EMPTY") > 0.9 * len(outcomes)
    assert sum(result.fetch.kept for result in results.values()) > 600
    assert chain.backend.private == []
