"""Beam shell of score: an event's row, and what happened to it."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from schemas import Event, EventChange, EventState
from transforms._shared.counts import count
from transforms._shared.seeds import Seeds
from transforms._shared.shards import WINDOW_DAYS
from transforms.score.event import score_event
from transforms.score.told import Told, told_of


class Scored(NamedTuple):
    events: beam.PCollection[Event]
    changes: beam.PCollection[EventChange]


@dataclass
class ScoreEvents(beam.PTransform):
    """Count each event's articles and publishers and say whether and when it broke.

    Rejects nothing. Bounded: an event comes once and is described once, without state.
    Unbounded: it comes whenever it changed; the state is what was last said of it, about 1 KB
    until it is merged away or closed, and a revision is given when there is something to tell.
    """

    window_days: float = WINDOW_DAYS
    bounded: bool = True
    seeds: Seeds | None = None  # what to go on from; only used when not bounded

    def expand(self, states: beam.PCollection[EventState]) -> Scored:
        window = timedelta(days=self.window_days)
        if self.bounded:
            score = beam.ParDo(_ScoreOnce(window)).with_outputs("changes", main="events")
            return Scored(*(states | "Score" >> score))
        score = beam.ParDo(_ScoreNext(window, self.seeds)).with_outputs("changes", main="events")
        keyed = beam.Map(_by_event).with_output_types(tuple[str, EventState])
        return Scored(*(states | "KeyByEvent" >> keyed | "Score" >> score))


def _by_event(state: EventState) -> tuple[str, EventState]:
    return state.event_id, state


class _ScoreOnce(beam.DoFn):
    def __init__(self, window: timedelta) -> None:
        self._window = window

    def process(
        self, state: EventState
    ) -> Iterator[Event | TaggedOutput[Literal["changes"], EventChange]]:
        count("score", "in")
        described = score_event(state, self._window)
        if described is not None:
            yield from _outputs(*described)


class _ScoreNext(beam.DoFn):
    TOLD = ReadModifyWriteStateSpec("told", BytesCoder())

    def __init__(self, window: timedelta, seeds: Seeds | None) -> None:
        self._window = window
        self._seeds = seeds

    def process(
        self,
        keyed: tuple[str, EventState],
        told: Any = beam.DoFn.StateParam(TOLD),  # noqa: B008 - how Beam is told
    ) -> Iterator[Event | TaggedOutput[Literal["changes"], EventChange]]:
        count("score", "in")
        described = score_event(keyed[1], self._window, self._before(keyed[0], told.read()))
        if described is None:
            count("score", "unchanged")
            return
        event, changes = described
        if event.status == "active":
            told.write(pickle.dumps(told_of(event)))
        else:
            told.clear()
        yield from _outputs(event, changes)

    def _before(self, event_id: str, stored: bytes | None) -> Told | None:
        if stored is not None:
            before: Told = pickle.loads(stored)
            return before
        event = self._seeds.event(event_id) if self._seeds else None
        return told_of(event) if event else None


def _outputs(
    event: Event, changes: tuple[EventChange, ...]
) -> Iterator[Event | TaggedOutput[Literal["changes"], EventChange]]:
    count("score", "out")
    if event.revision == 1:
        count("score", "opened")
    if any(change.type.endswith(".breaking") for change in changes):
        count("score", "broke")
    if event.status == "merged":
        count("score", "merged")
    yield event
    for change in changes:
        yield TaggedOutput("changes", change)
