import pytest

from pipelines.live.narrator import Narrator

FEED = "https://news.example/feed"


@pytest.fixture
def narrator(after, make_round):
    narrator = Narrator(60, after(0))
    assert narrator.round_ended(make_round(0), {}, {}, [], after(0)) == []
    return narrator


@pytest.fixture
def told(narrator, make_round, after):
    """``told(seconds, number, counters, feeds, counts, **records)``: the lines of a round."""

    def tell(seconds, number=1, counters=None, feeds=(), counts=None, **records):
        ended = make_round(number, **records)
        return narrator.round_ended(ended, counters or {}, counts or {}, feeds, after(seconds))

    return tell


def test_round_with_news_is_a_line(told, make_assignment, make_event):
    counters = {("identify", "repeats_same_url"): 120}
    line = told(1.5, counters=counters, articles=[make_assignment()], events=[make_event()])
    assert line == ["12:00:01 round 1: 1 article, 1 new event; 120 repeats; 1.5 s"]
    line = told(62, 2, counters=counters, articles=[make_assignment()])
    assert line == ["12:01:02 round 2: 1 article; 2.0 s"]


def test_repeats_of_earlier_runs_are_not_counted(after, make_round, make_assignment):
    narrator = Narrator(None, after(0))
    earlier = {("identify", "repeats_same_url"): 5000}
    assert narrator.round_ended(make_round(9), earlier, {}, [], after(0)) == []
    ended = make_round(10, articles=[make_assignment()])
    assert narrator.round_ended(ended, earlier, {}, [], after(1)) == [
        "12:00:01 round 10: 1 article; 1.0 s"
    ]


def test_quiet_rounds_give_a_line_every_ten_minutes(told, make_letter):
    said = {n: told(60 * n + 1) for n in range(25)}
    assert {n: lines for n, lines in said.items() if lines} == {
        10: ["12:10:01 nothing new in 11 rounds"],
        20: ["12:20:01 nothing new in 10 rounds"],
    }
    assert told(1502, dead_letters=[make_letter()]) != []
    assert [told(1560 + 60 * n) for n in range(9)] == [[]] * 9
    assert told(2110) == ["12:35:10 nothing new in 10 rounds"]


def test_rows_that_only_note_repeats_are_no_news(told):
    assert told(5, sightings=["seen"], event_articles=["moved"]) == []


def test_heartbeat_says_which_feeds_are_in_trouble(told, make_feed):
    feeds = [make_feed(failures=3, error="x"), make_feed(feed="s", silent=True), make_feed()]
    assert len(told(5, feeds=feeds)) == 2
    assert told(606, feeds=feeds) == [
        "12:10:06 nothing new in 2 rounds; of 3 feeds 1 failing, 1 silent"
    ]


def test_health_is_said_at_once(told, make_feed):
    assert told(5, feeds=[make_feed(failures=2, error="HTTP 503")]) == [
        f"12:00:05 feed failing: {FEED}: HTTP 503"
    ]
    assert told(65, feeds=[make_feed(failures=3, error="HTTP 503")]) == []
    assert told(125, feeds=[make_feed()]) == [f"12:02:05 feed {FEED} works again after 3 failures"]


def test_stage_whose_rejects_jump_is_said_at_once(told):
    for n in range(1, 5):
        assert told(60 * n, counters={("parse", "out"): 100 * n}) == []
    counters = {("parse", "out"): 400, ("parse", "rejected_empty"): 100}
    assert told(301, counters=counters) == [
        "12:05:01 parse rejects 33% (100 of 300; usually 0%), mostly empty"
    ]


def test_first_round_is_never_silent(narrator, after):
    assert narrator.progress({}, after(10)) == "12:00:10 starting"
    counts = {("read", "out"): 12, ("embed", "out"): 100, ("write", "again"): 3}
    assert narrator.progress(counts, after(20)) == (
        "12:00:20 12 documents read · 100 embedded · 10 embedded/s"
    )


def test_later_round_is_spoken_of_when_it_takes_long(narrator, told, after):
    counts = {("read", "out"): 12}
    told(30, counts=counts)
    assert narrator.progress(counts, after(40)) == ""
    counts = {("read", "out"): 20}
    assert narrator.progress(counts, after(61)) == ""
    assert narrator.progress(counts, after(71)) == "12:01:11 8 documents read"
    told(75, counts=counts)
    assert narrator.progress(counts, after(81)) == ""
    assert narrator.progress({("read", "out"): 21}, after(91)) == ""
