"""Embedding, dedupe and clustering in one step, for an engine in one process."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas import Article, Assignment, ComparedArticle, EmbeddedArticle, EventState, Notice
from transforms._shared.counts import MICROSECONDS, count
from transforms._shared.ordering import ONE_PARTITION
from transforms.cluster.transform import ClusterArticles, Clustered, ClusterInOrder, in_order
from transforms.dedupe.transform import CompareArticles, compare_each
from transforms.embed.ahead import embed_ahead
from transforms.embed.transform import EmbedArticles


@dataclass
class EmbedCompareCluster(beam.PTransform):
    """Embed, compare and cluster the articles of a run that ends, at the same time.

    What ``EmbedArticles``, ``CompareArticles`` and ``ClusterArticles`` do one after the other:
    here the vectors of the next articles are made while one is decided on, so that a single
    process keeps more than one core busy. All of it is done under one key, so it is for one
    process: several would have nothing to share.
    """

    embed: EmbedArticles
    compare: CompareArticles  # its ``partitions`` are one
    cluster: ClusterArticles

    def expand(self, articles: beam.PCollection[Article | Notice]) -> Clustered:
        at_once = beam.ParDo(_AtOnce(self)).with_outputs(
            "events", "moved", "notices", main="assignments"
        )
        decided = (
            articles
            | "KeyByPartition"
            >> beam.Map(_by_partition).with_output_types(tuple[str, Article | Notice])
            | "GroupPartition" >> beam.GroupByKey()
            | "AtOnce" >> at_once
        )
        return Clustered(decided.assignments, decided.events, decided.moved, decided.notices)


def _by_partition(item: Article | Notice) -> tuple[str, Article | Notice]:
    return ONE_PARTITION, item


class _AtOnce(ClusterInOrder):
    def __init__(self, settings: EmbedCompareCluster) -> None:
        super().__init__(settings.cluster)
        self._encoder_factory = settings.embed.factory(1)
        self._max_tokens = settings.embed.max_tokens
        self._new_window = settings.compare.index_maker()

    def setup(self) -> None:
        super().setup()
        self._encoder = self._encoder_factory()

    def process(
        self, partition: tuple[str, Iterable[Article | Notice]]
    ) -> Iterator[
        Assignment
        | TaggedOutput[Literal["events"], EventState]
        | TaggedOutput[Literal["notices"], Notice]
    ]:
        yield from self.decided(self._compared(in_order(partition[1])))

    def _compared(self, ordered: Sequence[Article | Notice]) -> Iterator[ComparedArticle | Notice]:
        articles = [item for item in ordered if isinstance(item, Article)]
        compared = compare_each(self._new_window(), self._embedded(articles))
        for item in ordered:
            yield item if isinstance(item, Notice) else next(compared)

    def _embedded(self, articles: Sequence[Article]) -> Iterator[EmbeddedArticle]:
        count("embed", "in", len(articles))
        for embedded, seconds in embed_ahead(articles, self._encoder, self._max_tokens):
            count("embed", MICROSECONDS, round(seconds * 1e6))
            count("embed", "out")
            yield embedded
