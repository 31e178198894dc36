"""Wire extraction into the pipeline."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.windowed_value import WindowedValue

from schemas import Extraction, Identified, Notice, Rejected
from transforms._shared.counts import MICROSECONDS, count, timed
from transforms._shared.rejects import RejectError, rejected
from transforms.extract.extraction import extract_article, has_page, parse_failed, without_page
from transforms.extract.page import quiet_libraries, release_memory
from transforms.extract.page_processes import (
    PageLostError,
    PageProcesses,
    PageRead,
    page_processes,
)

STAGE = "extract"
_FEW_PAGES = 20  # are read sooner than processes are started
_AHEAD = 4  # pages given to each process before the first of them is waited for


class Extracted(NamedTuple):
    extractions: beam.PCollection[Extraction | Notice]
    rejected: beam.PCollection[Rejected]


@dataclass
class ExtractArticles(beam.PTransform):
    """Free each entry's text from its page, its markup and its site's clutter.

    Rejected: ``no_text`` (neither text nor headline), ``parse_failed`` (a library gave up on a
    malformed page, or did not come to an end with it). A ``Notice`` passes. No state is kept, and
    order and lateness do not matter; elements leave in the order in which they came.

    Pages are read in processes of their own, once there were more than a few; ``lost_pages``
    counts those that took a minute, or broke their process.
    """

    processes: int | None = None  # that read pages; None: one a core, up to four; 0: none
    pages_between_cleanups: int = 500  # the parsing libraries' caches are emptied after so many

    def expand(self, entries: beam.PCollection[Identified | Notice]) -> Extracted:
        extract = beam.ParDo(_ExtractDoFn(self.processes, self.pages_between_cleanups))
        outputs = entries | "Extract" >> extract.with_outputs("rejected", main="extractions")
        return Extracted(outputs.extractions, outputs.rejected)


class _Element(NamedTuple):
    value: Identified | Notice
    timestamp: Any
    window: Any
    reading: Future[PageRead] | None  # of its page, in another process


class _ExtractDoFn(beam.DoFn):
    def __init__(self, processes: int | None, pages_between_cleanups: int) -> None:
        self._processes = processes
        self._pages_between_cleanups = pages_between_cleanups
        self._pages = 0

    def setup(self) -> None:
        quiet_libraries()
        self._pool: PageProcesses | None = None

    def start_bundle(self) -> None:
        self._waiting: deque[_Element] = deque()

    def process(
        self,
        value: Identified | Notice,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[Extraction | Notice]:
        element = _Element(value, timestamp, window, self._begun(value))
        if element.reading is None and not self._waiting:
            yield from _outputs(element)
            return
        self._waiting.append(element)
        most = _AHEAD * self._pool.processes if self._pool else 0
        while self._waiting and (len(self._waiting) > most or _is_ready(self._waiting[0])):
            yield from _placed(self._waiting.popleft())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        while self._waiting:
            yield from _placed(self._waiting.popleft())

    def _begun(self, value: Identified | Notice) -> Future[PageRead] | None:
        """Count an entry, and give its page to another process if it is for one."""
        if isinstance(value, Notice):
            return None
        count(STAGE, "in")
        if not has_page(value):
            return None
        self._pages += 1
        if self._processes != 0 and self._pages > _FEW_PAGES:
            self._pool = self._pool or page_processes(self._processes)
            return self._pool.submit(value)
        if self._pages % self._pages_between_cleanups == 0:
            release_memory()
        return None


def _is_ready(element: _Element) -> bool:
    return element.reading is None or element.reading.done()


def _placed(element: _Element) -> Iterator[Any]:
    """Give what comes of an element that was overtaken, at its own time and in its window."""
    for output in _outputs(element):
        is_tagged = isinstance(output, TaggedOutput)
        value = output.value if is_tagged else output
        placed = WindowedValue(value, element.timestamp, [element.window])
        yield TaggedOutput(output.tag, placed) if is_tagged else placed


def _outputs(element: _Element) -> Iterator[Any]:
    if isinstance(element.value, Notice):
        yield element.value
        return
    try:
        extraction = _extraction(element.value, element.reading)
    except RejectError as error:
        yield _refuse(element.value, error)
    except Exception as error:  # one hostile page must not stop the others
        yield _refuse(element.value, parse_failed(error))
    else:
        count(STAGE, "out")
        yield extraction


def _extraction(identified: Identified, reading: Future[PageRead] | None) -> Extraction:
    if reading is None:
        with timed(STAGE):
            return extract_article(identified)
    try:
        extraction, microseconds = reading.result()
    except PageLostError:
        count(STAGE, "lost_pages")
        rest = without_page(identified)
        if rest is None:
            raise
        with timed(STAGE):  # a page that cannot be read must not cost the feed's text
            return extract_article(rest)
    count(STAGE, MICROSECONDS, microseconds)
    return extraction


def _refuse(identified: Identified, error: RejectError) -> TaggedOutput:
    count(STAGE, f"rejected_{error.reason}")
    entry = identified.entry
    payload = (entry.content or entry.summary).encode("utf-8", "replace")
    letter = rejected(STAGE, entry.key, error, entry.received_at, payload)
    return TaggedOutput("rejected", letter)
