"""Stop what was seen before, ahead of anything expensive."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from schemas import Entry, Identified, Repeat
from transforms._shared.counts import count, timed
from transforms._shared.shards import WINDOW_DAYS
from transforms.identify.identity import identity_key
from transforms.identify.order import reading_order
from transforms.identify.seen import SeenIndex


class IdentifiedEntries(NamedTuple):
    identified: beam.PCollection[Identified]
    repeats: beam.PCollection[Repeat]


@dataclass
class IdentifyEntries(beam.PTransform):
    """Give each entry its article id and revision; what says nothing new leaves by ``repeats``.

    Entries that may be the same article meet under one key (see ``identity_key``); there
    ``SeenIndex`` decides, which also says what counts as the same and as a change. Nothing is
    rejected: an entry without any words passes as an article of its own.

    Bounded: each key's entries are put in the order they were published, and nothing expires,
    because files of many years can be dropped together. Unbounded: they are taken as they
    come, the index is kept as state, and an article not seen for ``window_days`` is forgotten.
    """

    window_days: float = WINDOW_DAYS  # only used when not bounded
    bounded: bool = True

    def expand(self, entries: beam.PCollection[Entry]) -> IdentifiedEntries:
        keyed = entries | "KeyByIdentity" >> beam.ParDo(_KeyByIdentity())
        if self.bounded:
            decided = (
                keyed
                | "GroupByIdentity" >> beam.GroupByKey()
                | "Identify" >> beam.ParDo(_IdentifyGroup()).with_outputs("repeats", main="new")
            )
        else:
            window = timedelta(days=self.window_days)
            identify = beam.ParDo(_IdentifyNext(window)).with_outputs("repeats", main="new")
            decided = keyed | "Identify" >> identify
        return IdentifiedEntries(decided.new, decided.repeats)


class _KeyByIdentity(beam.DoFn):
    def process(self, entry: Entry) -> Iterator[tuple[str, Entry]]:
        count("identify", "in")
        yield identity_key(entry), entry


class _IdentifyGroup(beam.DoFn):
    def process(self, keyed: tuple[str, Iterable[Entry]]) -> Iterator[Identified]:
        index = SeenIndex(window=None)
        for entry in sorted(keyed[1], key=reading_order):
            with timed("identify"):
                decision = index.identify(entry)
            yield from _routed(decision)


class _IdentifyNext(beam.DoFn):
    SEEN = ReadModifyWriteStateSpec("seen", BytesCoder())

    def __init__(self, window: timedelta) -> None:
        self._window = window

    def process(
        self,
        keyed: tuple[str, Entry],
        seen: Any = beam.DoFn.StateParam(SEEN),  # noqa: B008 - how Beam is told
    ) -> Iterator[Identified]:
        stored = seen.read()
        index = SeenIndex.from_bytes(stored, self._window) if stored else SeenIndex(self._window)
        with timed("identify"):
            decision = index.identify(keyed[1])
        seen.write(index.to_bytes())
        yield from _routed(decision)


def _routed(decision: Identified | Repeat) -> Iterator[Any]:
    if isinstance(decision, Repeat):
        count("identify", f"repeats_{decision.reason}")
        yield beam.pvalue.TaggedOutput("repeats", decision)
        return
    count("identify", "out")
    if decision.revision > 1:
        count("identify", "updates")
    yield decision
