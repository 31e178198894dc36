import json
from datetime import timedelta

import pytest

from schemas import Notice
from transforms.score.event import score_event
from transforms.score.told import told_of

WINDOW = timedelta(days=7)


def test_counts_tell_articles_copies_and_publishers_apart(assigned, state):
    articles = [
        assigned("a0", 0, "one.example", role="seed"),
        assigned("a1", 10, "two.example"),
        assigned("a2", 20, "three.example", role="duplicate"),
        assigned("a1", 30, "two.example", role="update", revision=2),
    ]
    event, _ = score_event(state(articles), WINDOW)
    assert (event.article_count, event.unique_article_count, event.duplicate_count) == (3, 2, 1)
    assert event.publisher_family_count == 3
    assert event.source_diversity == pytest.approx(1.0)
    assert event.last_seen_at - event.first_seen_at == timedelta(minutes=30)


def test_recent_counts_refer_to_the_clock_of_the_partition(assigned, state):
    articles = [assigned("a0", 0, role="seed"), assigned("a1", 50), assigned("a2", 110)]
    event, _ = score_event(state(articles), WINDOW)
    assert event.counts_as_of == articles[0].compared.embedded.article.event_time + timedelta(
        minutes=120
    )
    assert (event.articles_15m, event.articles_60m) == (1, 1)


def test_undated_members_do_not_stretch_the_span(assigned, state):
    articles = [
        assigned("a0", 0, role="seed"),
        assigned("a1", 90_000, time_known=False, published_at_source="file_mtime"),
    ]
    event, _ = score_event(state(articles), WINDOW)
    assert event.first_seen_at == event.last_seen_at
    assert event.article_count == 2


def test_an_event_of_undated_articles_only_still_has_a_time(assigned, state):
    event, changes = score_event(state([assigned("a0", 7, time_known=False)]), WINDOW)
    assert event.first_seen_at == event.last_seen_at
    assert event.breaking_state == "none"
    assert [change.type for change in changes] == ["org.newsevents.event.created"]


def test_changes_are_logged_in_time_order_with_their_reasons(assigned, state):
    articles = [
        assigned("a0", 0, "one.example", role="seed"),
        assigned("a1", 5, "two.example"),
        assigned("a2", 9, "three.example"),
    ]
    event, changes = score_event(state(articles, 30_000, status="closed"), WINDOW)
    assert [c.type.rpartition(".")[2] for c in changes] == ["created", "breaking", "closed"]
    assert [c.time for c in changes] == sorted(c.time for c in changes)
    broke = json.loads(changes[1].data)
    assert changes[1].time == event.breaking_since
    assert {reason["code"] for reason in broke["reasons"]} >= {
        "independent_families_6h",
        "novelty",
    }


def test_the_same_event_gives_the_same_row_and_change_ids(assigned, state):
    articles = [assigned("a0", 0, role="seed"), assigned("a1", 5, "two.example")]
    first, second = (state(order) for order in (articles, articles[::-1]))
    assert score_event(first, WINDOW) == score_event(second, WINDOW)


def test_a_later_revision_goes_on_from_the_one_before(assigned, state):
    articles = [assigned("a0", 0, "one.example", role="seed"), assigned("a1", 5, "two.example")]
    first, _ = score_event(state(articles, 10), WINDOW)
    articles.append(assigned("a2", 9, "three.example"))
    articles.append(assigned("a3", 12, "three.example"))
    second, changes = score_event(state(articles, 12), WINDOW, told_of(first))
    assert (first.revision, second.revision, second.article_count) == (1, 2, 4)
    assert [c.type.rpartition(".")[2] for c in changes] == ["updated", "breaking"]
    third = score_event(state([*articles, assigned("a4", 13)], 13), WINDOW, told_of(second))
    assert third is not None
    assert [c.type.rpartition(".")[2] for c in third[1]] == ["updated"]
    assert third[0].breaking_since == second.breaking_since


def test_nothing_new_to_tell_is_no_revision(assigned, state):
    articles = [assigned("a0", 0, role="seed"), assigned("a1", 5, "two.example")]
    first, _ = score_event(state(articles, 10), WINDOW)
    assert score_event(state(articles, 40, cohesion_mean=0.1), WINDOW, told_of(first)) is None
    closed, changes = score_event(state(articles, 40, status="closed"), WINDOW, told_of(first))
    assert (closed.revision, closed.status) == (2, "closed")
    assert [c.type.rpartition(".")[2] for c in changes] == ["closed"]


def noticed(state, *kinds, article="a1", news=True, minute=60):
    """Give a state of two articles one of which has these notices."""
    at = state().clock + timedelta(minutes=minute)
    notices = tuple(Notice(article, kind, at, f"because {kind}") for kind in kinds)
    return {"notices": notices, "news": notices if news else ()}


def test_articles_corrected_and_taken_back_are_counted(assigned, state):
    articles = [assigned("a0", 0, role="seed"), assigned("a1", 10, role="duplicate")]
    event, _ = score_event(
        state(articles, **noticed(state, "corrected", "retracted", "gone")), WINDOW
    )
    assert (event.correction_count, event.retraction_count) == (1, 1)
    assert event.article_count == 2  # it stays


def test_a_notice_makes_a_revision_and_a_change_of_its_own(assigned, state):
    articles = [assigned("a0", 0, role="seed"), assigned("a1", 10, title="Weir gave way")]
    before, _ = score_event(state(articles), WINDOW)
    noted = state(articles, **noticed(state, "retracted"))
    event, changes = score_event(noted, WINDOW, told_of(before))
    assert event.revision == 2
    (change,) = [change for change in changes if change.type.endswith(".retracted")]
    assert change.time == noted.news[0].noticed_at
    assert json.loads(change.data) == {
        "article_id": "a1",
        "evidence": "because retracted",
        "kind": "retracted",
        "revision": 2,
        "title": "Weir gave way",
    }
    assert score_event(noted, WINDOW, told_of(before))[1] == changes  # the same on replay


def test_a_notice_that_was_told_makes_no_change_again(assigned, state):
    articles = [assigned("a0", 0, role="seed"), assigned("a1", 10)]
    event, _ = score_event(state(articles, **noticed(state, "gone")), WINDOW)
    again = state(articles, **noticed(state, "gone", news=False))
    assert score_event(again, WINDOW, told_of(event)) is None


def test_two_articles_taken_back_at_one_time_are_two_changes(assigned, state):
    articles = [assigned("a0", 0, role="seed"), assigned("a1", 10)]
    notices = tuple(Notice(name, "gone", state().clock, "HTTP 410") for name in ("a0", "a1"))
    event, changes = score_event(state(articles, notices=notices, news=notices), WINDOW)
    assert event.retraction_count == event.article_count == 2
    assert len({change.id for change in changes}) == len(changes) == 3
