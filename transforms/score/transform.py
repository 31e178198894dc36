"""Beam shell of score: an event meets its articles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas import Assignment, Event, EventChange, EventState
from transforms._shared.counts import count
from transforms._shared.shards import WINDOW_DAYS
from transforms.score.event import score_event


class Scored(NamedTuple):
    events: beam.PCollection[Event]
    changes: beam.PCollection[EventChange]


@dataclass
class ScoreEvents(beam.PTransform):
    """Count each event's articles and publishers and say whether and when it broke.

    Rejects nothing and keeps no state: in a bounded run an event is scored once, by replaying
    its articles in event time.
    """

    assignments: beam.PCollection[Assignment]
    window_days: float = WINDOW_DAYS

    def expand(self, states: beam.PCollection[EventState]) -> Scored:
        keyed_states = states | "KeyState" >> beam.Map(_state_by_event)
        keyed_articles = self.assignments | "KeyAssignment" >> beam.FlatMap(_assignment_by_event)
        joined = {
            "states": keyed_states,
            "assignments": keyed_articles,
        } | "GroupEvent" >> beam.CoGroupByKey()
        score = beam.ParDo(_ScoreDoFn(self.window_days))
        return Scored(*(joined | "Score" >> score.with_outputs("changes", main="events")))


def _state_by_event(state: EventState) -> tuple[str, EventState]:
    return state.event_id, state


def _assignment_by_event(assignment: Assignment) -> Iterator[tuple[str, Assignment]]:
    """Give an article to its event, and to those that were merged away with it."""
    yield assignment.event_id, assignment
    for left in assignment.earlier:
        if left.merged:
            yield left.event_id, assignment


class _ScoreDoFn(beam.DoFn):
    def __init__(self, window_days: float) -> None:
        self._window = timedelta(days=window_days)

    def process(
        self, joined: tuple[str, dict[str, Iterable[Any]]]
    ) -> Iterator[Event | TaggedOutput[Literal["changes"], EventChange]]:
        (state,) = joined[1]["states"]
        count("score", "in")
        event, changes = score_event(state, list(joined[1]["assignments"]), self._window)
        count("score", "out")
        if event.breaking_since is not None:
            count("score", "broke")
        if event.status == "merged":
            count("score", "merged")
        yield event
        for change in changes:
            yield TaggedOutput("changes", change)
