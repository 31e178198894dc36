import pytest

from pipelines.live.board import BAD, Board, Section, fit


def text_of(sections):
    return ["".join(piece for piece, _ in line) for section in sections for line in section.lines]


@pytest.fixture
def board(after):
    return Board("out/live", 60, after(0), most_events=3)


@pytest.fixture
def shown(board, after):
    """``shown(counts, seconds)``: the lines of the board."""
    return lambda counts=None, seconds=0.0: text_of(board.sections(counts or {}, after(seconds)))


@pytest.fixture
def told(board, make_round, after):
    """``told(number, seconds, counters, feeds, counts, **records)``: a round ends."""
    board.round_ended(make_round(0), {}, {}, [], after(0))

    def tell(number=1, seconds=5.0, counters=None, feeds=(), counts=None, **records):
        ended = make_round(number, **records)
        board.round_ended(ended, counters or {}, counts or {}, feeds, after(seconds))

    return tell


def test_before_the_first_round_it_is_under_way(shown):
    assert shown() == [
        "out/live · round 1 under way · running for 0 s",
        "rates     0 articles/min",
        "backlog   none",
        "rejected  0",
    ]


def test_within_a_round_it_says_how_far_it_is(shown):
    counts = {
        ("read", "out"): 30,
        ("parse", "in"): 28,
        ("parse", "out"): 100,
        ("identify", "repeats_same_url"): 20,
        ("extract", "rejected_no_text"): 5,
        ("normalise", "rejected_no_text"): 1,
        ("embed", "out"): 60,
        ("cluster", "out"): 50,
    }
    shown(counts | {("embed", "out"): 0}, 1)
    lines = shown(counts, 4)
    assert lines[1:4] == [
        "round     30 documents read · 100 entries · 60 embedded · 50 clustered · 6 rejected",
        "rates     50 articles/min · 20 embedded/s",
        "backlog   24 articles to put into events · 2 documents to parse",
    ]
    assert lines[-1] == "rejected  6: no_text 6"


def test_after_a_round_it_waits_for_the_next(shown, told, make_assignment):
    counts = {("embed", "out"): 30, ("cluster", "out"): 30}
    told(1, 5, counts=counts, articles=[make_assignment()] * 30)
    lines = shown(counts, 20)
    assert lines[0] == "out/live · 1 round written · next look in 40 s · running for 20 s"
    assert lines[1] == "rates     30 articles/min"
    assert lines[2] == "backlog   none"
    assert shown(counts, 61)[0] == "out/live · 1 round written · looking · running for 61 s"


def test_rate_is_of_the_last_ten_minutes(shown, told, make_assignment):
    told(1, 5, articles=[make_assignment()] * 30)
    told(2, 300, articles=[make_assignment()] * 20)
    assert shown(seconds=600)[1] == "rates     5.0 articles/min"
    assert shown(seconds=700)[1] == "rates     2.0 articles/min"
    assert shown(seconds=1000)[1] == "rates     0 articles/min"


def test_rejects_are_those_of_the_output_and_of_the_round(shown, told):
    counters = {("read", "rejected_timeout"): 9, ("write", "again"): 4}
    told(1, 5, counters=counters, counts={("read", "rejected_timeout"): 2})
    now = {("read", "rejected_timeout"): 5, ("parse", "rejected_empty"): 1}
    assert shown(now, 6)[-1] == "rejected  13 (4 of them again): timeout 12 · empty 1"


def test_rare_reasons_are_only_counted(shown, told):
    told(counters={("read", f"rejected_r{n}"): 10 - n for n in range(9)})
    line = shown()[-1]
    assert line.startswith("rejected  54: r0 10 · r1 9 ·")
    assert line.endswith(" · 3 more reasons")


