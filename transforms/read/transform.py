"""The Beam side of reading: sources in, documents and dead letters out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas import Document, Rejected
from transforms._shared.counts import count
from transforms.read.fetch import Fetcher, HttpFetcher
from transforms.read.origin import Limits
from transforms.read.reader import Reader

_MIB = 1024 * 1024


class Read(NamedTuple):
    documents: beam.PCollection[Document]
    rejected: beam.PCollection[Rejected]


@dataclass
class ReadDocuments(beam.PTransform):
    """Read each source (a path, a ``file://`` URI or an http(s) URL) and give its documents.

    Gzip, JSON Lines, WARC and OPML are opened; everything is recognised by its content.
    Rejected are sources and parts of them that cannot be read or are of no use: unreadable,
    not_a_file, empty, binary, unsupported, sitemap_index, too_large, broken_gzip, broken_json,
    broken_warc, broken_opml, not_a_feed, and what ``HttpFetcher`` refuses. Parts of a WARC file
    that are no article by nature are only counted, as ``skipped_warc_<why>``. No state is kept.
    """

    max_file_bytes: int = 512 * _MIB  # of a file, before and after decompression
    max_item_bytes: int = 32 * _MIB  # of one document, line or record
    fetch_timeout_seconds: float = 30.0  # for one URL, redirects included
    max_fetch_bytes: int = 16 * _MIB  # of one answer, before and after decompression
    feeds: frozenset[str] = frozenset()  # files that have to be feeds: not_a_feed otherwise
    fetcher: Fetcher | None = None  # gets URLs; None for HttpFetcher with the bounds above

    def expand(self, sources: beam.PCollection[str]) -> Read:
        read = beam.ParDo(_ReadDoFn(self))
        return Read(*(sources | "Read" >> read.with_outputs("rejected", main="documents")))


class _ReadDoFn(beam.DoFn):
    def __init__(self, settings: ReadDocuments) -> None:
        self._limits = Limits(settings.max_file_bytes, settings.max_item_bytes)
        self._fetch_bounds = (settings.fetch_timeout_seconds, settings.max_fetch_bytes)
        self._feeds = settings.feeds
        self._fetcher = settings.fetcher

    def setup(self) -> None:
        fetcher = self._fetcher or HttpFetcher(*self._fetch_bounds)
        self._reader = Reader(fetcher, _now, self._limits, self._feeds)

    def process(self, source: str) -> Iterator[Document]:
        count("read", "in")
        for item in self._reader.read(source):
            if isinstance(item, Document):
                count("read", "out")
                yield item
            elif isinstance(item, Rejected):
                count("read", f"rejected_{item.reason}")
                yield TaggedOutput("rejected", item)
            else:
                count("read", f"skipped_{item.why}")


def _now() -> datetime:
    return datetime.now(timezone.utc)
