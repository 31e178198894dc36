"""What each sink is told: one alert per event, in revisions, whatever happens in between."""

import json
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.alerts.planning import Planner, follow
from pipelines.alerts.sinks import Sink
from schemas import Event

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def told(alerts):
    """Say what was planned, in short."""
    return [(a.alert_id, a.revision, a.type.rpartition(".")[2], a.why) for a in alerts]


def test_an_event_that_breaks_is_told_once(plan, make_event):
    first, second = plan([make_event()], [make_event(1, revision=2)])
    assert told(first) == [("e1", 1, "breaking", ("broke",))]
    assert second == []


@pytest.mark.parametrize("state", ["breaking", "developing", "fading"])
def test_what_broke_and_is_not_over_is_news(plan, make_event, state):
    assert plan([make_event(breaking_state=state)])[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"breaking_state": "none", "breaking_since": None},
        {"breaking_state": "candidate", "breaking_since": None},
        {"breaking_state": "none"},
        {"status": "closed"},
        {"status": "merged", "merged_into": "e2"},
    ],
    ids=repr,
)
def test_what_is_not_breaking_is_no_news(plan, make_event, changes):
    assert plan([make_event(**changes)]) == [[]]


def test_what_broke_long_ago_does_not_alert_at_first(plan, make_event, make_sink):
    old = make_event(0, breaking_since=NOON - timedelta(hours=7))
    assert plan([old]) == [[]]
    assert plan([make_event()], now=NOON + timedelta(hours=7)) == [[]]  # nor what is told late
    (alerts,) = plan([old], sinks=[make_sink(max_age=timedelta(hours=8))])
    assert told(alerts) == [("e1", 1, "breaking", ("broke",))]


def test_a_new_state_is_told_at_once(plan, make_event):
    rounds = plan(
        [make_event()],
        [make_event(1, breaking_state="developing")],
        [make_event(2, breaking_state="fading")],
        [make_event(3, breaking_state="developing")],
    )
    assert [told(alerts) for alerts in rounds[1:]] == [
        [("e1", number, "updated", ("state",))] for number in (2, 3, 4)
    ]


def test_an_alert_ends_once_and_can_come_back(plan, make_event):
    rounds = plan(
        [make_event()],
        [make_event(1, breaking_state="none")],
        [make_event(2, breaking_state="none", title="Another")],
        [make_event(30, breaking_state="fading")],
        [make_event(40, breaking_state="developing")],
        [make_event(50, breaking_state="none", status="closed")],
        [make_event(60, breaking_state="breaking")],
    )
    assert [told(alerts) for alerts in rounds] == [
        [("e1", 1, "breaking", ("broke",))],
        [("e1", 2, "ended", ("state",))],
        [],
        [],
        [("e1", 3, "updated", ("state",))],
        [("e1", 4, "ended", ("closed",))],
        # Events that were closed do not come back; an alert that ended for good is forgotten.
        [("e1", 1, "breaking", ("broke",))],
    ]


def test_growth_and_titles_wait_for_the_gap(plan, make_event):
    rounds = plan(
        [make_event()],
        [make_event(5, title="New", publisher_family_count=6)],
        [make_event(14, title="New", publisher_family_count=9)],
        [make_event(15, title="New", publisher_family_count=5)],
        [make_event(30, title="New", publisher_family_count=10)],
        [make_event(60, title="New", publisher_family_count=11)],
    )
    assert [told(alerts) for alerts in rounds[1:]] == [
        [], [], [("e1", 2, "updated", ("title",))], [("e1", 3, "updated", ("grew",))], [],
    ]  # fmt: skip


def test_a_sink_without_a_gap_hears_of_titles_at_once(plan, make_event, make_sink):
    rounds = plan([make_event()], [make_event(0, title="New")],
                  sinks=[make_sink(update_gap=timedelta())])  # fmt: skip
    assert told(rounds[1]) == [("e1", 2, "updated", ("title",))]


def test_a_sink_hears_first_when_its_filter_lets_it(plan, make_event, make_sink):
    sinks = [make_sink(), make_sink(name="picky", min_families=5)]
    rounds = plan(
        [make_event()],
        [make_event(1, publisher_family_count=5)],
        [make_event(2, publisher_family_count=4, breaking_state="developing")],
        sinks=sinks,
    )
    assert [[(a.sink, a.revision) for a in alerts] for alerts in rounds] == [
        [("desk", 1)],
        [("picky", 1)],
        [("desk", 2), ("picky", 2)],  # what became of it is told whatever the filter says
    ]


