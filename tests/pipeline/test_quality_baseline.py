"""The TF-IDF single pass that our events are measured against."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.baseline import single_pass

BRIDGE = "The old bridge at Kettlewick is closed because of a crack in its northern arch."
BREWERY = "Hollowmere brewers doubled their profit; every worker gets a bonus this May."
DAY = 1.0


@pytest.fixture
def story(make_article):
    """``story(text, days=0.0, title="")``: an article so long after the first, or undated."""

    def make(text, days=0.0, title=""):
        at = make_article().event_time + timedelta(days=days or 0.0)
        return make_article(
            title=title, description="", body=text, event_time=at, time_known=days is not None
        )

    return make


def test_nothing_gives_nothing():
    assert single_pass([]) == []


def test_equal_texts_join_and_others_stand_apart(story):
    stream = [story(BRIDGE), story(BREWERY), story(BRIDGE), story(BREWERY)]
    assert single_pass(stream) == [0, 1, 0, 1]


def test_title_alone_and_description_in_place_of_a_body_count(story, make_article):
    stream = [
        story("", title="Old bridge at Kettlewick closed"),
        story("", title="Brewery doubles profit"),
        make_article(title="", description="Kettlewick: old bridge closed", body=""),
    ]
    assert single_pass(stream) == [0, 1, 0]


def test_articles_without_words_stand_alone(story):
    assert single_pass([story(""), story(""), story("…", None)]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("days", "expected"), [(6.9, [0, 0]), (7.1, [0, 1])], ids=["inside", "outside"]
)
def test_cluster_is_closed_after_the_window(story, days, expected):
    assert single_pass([story(BRIDGE), story(BRIDGE, days)], timedelta(days=7)) == expected


def test_window_runs_from_the_newest_member(story):
    stream = [story(BRIDGE), story(BRIDGE, 5 * DAY), story(BRIDGE, 10 * DAY)]
    assert single_pass(stream) == [0, 0, 0]


def test_undated_cluster_stays_open_until_a_dated_article_joins(story):
    stream = [story(BRIDGE, None), story(BREWERY), story(BRIDGE, 30 * DAY), story(BRIDGE, 60 * DAY)]
    assert single_pass(stream) == [0, 1, 0, 2]


def test_undated_articles_join_each_other(story):
    assert single_pass([story(BRIDGE, None), story(BREWERY, None), story(BRIDGE, None)]) == [
        0,
        1,
        0,
    ]


def test_likeness_fades_to_half_with_the_days_between(story):
    pair = (story(BRIDGE), story(BRIDGE, 6.5 * DAY))
    # 0.5 + 0.5 exp(-(6.5 / 3)² / 2) = 0.548
    assert single_pass(pair, threshold=0.54) == [0, 0]
    assert single_pass(pair, threshold=0.56) == [0, 1]
    unknown = (story(BRIDGE, None), story(BRIDGE, 6.5 * DAY))
    assert single_pass(unknown, threshold=0.99) == [0, 0]


def test_title_counts_twice_and_text_to_its_three_hundredth_word(story):
    padding = " ".join(f"word{n}" for n in range(300))
    assert single_pass([story(f"{padding} {BRIDGE}"), story(BRIDGE)]) == [0, 1]
    stream = [story("arch crack"), story("profit bonus"), story("arch crack", title="profit bonus")]
    assert single_pass(stream) == [0, 1, 1]


def test_between_equals_the_older_cluster_is_chosen(story):
    stream = [story("arch crack"), story("profit bonus"), story("arch crack profit bonus")]
    assert single_pass(stream) == [0, 1, 0]


bodies = st.sampled_from(["bridge arch", "arch crack", "profit", ""])
days = st.one_of(st.none(), st.floats(0.0, 20.0))


# The fixture only makes articles; the machine may be busy.
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(bodies, days), max_size=8), st.floats(0.0, 1.0))
def test_clusters_are_numbered_in_the_order_they_open(story, items, threshold):
    found = single_pass([story(*item) for item in items], threshold=threshold)
    assert list(dict.fromkeys(found)) == list(range(len(set(found))))
