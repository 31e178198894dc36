"""Stop what was seen before, ahead of anything expensive."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from schemas import Entry, Identified, Notice, Repeat, Sighting, TakenBack
from transforms._shared.counts import count, timed
from transforms._shared.kept import Kept
from transforms._shared.seeds import Seeds
from transforms._shared.shards import WINDOW_DAYS
from transforms.identify.identity import identity_key, taken_back_key
from transforms.identify.order import deletion_order, reading_order
from transforms.identify.seen import SeenIndex

_ORDERED = 32_000_000  # characters held to be ordered: thousands of stories, 0.1 GB at most


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
    because files of many years can be dropped together; with ``earliest_first`` those of all keys
    that come together leave in that order, which decides nothing, but what comes first is then
    what a later stage can begin with. Unbounded: they are taken as they
    come, what is remembered is kept as state, and an article not seen for ``window_days`` is
    forgotten.
    """

    window_days: float = WINDOW_DAYS  # only used when not bounded
    bounded: bool = True
    seeds: Seeds | None = None  # what to go on from; only used when not bounded
    earliest_first: bool = False  # only used when bounded

    def expand(self, entries: beam.PCollection[Entry | TakenBack]) -> IdentifiedEntries:
        keyed = entries | "KeyByIdentity" >> beam.ParDo(_KeyByIdentity())
        outputs = ("repeats", "sightings")
        if self.bounded:
            decided = (
                keyed
                | "GroupByIdentity" >> beam.GroupByKey()
                | "Identify" >> beam.ParDo(_IdentifyGroup()).with_outputs(*outputs, main="new")
            )
            if self.earliest_first:
                first = decided.new | "EarliestFirst" >> beam.ParDo(_EarliestFirst())
                return IdentifiedEntries(first, decided.repeats, decided.sightings)
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


class _EarliestFirst(beam.DoFn):
    """Orders a bundle, or of a large one its beginning; the rest passes as it comes."""

    def start_bundle(self) -> None:
        self._held: list[Identified] = []
        self._chars = 0

    def process(self, item: Identified | Notice) -> Iterator[Identified | Notice]:
        if isinstance(item, Notice) or self._chars > _ORDERED:
            yield item
            return
        self._held.append(item)
        self._chars += len(item.entry.content) + len(item.entry.summary)
        if self._chars > _ORDERED:
            yield from self._in_order()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for item in self._in_order():
            yield WindowedValue(item, window.max_timestamp(), [window])

    def _in_order(self) -> list[Identified]:
        held, self._held = self._held, []
        return sorted(held, key=lambda item: reading_order(item.entry))


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
