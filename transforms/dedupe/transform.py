"""Beam shell of dedupe: one index fed in decision order or as articles come, or a search in parts
and one book."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from schemas import ComparedArticle, EmbeddedArticle, Notice
from transforms._shared.counts import WORKED, count, timed
from transforms._shared.kept import Kept
from transforms._shared.notices import around
from transforms._shared.ordering import ONE_PARTITION, decision_order, home_partition
from transforms._shared.seeds import Seeds
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
    ones go first. Unbounded they are taken as they come; the state is a log of the window's
    articles. A ``Notice`` passes.

    Bounded, with more than one of ``partitions``, reading the texts and searching the window are
    split: each partition keeps its share of the articles, copies included, and is asked about
    every article. One key then decides in order; its work per article does not grow with the
    window.
    """

    dim: int  # of the embedding
    window_days: float = WINDOW_DAYS
    neighbours: int = NEIGHBOURS  # handed on for clustering,
    further: int = FURTHER  # and those of which only the names are
    partitions: int = 1
    bounded: bool = True
    seeds: Seeds | None = None  # what to go on from; only used when not bounded

    def expand(
        self, articles: beam.PCollection[EmbeddedArticle | Notice]
    ) -> beam.PCollection[ComparedArticle | Notice]:
        if not self.bounded:
            keyed = articles | "KeyByPartition" >> beam.Map(_by_partition).with_output_types(
                tuple[str, EmbeddedArticle | Notice]
            )
            return keyed | "Compare" >> beam.ParDo(_CompareNext(self.index_maker(), self.seeds))
        if self.partitions > 1:
            return around(articles, EmbeddedArticle, self._in_parts)
        return around(
            articles,
            EmbeddedArticle,
            lambda items: (
                items
                | "KeyByPartition"
                >> beam.Map(_by_partition).with_output_types(tuple[str, EmbeddedArticle])
                | "GroupPartition" >> beam.GroupByKey()
                | "Compare" >> beam.FlatMap(_compare_in_order, self.index_maker())
            ),
        )

    def index_maker(self) -> Callable[[], DuplicateIndex]:
        """Give what makes an empty window that compares as asked."""
        window = timedelta(days=self.window_days)
        return partial(DuplicateIndex, self.dim, window, self.neighbours, self.further)

    def _in_parts(
        self, articles: beam.PCollection[EmbeddedArticle]
    ) -> beam.PCollection[ComparedArticle]:
        window = timedelta(days=self.window_days)
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


def _by_partition(item: EmbeddedArticle | Notice) -> tuple[str, EmbeddedArticle | Notice]:
    return ONE_PARTITION, item


def _compare_in_order(
    partition: tuple[str, Iterable[EmbeddedArticle]], new_index: Callable[[], DuplicateIndex]
) -> Iterator[ComparedArticle]:
    ordered = sorted(partition[1], key=lambda item: decision_order(item.article))
    yield from compare_each(new_index(), ordered)


def compare_each(
    index: DuplicateIndex, ordered: Iterable[EmbeddedArticle]
) -> Iterator[ComparedArticle]:
    """Compare articles that come in the order of decisions, and count them."""
    for embedded in ordered:
        count("dedupe", "in")
        with timed("dedupe", WORKED):
            compared = index.assign(embedded)
        yield _counted(compared)


class _CompareNext(beam.DoFn):
    LOG = BagStateSpec("compared", BytesCoder())
    VERSION = ReadModifyWriteStateSpec("version", BytesCoder())

    def __init__(self, make: Callable[[], DuplicateIndex], seeds: Seeds | None) -> None:
        self._make = make
        self._seeds = seeds

    def setup(self) -> None:
        self._kept = Kept(self._make, DuplicateIndex.replay, self._seeded, _is_live)

    def _seeded(self, key: str) -> Iterator[ComparedArticle]:
        return self._seeds.compared() if self._seeds else iter(())

    def process(
        self,
        keyed: tuple[str, EmbeddedArticle | Notice],
        log: Any = beam.DoFn.StateParam(LOG),  # noqa: B008 - how Beam is told
        version: Any = beam.DoFn.StateParam(VERSION),  # noqa: B008
    ) -> Iterator[ComparedArticle | Notice]:
        key, embedded = keyed
        if isinstance(embedded, Notice):
            yield embedded
            return
        count("dedupe", "in")
        with timed("dedupe", WORKED):
            compared = self._kept.of(key, log, version).assign(embedded)
            self._kept.append(key, [replace(compared, neighbours=(), further="")], log, version)
        yield _counted(compared)


def _is_live(index: DuplicateIndex, compared: ComparedArticle) -> bool:
    return index.holds(compared.embedded.article)


def _counted(compared: ComparedArticle) -> ComparedArticle:
    count("dedupe", "out")
    if compared.verdict.kind != "none":
        count("dedupe", compared.verdict.kind)
    return compared


def _fingerprinted(embedded: EmbeddedArticle) -> tuple[str, Any]:
    count("dedupe", "in")
    article = embedded.article
    with timed("dedupe", WORKED):
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
        with timed("dedupe", WORKED):
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
        with timed("dedupe", WORKED):
            compared = book.settle(number, embedded, new, found)
        yield _counted(compared)
