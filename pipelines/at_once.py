"""Embedding, dedupe and clustering in one step, for an engine in one process."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from schemas import Article, Assignment, ComparedArticle, EmbeddedArticle, EventState, Notice
from transforms._shared.counts import MICROSECONDS, count
from transforms._shared.ordering import ONE_PARTITION
from transforms.cluster.transform import ClusterArticles, Clustered, ClusterInOrder, in_order
from transforms.dedupe.transform import CompareArticles, compare_each
from transforms.embed.ahead import EarlyVectors, embed_ahead
from transforms.embed.encoder import Encoder
from transforms.embed.transform import EmbedArticles


@dataclass
class EmbedCompareCluster(beam.PTransform):
    """Embed, compare and cluster the articles of a run that ends, at the same time.

    What ``EmbedArticles``, ``CompareArticles`` and ``ClusterArticles`` do one after the other:
    here the vectors of the next articles are made while one is decided on, and while the last are
    read, so that a single process keeps more than one core busy. All of it is done under one key,
    so it is for one process: several would have nothing to share.
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
            | "EmbedEarly" >> beam.ParDo(_EmbedEarly(self.embed.factory(1), self.embed.max_tokens))
            | "GroupPartition" >> beam.GroupByKey()
            | "AtOnce" >> at_once
        )
        return Clustered(decided.assignments, decided.events, decided.moved, decided.notices)


@dataclass(frozen=True)
class _Early:
    """Vectors that were made before all articles were there, by key of the text."""

    vectors: Mapping[bytes, bytes]


_Item = Article | Notice | _Early


class _EmbedEarly(beam.DoFn):
    """Passes every item on under one key, and after them the vectors that were made meanwhile."""

    def __init__(self, encoder_factory: Callable[[], Encoder], max_tokens: int) -> None:
        self._settings = encoder_factory, max_tokens

    def start_bundle(self) -> None:
        self._early = EarlyVectors(*self._settings)

    def process(self, item: Article | Notice) -> Iterator[tuple[str, _Item]]:
        if isinstance(item, Article):
            self._early.add(item)
        yield ONE_PARTITION, item

    def finish_bundle(self) -> Iterator[WindowedValue]:
        vectors, seconds = self._early.close()
        count("embed", MICROSECONDS, round(seconds * 1e6))
        window = GlobalWindow()
        yield WindowedValue((ONE_PARTITION, _Early(vectors)), window.max_timestamp(), [window])


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
        self, partition: tuple[str, Iterable[_Item]]
    ) -> Iterator[
        Assignment
        | TaggedOutput[Literal["events"], EventState]
        | TaggedOutput[Literal["notices"], Notice]
    ]:
        items: list[Article | Notice] = []
        early: dict[bytes, bytes] = {}
        for item in partition[1]:
            if isinstance(item, _Early):
                early |= item.vectors
            else:
                items.append(item)
        yield from self.decided(self._compared(in_order(items), early))

    def _compared(
        self, ordered: Sequence[Article | Notice], early: Mapping[bytes, bytes]
    ) -> Iterator[ComparedArticle | Notice]:
        articles = [item for item in ordered if isinstance(item, Article)]
        compared = compare_each(self._new_window(), self._embedded(articles, early))
        for item in ordered:
            yield item if isinstance(item, Notice) else next(compared)

    def _embedded(
        self, articles: Sequence[Article], early: Mapping[bytes, bytes]
    ) -> Iterator[EmbeddedArticle]:
        count("embed", "in", len(articles))
        for embedded, seconds in embed_ahead(articles, self._encoder, self._max_tokens, early):
            count("embed", MICROSECONDS, round(seconds * 1e6))
            count("embed", "out")
            yield embedded
