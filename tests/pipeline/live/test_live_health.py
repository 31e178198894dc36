import pytest

from pipelines.live.health import FAILING, OK, SILENT, FeedWatch, Health, RejectWatch

FEED = "https://news.example/feed"


def texts(notices):
    return [notice.text for notice in notices]


def test_feed_that_does_well_is_not_spoken_of(make_feed):
    watch = FeedWatch()
    assert watch.look([make_feed()]) == watch.look([make_feed()]) == []
    assert watch.states == {OK: 1}
    assert watch.troubles == []


def test_one_failure_is_a_hiccup(make_feed):
    watch = FeedWatch()
    watch.look([make_feed()])
    assert watch.look([make_feed(failures=1, error="timeout")]) == []
    assert watch.look([make_feed()]) == []


def test_failing_is_said_when_it_begins_and_when_it_ends(make_feed):
    watch = FeedWatch()
    said = [
        texts(watch.look([make_feed(failures=n, error="HTTP 503" * (n > 0))]))
        for n in (0, 1, 2, 3, 4, 0, 0)
    ]
    assert said == [
        [], [], [f"feed failing: {FEED}: HTTP 503"], [], [],
        [f"feed {FEED} works again after 4 failures"], [],
    ]  # fmt: skip


def test_feed_that_never_worked_is_said_at_once(make_feed):
    (notice,) = FeedWatch().look([make_feed(failures=1, error="no such host", changed_at=None)])
    assert notice.begins
    assert notice.text == f"feed failing: {FEED}: no such host"


def test_silence_is_said_when_it_begins_and_when_it_ends(make_feed):
    watch = FeedWatch()
    watch.look([make_feed()])
    assert texts(watch.look([make_feed(silent=True)])) == [
        f"feed silent: {FEED}: nothing new since 2024-05-01 12:00"
    ]
    assert watch.look([make_feed(silent=True)]) == []
    (notice,) = watch.look([make_feed()])
    assert (notice.text, notice.begins) == (f"feed {FEED} has something new again", False)


def test_failing_feed_is_not_called_silent_as_well(make_feed):
    watch = FeedWatch()
    both = make_feed(failures=3, error="HTTP 410", silent=True)
    assert texts(watch.look([both])) == [f"feed failing: {FEED}: HTTP 410"]
    assert watch.states == {FAILING: 1}
    assert texts(watch.look([make_feed(silent=True)])) == [
        f"feed silent: {FEED}: nothing new since 2024-05-01 12:00",
        f"feed {FEED} works again after 3 failures",
    ]
    assert watch.states == {SILENT: 1}


def test_many_feeds_that_fail_together_make_one_message(make_feed):
    watch = FeedWatch()
    names = [f"https://{n}.example" for n in range(5)]
    failing = [make_feed(feed=name, failures=2, error="no route") for name in names]
    assert texts(watch.look(failing)) == [
        "5 feeds failing: https://0.example: no route; https://1.example: no route; "
        "https://2.example: no route; and 2 more"
    ]
    (notice,) = watch.look([make_feed(feed=name) for name in names])
    assert notice.text.endswith("https://2.example works again after 2 failures; and 2 more")


def test_feeds_of_one_name_are_told_apart(make_feed):
    watch = FeedWatch()
    pair = [make_feed(failures=2, error="HTTP 403"), make_feed()]
    assert len(watch.look(pair)) == 1
    assert watch.look(pair) == []
    assert watch.states == {OK: 1, FAILING: 1}


def test_worst_trouble_comes_first(make_feed):
    watch = FeedWatch()
    watch.look(
        [
            make_feed(feed="silent", silent=True),
            make_feed(feed="bad", failures=2, error="x"),
            make_feed(feed="worst", failures=9, error="x"),
        ]
    )
    assert [trouble.feed for trouble in watch.troubles] == ["worst", "bad", "silent"]
    assert watch.troubles[0].line() == "worst: x (9 times)"


def test_names_and_errors_are_made_harmless(make_feed):
    hostile = make_feed(feed="a\x1b[2J\nb", failures=2, error="\u202eevil\r\nround 9")
    (notice,) = FeedWatch().look([hostile])
    assert notice.text == "feed failing: a [2J b: evil round 9"


def counted(out, **rejected):
    counts = {("parse", "out"): out}
    return counts | {("parse", f"rejected_{reason}"): n for reason, n in rejected.items()}


@pytest.fixture
def usual():
    """A watch of parse that has seen some rounds with 2 % rejects."""
    watch = RejectWatch("parse")
    for _ in range(6):
        assert watch.look(counted(98, empty_feed=2)) == []
    return watch


def test_jump_is_said_once_and_so_is_its_end(usual):
    (begin,) = usual.look(counted(50, empty_feed=10, undecodable=40))
    assert begin.begins
    assert begin.text == ("parse rejects 18% (54 of 300; usually 2%), mostly undecodable")
    assert usual.jumped
    assert usual.look(counted(50, undecodable=50)) == []
    ends = [usual.look(counted(100)) for _ in range(3)]
    (end,) = [notice for notices in ends for notice in notices]
    assert not end.begins
    assert end.text.startswith("parse no longer rejects more than usual: ")
    assert not usual.jumped


@pytest.mark.parametrize(
    "counts",
    [counted(0, empty_feed=1), counted(98, empty_feed=3), counted(0), {}, {("read", "out"): 9}],
    ids=["one bad item", "one more than usual", "nothing", "no counters", "another stage"],
)
def test_small_change_is_no_jump(usual, counts):
    assert usual.look(counts) == []


def test_few_items_never_alarm():
    watch = RejectWatch("parse")
    watch.earlier(counted(1000))
    for _ in range(4):
        assert watch.look(counted(0, empty_feed=1)) == []


def test_without_a_past_nothing_is_a_jump():
    watch = RejectWatch("parse")
    assert watch.look(counted(0, empty_feed=100)) == []


def test_share_that_lasts_becomes_the_usual_one(usual):
    said = [notice for _ in range(80) for notice in usual.look(counted(70, empty_feed=30))]
    assert [notice.begins for notice in said] == [True, False]


@pytest.mark.parametrize("share", [5, 40, 80])
def test_stage_that_usually_rejects_much_can_still_jump(share):
    watch = RejectWatch("parse")
    watch.earlier(counted(1000 - 10 * share, empty_feed=10 * share))
    assert watch.look(counted(100 - share, empty_feed=share)) == []
    watch = RejectWatch("parse")
    watch.earlier(counted(1000 - 10 * share, empty_feed=10 * share))
    assert len(watch.look(counted(0, empty_feed=100))) == 1


def test_feeds_that_did_not_change_count_as_read(make_feed):
    health = Health()
    health.look({("read", "out"): 100}, [])
    counters = {("read", "out"): 100, ("read", "skipped_unchanged"): 95, ("read", "rejected_x"): 5}
    assert health.look(counters, []) == []


def test_counters_of_earlier_runs_are_the_past():
    health = Health()
    before = {("extract", "out"): 900, ("extract", "rejected_no_text"): 10}
    assert health.look(before, []) == []
    now = {("extract", "out"): 920, ("extract", "rejected_no_text"): 40}
    (notice,) = health.look(now, [])
    assert notice.text == "extract rejects 60% (30 of 50; usually 1%), mostly no_text"
    assert health.jumped() == [notice.text]


def test_what_was_rejected_before_is_not_counted_twice():
    health = Health()
    health.look({("write", "out"): 1000}, [])
    assert health.look({("write", "out"): 1000, ("write", "again"): 500}, []) == []
