"""Beam shell of cluster: one event index per partition, fed in decision order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas import Assignment, ComparedArticle, EventState
from schemas.event import GRANULARITIES
from transforms._shared.counts import count, timed
from transforms._shared.ordering import ONE_PARTITION, decision_order
from transforms._shared.shards import WINDOW_DAYS
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import ANY_MODEL, load_cross_model, load_join_model
from transforms.cluster.terms import background_frequencies


class Clustered(NamedTuple):
    assignments: beam.PCollection[Assignment]
    events: beam.PCollection[EventState]


@dataclass
class ClusterArticles(beam.PTransform):
    """Put each article into one event, and describe each event once.

    Rejects nothing. Keeps, per partition, the open events of the last ``window_days``; an event
    quiet for longer is closed when the event clock says so. In a bounded run articles are taken
    in order of event time, so late data does not exist; undated ones go first. An assignment names
    the event the article is in at the end; ``earlier`` names those it was in before a merge.
    """

    embedding_model: str  # id of the model the vectors came from
    window_days: float = WINDOW_DAYS
    granularity: str = GRANULARITIES[0]
    cross_language: bool = False  # let articles in different languages meet

    def expand(self, compared: beam.PCollection[ComparedArticle]) -> Clustered:
        grouped = (
            compared
            | "KeyByPartition" >> beam.Map(_by_partition)
            | "GroupPartition" >> beam.GroupByKey()
        )
        cluster = beam.ParDo(
            _ClusterDoFn(
                self.embedding_model, self.window_days, self.granularity, self.cross_language
            )
        )
        return Clustered(
            *(grouped | "Cluster" >> cluster.with_outputs("events", main="assignments"))
        )


def _by_partition(compared: ComparedArticle) -> tuple[str, ComparedArticle]:
    return ONE_PARTITION, compared


class _ClusterDoFn(beam.DoFn):
    def __init__(
        self, embedding_model: str, window_days: float, granularity: str, cross_language: bool
    ) -> None:
        self._embedding_model = embedding_model
        self._window = timedelta(days=window_days)
        self._granularity = granularity
        self._cross_language = cross_language

    def setup(self) -> None:
        self._model = load_join_model(self._embedding_model)
        self._unread_model = load_join_model(ANY_MODEL)
        self._cross_model = load_cross_model() if self._cross_language else None

    def process(
        self, partition: tuple[str, Iterable[ComparedArticle]]
    ) -> Iterator[Assignment | TaggedOutput[Literal["events"], EventState]]:
        index = EventIndex(
            self._model,
            background_frequencies(),
            self._embedding_model,
            self._window,
            granularity=self._granularity,
            cross_model=self._cross_model,
            unread_model=self._unread_model if self._model.embedding_model != ANY_MODEL else None,
        )
        assignments: dict[str, list[Assignment]] = {}
        for compared in sorted(
            partition[1], key=lambda item: decision_order(item.embedded.article)
        ):
            count("cluster", "in")
            with timed("cluster"):
                assignment = index.assign(compared)
                retired = list(index.retired())
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

    @staticmethod
    def _event(state: EventState) -> TaggedOutput[Literal["events"], EventState]:
        count("cluster", "events")
        return TaggedOutput("events", state)
