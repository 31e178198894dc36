"""How often the right event was among those looked at."""

from datetime import timedelta

import pytest

from pipelines.candidate_recall import candidate_recall
from schemas import Assignment, ComparedArticle, DuplicateVerdict, Neighbour


@pytest.fixture
def placed(make_embedded, make_article):
    """``placed(id, *near, days=0.0, copy_of="", role="member")``: an assignment."""

    def make(article_id, *near, days=0.0, copy_of="", role="member"):
        at = make_article().event_time + timedelta(days=days or 0.0)
        embedded = make_embedded(article_id=article_id, event_time=at, time_known=days is not None)
        verdict = DuplicateVerdict("near_verbatim" if copy_of else "none", copy_of, 0.9, "")
        neighbours = tuple(Neighbour(other, 0.8, 0.1, "vector") for other in near)
        compared = ComparedArticle(embedded, verdict, neighbours)
        return Assignment(compared, "E", "duplicate" if copy_of else role, 1.0, "", False)

    return make


def test_found_is_what_has_the_label_among_its_neighbours(placed):
    stream = [
        (placed("a1"), "a"),
        (placed("b1", "a1"), "b"),  # not counted: nothing of b is there yet
        (placed("a2", "b1", "a1"), "a"),  # found
        (placed("b2", "a2", "a1"), "b"),  # not found
    ]
    assert candidate_recall(stream) == 0.5


@pytest.mark.parametrize("stream", [[], ["a"], ["a", "b"]], ids=["nothing", "one", "two apart"])
def test_without_an_article_to_find_there_is_no_share(placed, stream):
    assert candidate_recall([(placed(label), label) for label in stream]) is None


@pytest.mark.parametrize(("days", "expected"), [(12.0, 0.5), (12.1, 1.0)], ids=["open", "closed"])
def test_label_is_open_for_the_window_after_its_newest_article(placed, days, expected):
    stream = [
        (placed("a1"), "a"),
        (placed("a2", "a1", days=5.0), "a"),  # found
        (placed("a3", days=days), "a"),  # not found, and not counted when closed
    ]
    assert candidate_recall(stream, timedelta(days=7)) == expected


def test_undated_label_stays_open(placed):
    stream = [(placed("a1", days=None), "a"), (placed("a2", "a1", days=90.0), "a")]
    assert candidate_recall(stream) == 1.0


def test_copy_has_its_original_as_only_candidate(placed):
    stream = [
        (placed("a1"), "a"),
        (placed("b1"), "b"),
        (placed("b2", "b1", copy_of="a1"), "b"),  # b1 was near, but nobody asks it
        (placed("a2", copy_of="a1"), "a"),  # found
    ]
    assert candidate_recall(stream) == 0.5


def test_original_speaks_for_its_copies(placed):
    stream = [(placed("a1"), "a"), (placed("b1", copy_of="a1"), "b"), (placed("b2", "a1"), "b")]
    assert candidate_recall(stream) == 1.0


def test_revision_has_the_earlier_text_as_only_candidate(placed):
    stream = [(placed("a1"), "a"), (placed("a1", role="update"), "a")]
    assert candidate_recall(stream) == 1.0
    other = [(placed("a1"), "a"), (placed("b1"), "b"), (placed("a1", "b1", role="update"), "b")]
    assert candidate_recall(other) == 0.0
