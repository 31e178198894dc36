from dataclasses import replace
from datetime import timedelta

import apache_beam as beam
from apache_beam.testing.test_pipeline import TestPipeline as BeamTestPipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas import Event, EventChange, EventState
from transforms import ScoreEvents
from transforms.cluster.mention import mention_of


def _size(event: Event) -> tuple[str, int, int]:
    return event.event_id, event.revision, event.article_count


def _subject(change: EventChange) -> tuple[str, str]:
    return change.subject, change.type.rpartition(".")[2]


def _scored(states, **settings):
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        created = beam.Create(states, reshuffle=False).with_output_types(EventState)
        scored = pipeline | created | ScoreEvents(**settings)
        yield scored


def test_each_event_is_described_once_with_what_happened_to_it(assigned, state):
    one = state([assigned("a0", 0, role="seed"), assigned("a1", 5)])
    gone = state([assigned("b0", 1, role="seed")], event_id="b", status="merged",
                 merged_into=one.event_id)  # fmt: skip
    for scored in _scored([one, gone]):
        found = scored.events | beam.Map(_size)
        assert_that(found, equal_to([(one.event_id, 1, 2), ("b", 1, 1)]))
        kinds = [(one.event_id, "created"), ("b", "created"), ("b", "merged")]
        changes = scored.changes | "Subject" >> beam.Map(_subject)
        assert_that(changes, equal_to(kinds), label="Changes")


def test_unbounded_an_event_gets_a_revision_when_there_is_something_to_tell(assigned, state):
    seed, second = assigned("a0", 0, role="seed"), assigned("a1", 5, "two.example")
    states = [
        state([seed], 1),
        state([seed], 4),
        state([seed, second], 6),
        state([seed, second], 30_000, status="closed"),
    ]
    event = states[0].event_id
    for scored in _scored(states, bounded=False):
        found = scored.events | beam.Map(_size)
        assert_that(found, equal_to([(event, 1, 1), (event, 2, 2), (event, 3, 2)]))
        kinds = [(event, "created"), (event, "updated"), (event, "closed")]
        changes = scored.changes | "Subject" >> beam.Map(_subject)
        assert_that(changes, equal_to(kinds), label="Changes")


class _Seeds:
    """An earlier run that wrote one revision of an event."""

    def __init__(self, event):
        self._event = event

    def events(self):
        yield self._event


def test_unbounded_a_resumed_run_goes_on_with_the_next_revision(assigned, state):
    from transforms.score.event import score_event

    seed = assigned("a0", 0, role="seed")
    before, _ = score_event(state([seed], 1), timedelta(days=14))
    states = [state([seed], 2), state([seed, assigned("a1", 5)], 6)]
    for scored in _scored(states, bounded=False, seeds=_Seeds(before)):
        found = scored.events | beam.Map(_size)
        assert_that(found, equal_to([(before.event_id, 2, 2)]))


def _alert(event: Event) -> tuple[str, int, str, bool]:
    return event.event_id, event.revision, event.alert_id, event.breaking_since is not None


def _broken_and_its_survivor(assigned, state):
    """Give an event that broke and is merged away, and the one that takes it over, in that order.

    The older one has not broken: it is a day old.
    """
    burst = [assigned("b0", 0, "one.example", role="seed"), assigned("b1", 5, "two.example"),
             assigned("b2", 9, "three.example")]  # fmt: skip
    old = assigned("a0", -1440, "four.example", role="seed")
    younger = state(burst, 10, event_id="younger", sequence=4)
    gone = state(burst, 12, event_id="younger", status="merged", merged_into="older", sequence=5)
    older = state([old, *burst], 12, event_id="older", sequence=6)
    return younger, gone, older


def test_unbounded_an_event_that_takes_over_a_broken_one_does_not_break_again(assigned, state):
    younger, gone, older = _broken_and_its_survivor(assigned, state)
    first = replace(older, mentions=older.mentions[:1], sequence=3)
    for scored in _scored([first, younger, gone, older], bounded=False):
        found = [
            ("older", 1, "", False), ("younger", 1, "younger", True),
            ("younger", 2, "younger", True), ("older", 2, "younger", True),
        ]  # fmt: skip
        assert_that(scored.events | beam.Map(_alert), equal_to(found))
        kinds = [
            ("older", "created"), ("younger", "created"), ("younger", "breaking"),
            ("younger", "merged"), ("older", "updated"),
        ]  # fmt: skip
        changes = scored.changes | "Subject" >> beam.Map(_subject)
        assert_that(changes, equal_to(kinds), label="Changes")


def test_bounded_an_event_that_takes_over_a_broken_one_does_not_break_again(assigned, state):
    _, gone, older = _broken_and_its_survivor(assigned, state)
    for scored in _scored([older, gone]):
        found = [("younger", 1, "younger", True), ("older", 1, "younger", True)]
        assert_that(scored.events | beam.Map(_alert), equal_to(found))
        kinds = [("younger", "created"), ("younger", "breaking"), ("younger", "merged"),
                 ("older", "created")]  # fmt: skip
        changes = scored.changes | "Subject" >> beam.Map(_subject)
        assert_that(changes, equal_to(kinds), label="Changes")


def test_unbounded_a_resumed_run_does_not_break_again(assigned, state):
    from transforms.score.event import score_event

    younger, _, _ = _broken_and_its_survivor(assigned, state)
    before, _ = score_event(younger, timedelta(days=14))
    more = [*younger.mentions, mention_of(assigned("b4", 30, "five.example").compared, "member")]
    states = [replace(younger, mentions=tuple(more), sequence=9)]
    for scored in _scored(states, bounded=False, seeds=_Seeds(before)):
        assert_that(scored.events | beam.Map(_alert), equal_to([("younger", 2, "younger", True)]))
        changes = scored.changes | "Subject" >> beam.Map(_subject)
        assert_that(changes, equal_to([("younger", "updated")]), label="Changes")