def test_breaking_events_come_first_then_the_newest(shown, told, make_event, after):
    told(
        1,
        5,
        events=[
            make_event(event_id="b", title="Bridge falls", breaking_state="developing"),
            make_event(event_id="c", title="Fire at mill", breaking_state="breaking"),
            make_event(event_id="d", title="Quiet one", last_seen_at=after(2)),
        ],
    )
    told(2, 65, events=[make_event(event_id="e", title="Newest", article_count=1)])
    assert shown(seconds=70)[-4:] == [
        "events    state       articles  publishers",
        "          breaking          12           5  Fire at mill",
        "          developing        12           5  Bridge falls",
        "          quiet              1           5  Newest",
    ]


def test_breaking_event_is_not_first_for_ever(shown, told, make_event):
    told(1, 5, events=[make_event(event_id="b", title="Fire", breaking_state="breaking")])
    told(2, 65, events=[make_event(event_id="e", title="Newest")])
    assert shown(seconds=4 * 3600)[-1].endswith("Fire")


def test_merged_and_closed_events_are_gone(shown, told, make_event):
    told(1, 5, events=[make_event(event_id=name, title=name) for name in "abc"])
    told(
        2,
        65,
        events=[
            make_event(event_id="a", revision=2, status="merged"),
            make_event(event_id="b", revision=2, status="closed"),
        ],
    )
    assert [line for line in shown() if line.endswith((" a", " b", " c"))] == [
        "          quiet             12           5  c"
    ]


def test_memory_keeps_breaking_events_over_newer_ones(board, told, make_event):
    told(1, 5, events=[make_event(event_id="b", breaking_state="breaking")])
    for number in range(2, 6):
        events = [make_event(event_id=f"{number}-{n}") for n in range(150)]
        told(number, number * 60, events=events)
    assert len(board._events) == 200
    assert "b" in board._events


def test_feeds_in_trouble_are_named(board, shown, told, make_feed, after):
    feeds = [make_feed(feed=f"f{n}", failures=n + 2, error="HTTP 500") for n in range(6)]
    told(feeds=[*feeds, make_feed(feed="s", silent=True), make_feed()])
    lines = shown(seconds=6)
    at = lines.index("feeds     1 ok · 6 failing · 1 silent")
    assert lines[at + 1] == "          f5: HTTP 500 (7 times)"
    assert lines[at + 6] == "          and 2 more"
    noticed = [line for line in lines if line.startswith("noticed   12:00:05 ")]
    assert len(noticed) == 2
    assert not any(line.startswith("noticed") for line in shown(seconds=4000))
    assert any(style == BAD for s in board.sections({}, after(6)) for line in s.lines
               for _, style in line)  # fmt: skip


def test_stage_whose_rejects_jump_is_named(shown, told):
    for n in range(1, 5):
        told(n, 60 * n, counters={("parse", "out"): 100 * n})
    told(5, 300, counters={("parse", "out"): 400, ("parse", "rejected_empty"): 100})
    assert "attention parse rejects 33% (100 of 300; usually 0%), mostly empty" in shown()


def test_hostile_titles_stay_one_plain_line(shown, told, make_event):
    titles = {"a": "x\x1b]0;owned\x07\r\ny", "b": "\u202etxt.exe", "c": "[red]not markup[/red]"}
    told(events=[make_event(event_id=name, title=title) for name, title in titles.items()])
    ends = sorted(line.partition("5  ")[2] for line in shown()[-3:])
    assert ends == ["[red]not markup[/red]", "txt.exe", "x ]0;owned y"]


def section(n, least=1):
    return Section([((str(row), ""),) for row in range(n)], least)


@pytest.mark.parametrize("height", range(25))
def test_fit_never_gives_more_than_there_is_room_for(height):
    sections = [section(1), section(0, 0), section(8, 3), section(5, 2), section(1, 0)]
    assert len(fit(sections, height)) == min(height, 15)


def test_fit_shortens_the_longest_section_first():
    sections = [section(1), section(3, 2), section(6, 3)]
    assert fit(sections, 8) == [*sections[0].lines, *sections[1].lines, *sections[2].lines[:4]]
    assert fit(sections, 6) == [*sections[0].lines, *sections[1].lines[:2], *sections[2].lines[:3]]
    assert fit(sections, 2) == [*sections[0].lines, *sections[1].lines[:1]]
    assert fit(sections, -1) == []
