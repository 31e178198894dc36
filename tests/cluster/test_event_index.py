from datetime import timedelta

import pytest

from schemas.ids import event_id
from transforms.cluster.event_index import EventIndex
from transforms.cluster.terms import DocumentFrequencies


def test_an_article_without_neighbours_opens_an_event(new_index, compared):
    opened = new_index().assign(compared("a"))
    assert (opened.event_id, opened.role, opened.score) == (event_id("a"), "seed", 1.0)


def test_a_near_article_joins_and_a_far_one_opens_its_own(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    joined = index.assign(compared("b", {"a": 0.9}))
    apart = index.assign(compared("c", {"a": 0.2, "b": 0.1}))
    assert (joined.event_id, joined.role) == (event_id("a"), "member")
    assert apart.event_id == event_id("c")
    assert "stays apart from" in apart.evidence


def test_evidence_names_channels_and_margin(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    index.assign(compared("z", {"a": 0.1}))
    evidence = index.assign(compared("b", {"a": 0.9, "z": 0.3})).evidence
    assert f"joins {event_id('a')}" in evidence
    assert "dense_best 0.90" in evidence
    assert "margin 0.60" in evidence


def test_a_probability_near_the_threshold_marks_article_and_event(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    assert index.assign(compared("b", {"a": 0.502})).contested
    (state,) = index.states()
    assert state.contested


def test_a_copy_follows_its_original_whatever_its_vector_says(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    index.assign(compared("z"))
    copy = index.assign(compared("b", {"z": 0.99}, copy_of="a"))
    assert (copy.event_id, copy.role, copy.score) == (event_id("a"), "duplicate", 0.9)


def test_a_copy_whose_original_has_left_is_judged_like_any_other(new_index, compared):
    index = new_index()
    index.assign(compared("z"))
    assert index.assign(compared("b", {"z": 0.9}, copy_of="gone")).role == "member"


def test_a_new_revision_stays_in_its_event(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    index.assign(compared("z"))
    again = index.assign(compared("a", {"z": 0.99}, revision=2))
    assert (again.event_id, again.role) == (event_id("a"), "update")


def test_linking_is_not_transitive_through_members_that_moved_away(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    index.assign(compared("b", {"a": 0.9}))
    assert index.assign(compared("c", {"a": 0.1, "b": 0.4})).event_id == event_id("c")


def test_a_quiet_event_is_closed_once_and_takes_no_more(new_index, compared, make_article):
    index = new_index(days=7)
    start = make_article().event_time
    index.assign(compared("a", event_time=start))
    assert list(index.expire()) == []
    later = start + timedelta(days=8)
    assert index.assign(compared("b", {"a": 0.99}, event_time=later)).role == "seed"
    (closed,) = index.expire()
    assert (closed.event_id, closed.status) == (event_id("a"), "closed")
    assert [state.event_id for state in index.states()] == [event_id("b")]


def test_a_revision_after_its_event_closed_opens_an_event_with_an_id_of_its_own(
    new_index, compared, make_article
):
    index = new_index(days=7)
    start = make_article().event_time
    index.assign(compared("a", event_time=start))
    index.assign(compared("b", event_time=start + timedelta(days=30)))
    assert len(list(index.expire())) == 1
    again = index.assign(compared("a", event_time=start + timedelta(days=30), revision=2))
    assert again.role == "seed"
    assert again.event_id not in (event_id("a"), event_id("b"))


def test_an_event_that_is_still_reported_on_stays_open(new_index, compared, make_article):
    index = new_index(days=7)
    start = make_article().event_time
    near = {}
    for day in range(0, 30, 3):
        name = f"d{day}"
        joined = index.assign(compared(name, near, event_time=start + timedelta(days=day)))
        near = {name: 0.9}
        list(index.expire())
    assert joined.event_id == event_id("d0")


def test_an_undated_event_waits_for_a_dated_member(new_index, compared, make_article):
    index = new_index(days=7)
    start = make_article().event_time
    index.assign(compared("u", time_known=False))
    index.assign(compared("x", event_time=start + timedelta(days=100)))
    list(index.expire())
    joined = index.assign(compared("b", {"u": 0.9}, event_time=start + timedelta(days=101)))
    assert joined.event_id == event_id("u")


def test_the_state_describes_the_event(new_index, compared):
    index = new_index()
    body = "Marta Quill spoke in Harrowick. The cannery in Harrowick stays shut. It opened in 1921."
    index.assign(compared("a", title="Cannery shut", body=body))
    index.assign(compared("b", {"a": 0.9}, title="Cannery shut in Harrowick", body=body))
    (state,) = index.states()
    assert state.title == "Cannery shut"
    assert state.summary == "Marta Quill spoke in Harrowick. The cannery in Harrowick stays shut."
    assert ("Harrowick", 2) in [(entity.text, entity.count) for entity in state.entities]
    assert "cannery" in [keyword.term for keyword in state.keywords]
    assert 0.0 < state.cohesion_min <= state.cohesion_mean <= 1.0


def test_novelty_of_the_seed_falls_with_its_nearest_neighbour(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    index.assign(compared("c", {"a": 0.3}))
    novelty = {state.event_id: state.novelty for state in index.states()}
    assert novelty[event_id("a")] == 1.0
    assert novelty[event_id("c")] == pytest.approx(0.7)


def test_a_restored_index_decides_alike(new_index, compared, by_cosine):
    index = new_index()
    index.assign(compared("a"))
    index.assign(compared("b", {"a": 0.9}))
    restored = EventIndex.from_bytes(
        index.to_bytes(), by_cosine, DocumentFrequencies({}, 1000), "test"
    )
    for article in (
        compared("c", {"b": 0.8}),
        compared("d", {"a": 0.2}),
        compared("e", copy_of="d"),
        compared("a", revision=2),
    ):
        assert restored.assign(article) == index.assign(article)


def test_bytes_of_another_version_are_refused(by_cosine):
    with pytest.raises(ValueError, match="format version"):
        EventIndex.from_bytes(b"\x63x", by_cosine, DocumentFrequencies({}, 1), "test")


def test_a_label_places_an_article_where_the_model_would_not(new_index, compared):
    index = new_index()
    index.place(compared("a"), None)
    placed, candidates = index.place(compared("b", {"a": 0.1}), event_id("a"))
    assert placed.event_id == event_id("a")
    assert candidates.events == (event_id("a"),)
    copied, nothing = index.place(compared("c", copy_of="a"), None)
    assert (copied.event_id, nothing) == (event_id("a"), None)
