"""Beam shell of cluster: one event index per partition, fed in order or as articles come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal, NamedTuple, TypeVar

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from schemas import Article, Assignment, ComparedArticle, Decision, EventState, Move, Moved, Notice
from schemas.event import GRANULARITIES
from transforms._shared.counts import WORKED, count, timed
from transforms._shared.kept import Kept
from transforms._shared.ordering import ONE_PARTITION, decision_order
from transforms._shared.seeds import Seeds
from transforms._shared.shards import WINDOW_DAYS
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import ANY_MODEL, load_cross_model, load_join_model
from transforms.cluster.terms import background_frequencies


class Clustered(NamedTuple):
    assignments: beam.PCollection[Assignment]
    events: beam.PCollection[EventState]
    moved: beam.PCollection[Moved]
    notices: beam.PCollection[Notice]


@dataclass
class ClusterArticles(beam.PTransform):
    """Put each article into one event, and describe the events.

    Rejects nothing. Keeps, per partition, the open events of the last ``window_days``; an event
    quiet for longer is closed when the event clock says so.

    Bounded: articles are taken in order of event time, so late data does not exist; undated ones
    go first. An assignment names the event the article is in at the end; ``earlier`` names those
    it was in before; ``moved`` is empty, and each event is described once. Unbounded: articles
    are taken as they come, an assignment is what was decided then, ``moved`` says who went
    elsewhere since, and at the end of a bundle each event that it changed is described. The state
    is a log of the articles of open events.

    A ``Notice`` that comes, and those that articles bring, leave by ``notices``, once for each
    article of an open event and kind; its event is described again with them.
    """

    embedding_model: str  # id of the model the vectors came from
    window_days: float = WINDOW_DAYS
    granularity: str = GRANULARITIES[0]
    cross_language: bool = False  # let articles in different languages meet
    bounded: bool = True
    seeds: Seeds | None = None  # what to go on from; only used when not bounded

    def expand(self, compared: beam.PCollection[ComparedArticle | Notice]) -> Clustered:
        keyed = compared | "KeyByPartition" >> beam.Map(_by_partition).with_output_types(
            tuple[str, ComparedArticle | Notice]
        )
        outputs = ("events", "moved", "notices")
        if self.bounded:
            cluster = beam.ParDo(_ClusterGroup(self)).with_outputs(*outputs, main="assignments")
            clustered = keyed | "GroupPartition" >> beam.GroupByKey() | "Cluster" >> cluster
        else:
            cluster = beam.ParDo(_ClusterNext(self)).with_outputs(*outputs, main="assignments")
            clustered = keyed | "Cluster" >> cluster
        return Clustered(
            clustered.assignments, clustered.events, clustered.moved, clustered.notices
        )


def _by_partition(item: ComparedArticle | Notice) -> tuple[str, ComparedArticle | Notice]:
    return ONE_PARTITION, item


class _Cluster(beam.DoFn):
    def __init__(self, settings: ClusterArticles) -> None:
        self._embedding_model = settings.embedding_model
        self._window = timedelta(days=settings.window_days)
        self._granularity = settings.granularity
        self._cross_language = settings.cross_language
        self._seeds = settings.seeds

    def setup(self) -> None:
        self._model = load_join_model(self._embedding_model)
        self._unread_model = load_join_model(ANY_MODEL)
        self._cross_model = load_cross_model() if self._cross_language else None

    def _new_index(self) -> EventIndex:
        return EventIndex(
            self._model,
            background_frequencies(),
            self._embedding_model,
            self._window,
            granularity=self._granularity,
            cross_model=self._cross_model,
            unread_model=self._unread_model if self._model.embedding_model != ANY_MODEL else None,
        )

    @staticmethod
    def _event(state: EventState) -> TaggedOutput[Literal["events"], EventState]:
        count("cluster", "events")
        return TaggedOutput("events", state)


class ClusterInOrder(_Cluster):
    """Decides on all articles of a bounded run."""

    def decided(
        self, items: Iterable[ComparedArticle | Notice]
    ) -> Iterator[
        Assignment
        | TaggedOutput[Literal["events"], EventState]
        | TaggedOutput[Literal["notices"], Notice]
    ]:
        """Decide on articles and notices that come in order."""
        index = self._new_index()
        assignments: dict[str, list[Assignment]] = {}
        for compared in items:
            if isinstance(compared, Notice):
                yield from _noted(index, (compared,))
                continue
            count("cluster", "in")
            with timed("cluster", WORKED):
                assignment = index.assign(compared)
                noted = list(_noted(index, compared.embedded.article.notices))
                retired = list(index.retired())
            yield from noted
            assignments.setdefault(compared.embedded.article.article_id, []).append(assignment)
            for move in index.moves():
                for article in sorted(move.article_ids):
                    assignments[article] = [move.apply(a) for a in assignments[article]]
            for state in retired:
                yield self._event(state)
        for revisions in assignments.values():
            for assignment in revisions:
                count("cluster", "out")
                yield assignment
        for state in index.states():
            yield self._event(state)


class _ClusterGroup(ClusterInOrder):
    def process(
        self, partition: tuple[str, Iterable[ComparedArticle | Notice]]
    ) -> Iterator[
        Assignment
        | TaggedOutput[Literal["events"], EventState]
        | TaggedOutput[Literal["notices"], Notice]
    ]:
        yield from self.decided(in_order(partition[1]))


class _ClusterNext(_Cluster):
    LOG = BagStateSpec("decisions", BytesCoder())
    VERSION = ReadModifyWriteStateSpec("version", BytesCoder())

    def setup(self) -> None:
        super().setup()
        self._kept = Kept(self._new_index, _replay, self._seeded, _is_live)

    def start_bundle(self) -> None:
        self._indexes: dict[str, EventIndex] = {}

    def _seeded(self, key: str) -> Iterator[Decision | Notice | int]:
        if self._seeds:
            yield self._seeds.last_sequence()
            yield from self._seeds.decisions()
            yield from self._seeds.notices()

    def process(
        self,
        keyed: tuple[str, ComparedArticle | Notice],
        log: Any = beam.DoFn.StateParam(LOG),  # noqa: B008 - how Beam is told
        version: Any = beam.DoFn.StateParam(VERSION),  # noqa: B008
    ) -> Iterator[
        Assignment
        | TaggedOutput[Literal["moved"], Moved]
        | TaggedOutput[Literal["events"], EventState]
        | TaggedOutput[Literal["notices"], Notice]
    ]:
        key, compared = keyed
        if isinstance(compared, Notice):
            index = self._indexes[key] = self._kept.of(key, log, version)
            noted = list(_noted(index, (compared,)))
            if noted and index.holds(compared.article_id):
                self._kept.append(key, [compared], log, version)
            yield from noted
            return
        count("cluster", "in")
        with timed("cluster", WORKED):
            index = self._indexes[key] = self._kept.of(key, log, version)
            assignment = index.assign(compared)
            noted = list(_noted(index, compared.embedded.article.notices))
            moves = index.moves()
            retired = list(index.retired())
            closed = tuple(state.event_id for state in retired if state.status == "closed")
            decision = _decision(index, assignment, moves, closed)
            self._kept.append(key, [decision], log, version)
        count("cluster", "out")
        yield assignment
        yield from noted
        for move in moves:
            for moved in move.records():
                count("cluster", "moved")
                yield TaggedOutput("moved", moved)
        for state in retired:
            yield self._event(state)

    def finish_bundle(self) -> Iterator[TaggedOutput[Literal["events"], EventState]]:
        for index in self._indexes.values():
            for state in index.changed():
                event = self._event(state)
                described = WindowedValue(event.value, MIN_TIMESTAMP, [GlobalWindow()])
                yield TaggedOutput("events", described)


_Item = TypeVar("_Item", Article | Notice, ComparedArticle | Notice)


def in_order(items: Iterable[_Item]) -> list[_Item]:
    """Put articles in the order of decisions, and each notice in its time, after its article."""
    held = list(items)
    places: dict[str, Any] = {}
    for item in held:
        if not isinstance(item, Notice):
            article = item if isinstance(item, Article) else item.embedded.article
            place = decision_order(article)
            places[article.article_id] = max(place, places.get(article.article_id, place))

    def order(item: _Item) -> tuple[Any, ...]:
        if isinstance(item, Notice):
            at: tuple[Any, ...] = (True, item.noticed_at, item.article_id, 0)
            return (*max(at, places.get(item.article_id, at)), item.kind)
        return (*decision_order(item if isinstance(item, Article) else item.embedded.article), "")

    return sorted(held, key=order)


def _noted(
    index: EventIndex, notices: Iterable[Notice]
) -> Iterator[TaggedOutput[Literal["notices"], Notice]]:
    for notice in notices:
        if index.notice(notice):
            count("cluster", f"noted_{notice.kind}")
            yield TaggedOutput("notices", notice)


def _decision(
    index: EventIndex, assignment: Assignment, moves: list[Move], closed: tuple[str, ...]
) -> Decision:
    """Keep of a decision what it takes to repeat it."""
    compared = replace(assignment.compared, neighbours=(), further="")
    return Decision(
        replace(assignment, compared=compared, channels=(), evidence=""),
        tuple(replace(move, mentions=()) for move in moves),
        index.novelty(assignment.event_id),
        closed,
    )


def _replay(index: EventIndex, record: Decision | Notice | int) -> None:
    if isinstance(record, int):
        index.go_on_from(record)
    elif isinstance(record, Notice):
        index.repeat_notice(record)
    else:
        index.replay(record)


def _is_live(index: EventIndex, decision: Decision | Notice | int) -> bool:
    if isinstance(decision, Notice):
        return index.holds(decision.article_id)
    return isinstance(decision, int) or index.holds(
        decision.assignment.compared.embedded.article.article_id
    )
