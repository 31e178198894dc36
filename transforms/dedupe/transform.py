"""Beam shell of dedupe: one index fed in decision order, or a search in parts and one book."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import apache_beam as beam

from schemas import ComparedArticle, EmbeddedArticle
from transforms._shared.counts import count, timed
from transforms._shared.ordering import ONE_PARTITION, decision_order, home_partition
from transforms._shared.shards import WINDOW_DAYS
from transforms.dedupe.duplicate_index import CandidateIndex, DuplicateIndex
from transforms.dedupe.fingerprint import fingerprint
from transforms.dedupe.probe import merge, probe
from transforms.dedupe.verdict_book import FURTHER, NEIGHBOURS, VerdictBook

_FETCHED = 96  # more than are wanted: a partition does not know which articles are copies,
MERGED = 480  # and neither does the merge of what all partitions found
_UNEVEN = 3  # times its even share that one partition may hold of the nearest


@dataclass
class CompareArticles(beam.PTransform):
    """Give each article its copy verdict and its nearest earlier articles.

    Rejects nothing. Keeps sketches and vectors of the originals of the last ``window_days``. In a
    bounded run articles are taken in order of event time, so late data does not exist; undated
    ones go first.

    With more than one of ``partitions`` reading the texts and searching the window are split:
    each partition keeps its share of the articles, copies included, and is asked about every
    article. One key then decides in order; its work per article does not grow with the window.
    """

    dim: int  # of the embedding
    window_days: float = WINDOW_DAYS
    neighbours: int = NEIGHBOURS  # handed on for clustering,
    further: int = FURTHER  # and those of which only the names are
    partitions: int = 1

    def expand(
        self, articles: beam.PCollection[EmbeddedArticle]
    ) -> beam.PCollection[ComparedArticle]:
        window, wanted = timedelta(days=self.window_days), (self.neighbours, self.further)
        if self.partitions > 1:
            return self._in_parts(articles, window)
        return (
            articles
            | "KeyByPartition" >> beam.Map(_by_partition)
            | "GroupPartition" >> beam.GroupByKey()
            | "Compare" >> beam.FlatMap(_compare_in_order, self.dim, window, *wanted)
        )

    def _in_parts(
        self, articles: beam.PCollection[EmbeddedArticle], window: timedelta
    ) -> beam.PCollection[ComparedArticle]:
        nearest = self.neighbours + self.further
        fetched = fetched_of_each(nearest, self.partitions)
        read = articles | "Fingerprint" >> beam.Map(_fingerprinted)
        found = (
            read
            | "AskPartitions" >> beam.FlatMap(_asked, self.partitions)
            | "GroupPartition" >> beam.GroupByKey()
            | "Search" >> beam.FlatMap(_search_in_order, self.dim, window, fetched)
        )
        return (
            {"article": read, "found": found}
            | "GroupArticle" >> beam.CoGroupByKey()
            | "Merge" >> beam.FlatMap(_merged, MERGED + nearest)
            | "GroupFindings" >> beam.GroupByKey()
            | "Settle" >> beam.FlatMap(_settle_in_order, window, self.neighbours, self.further)
        )


def fetched_of_each(nearest: int, partitions: int) -> int:
    """Say how many articles each of several partitions is asked for.

    Articles are spread by a hash of their id, so no partition holds much more than its share.
    """
    share = -(-_UNEVEN * nearest // partitions)
    return _FETCHED + min(nearest, share)


def _by_partition(embedded: EmbeddedArticle) -> tuple[str, EmbeddedArticle]:
    return ONE_PARTITION, embedded


def _compare_in_order(
    partition: tuple[str, Iterable[EmbeddedArticle]],
    dim: int,
    window: timedelta,
    neighbours: int,
    further: int,
) -> Iterator[ComparedArticle]:
    index = DuplicateIndex(dim, window, neighbours, further)
    for embedded in sorted(partition[1], key=lambda item: decision_order(item.article)):
        count("dedupe", "in")
        with timed("dedupe"):
            compared = index.assign(embedded)
        yield _counted(compared)


def _counted(compared: ComparedArticle) -> ComparedArticle:
    count("dedupe", "out")
    if compared.verdict.kind != "none":
        count("dedupe", compared.verdict.kind)
    return compared


def _fingerprinted(embedded: EmbeddedArticle) -> tuple[str, Any]:
    count("dedupe", "in")
    article = embedded.article
    with timed("dedupe"):
        return f"{article.article_id} {article.revision}", (embedded, fingerprint(embedded))


def _asked(read: tuple[str, Any], partitions: int) -> Iterator[tuple[str, Any]]:
    key, (embedded, new) = read
    article = embedded.article
    home = home_partition(article.article_id, partitions)
    for partition in range(partitions):
        yield str(partition), (decision_order(article), key, probe(new), partition == home)


def _search_in_order(
    partition: tuple[str, Iterable[Any]], dim: int, window: timedelta, fetched: int
) -> Iterator[tuple[str, Any]]:
    index = CandidateIndex(dim, window, fetched)
    ordered = sorted(partition[1], key=lambda question: question[0])
    for number, (_, key, asked, at_home) in enumerate(ordered):
        with timed("dedupe"):
            found = index.find(asked)
            if at_home:
                index.add(number, asked)
        yield key, found


def _merged(grouped: tuple[str, Any], fetched: int) -> Iterator[tuple[str, Any]]:
    found = merge(grouped[1]["found"], fetched)
    for embedded, new in grouped[1]["article"]:
        yield ONE_PARTITION, (embedded, new, found)


def _settle_in_order(
    partition: tuple[str, Iterable[Any]], window: timedelta, neighbours: int, further: int
) -> Iterator[ComparedArticle]:
    book = VerdictBook(window, neighbours, further)
    ordered = sorted(partition[1], key=lambda item: decision_order(item[0].article))
    for number, (embedded, new, found) in enumerate(ordered):
        with timed("dedupe"):
            compared = book.settle(number, embedded, new, found)
        yield _counted(compared)
