import random
from datetime import timedelta

import numpy as np
import pytest

from schemas import Decision, Notice
from schemas.ids import event_id
from transforms.cluster.join_model import FEATURES


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


def test_an_article_further_off_proposes_its_event(new_index, compared, make_model):
    index = new_index(make_model("dense_best"))
    index.assign(compared("a"))
    found = index.assign(compared("b", further="gone a"))
    assert (found.event_id, found.role) == (event_id("a"), "member")


def test_articles_further_off_add_nothing_to_an_event_that_is_near(new_index, compared):
    asked = []
    index = new_index(watch=asked.append)
    index.assign(compared("a"))
    index.assign(compared("b", {"a": 0.9}))
    for name, further in (("c", "b"), ("d", "")):
        index.assign(compared(name, {"a": 0.1}, further=further))
    near = [found.features[:, FEATURES.index("log_neighbours")].tolist() for found in asked[-2:]]
    assert near == [[np.log1p(1)], [np.log1p(1)]]


def test_evidence_names_channels_and_margin(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    index.assign(compared("z", {"a": 0.1}))
    evidence = index.assign(compared("b", {"a": 0.9, "z": 0.3})).evidence
    assert f"joins {event_id('a')}" in evidence
    assert "names_best" in evidence
    assert "margin 1.00" in evidence


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
    assert list(index.retired()) == []
    later = start + timedelta(days=8)
    assert index.assign(compared("b", {"a": 0.99}, event_time=later)).role == "seed"
    (closed,) = index.retired()
    assert (closed.event_id, closed.status) == (event_id("a"), "closed")
    assert [state.event_id for state in index.states()] == [event_id("b")]


def test_a_revision_after_its_event_closed_opens_an_event_with_an_id_of_its_own(
    new_index, compared, make_article
):
    index = new_index(days=7)
    start = make_article().event_time
    index.assign(compared("a", event_time=start))
    index.assign(compared("b", event_time=start + timedelta(days=30)))
    assert len(list(index.retired())) == 1
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
        list(index.retired())
    assert joined.event_id == event_id("d0")


def test_an_undated_event_waits_for_a_dated_member(new_index, compared, make_article):
    index = new_index(days=7)
    start = make_article().event_time
    index.assign(compared("u", time_known=False))
    index.assign(compared("x", event_time=start + timedelta(days=100)))
    list(index.retired())
    joined = index.assign(compared("b", {"u": 0.9}, event_time=start + timedelta(days=101)))
    assert joined.event_id == event_id("u")


def test_the_state_describes_the_event(new_index, compared):
    index = new_index()
    body = "Marta Quill spoke in Harrowick. The cannery in Harrowick stays shut. It opened in 1921."
    index.assign(compared("a", title="Cannery shut", body=body))
    index.assign(compared("b", {"a": 0.9}, title="Cannery shut in Harrowick", body=body))
    (state,) = index.states()
    assert state.mentions[0].title == "Cannery shut"
    assert state.mentions[0].sentences == (
        "Marta Quill spoke in Harrowick.",
        "The cannery in Harrowick stays shut.",
    )
    assert (state.title, state.representative_article_id) == ("Cannery shut in Harrowick", "b")
    assert state.summary == state.mentions[0].sentences[::-1]  # what the title says comes first
    assert state.summary_article_ids == ("b", "b")
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


def repeated(index, decisions):
    """Let an empty index repeat what another one decided."""
    for decision in decisions:
        index.replay(decision)
    return index


def decided(index, article):
    """Assign an article, and keep what it takes to repeat that."""
    assignment = index.assign(article)
    moves = tuple(index.moves())
    return assignment, Decision(assignment, moves, index.novelty(assignment.event_id))


def test_an_index_that_repeats_what_was_decided_decides_alike(new_index, compared):
    index = new_index()
    first = [compared("a"), compared("b", {"a": 0.9}), compared("k", copy_of="b")]
    again = repeated(new_index(), [decided(index, article)[1] for article in first])
    for article in (
        compared("c", {"b": 0.8}),
        compared("d", {"a": 0.2}),
        compared("e", copy_of="d"),
        compared("a", revision=2),
    ):
        assert again.assign(article) == index.assign(article)


@pytest.mark.parametrize("seed", range(6))
def test_any_history_repeated_gives_the_same_events(new_index, compared, by_mean, seed):
    chooser = random.Random(seed)
    index, decisions, names = new_index(by_mean), [], []
    asked = []
    for number in range(160):
        turn = np.deg2rad(chooser.choice([0, 40, 75, 110]) + chooser.gauss(0, 14))
        vector = [np.cos(turn), np.sin(turn)]
        near = {name: float(np.dot(vector, old)) for name, old in names[-40:]}
        near = dict(sorted(near.items(), key=lambda pair: -pair[1])[:8])
        copy_of = chooser.choice(names)[0] if names and chooser.random() < 0.1 else ""
        asked.append(compared(f"n{number}", near, embedding=vector, copy_of=copy_of))
        if not copy_of:
            names.append((f"n{number}", vector))
    moves = 0
    for article in asked[:110]:
        decision = decided(index, article)[1]
        moves += len(decision.moves)
        decisions.append(decision)
    assert moves
    again = repeated(new_index(by_mean), decisions)
    assert list(again.states()) == list(index.states())
    for article in asked[110:]:
        assert again.assign(article) == index.assign(article)
        assert again.moves() == index.moves()


def test_a_label_places_an_article_where_the_model_would_not(new_index, compared):
    asked = []
    index = new_index(watch=asked.append)
    index.place(compared("a"), None)
    placed = index.place(compared("b", {"a": 0.1}), event_id("a"))
    assert placed.event_id == event_id("a")
    copied = index.place(compared("c", copy_of="a"), None)
    assert copied.event_id == event_id("a")
    assert [candidates.events for candidates in asked] == [(event_id("a"),)]


def test_what_the_model_is_asked_about_can_be_watched(new_index, compared):
    asked = []
    index = new_index(watch=asked.append)
    index.assign(compared("a"))
    index.assign(compared("b", {"a": 0.1}))
    assert [(candidates.events, len(candidates.features)) for candidates in asked] == [
        ((event_id("a"),), 1)
    ]


def test_channels_hold_the_best_and_the_second_best_event(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    index.assign(compared("z", {"a": 0.1}))
    joined = index.assign(compared("b", {"a": 0.9, "z": 0.3}))
    assert (joined.best_event_id, joined.second_event_id) == (event_id("a"), event_id("z"))
    assert joined.best_score == joined.score > joined.threshold > joined.second_score
    read = {channel.name: (channel.best, channel.second) for channel in joined.channels}
    assert read["containment_best"] == (0.9, 0.3)


def two_events_that_meet(index, compared, bridges):
    index.assign(compared("a"))
    index.assign(compared("z", {"a": 0.1}))
    return [index.assign(compared(f"m{number}", {"a": 0.9, "z": 0.8})) for number in range(bridges)]


def test_one_article_between_two_events_merges_nothing(new_index, compared):
    index = new_index()
    two_events_that_meet(index, compared, 1)
    assert index.moves() == []
    assert {state.status for state in index.states()} == {"active"}


def test_what_may_not_join_an_event_does_not_vote_for_a_merge(new_index, compared):
    index = new_index()
    finch = "It was Odell Finch of Mill Lane in Harrowick who spoke."
    quill = "It was Marta Quill of Juniper Avenue in Kessaria who spoke."
    index.assign(compared("a", title="", body=finch))
    index.assign(compared("z", {"a": 0.1}, title="", body=quill))
    for number in range(3):
        near = {"a": 0.9, "z": 0.8}
        found = index.assign(compared(f"m{number}", near, title="", body=finch))
        assert found.second_score > 0.5
    assert index.moves() == []


def test_two_events_that_keep_meeting_are_merged_into_the_older(new_index, compared):
    index = new_index()
    last = two_events_that_meet(index, compared, 2)[-1]
    assert last.event_id == event_id("a")
    (move,) = index.moves()
    assert index.moves() == []
    assert (move.article_ids, move.to_event) == ({"z"}, event_id("a"))
    assert (move.from_event, move.reason[:6], move.merged) == (event_id("z"), "merged", True)
    assert 0.9 < move.score < 1.0
    (gone,) = index.retired()
    assert (gone.event_id, gone.status, gone.merged_into) == (
        event_id("z"), "merged", event_id("a"),
    )  # fmt: skip
    assert [state.event_id for state in index.states()] == [event_id("a")]
    assert index.assign(compared("late", {"z": 0.9})).event_id == event_id("a")


def test_a_large_event_is_not_merged_by_two_articles_alone(new_index, compared):
    index = new_index()
    for start in ("a", "z"):
        index.assign(compared(start))
        for number in range(6):
            index.assign(compared(f"{start}{number}", {start: 0.9}))
    for number in range(2):
        index.assign(compared(f"m{number}", {"a": 0.9, "z": 0.8}))
    assert index.moves() == []


def test_articles_surely_in_different_languages_do_not_meet(new_index, compared):
    index = new_index()
    index.assign(compared("a", language="en", language_confidence=0.99))
    other = compared("b", {"a": 0.9}, language="de", language_confidence=0.99)
    assert index.assign(other).role == "seed"
    unsure = compared("c", {"a": 0.9}, language="de", language_confidence=0.4)
    assert index.assign(unsure).event_id == event_id("a")


def test_with_a_cross_language_model_they_do(new_index, compared, by_cosine):
    index = new_index(cross_model=by_cosine)
    index.assign(compared("a", language="en", language_confidence=0.99))
    other = compared("b", {"a": 0.9}, language="de", language_confidence=0.99)
    assert index.assign(other).event_id == event_id("a")


def test_a_story_joins_more_than_an_event(new_index, compared):
    near = {"a": 0.48}
    strict, broad = new_index(), new_index(granularity="story")
    for index in (strict, broad):
        index.assign(compared("a"))
    assert strict.assign(compared("b", near)).role == "seed"
    assert broad.assign(compared("b", near)).role == "member"


def test_texts_that_name_different_things_stay_apart_however_alike(new_index, compared):
    index = new_index()
    one = "It was Odell Finch of Mill Lane in Harrowick who spoke."
    other = "It was Marta Quill of Juniper Avenue in Kessaria who spoke."
    index.assign(compared("a", title="", body=one))
    apart = index.assign(compared("b", {"a": 0.9}, title="", body=other))
    assert (apart.role, apart.best_score > apart.threshold) == ("seed", True)
    assert f"from {event_id('a')}: no name and no number in common, what" in apart.evidence


def two_that_drift_apart(index, compared):
    """An event that moves away from one of its articles, and another that comes near to it."""

    def told(name, degrees, near, **more):
        turn = np.deg2rad(degrees)
        vector = [np.cos(turn), np.sin(turn)]
        return index.assign(compared(name, near, embedding=vector, **more))

    told("home", 0, {})
    told("turned", 41, {"home": 0.75})
    told("copy", 41, {}, copy_of="turned")
    for number in range(6):
        told(f"h{number}", -25, {"home": 0.91})
    told("other", 80, {"turned": 0.78, "home": 0.17})
    return told("near", 75, {"other": 0.99, "turned": 0.83})


def test_an_article_leaves_an_event_that_has_moved_away_for_one_that_is_near(
    new_index, compared, by_mean
):
    index = new_index(by_mean)
    last = two_that_drift_apart(index, compared)
    assert last.event_id == event_id("other")
    (move,) = index.moves()
    assert (move.article_ids, move.to_event) == ({"turned", "copy"}, event_id("other"))
    assert (move.from_event, move.score) == (event_id("home"), pytest.approx(1.0, abs=0.05))
    assert "near is nearer" in move.reason
    assert index.assign(compared("late", copy_of="turned")).event_id == event_id("other")
    assert {state.event_id: state.status for state in index.states()} == {
        event_id("home"): "active", event_id("other"): "active",
    }  # fmt: skip


def test_an_article_moves_only_once(new_index, compared, by_mean):
    index = new_index(by_mean)
    two_that_drift_apart(index, compared)
    index.moves()
    index.assign(compared("back", {"turned": 0.999, "home": 0.9}, embedding=[1.0, 0.1]))
    assert index.moves() == []


def test_the_article_that_opened_an_event_stays(new_index, compared, by_mean):
    index = new_index(by_mean)
    for name, degrees, near in (
        ("home", 41, {}),
        ("h1", 0, {"home": 0.75}),
        ("other", 80, {"home": 0.78}),
    ):
        turn = np.deg2rad(degrees)
        index.assign(compared(name, near, embedding=[np.cos(turn), np.sin(turn)]))
    assert index.moves() == []


def test_a_text_the_embedding_model_cannot_read_is_judged_without_its_vectors(
    new_index, compared, make_model
):
    index = new_index(unread_model=make_model("title_best"))
    bare = {"body": "", "description": ""}
    index.assign(compared("a", title="Мост закрыт", **bare))
    assert index.assign(compared("b", {"a": 0.9}, title="Пожар", **bare)).role == "seed"
    assert index.assign(compared("c", {"a": 0.1}, title="Мост закрыт", **bare)).role == "member"
    index.assign(compared("d", title="Bridge closed", **bare))
    assert index.assign(compared("e", {"d": 0.9}, title="Fire", **bare)).role == "member"


QUAKES = (
    (
        "Strong quake shakes Oruma",
        "A quake shook Oruma on Monday, the Institute said.",
    ),
    (
        "Strong quake shakes Kalvik",
        "A quake shook Kalvik on Monday, the Institute said.",
    ),
)


@pytest.mark.parametrize(
    ("angle", "body", "role"),
    [
        (1.0, QUAKES[1][1], "seed"),
        (0.5, QUAKES[1][1], "member"),  # nearly the same vector
        (1.0, f"{QUAKES[1][1]} It was the second of the day after that in Oruma.", "member"),
    ],
)
def test_titles_that_name_what_the_other_does_not_mention_keep_apart(
    new_index, compared, angle, body, role
):
    index = new_index()
    first = np.array([1.0, 0, 0, 0])
    other = np.array([np.cos(angle), np.sin(angle), 0, 0])
    index.assign(compared("a", title=QUAKES[0][0], body=QUAKES[0][1], embedding=first))
    changes = {"title": QUAKES[1][0], "body": body, "embedding": other}
    found = index.assign(compared("b", {"a": 0.9}, **changes))
    assert found.role == role
    assert ("the titles name what" in found.evidence) == (role == "seed")


@pytest.fixture
def told(compared, make_article):
    """``told(name, hour, near, **changes)``: a timely article of that hour."""

    def make(name, hour, near=None, **changes):
        at = make_article().event_time + timedelta(hours=hour)
        changes = {"publisher_family": f"{name}.example"} | changes
        return compared(name, near or {}, event_time=at, published_at=at, **changes)

    return make


def described(index):
    return [state.event_id for state in index.changed()]


def test_an_event_is_described_again_when_silence_may_change_its_state(new_index, told):
    index = new_index()
    index.assign(told("a", 0))
    index.assign(told("b", 0.5, {"a": 0.7}))
    assert described(index) == [event_id("a")]
    seen = []
    for number in range(60):
        name = f"x{number}"
        index.assign(told(name, 0.6 + number / 2))
        if event_id("a") in described(index):
            seen.append(0.6 + number / 2)
    assert seen == pytest.approx([1.6, 3.6, 24.6])


def test_an_event_of_one_publisher_is_left_alone_in_silence(new_index, told):
    index = new_index()
    index.assign(told("a", 0))
    index.assign(told("b", 0.5, {"a": 0.7}, publisher_family="a.example"))
    assert described(index) == [event_id("a")]
    index.assign(told("x", 30))
    assert described(index) == [event_id("x")]


def test_an_index_that_repeats_decisions_still_notes_silence(new_index, told):
    index = new_index()
    decisions = [decided(index, told("a", 0))[1], decided(index, told("b", 0.5, {"a": 0.7}))[1]]
    index = repeated(new_index(), decisions)
    index.assign(told("x", 4))
    assert sorted(described(index)) == sorted([event_id("a"), event_id("x")])


def test_the_usual_rate_of_its_publisher_comes_with_an_article(new_index, told):
    index = new_index()
    rates = [index.assign(told(f"n{n}", n, publisher_family="one.example")) for n in range(60)]
    assert (rates[0].usual_rate, rates[0].usual_rate_hours) == (2.0, 2.0)
    assert rates[-1].usual_rate == pytest.approx(1.0, abs=0.1)
    again = index.assign(told("n59", 59.5, publisher_family="one.example", revision=2))
    assert again.role == "update"
    other = index.assign(told("m", 60, publisher_family="one.example"))
    assert other.usual_rate == pytest.approx(rates[-1].usual_rate, abs=0.05)
    (mention,) = next(s for s in index.states() if s.event_id == other.event_id).mentions
    assert mention.usual_rate == other.usual_rate


def note(compared, name, kind="retracted"):
    return Notice(name, kind, compared(name).embedded.article.event_time, "why")


def test_a_notice_is_new_once_and_describes_its_event_again(new_index, compared):
    index = new_index()
    for article in (compared("a"), compared("b", {"a": 0.9}), compared("c", copy_of="b")):
        index.assign(article)
    assert [state.notices for state in index.changed()] == [()]
    copy = note(compared, "c")
    assert [index.notice(copy) for _ in range(3)] == [True, False, False]
    (state,) = index.changed()
    assert (state.notices, state.news) == ((copy,), (copy,))
    assert list(index.changed()) == []
    (state,) = index.states()
    assert (state.notices, state.news) == ((copy,), ())


def test_a_page_gone_after_a_retraction_is_no_news(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    first, second = note(compared, "a"), note(compared, "a", "gone")
    assert index.notice(first) and index.notice(second)
    (state,) = index.changed()
    assert state.notices == (second, first) and state.news == (first,)


def test_a_notice_of_an_article_that_is_not_held_is_given_and_forgotten(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    list(index.changed())
    assert index.notice(note(compared, "gone")) and index.notice(note(compared, "gone"))
    assert list(index.changed()) == []


def test_notices_move_with_their_articles_and_are_told_once(new_index, compared):
    index = new_index()
    for article in (compared("a"), compared("b", {"a": 0.1})):
        index.assign(article)
    index.notice(note(compared, "b"))
    told = [state.news for state in index.changed()]
    for number in range(2):
        index.assign(compared(f"m{number}", {"a": 0.9, "b": 0.8}))
    states = [*index.retired(), *index.changed()]
    assert [state.status for state in states] == ["merged", "active"]
    assert all(state.notices == (note(compared, "b"),) for state in states)
    assert sum(told, ()) == (note(compared, "b"),)
    assert [state.news for state in states] == [(), ()]


def test_a_replayed_notice_is_known_and_no_news(new_index, compared):
    index = new_index()
    index.replay(Decision(new_index().assign(compared("a")), (), 1.0))
    index.repeat_notice(note(compared, "a"))
    assert list(index.changed()) == []
    assert not index.notice(note(compared, "a"))
    (state,) = index.states()
    assert (len(state.notices), state.news) == (1, ())


def test_an_article_that_was_taken_back_speaks_no_longer_for_its_event(new_index, compared):
    index = new_index()
    titles = {"a": "Dam holds", "b": "Dam fails near Talmere", "c": "Dam fails near Talmere town"}
    for name, title in titles.items():
        index.assign(compared(name, {"a": 0.9} if name != "a" else {}, title=title))
    (state,) = index.changed()
    speaker = state.representative_article_id
    index.notice(note(compared, speaker))
    (state,) = index.changed()
    assert state.representative_article_id in titles.keys() - {speaker}
    assert speaker not in state.summary_article_ids
    for name in titles:
        index.notice(note(compared, name))
    (state,) = index.changed()
    assert state.title in titles.values()


def test_an_article_mostly_made_of_another_ones_words_is_no_voice_of_its_own(new_index, compared):
    index = new_index()
    index.assign(compared("a"))
    mostly, partly = (
        index.assign(compared("b", {"a": 0.9})),
        index.assign(compared("c", {"a": 0.7})),
    )
    assert (mostly.own_text, partly.own_text) == (False, True)
    (state,) = index.states()
    assert [mention.unique for mention in state.mentions] == [True, False, True]