def test_a_merged_event_keeps_its_alert(plan, make_event):
    merged = make_event(5, revision=2, status="merged", merged_into="older")
    survivor = make_event(5, event_id="older", breaking_state="developing")
    _, alerts, later = plan([make_event()], [survivor, merged], [make_event(6, event_id="older")])
    assert told(alerts) == [("e1", 2, "updated", ("state", "merged"))]
    assert alerts[0].event_id == "older"
    assert alerts[0].previous_event_ids == ("e1",)
    assert json.loads(alerts[0].body)["data"]["previous_event_ids"] == ["e1"]
    assert told(later) == [("e1", 3, "updated", ("state",))]


def test_a_survivor_that_comes_later_keeps_the_alert(plan, make_event):
    merged = make_event(5, status="merged", merged_into="older")
    rounds = plan([make_event()], [merged], [make_event(6, event_id="older")])
    assert [told(alerts) for alerts in rounds[1:]] == [[], [("e1", 2, "updated", ("merged",))]]


def test_of_two_alerts_that_turn_out_to_be_one_that_of_the_survivor_goes_on(plan, make_event):
    rounds = plan(
        [make_event(), make_event(event_id="older")],
        [make_event(2, status="merged", merged_into="older"), make_event(2, event_id="older")],
        [make_event(9, event_id="older", breaking_state="fading")],
    )
    assert told(rounds[1]) == [
        ("e1", 2, "ended", ("joined",)), ("older", 2, "updated", ("merged",)),
    ]  # fmt: skip
    assert json.loads(rounds[1][0].body)["data"]["merged_into_alert"] == "older"
    assert told(rounds[2]) == [("older", 3, "updated", ("state",))]


def test_of_two_alerts_of_others_that_told_more_goes_on(plan, make_event):
    rounds = plan(
        [make_event(), make_event(event_id="e2")],
        [make_event(1, event_id="e2", breaking_state="developing")],
        [
            make_event(2, status="merged", merged_into="quiet"),
            make_event(2, event_id="e2", status="merged", merged_into="quiet"),
            make_event(2, event_id="quiet", breaking_state="none", breaking_since=None),
        ],
    )
    assert told(rounds[2]) == [
        ("e1", 2, "ended", ("joined",)), ("e2", 3, "ended", ("state", "merged")),
    ]  # fmt: skip


def test_an_event_whose_row_names_its_alert_alerts_under_that_name(plan, make_event):
    rounds = plan(
        [replace(make_event(event_id="older"), alert_id="e1")],
        [replace(make_event(1, event_id="older", breaking_state="developing"), alert_id="e1")],
    )
    assert [told(alerts) for alerts in rounds] == [
        [("e1", 1, "breaking", ("broke",))], [("e1", 2, "updated", ("state",))],
    ]  # fmt: skip


def test_an_alert_follows_its_name_when_the_row_of_the_merge_was_not_seen(plan, make_event):
    rounds = plan([make_event()], [replace(make_event(1, event_id="older"), alert_id="e1")])
    assert told(rounds[1]) == [("e1", 2, "updated", ("merged",))]


def test_the_name_that_the_row_gives_goes_on_when_the_sink_knows_it(plan, make_event):
    merged = make_event(2, status="merged", merged_into="older")
    survivor = replace(make_event(2, event_id="older"), alert_id="e1")
    rounds = plan([make_event(), make_event(event_id="older")], [merged, survivor])
    assert told(rounds[1]) == [
        ("older", 2, "ended", ("joined",)), ("e1", 2, "updated", ("merged",)),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["retracted", "corrected"])
def test_an_article_that_is_taken_back_or_corrected_is_told_at_once(plan, make_event, kind):
    count = {"retracted": "retraction_count", "corrected": "correction_count"}[kind]
    rounds = plan([make_event()], [make_event(1, **{count: 1})], [make_event(2, **{count: 1})])
    assert [told(alerts) for alerts in rounds[1:]] == [[("e1", 2, "updated", (kind,))], []]


def test_merges_are_followed_and_a_circle_ends():
    assert follow("a", {"a": "b", "b": "c"}) == "c"
    assert follow("x", {"a": "b"}) == "x"
    assert follow("a", {"a": "b", "b": "a"}) in ("a", "b")


# Hypothesis asks for functions of a module rather than fixtures of a test.
BASE = Event(
    "e1", 1, "active", "", "One", "", (), "a1", (), (), (), NOON, NOON, NOON, NOON, 4, 3, 1, 3,
    0.5, 2, 4, 3, NOON, "breaking", NOON, 0.8, (), "", 0.8, 0.7, False, 0.8, b"", "test",
)  # fmt: skip
SINKS = (
    Sink("all", "https://a.example/"),
    Sink("chat", "https://b.example/", format="slack", min_families=4),
    Sink("sure", "https://c.example/", min_score=0.7, update_gap=timedelta()),
)
EVENTS = ("e1", "e2", "e3", "e4")


