"""Counters of a run for Prometheus, served while it goes on."""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pipelines.console import say
from pipelines.live.counters import Counts
from pipelines.live.pace import Pace
from pipelines.live.status import Counters, Observer
from pipelines.options import UsageError
from pipelines.report.wording import clean_line
from transforms._shared.counts import MICROSECONDS, snapshot

if TYPE_CHECKING:
    from transforms.read.feed_book import FeedHealth
    from transforms.write.rounds import Round

HOST = "127.0.0.1"
_PATH = "/metrics"
_LABEL_CHARS = 500
_REQUEST_SECONDS = 5.0


@contextmanager
def serving(port: int, poll_seconds: float | None) -> Iterator[Observer]:
    """Answer Prometheus on a port of this machine while the block runs; 0 picks a free one.

    Raises:
        UsageError: the port is in use, or needs more rights.
    """
    figures = Figures(poll_seconds)
    registry = CollectorRegistry()
    registry.register(RunCollector(snapshot, figures, version("newsevents")))
    ProcessCollector(registry=registry)
    try:
        server = _Server((HOST, port), registry)
    except OSError as error:
        raise UsageError(
            f"cannot serve metrics on port {port} of {HOST}: {error.strerror or error}; choose "
            "another --metrics_port, or 0 for a free one"
        ) from error
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True
    )
    try:
        thread.start()
        say(f"metrics: http://{HOST}:{server.server_port}{_PATH}")
        yield figures
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Figures:
    """What the rounds of this process added up to; read while another thread goes on."""

    poll_seconds: float | None
    rounds: int = 0
    seconds: float | None = None  # of the last round
    ended_at: datetime | None = None
    rows: Counter[str] = field(default_factory=Counter)  # by table
    dead_letters: Counter[tuple[str, str]] = field(default_factory=Counter)  # by stage and reason
    feeds: "dict[str, FeedHealth]" = field(default_factory=dict)  # by label
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._pace = Pace(self.poll_seconds)

    def round_ended(
        self, ended: "Round", counters: Counters, feeds: "list[FeedHealth]", at: datetime
    ) -> None:
        """See ``Observer``."""
        seconds = self._pace.ended(ended, at)
        letters = ended.records.get("dead_letters", [])
        labelled = _labelled(feeds)
        with self._lock:
            self.rounds = self._pace.rounds
            if seconds is not None:
                self.seconds, self.ended_at = seconds, at
            self.rows = self.rows + ended.rows
            self.dead_letters = self.dead_letters + Counter((x.stage, x.reason) for x in letters)
            self.feeds = labelled

    def metrics(self) -> Iterator[Metric]:
        """Give every metric as it was at the end of the last round."""
        with self._lock:
            rounds, seconds, ended_at = self.rounds, self.seconds, self.ended_at
            rows, letters, feeds = self.rows, self.dead_letters, self.feeds
        yield CounterMetricFamily(
            "newsevents_rounds", "Rounds that ended, also without news", value=rounds
        )
        if seconds is not None and ended_at is not None:
            yield GaugeMetricFamily(
                "newsevents_round_seconds", "Seconds the last round took", value=seconds
            )
            yield GaugeMetricFamily(
                "newsevents_last_round_timestamp_seconds",
                "When the last round ended",
                value=ended_at.timestamp(),
            )
        written = CounterMetricFamily("newsevents_rows", "Rows written", labels=("table",))
        for table, n in sorted(rows.items()):
            written.add_metric((_label(table),), n)
        refused = CounterMetricFamily(
            "newsevents_dead_letters", "Dead letters written", labels=("stage", "reason")
        )
        for (stage, reason), n in sorted(letters.items()):
            refused.add_metric((_label(stage), _label(reason)), n)
        yield from (written, refused, *_feed_metrics(feeds))


class RunCollector(Collector):
    """Puts the counters of this process and the figures of its rounds into metrics."""

    def __init__(self, read: Callable[[], Counts], figures: Figures, release: str) -> None:
        self._read = read
        self._figures = figures
        self._release = release

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand, so that registering reads nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give every metric as it is now."""
        yield InfoMetricFamily(
            "newsevents_build", "Version of newsevents", {"version": self._release}
        )
        items = CounterMetricFamily(
            "newsevents_items",
            "Items a stage counted since the process started, by the name of the counter",
            labels=("stage", "name"),
        )
        seconds = CounterMetricFamily(
            "newsevents_stage_seconds",
            "Time a stage worked since the process started, where it is measured",
            labels=("stage",),
        )
        for (stage, name), n in sorted(self._read().items()):
            if name == MICROSECONDS:
                seconds.add_metric((_label(stage),), n / 1e6)
            else:
                items.add_metric((_label(stage), _label(name)), n)
        yield from (items, seconds)
        yield from self._figures.metrics()


def _feed_metrics(feeds: "dict[str, FeedHealth]") -> Iterator[Metric]:
    failures = GaugeMetricFamily("newsevents_feed_failures", "Failures in a row", labels=("feed",))
    changed = GaugeMetricFamily(
        "newsevents_feed_last_change_timestamp_seconds",
        "When the feed last gave something new",
        labels=("feed",),
    )
    silent = GaugeMetricFamily(
        "newsevents_feed_silent",
        "1 when the feed has given nothing new for far longer than it used to",
        labels=("feed",),
    )
    for label, feed in sorted(feeds.items()):
        failures.add_metric((label,), feed.failures)
        silent.add_metric((label,), float(feed.silent))
        if feed.changed_at is not None:
            changed.add_metric((label,), feed.changed_at.timestamp())
    yield from (failures, changed, silent)


def _labelled(feeds: "Iterable[FeedHealth]") -> "dict[str, FeedHealth]":
    """Name each feed by a label; of several with one label, give the one that does worst."""
    labelled: dict[str, FeedHealth] = {}
    for feed in feeds:
        label = _label(feed.feed)
        other = labelled.get(label)
        if other is None or _badness(feed) > _badness(other):
            labelled[label] = feed
    return labelled


def _badness(feed: "FeedHealth") -> tuple[int, bool]:
    return feed.failures, feed.silent


def _label(text: str) -> str:
    return clean_line(text, _LABEL_CHARS)


class _Server(ThreadingHTTPServer):
    """Answers one path, each request in a thread that ends with the server at the latest."""

    daemon_threads = False  # so that closing waits for them

    def __init__(self, address: tuple[str, int], registry: CollectorRegistry) -> None:
        self.registry = registry
        self._open: set[Any] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking for the name of this machine, which can take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection while it is answered."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection, and close it."""
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Cut connections that are still open, and wait for their threads."""
        for request in tuple(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _REQUEST_SECONDS
    server_version = "newsevents"

    def version_string(self) -> str:
        """Name no versions."""
        return self.server_version

    def parse_request(self) -> bool:
        """Refuse every method but GET."""
        if not super().parse_request():
            return False
        if self.command != "GET":
            self._answer(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET\n", Allow="GET")
            return False
        return True

    def do_GET(self) -> None:
        if urlsplit(self.path).path != _PATH:
            self._answer(HTTPStatus.NOT_FOUND, f"see {_PATH}\n".encode())
            return
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        self._answer(HTTPStatus.OK, encode(self.server.registry), content_type)

    def _answer(
        self, status: HTTPStatus, body: bytes, content_type: str = "text/plain", **headers: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests off the terminal."""
