from datetime import datetime, timedelta, timezone

import pytest

from schemas import Mention
from transforms.score.breaking import entropy, follow, reasons_at, score

START = datetime(2026, 3, 2, 6, tzinfo=timezone.utc)


def at(minute):
    return START + timedelta(minutes=minute)


def reports(*minutes_and_families, unique=True, precise=True):
    return [
        Mention(
            f"a{n}",
            1,
            at(minute),
            True,
            at(minute),
            precise,
            family,
            "member",
            unique,
            "en",
            "",
            "",
        )
        for n, (minute, family) in enumerate(minutes_and_families)
    ]


BURST = reports((0, "a"), (12, "b"), (20, "c"), (31, "d"))


def test_an_event_breaks_with_its_third_family_within_the_hour():
    found = follow(BURST, novelty=0.8, as_of=at(31))
    assert (found.state, found.since) == ("breaking", at(20))
    assert {r.code: r.value for r in found.reasons}["independent_families_60m"] == 3.0


@pytest.mark.parametrize(
    ("mentions", "novelty", "failed"),
    [
        pytest.param(
            reports((0, "a"), (30, "b"), (80, "c"), (130, "d")), 0.8, "independent_families_60m",
            id="three families, but never within an hour",
        ),
        pytest.param(
            reports((0, "a"), (5, "a"), (9, "a"), (12, "a")), 0.8, "independent_families_60m",
            id="one family under many feeds",
        ),
        pytest.param(
            reports((0, "a")) + reports((5, "b"), (9, "c"), (12, "d"), unique=False), 0.8,
            "independent_families_60m", id="a wire story copied by others",
        ),
        pytest.param(
            reports((0, "a"), (600, "b"), (605, "c"), (610, "d")), 0.8, "age_hours",
            id="an old event in the news again",
        ),
        pytest.param(BURST, 0.1, "novelty", id="more of the same story"),
        pytest.param(
            reports((0, "unknown"), (1, "unknown"), (2, "unknown")), 0.8,
            "independent_families_60m", id="files of unknown origin",
        ),
    ],
)  # fmt: skip
def test_what_does_not_break(mentions, novelty, failed):
    found = follow(mentions, novelty, as_of=max(m.at for m in mentions))
    assert found.since is None
    assert found.state in ("none", "candidate")
    assert failed in [r.code for r in found.reasons if not r.passed]


def test_day_precise_dates_never_break():
    found = follow(reports((0, "a"), (0, "b"), (0, "c"), precise=False), 0.8, as_of=at(0))
    assert (found.state, found.since) == ("none", None)
    assert len(found.reasons) == 5


@pytest.mark.parametrize(
    ("minutes_later", "state"),
    [(0, "breaking"), (59, "breaking"), (100, "developing"), (200, "fading"), (31 + 1440, "none")],
)
def test_a_broken_event_develops_fades_and_ends(minutes_later, state):
    found = follow(BURST, 0.8, as_of=at(20 + minutes_later) if minutes_later < 1000 else at(1471))
    assert found.state == state
    assert found.since == at(20)


def test_it_breaks_once_and_keeps_the_reasons_of_that_moment():
    later = reports((50, "e"), (51, "f"), (52, "g"))
    first, both = follow(BURST, 0.8, at(31)), follow(BURST + later, 0.8, at(52))
    assert both.since == first.since
    assert both.reasons == first.reasons


def test_the_order_of_mentions_does_not_matter():
    assert follow(BURST[::-1], 0.8, at(31)) == follow(BURST, 0.8, at(31))


def test_more_voices_score_higher_and_every_threshold_met_exactly_scores_half():
    few = score(reasons_at(BURST[:2], at(12), 0.8))
    many = score(reasons_at(BURST, at(31), 0.8))
    assert 0.0 < few < many < 1.0
    exact = [r.__class__(r.code, r.threshold, r.threshold, True)
             for r in reasons_at(BURST, at(31), 0.8)]  # fmt: skip
    assert score(exact) == 0.5


@pytest.mark.parametrize(
    ("families", "expected"), [([], 0.0), (["a", "a"], 0.0), (["a", "b", "c"], 1.0)]
)
def test_entropy_runs_from_one_voice_to_all_different(families, expected):
    assert entropy(families) == pytest.approx(expected)
