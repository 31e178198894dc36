from datetime import datetime, timedelta, timezone

import pytest

from schemas import Mention
from transforms.score.breaking import entropy, follow, moments, surprise
from transforms.score.terms import THRESHOLDS

START = datetime(2026, 3, 2, 6, tzinfo=timezone.utc)


def at(minute):
    return START + timedelta(minutes=minute)


def reports(*minutes_and_families, unique=True, timely=True, rate=0.5, hours=48.0, novelty=0.8):
    return [
        Mention(
            article_id=f"a{family}{minute}", revision=1, at=at(minute), dated=True,
            published_at=at(minute), timely=timely, family=family, role="member", unique=unique,
            usual_rate=rate, usual_rate_hours=hours, novelty=novelty,
            language="en", title="", sentences=(),
        )
        for minute, family in minutes_and_families
    ]  # fmt: skip


def last(mentions):
    """Give the last moment of an event."""
    return list(moments(mentions))[-1]


def values(moment):
    return {reason.code: reason.value for reason in moment.reasons}


BURST = reports((0, "a"), (12, "b"), (20, "c"), (31, "d"))


def test_an_event_breaks_with_its_third_family():
    found = follow(BURST, as_of=at(31))
    assert (found.state, found.since) == ("breaking", at(20))
    assert {r.code: r.value for r in found.reasons}["independent_families_6h"] == 3.0


@pytest.mark.parametrize(
    ("mentions", "failed"),
    [
        pytest.param(
            reports((0, "a"), (190, "b"), (380, "c"), (570, "d")), "independent_families_6h",
            id="four families, but never three within six hours",
        ),
        pytest.param(
            reports((0, "a"), (5, "a"), (9, "a"), (12, "a")), "independent_families_6h",
            id="one family under many feeds",
        ),
        pytest.param(
            reports((0, "a")) + reports((5, "b"), (9, "c"), (12, "d"), unique=False),
            "independent_families_6h", id="a wire story copied by others",
        ),
        pytest.param(
            reports((0, "a"), (12, "b"), (20, "c"), novelty=0.1), "novelty",
            id="more of the same story",
        ),
        pytest.param(
            reports((0, "unknown"), (1, "unknown"), (2, "unknown")), "independent_families_6h",
            id="files of unknown origin",
        ),
    ],
)  # fmt: skip
def test_what_does_not_break(mentions, failed):
    found = follow(mentions, as_of=max(m.at for m in mentions))
    assert found.since is None
    assert found.state in ("none", "candidate")
    assert failed in [r.code for r in found.reasons if not r.passed]


def test_an_old_event_in_the_news_again_does_not_break():
    mentions = reports((0, "a"), (5, "b"), (1500, "c"), (1505, "d"), (1510, "e"))
    moment = last(mentions)
    assert [r.code for r in moment.reasons if not r.passed] == ["age_hours"]
    assert not moment.gates
    assert follow(mentions, at(1510)).state == "none"


def test_one_publisher_alone_cannot_make_an_event_old():
    early = reports((-1500, "z"), timely=False) + reports((-1400, "z"))
    assert follow(BURST + early, at(31)).since == at(20)


def test_one_publisher_alone_cannot_make_an_event_look_known():
    flood = reports(*[(minute, "a") for minute in range(1, 12)], novelty=0.0)
    assert follow(BURST + flood, at(31)).since == at(20)


@pytest.mark.parametrize("rate", [0.5, 30.0])
def test_what_is_not_timely_never_breaks(rate):
    mentions = reports((0, "a"), (0, "b"), (0, "c"), timely=False, rate=rate)
    found = follow(mentions, as_of=at(0))
    assert (found.state, found.since) == ("none", None)
    assert [reason.code for reason in found.reasons] == list(THRESHOLDS)


@pytest.mark.parametrize(
    ("minutes", "state"),
    [
        pytest.param(31, "breaking", id="just broken"),
        pytest.param(79, "breaking", id="at least an hour"),
        pytest.param(80, "developing", id="no longer two families within the hour"),
        pytest.param(210, "developing", id="three hours not over"),
        pytest.param(211, "fading", id="quiet for three hours"),
        pytest.param(1470, "fading", id="a day not over"),
        pytest.param(1471, "none", id="quiet for a day"),
    ],
)
def test_a_broken_event_develops_fades_and_ends(minutes, state):
    found = follow(BURST, as_of=at(minutes))
    assert (found.state, found.since) == (state, at(20))


