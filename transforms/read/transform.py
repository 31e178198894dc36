"""The Beam side of reading: sources in, documents and dead letters out."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Duration, Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from schemas import Attempt, Document, Fetch, Reading, Rejected
from transforms._shared.counts import count
from transforms._shared.stopping import STOP
from transforms._shared.web.fetch import Fetcher, HttpFetcher
from transforms.read.feed import Feed, parse_feed
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import FeedState, Policy
from transforms.read.feed_state import settle as settle_fetch
from transforms.read.messages import MESSAGE_LIMITS, Message, read_message
from transforms.read.origin import Limits, Skipped
from transforms.read.poller import Poller
from transforms.read.reader import Item, Reader

_MIB = 1024 * 1024
_END = 2**62
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATENESS_SECONDS = 48 * 3600  # how far behind the watermark lies; decides nothing
_UNSETTLED_SECONDS = 2.5
_SINGLE = ("text", "html", "json", "email")  # kinds of documents that are one entry
_ENTRIES_OF_A_FEED = 40


_SIDE = ("rejected", "readings", "attempts")


class Read(NamedTuple):
    documents: beam.PCollection[Document]
    rejected: beam.PCollection[Rejected]
    readings: beam.PCollection[Reading]  # of lists of feeds; those of feeds come from parse
    attempts: beam.PCollection[Attempt]  # of feeds; none when they are polled


@dataclass
class ReadDocuments(beam.PTransform):
    """Read each source (a path, a ``file://`` URI or a feed) and give its documents.

    Gzip, JSON Lines, WARC, OPML and indexes of sitemaps are opened; everything is recognised by
    its content.
    Rejected are sources and parts of them that cannot be read or are of no use: unreadable,
    not_a_file, empty, binary, unsupported, sitemap_index, too_large, broken_gzip, broken_json,
    broken_warc, broken_opml, broken_sitemap, not_a_feed, bot_wall, consent_wall, login_wall,
    read_failed (a library gave up), cut_short (the run ended), not_asked (its domain asked to be
    left alone), and what ``HttpFetcher`` refuses. Parts of a WARC file
    that are no article by nature are only counted, as ``skipped_warc_<why>``. No state is kept.
    """

    max_file_bytes: int = 512 * _MIB  # of a file, before and after decompression
    max_item_bytes: int = 32 * _MIB  # of one document, line or record
    fetch_timeout_seconds: float = 30.0  # for one URL, redirects included
    max_fetch_bytes: int = 16 * _MIB  # of one answer, before and after decompression
    feeds: frozenset[str] = frozenset()  # sources that have to be feeds: not_a_feed otherwise
    allow_private_hosts: bool = False
    fetcher: Fetcher | None = None  # gets URLs; None for HttpFetcher with the bounds above

    def expand(self, sources: beam.PCollection[str]) -> Read:
        read = beam.ParDo(_ReadDoFn(self))
        return Read(*(sources | "Read" >> read.with_outputs(*_SIDE, main="documents")))


@dataclass
class LogFetches(beam.PTransform):
    """Judge each attempt of a run that ends by what was found in its documents.

    Takes the attempts and, in ``readings``, what ``ReadDocuments`` and ``ParseEntries`` say of
    their content; gives one Fetch for each attempt. Nothing is rejected, no state is kept.
    """

    readings: tuple[beam.PCollection[Reading], ...]

    def expand(self, attempts: beam.PCollection[Attempt]) -> beam.PCollection[Fetch]:
        keyed = beam.Map(_by_feed).with_output_types(tuple[str, Attempt | Reading])
        told = (attempts, *self.readings) | "Told" >> beam.Flatten()
        settle = beam.FlatMap(_settled).with_output_types(Fetch)
        return told | "ByFeed" >> keyed | "Group" >> beam.GroupByKey() | "Settle" >> settle


def _by_feed(told: Attempt | Reading) -> tuple[str, Attempt | Reading]:
    return told.feed_id, told


def _settled(of_feed: tuple[str, Iterable[Attempt | Reading]]) -> Iterator[Fetch]:
    told = list(of_feed[1])
    readings = [one for one in told if isinstance(one, Reading)]
    for attempt in told:
        if isinstance(attempt, Attempt):
            yield settle_fetch(FeedState(), attempt, readings[0] if readings else None, Policy())[1]


class RoundHook(Protocol):
    """Is told when everything that was given so far went through all stages."""

    def ended(self, poller: Any) -> None:
        """Take note; ``poller`` can tell how the sources are doing."""
        ...

    def finished(self, poller: Any) -> None:
        """Take note that there will be no more rounds."""
        ...


@dataclass
class PollDocuments(beam.PTransform):
    """Look at sources again and again, and give the documents that are new, round by round.

    One source element does all of it, so that an in-process engine makes one bundle of a round,
    or several of a long one: ``most_entries`` and ``most_bytes`` bound a bundle. Such an engine
    cannot wait by itself, so the source waits (``wait``) between two rounds; another one is asked
    to come back later. Ends when ``STOP`` is set, or after ``rounds``. What it was looking at
    when a worker is lost is looked at again. Rejected is what ``ReadDocuments`` rejects.
    """

    make_poller: Callable[[], Any]  # gives an object with round(), unsettled and health()
    poll_seconds: float
    rounds: int | None = None
    wait: bool = True
    hook: RoundHook | None = None
    most_entries: int = 2000  # a feed counts as forty
    most_bytes: int = 32 * _MIB

    def expand(self, pipeline: beam.Pipeline) -> Read:
        poll = beam.ParDo(_PollDoFn(self)).with_outputs(*_SIDE, main="documents")
        once = pipeline | "Sources" >> beam.Create([""], reshuffle=False).with_output_types(str)
        return Read(*(once | "Poll" >> poll))


class Messages(NamedTuple):
    """What came from a subscription: what reading always gives, and what a poller did."""

    read: Read
    fetches: beam.PCollection[Fetch]  # rows of fetch_log: requests were made elsewhere


@dataclass
class ReadMessages(beam.PTransform):
    """Read a Pub/Sub subscription: each message an article, a document of a feed or a fetch.

    See ``transforms.read.messages`` for what a message may hold and say. Rejected is what
    ``ReadDocuments`` rejects of content, and ``bad_attribute`` and ``broken_fetch``; each names
    its message. A message counts at the time it was published. No state is kept.

    Messages come at least once. Dataflow leaves out what Pub/Sub delivers again, by its message
    id. There is no ``id_label`` for what was published twice: a poller that was killed between
    publishing and noting it does so, but ``identify`` stops all of it whenever it comes, where
    ``id_label`` looks back ten minutes, needs an attribute of every publisher, and does not exist
    on Beam's local engines.

    Raises:
        ValueError: the subscription is not of the form projects/PROJECT/subscriptions/NAME.
    """

    subscription: str

    def __post_init__(self) -> None:
        self._source = ReadFromPubSub(subscription=self.subscription, with_attributes=True)

    def expand(self, pipeline: beam.Pipeline) -> Messages:
        read = beam.ParDo(_MessageDoFn(self.subscription))
        found = (
            pipeline
            | "Pull" >> self._source
            | "Read" >> read.with_outputs(*_SIDE, "fetches", main="documents")
        )
        sides = [found[name] for name in _SIDE]
        return Messages(Read(found.documents, *sides), found.fetches)


class _MessageDoFn(beam.DoFn):
    def __init__(self, subscription: str) -> None:
        self._subscription = subscription

    def process(
        self,
        pulled: PubsubMessage,
        timestamp: Any = beam.DoFn.TimestampParam,
    ) -> Iterator[
        Document
        | TaggedOutput[Literal["rejected"], Rejected]
        | TaggedOutput[Literal["readings"], Reading]
        | TaggedOutput[Literal["attempts"], Attempt]
        | TaggedOutput[Literal["fetches"], Fetch]
    ]:
        count("read", "in")
        published_at = pulled.publish_time or timestamp.to_utc_datetime(has_tz=True)
        message = Message(
            pulled.data or b"",
            dict(pulled.attributes or {}),
            pulled.message_id or "",
            _EPOCH + (published_at - _EPOCH),  # a plain datetime, without nanoseconds
        )
        for item in read_message(message, self._subscription, MESSAGE_LIMITS):
            yield from _counted(item)


_WATERMARK = ManualWatermarkEstimator.default_provider()


class _NeverDone(OffsetRestrictionTracker):
    def is_bounded(self) -> bool:
        return False


class _Rounds(RestrictionProvider):
    def initial_restriction(self, element: str) -> OffsetRange:
        return OffsetRange(0, _END)

    def create_tracker(self, restriction: OffsetRange) -> _NeverDone:
        return _NeverDone(restriction)

    def restriction_size(self, element: str, restriction: OffsetRange) -> int:
        return 1

    def truncate(self, element: str, restriction: OffsetRange) -> None:
        return None  # a job that is drained begins no new round


class _PollDoFn(beam.DoFn):
    def __init__(self, settings: PollDocuments) -> None:
        self._settings = settings

    def setup(self) -> None:
        self._poller = self._settings.make_poller()
        self._items: Iterator[Any] | None = None
        self._begun = -math.inf  # when the last round was, on the monotonic clock
        self._done = 0  # rounds

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        _: str,
        tracker: Any = beam.DoFn.RestrictionParam(_Rounds()),  # noqa: B008 - how Beam is told
        watermark: Any = beam.DoFn.WatermarkEstimatorParam(  # noqa: B008
            _WATERMARK
        ),
    ) -> Iterator[Document]:
        if self._settings.hook:
            self._settings.hook.ended(self._poller)
        if self._items is None:
            last = self._done == self._settings.rounds
            if self._settings.wait and not last:
                STOP.wait(max(0.0, self._seconds_left()))
            if last or STOP.is_set():
                if self._settings.hook:
                    self._settings.hook.finished(self._poller)
                tracker.try_claim(_END)
                return
        if not tracker.try_claim(tracker.current_restriction().start):
            return
        watermark.set_watermark(Timestamp.of(time.time() - _LATENESS_SECONDS))
        yield from self._next_part()
        if self._items is None and not self._settings.wait:
            tracker.defer_remainder(Duration.of(max(0.0, self._seconds_left())))
        else:
            tracker.defer_remainder()

    def _next_part(self) -> Iterator[Document]:
        if self._items is None:
            self._begun = time.monotonic()
            self._items = self._poller.round()
        taken = size = 0
        for item in self._items:
            yield from _counted(item)
            if isinstance(item, Document):
                taken += 1 if item.kind in _SINGLE else _ENTRIES_OF_A_FEED
                size += len(item.content)
            if taken >= self._settings.most_entries or size >= self._settings.most_bytes:
                return
        self._items = None
        self._done += 1

    def _seconds_left(self) -> float:
        pause = self._settings.poll_seconds
        if self._poller.unsettled:
            pause = min(pause, _UNSETTLED_SECONDS)
        return self._begun + pause - time.monotonic()


class _ReadDoFn(beam.DoFn):
    def __init__(self, settings: ReadDocuments) -> None:
        self._limits = Limits(settings.max_file_bytes, settings.max_item_bytes)
        self._new_fetcher = partial(
            HttpFetcher,
            timeout_seconds=settings.fetch_timeout_seconds,
            max_bytes=settings.max_fetch_bytes,
            allow_private=settings.allow_private_hosts,
        )
        self._feeds = settings.feeds
        self._fetcher = settings.fetcher

    def setup(self) -> None:
        fetcher = self._fetcher or self._new_fetcher()
        self._reader = Reader(fetcher, _now, self._limits, self._feeds)

    def start_bundle(self) -> None:
        self._remote: list[Feed] = []  # asked for together at the end of the bundle

    def process(self, source: str) -> Iterator[Document]:
        count("read", "in")
        feed = parse_feed(source)
        if feed.is_remote:
            self._remote.append(feed)
            return
        for item in self._reader.read(source):
            yield from _counted(item)

    def finish_bundle(self) -> Iterator[Any]:
        if not self._remote:
            return
        book = FeedBook(self._remote, Policy())
        poller = Poller(self._reader, book, (), _now, every=True, patient=True)
        for item in poller.round():
            yield from map(_late, _counted(item))
        for attempt in book.answers():
            yield from map(_late, _counted(attempt))


def _late(output: Any) -> Any:
    """Give an output a time and a window, as it comes after the last element of a bundle."""
    if isinstance(output, TaggedOutput):
        return TaggedOutput(output.tag, _late(output.value))
    return WindowedValue(output, MIN_TIMESTAMP, (GlobalWindow(),))


def _counted(item: Item | Fetch) -> Iterator[Document]:
    if isinstance(item, Document):
        count("read", "out")
        yield item
    elif isinstance(item, Rejected):
        count("read", f"rejected_{item.reason}")
        yield TaggedOutput("rejected", item)
    elif isinstance(item, Reading):
        yield TaggedOutput("readings", item)
    elif isinstance(item, Attempt):
        yield TaggedOutput("attempts", item)
    elif isinstance(item, Fetch):
        count("read", "fetches")
        yield TaggedOutput("fetches", item)
    elif isinstance(item, Skipped):
        count("read", f"skipped_{item.why}")


def _now() -> datetime:
    return datetime.now(timezone.utc)
