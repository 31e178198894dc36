from collections import Counter

import pytest

from pipelines.live.tally import Tally, round_line, tally


def test_each_event_counts_once(make_round, make_event, make_assignment, make_letter, make_change):
    ended = make_round(
        7,
        articles=[make_assignment(), make_assignment("exact_text"), make_assignment(revision=2)],
        events=[
            make_event(event_id="new"),
            make_event(event_id="new", revision=2),
            make_event(event_id="old", revision=3),
            make_event(event_id="old", revision=4),
            make_event(event_id="gone", revision=5),
            make_event(event_id="gone", revision=6, status="merged"),
            make_event(event_id="done", revision=2, status="closed"),
        ],
        event_changes=[make_change("created", "new"), make_change(subject="old")],
        dead_letters=[make_letter(), make_letter("empty"), make_letter()],
    )
    assert tally(ended, 120) == Tally(
        7, 3, 1, 1, 1, 1, 1, 1, 1, 120, Counter(http_status=2, empty=1)
    )


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (
            Tally(7, 14, 2, 0, 3, 5, 1, 0, 1, 120, Counter(http_status=1)),
            "round 7: 14 articles (2 copies), 3 new events, 5 updated, 1 merged, 1 breaking; "
            "120 repeats; 1 rejected (http_status); 0.9 s",
        ),
        (Tally(8, 1, 1, opened=1), "round 8: 1 article (1 copy), 1 new event; 0.9 s"),
        (Tally(9, closed=2, repeats=1), "round 9: 2 closed; 1 repeat; 0.9 s"),
        (
            Tally(10, rejected=Counter(empty=1, http_status=2)),
            "round 10: 3 rejected (2 http_status, 1 empty); 0.9 s",
        ),
        (
            Tally(11, rejected=Counter({"bad\x1b[31m\n": 1})),
            "round 11: 1 rejected (bad [31m); 0.9 s",
        ),
    ],
    ids=["all of it", "ones", "only events", "only rejects", "hostile reason"],
)
def test_line_leaves_out_what_did_not_happen(told, line):
    assert round_line(told, 0.9) == line


def test_round_of_unknown_length_says_none():
    assert round_line(Tally(1, 2), None) == "round 1: 2 articles"


def test_repeats_alone_are_no_news():
    assert not Tally(1, repeats=500).news()
    assert Tally(1, updated=1).news()
    assert Tally(1, rejected=Counter(empty=1)).news()