def test_an_event_is_breaking_as_long_as_two_families_add_to_it_but_not_for_ever():
    steady = reports(*[(minute, "abcdef"[minute // 10 % 6]) for minute in range(0, 600, 10)])
    assert follow(steady[:24], at(230)).state == "breaking"
    assert follow(steady, at(590)).state == "developing"
    alone = BURST + reports(*[(minute, "d") for minute in range(40, 200, 10)])
    assert follow(alone, at(190)).state == "developing"


@pytest.mark.parametrize(("minutes", "state"), [(5, "candidate"), (64, "candidate"), (65, "none")])
def test_two_families_are_a_candidate_for_an_hour(minutes, state):
    found = follow(reports((0, "a"), (5, "b")), as_of=at(minutes))
    assert (found.state, found.since) == (state, None)


def test_the_state_does_not_depend_on_when_one_looked_before(told_that):
    later = reports((70, "e"), (71, "f"), (140, "a"), (141, "b"))
    for looked in (5, 15, 25, 45, 100):
        known = [m for m in BURST + later if m.at <= at(looked)]
        told = told_that(follow(known, at(looked)), at(looked))
        for now in (150, 200, 400):
            found = follow(BURST + later, at(now), told, told if told.breaking_since else None)
            assert found == follow(BURST + later, at(now))


def test_a_late_article_still_makes_an_event_break(told_that):
    told = told_that(follow(BURST[:2], at(50)), at(50))
    assert told.breaking_since is None
    assert follow(BURST[:3], at(55), told).since == at(20)


def test_it_breaks_once_and_keeps_the_reasons_of_that_moment():
    later = reports((50, "e"), (51, "f"), (52, "g"))
    first, both = follow(BURST, at(31)), follow(BURST + later, at(52))
    assert both.since == first.since
    assert (both.score, both.reasons) == (first.score, first.reasons)


def test_the_order_of_mentions_does_not_matter():
    assert follow(BURST[::-1], at(31)) == follow(BURST, at(31))


def test_more_voices_score_higher():
    scores = [moment.score for moment in moments(BURST)]
    assert scores == sorted(scores)
    assert 0.0 < scores[0] < scores[-1] < 1.0


def test_publishers_that_seldom_write_surprise_more_than_busy_ones():
    seldom, busy = (last(reports((0, "a"), (9, "b"), rate=rate)) for rate in (0.1, 50.0))
    assert values(seldom)["surprise"] > 3 * values(busy)["surprise"]
    assert seldom.score >= busy.score


def test_copies_add_no_voice_but_lower_the_share_of_own_texts():
    copies = reports(*[(minute, f"copy{minute}") for minute in range(1, 11)], unique=False)
    with_copies, without = last(BURST + copies), last(BURST)
    assert values(with_copies)["independent_families_6h"] == 4.0
    assert values(with_copies)["surprise"] == values(without)["surprise"]
    assert (values(with_copies)["own_text_share"], values(without)["own_text_share"]) == (
        pytest.approx(4 / 14, abs=1e-4), 1.0,
    )  # fmt: skip


def test_the_share_of_known_publishers_is_told():
    young = reports((5, "x"), (6, "y"), hours=3.0)
    assert values(last(BURST[:2] + young))["known_publishers"] == 0.5


@pytest.mark.parametrize(
    ("articles", "span", "rate", "expected"),
    [
        (1, 1.0, 1.0, 2.0),  # a hundredth of its articles: one in a hundred hours
        (1, 1.0, 100.0, 0.2),  # expects one: 1 - 1/e
        (1, 1.0, 0.001, 3.0),  # no more than three of one publisher
        (2, 1.0, 10.0, 2.33),  # Poisson of 0.1: 0.00468
        (2, 5.0, 2.0, 2.33),
    ],
)
def test_surprise_of_a_well_known_rate_is_that_of_poisson(articles, span, rate, expected):
    assert surprise(articles, span, rate, 1e9) == pytest.approx(expected, abs=0.01)


def test_a_rate_that_was_watched_for_long_is_believed_more():
    assert surprise(2, 1.0, 20.0, 0.1) < surprise(2, 1.0, 20.0, 200.0)


@pytest.mark.parametrize(
    ("families", "expected"), [([], 0.0), (["a", "a"], 0.0), (["a", "b", "c"], 1.0)]
)
def test_entropy_runs_from_one_voice_to_all_different(families, expected):
    assert entropy(families) == pytest.approx(expected)