@st.composite
def stories(draw):
    """Rounds in which events grow, change their state, are merged and closed.

    The survivor of a merge has a row in the same round, for it has more articles then.
    """
    open_events, rounds = list(EVENTS), []
    for number in range(draw(st.integers(1, 8))):
        fates = {}
        for name in draw(st.lists(st.sampled_from(EVENTS), max_size=4, unique=True)):
            others = [other for other in open_events if other != name]
            fate = draw(st.sampled_from(["on", "on", "on", "merge", "close"]))
            if name in open_events:
                into = draw(st.sampled_from(others)) if fate == "merge" and others else ""
                fates[name] = {"status": "merged", "merged_into": into} if into else {}
                if into:
                    fates.setdefault(into, {})
                elif fate == "close":
                    fates[name] = {"status": "closed"}
                if into or fate == "close":
                    open_events.remove(name)
        rounds.append([draw(rows(name, number, fate)) for name, fate in fates.items()])
    return rounds


@st.composite
def rows(draw, name, number, fate):
    state = draw(st.sampled_from(["none", "candidate", "breaking", "developing", "fading"]))
    return fate | {
        "event_id": name,
        "revision": number + 1,
        "breaking_state": state,
        "breaking_since": None if state == "candidate" else NOON,
        "publisher_family_count": draw(st.integers(1, 12)),
        "breaking_score": draw(st.sampled_from([0.5, 0.9])),
        "title": draw(st.sampled_from(["One", "Two"])),
        "counts_as_of": NOON + timedelta(minutes=7 * number),
    }


def with_names(rounds):
    """Let each row name its alert as a later version does: the first of its events that broke."""
    names, broke = {}, []
    for changes in rounds:
        for row in changes:
            if row["breaking_since"] and row["event_id"] not in names:
                names[row["event_id"]] = row["event_id"]
                broke.append(row["event_id"])
        into = {r["event_id"]: r["merged_into"] for r in changes if r.get("merged_into")}
        for event_id in into:
            survivor = follow(event_id, into)
            both = {names.get(event_id), names.get(survivor)} - {None}
            if both:
                names[survivor] = min(both, key=broke.index)
        yield [row | {"alert_id": names.get(row["event_id"], "")} for row in changes]


plain_or_named = stories() | stories().map(lambda story: list(with_names(story)))


def made(row):
    """Make an event of a row."""
    alert_id = row.get("alert_id")
    plain = {name: value for name, value in row.items() if name != "alert_id"}
    event = replace(BASE, **plain)
    return event if alert_id is None else replace(event, alert_id=alert_id)


def alerts_of(rounds, kills=()):
    """Plan a story; at each kill a new planner goes on from what was written."""
    written, into, latest = [], {}, {}
    planner = Planner(SINKS, (), {})
    for number, changes in enumerate(rounds):
        events = [made(row) for row in changes]
        planned = planner.plan(events, NOON, lambda event: "")
        if number in kills:  # before the round counts, and again after it did
            survivors = {name: follow(name, into) for name in into}
            planner = Planner(SINKS, written, survivors)
            assert planner.plan(list(latest.values()), NOON, lambda event: "") == []
            assert planner.plan(events, NOON, lambda event: "") == planned
        written += planned
        latest |= {event.event_id: event for event in events}
        into |= {e.event_id: e.merged_into for e in events if e.status == "merged"}
        if number in kills:
            planner = Planner(SINKS, written, {name: follow(name, into) for name in into})
            assert planner.plan(list(latest.values()), NOON, lambda event: "") == []
    return written


@given(plain_or_named)
def test_each_sink_gets_revisions_in_order_and_no_first_alert_twice(story):
    written = alerts_of(story)
    revisions = defaultdict(list)
    for alert in written:
        revisions[alert.sink, alert.alert_id].append(alert)
    for alerts in revisions.values():
        assert [alert.revision for alert in alerts] == list(range(1, len(alerts) + 1))
        firsts = [alert for alert in alerts if alert.type.endswith(".breaking")]
        assert firsts == alerts[:1]
    assert len({alert.key for alert in written}) == len(written)


@given(plain_or_named, st.sets(st.integers(0, 7)))
def test_kills_change_nothing_that_is_planned(story, kills):
    assert alerts_of(story, kills) == alerts_of(story)


@given(plain_or_named)
def test_an_event_has_one_alert_for_a_sink_at_a_time(story):
    latest = {}
    for alert in alerts_of(story):
        latest[alert.sink, alert.alert_id] = alert
        if not alert.type.endswith(".ended"):
            same = [
                other
                for other in latest.values()
                if (other.sink, other.event_id) == (alert.sink, alert.event_id)
                and not other.type.endswith(".ended")
            ]
            assert same == [alert]
