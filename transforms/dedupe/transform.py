"""Beam shell of dedupe: one index per partition, fed in decision order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import apache_beam as beam

from schemas import ComparedArticle, EmbeddedArticle
from transforms._shared.counts import count, timed
from transforms._shared.ordering import ONE_PARTITION, decision_order
from transforms.dedupe.duplicate_index import DuplicateIndex


@dataclass
class CompareArticles(beam.PTransform):
    """Give each article its copy verdict and its nearest earlier articles.

    Rejects nothing. Keeps, per partition, sketches and vectors of the originals of the last
    ``window_days``. In a bounded run articles are taken in order of event time, so late data
    does not exist; undated ones go first.
    """

    dim: int  # of the embedding
    window_days: float = 7.0
    neighbours: int = 24  # handed on for clustering

    def expand(
        self, articles: beam.PCollection[EmbeddedArticle]
    ) -> beam.PCollection[ComparedArticle]:
        return (
            articles
            | "KeyByPartition" >> beam.Map(_by_partition)
            | "GroupPartition" >> beam.GroupByKey()
            | "Compare"
            >> beam.FlatMap(_compare_in_order, self.dim, self.window_days, self.neighbours)
        )


def _by_partition(embedded: EmbeddedArticle) -> tuple[str, EmbeddedArticle]:
    return ONE_PARTITION, embedded


def _compare_in_order(
    partition: tuple[str, Iterable[EmbeddedArticle]],
    dim: int,
    window_days: float,
    neighbours: int,
) -> Iterator[ComparedArticle]:
    index = DuplicateIndex(dim, timedelta(days=window_days), neighbours)
    for embedded in sorted(partition[1], key=lambda item: decision_order(item.article)):
        count("dedupe", "in")
        with timed("dedupe"):
            compared = index.assign(embedded)
        count("dedupe", "out")
        if compared.verdict.kind != "none":
            count("dedupe", compared.verdict.kind)
        yield compared
