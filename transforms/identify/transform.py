"""Stop what was seen before, ahead of anything expensive."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from schemas import Entry, Identified, Notice, Repeat, Sighting, TakenBack
from transforms._shared.counts import count, timed
from transforms._shared.kept import Kept
from transforms._shared.seeds import Seeds
from transforms._shared.shards import WINDOW_DAYS
from transforms.identify.identity import identity_key, taken_back_key
from transforms.identify.order import deletion_order, reading_order
from transforms.identify.seen import SeenIndex


class IdentifiedEntries(NamedTuple):
    identified: beam.PCollection[Identified | Notice]
    repeats: beam.PCollection[Repeat]
    sightings: beam.PCollection[Sighting]


@dataclass
class IdentifyEntries(beam.PTransform):
    """Give each entry its article id and revision; what says nothing new leaves by ``repeats``.

    Entries that may be the same article meet under one key (see ``identity_key``); there
    ``SeenIndex`` decides, which also says what counts as the same and as a change. Nothing is
    rejected: an entry without any words passes as an article of its own. ``sightings`` is what
    another run needs to decide alike.

    What a feed says was deleted becomes a ``Notice`` among what is identified, once for each
    article, when that is remembered; else it is counted as ``deleted_unknown``.

    Bounded: each key's entries are put in the order they were published, and nothing expires,
    because files of many years can be dropped together. Unbounded: they are taken as they
    come, what is remembered is kept as state, and an article not seen for ``window_days`` is
    forgotten.
    """

    window_days: float = WINDOW_DAYS  # only used when not bounded
    bounded: bool = True
    seeds: Seeds | None = None  # what to go on from; only used when not bounded

    def expand(self, entries: beam.PCollection[Entry | TakenBack]) -> IdentifiedEntries:
        keyed = entries | "KeyByIdentity" >> beam.ParDo(_KeyByIdentity())
        outputs = ("repeats", "sightings")
        if self.bounded:
            decided = (
                keyed
                | "GroupByIdentity" >> beam.GroupByKey()
                | "Identify" >> beam.ParDo(_IdentifyGroup()).with_outputs(*outputs, main="new")
            )
        else:
            window = timedelta(days=self.window_days)
            identify = beam.ParDo(_IdentifyNext(window, self.seeds))
            decided = keyed | "Identify" >> identify.with_outputs(*outputs, main="new")
        return IdentifiedEntries(decided.new, decided.repeats, decided.sightings)


class _KeyByIdentity(beam.DoFn):
    def process(self, item: Entry | TakenBack) -> Iterator[tuple[str, Entry | TakenBack]]:
        if isinstance(item, TakenBack):
            yield taken_back_key(item), item
            return
        count("identify", "in")
        yield identity_key(item), item


class _IdentifyGroup(beam.DoFn):
    def process(
        self, keyed: tuple[str, Iterable[Entry | TakenBack]]
    ) -> Iterator[Identified | Notice]:
        index = SeenIndex(window=None)
        items = list(keyed[1])
        for entry in sorted((i for i in items if isinstance(i, Entry)), key=reading_order):
            with timed("identify"):
                decision = index.identify(entry)
            yield from _routed(decision)
        for taken in sorted((i for i in items if isinstance(i, TakenBack)), key=deletion_order):
            yield from _noted(index.take_back(taken))
        yield from _told(index.changes())


class _IdentifyNext(beam.DoFn):
    LOG = BagStateSpec("sightings", BytesCoder())
    VERSION = ReadModifyWriteStateSpec("version", BytesCoder())

    def __init__(self, window: timedelta, seeds: Seeds | None) -> None:
        self._window = window
        self._seeds = seeds

    def setup(self) -> None:
        self._kept = Kept(
            make=lambda: SeenIndex(
                self._window, self._seeds.known() if self._seeds else frozenset()
            ),
            replay=SeenIndex.learn,
            seeds=lambda key: self._seeds.sightings(key) if self._seeds else (),
            live=SeenIndex.holds,
        )

    def process(
        self,
        keyed: tuple[str, Entry | TakenBack],
        log: Any = beam.DoFn.StateParam(LOG),  # noqa: B008 - how Beam is told
        version: Any = beam.DoFn.StateParam(VERSION),  # noqa: B008
    ) -> Iterator[Identified | Notice]:
        key, item = keyed
        decision: Identified | Repeat | Notice | str
        with timed("identify"):
            index = self._kept.of(key, log, version)
            if isinstance(item, TakenBack):
                decision = index.take_back(item)
            else:
                decision = index.identify(item)
            sightings = index.changes()
            if sightings:
                self._kept.append(key, sightings, log, version)
        if isinstance(decision, (Notice, str)):
            yield from _noted(decision)
        else:
            yield from _routed(decision)
        yield from _told(sightings)


def _told(sightings: Iterable[Sighting]) -> Iterator[Any]:
    for sighting in sightings:
        yield beam.pvalue.TaggedOutput("sightings", sighting)


def _noted(decision: Notice | str) -> Iterator[Notice]:
    if isinstance(decision, str):
        count("identify", f"deleted_{decision}")
        return
    count("identify", "deleted_known")
    yield decision


def _routed(decision: Identified | Repeat) -> Iterator[Any]:
    if isinstance(decision, Repeat):
        count("identify", f"repeats_{decision.reason}")
        yield beam.pvalue.TaggedOutput("repeats", decision)
        return
    count("identify", "out")
    if decision.revision > 1:
        count("identify", "updates")
    yield decision
