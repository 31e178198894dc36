"""The Beam side of fetching: identified entries in, the same with their pages out."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import apache_beam as beam
from apache_beam.utils.windowed_value import WindowedValue

from schemas import Identified, Notice
from transforms._shared.counts import count, timed
from transforms._shared.stopping import STOP
from transforms._shared.web.fetch import Fetcher, HttpFetcher
from transforms._shared.web.lanes import lane_of
from transforms._shared.web.politeness import Politeness, shared_politeness
from transforms._shared.web.workers import Workers
from transforms.fetch.batch import Done, get_all
from transforms.fetch.page import MAX_PAGE_BYTES, Got, PageGetter
from transforms.fetch.repeats import RepeatedTexts
from transforms.fetch.robots import RobotsRules
from transforms.fetch.wanted import why_not

STAGE = "fetch"


@dataclass
class FetchPages(beam.PTransform):
    """Give each entry of a feed the page it links to, where its site allows that.

    Nothing is rejected and nothing is lost: an entry whose page cannot be had keeps its feed's
    text, and ``page`` says why (``kept_feed_text_<why>`` counts it); one whose page is not wanted
    passes as it came (``skipped_<why>``; see ``why_not``). Elements keep their order within a
    bundle, their times and their windows; a ``Notice`` passes in its place.

    Kept in the worker for at most a day, and lost with it: each site's robots.txt, and under
    which addresses the same text was seen. A text that came from three addresses of a domain
    within a day is a wall and is not used; pages that left before the third came keep it.
    """

    timeout_seconds: float = 20.0  # for one request, redirects included
    max_page_bytes: int = MAX_PAGE_BYTES  # before and after decompression
    threads: int = 32
    most_held: int = 1000  # entries of a bundle fetched together; their pages are held compressed
    max_batch_seconds: float = 300.0  # after which those not yet begun keep the feed's text; they
    # do so at once when ``STOP`` is set
    max_wait_seconds: float = 60.0  # for the turn of one request to a busy site
    allow_private: bool = False  # pages on hosts of this machine and network
    fetcher: Fetcher | None = None  # None for HttpFetcher with the bounds above
    politeness: Callable[[], Politeness] = shared_politeness  # asked in the worker

    def expand(
        self, identified: beam.PCollection[Identified | Notice]
    ) -> beam.PCollection[Identified | Notice]:
        fetch = beam.ParDo(_FetchDoFn(self)).with_output_types(Identified | Notice)
        return identified | "Fetch" >> fetch


class _FetchDoFn(beam.DoFn):
    def __init__(self, settings: FetchPages) -> None:
        self._timeout_seconds = settings.timeout_seconds
        self._max_page_bytes = settings.max_page_bytes
        self._threads = settings.threads
        self._most_held = settings.most_held
        self._max_batch_seconds = settings.max_batch_seconds
        self._max_wait_seconds = settings.max_wait_seconds
        self._allow_private = settings.allow_private
        self._given_fetcher = settings.fetcher
        self._make_politeness = settings.politeness

    def setup(self) -> None:
        fetcher = self._given_fetcher or HttpFetcher(
            self._timeout_seconds, self._max_page_bytes, allow_private=self._allow_private
        )
        self._politeness = self._make_politeness()
        robots = RobotsRules(fetcher, self._politeness, time.monotonic)
        self._getter = PageGetter(
            fetcher, robots, self._politeness, _now, self._max_page_bytes, self._max_wait_seconds
        )
        self._workers: Workers[Done[Got]] = Workers(self._threads)
        self._repeats = RepeatedTexts()

    def start_bundle(self) -> None:
        self._held: list[tuple[Identified | Notice, Any, Any]] = []

    def process(
        self,
        identified: Identified | Notice,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[Identified | Notice]:
        if isinstance(identified, Identified):
            count(STAGE, "in")
        self._held.append((identified, timestamp, window))
        if len(self._held) >= self._most_held:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self._flush()

    def _flush(self) -> Iterator[Any]:
        held, self._held = self._held, []
        entries = [item for item, _, _ in held if isinstance(item, Identified)]
        reasons = {id(identified): why_not(identified) for identified in entries}
        wanted = [identified for identified in entries if not reasons[id(identified)]]
        with timed(STAGE):
            pages = iter(self._pages(wanted))
        for identified, timestamp, window in held:
            if isinstance(identified, Notice):
                yield WindowedValue(identified, timestamp, [window])
                continue
            count(STAGE, "out")
            if reason := reasons[id(identified)]:
                count(STAGE, f"skipped_{reason}")
                passed = identified
            else:
                passed = replace(identified, page=next(pages).whole())
                _count_outcome(passed)
            yield WindowedValue(passed, timestamp, [window])

    def _pages(self, wanted: Sequence[Identified]) -> list[Got]:
        """Get the pages; those whose text stands under other addresses too are left out."""
        urls = [identified.entry.url for identified in wanted]
        results = get_all(
            urls,
            self._getter.get,
            self._workers,
            most_at_once=self._politeness.most_at_once,
            pause_seconds=self._politeness.pause_seconds,
            max_seconds=self._max_batch_seconds,
            clock=time.monotonic,
            stopping=STOP.is_set,
        )
        found = [
            self._getter.left_out(url, "no_time") if got is None else got
            for url, got in zip(urls, results)
        ]
        for identified, got in zip(wanted, found):
            if got.text_hash:
                self._repeats.add(
                    _domain(got), identified.canonical_url, got.text_hash, got.page.fetched_at
                )
        return [self._without_wall(url, got) for url, got in zip(urls, found)]

    def _without_wall(self, url: str, got: Got) -> Got:
        if got.text_hash and self._repeats.is_wall(
            _domain(got), got.text_hash, got.page.fetched_at
        ):
            return self._getter.left_out(url, "repeated_text")
        return got


def _domain(got: Got) -> str:
    return lane_of(got.page.url) or got.page.url.split("/", 3)[2]


def _count_outcome(identified: Identified) -> None:
    page = identified.page
    if page is not None:
        fetched = page.outcome == "fetched"
        count(STAGE, "fetched" if fetched else f"kept_feed_text_{page.outcome}")


def _now() -> datetime:
    return datetime.now(timezone.utc)
