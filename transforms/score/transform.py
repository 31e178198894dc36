"""Beam shell of score: an event's row, and what happened to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from schemas import Event, EventChange, EventState
from transforms._shared.counts import count
from transforms._shared.kept import Kept
from transforms._shared.ordering import ONE_PARTITION
from transforms._shared.seeds import Seeds
from transforms._shared.shards import WINDOW_DAYS
from transforms.score.event import score_event
from transforms.score.told import Book, Told, told_of


class Scored(NamedTuple):
    events: beam.PCollection[Event]
    changes: beam.PCollection[EventChange]


@dataclass
class ScoreEvents(beam.PTransform):
    """Count each event's articles and publishers and say whether and when it broke.

    Rejects nothing. All events of the partition are looked at in one place, because one that takes
    over another goes on from what was said of that. Bounded: an event comes once and is described
    once, in the order in which they ended. Unbounded: it comes whenever it changed or time passed;
    the state is what was last said of each open event, about 1 KB, and a revision is given when
    there is something to tell.
    """

    window_days: float = WINDOW_DAYS
    bounded: bool = True
    seeds: Seeds | None = None  # what to go on from; only used when not bounded

    def expand(self, states: beam.PCollection[EventState]) -> Scored:
        keyed = states | "KeyByPartition" >> beam.Map(_by_partition).with_output_types(
            tuple[str, EventState]
        )
        if self.bounded:
            score = beam.ParDo(_ScoreGroup(self)).with_outputs("changes", main="events")
            return Scored(*(keyed | "GroupPartition" >> beam.GroupByKey() | "Score" >> score))
        score = beam.ParDo(_ScoreNext(self)).with_outputs("changes", main="events")
        return Scored(*(keyed | "Score" >> score))


def _by_partition(state: EventState) -> tuple[str, EventState]:
    return ONE_PARTITION, state


class _Score(beam.DoFn):
    def __init__(self, settings: ScoreEvents) -> None:
        self._window = timedelta(days=settings.window_days)
        self._seeds = settings.seeds

    def _described(
        self, state: EventState, book: Book
    ) -> tuple[Event, tuple[EventChange, ...]] | None:
        count("score", "in")
        name = state.event_id
        described = score_event(state, self._window, book.before(name), book.taken_over(name))
        if described is None:
            count("score", "unchanged")
        else:
            book.note(told_of(described[0]))
        return described


class _ScoreGroup(_Score):
    def process(
        self, partition: tuple[str, Iterable[EventState]]
    ) -> Iterator[Event | TaggedOutput[Literal["changes"], EventChange]]:
        book = Book()
        for state in sorted(partition[1], key=_ended):
            described = self._described(state, book)
            if described is not None:
                yield from _outputs(*described)


def _ended(state: EventState) -> tuple[int, bool, str]:
    """Put events in the order they ended; one that was taken over before its survivor."""
    return state.sequence, state.status != "merged", state.event_id


class _ScoreNext(_Score):
    LOG = BagStateSpec("told", BytesCoder())
    VERSION = ReadModifyWriteStateSpec("version", BytesCoder())

    def setup(self) -> None:
        self._kept = Kept(Book, Book.note, self._seeded, Book.holds)

    def _seeded(self, key: str) -> Iterator[Told]:
        for event in self._seeds.events() if self._seeds else ():
            yield told_of(event)

    def process(
        self,
        keyed: tuple[str, EventState],
        log: Any = beam.DoFn.StateParam(LOG),  # noqa: B008 - how Beam is told
        version: Any = beam.DoFn.StateParam(VERSION),  # noqa: B008
    ) -> Iterator[Event | TaggedOutput[Literal["changes"], EventChange]]:
        key, state = keyed
        described = self._described(state, self._kept.of(key, log, version))
        if described is not None:
            self._kept.append(key, [told_of(described[0])], log, version)
            yield from _outputs(*described)


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
