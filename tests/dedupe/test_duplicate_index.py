from datetime import timedelta

import numpy as np
import pytest

from transforms.dedupe.duplicate_index import DuplicateIndex

DIM = 64


@pytest.fixture
def index():
    return DuplicateIndex(DIM, timedelta(days=7))


def test_a_copy_with_a_new_lead_is_found_by_its_words(index, embed, story, other_story):
    axis = np.eye(DIM, dtype="<f4")
    index.assign(embed("a", story, embedding=axis[0].tobytes()))
    lead = "Editors' note on last night's events in our region, from our reporters."
    found = index.assign(embed("b", f"{lead} {story}", embedding=axis[1].tobytes()))
    assert (found.verdict.kind, found.verdict.of) == ("near_verbatim", "a")


def test_a_copy_never_becomes_an_original(index, embed, story):
    for name in "abc":
        last = index.assign(embed(name, story))
    assert last.verdict.of == "a"
    assert len(index) == 1


def test_neighbours_come_best_first_and_say_how_they_were_found(index, embed, story, other_story):
    axis = np.eye(DIM, dtype="<f4")
    near = (axis[0] * 0.8 + axis[1] * 0.6).astype("<f4")
    index.assign(embed("far", other_story, embedding=axis[2].tobytes()))
    index.assign(embed("near", story[: len(story) // 3], embedding=near.tobytes()))
    found = index.assign(embed("new", "Quite another text.", embedding=axis[0].tobytes()))
    assert [n.article_id for n in found.neighbours] == ["near", "far"]
    assert found.neighbours[0].cosine == pytest.approx(0.8, abs=1e-6)
    assert {n.via for n in found.neighbours} == {"vector"}


def test_articles_leave_with_the_window_of_the_event_clock(index, embed, make_article, story):
    start = make_article().event_time
    index.assign(embed("old", story, event_time=start))
    later = start + timedelta(days=9)
    found = index.assign(embed("new", story, event_time=later, published_at=later))
    assert found.verdict.kind == "none"
    assert [n.article_id for n in found.neighbours] == []


def test_late_articles_do_not_turn_the_clock_back(index, embed, make_article, story, other_story):
    start = make_article().event_time
    index.assign(embed("new", other_story, event_time=start + timedelta(days=5)))
    index.assign(embed("late", story, event_time=start))
    found = index.assign(embed("copy", story, event_time=start + timedelta(days=5)))
    assert found.verdict.of == "late"


def test_undated_articles_outlive_the_window(index, embed, make_article, story, other_story):
    start = make_article().event_time
    index.assign(embed("undated", story, time_known=False))
    index.assign(embed("dated", other_story, event_time=start + timedelta(days=400)))
    assert index.assign(embed("copy", story, time_known=False)).verdict.of == "undated"


def test_undated_articles_are_bounded(embed):
    index = DuplicateIndex(DIM, max_undated=10)
    for n in range(60):
        index.assign(embed(f"u{n}", f"Notice {n} about street {n * 7} and yard {n * 13}.",
                           time_known=False))  # fmt: skip
    assert len(index) <= 10


def test_a_new_revision_is_no_neighbour_of_itself(index, embed, story):
    index.assign(embed("a", story))
    found = index.assign(embed("a", f"{story} Update: all fires are out.", revision=2))
    assert found.verdict.kind == "none"
    assert found.neighbours == ()


def test_an_index_that_repeats_what_was_compared_decides_alike(
    index, embed, story, other_story, reword
):
    compared = [
        index.assign(embed(name, text))
        for name, text in (("a", story), ("b", other_story), ("copy", reword(story, 0.02)))
    ]
    assert compared[2].verdict.of == "a"
    again = DuplicateIndex(DIM)
    for one in compared:
        again.replay(one)
    for name, text in (("c", reword(story, 0.1)), ("d", other_story[:200]), ("e", "New words.")):
        assert again.assign(embed(name, text)) == index.assign(embed(name, text))


def test_a_vector_of_another_length_is_refused(embed, story):
    with pytest.raises(ValueError, match="64 dimensions in an index of 32"):
        DuplicateIndex(32).assign(embed("a", story))


def test_beyond_the_neighbours_articles_are_only_named(embed):
    index = DuplicateIndex(DIM, neighbours=2, further=2)
    for number in range(6):
        vector = np.zeros(DIM)
        vector[:2] = np.cos(number / 5), np.sin(number / 5)
        found = index.assign(embed(f"n{number}", f"Report {number}", embedding=vector))
    assert [n.article_id for n in found.neighbours] == ["n4", "n3"]
    assert found.further == "n2 n1"
