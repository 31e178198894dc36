"""Small real stand-ins that several stages' tests share."""

import contextlib
import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import httpcore
import numpy as np
import pytest

from schemas import Article, EmbeddedArticle

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)

_ARTICLE = Article(
    key="file:///in/1.txt",
    article_id="aaaa",
    revision=1,
    url="https://www.news.example/bridge?utm_source=rss",
    canonical_url="https://news.example/bridge",
    source_name="The Example",
    domain="news.example",
    publisher_family="news.example",
    origin_publisher="",
    feed_url="https://news.example/feed",
    input_kind="rss",
    title="Old bridge closed",
    description="The old bridge is closed.",
    body="The old bridge is closed since noon.\n\nTraffic goes round by the mill.",
    quoted="",
    authors=("Ann Example",),
    image_url="",
    language="en",
    language_confidence=0.99,
    word_count=13,
    published_at=NOON,
    published_at_source="feed",
    published_at_precision="second",
    published_at_flag="ok",
    first_seen_at=NOON,
    event_time=NOON,
    time_known=True,
    extraction_method="feed_content",
    access_state="open",
    content_hash="0" * 64,
)


class HashingEncoder:
    """A bag of hashed words as unit vector: texts with the same words are close."""

    dim = 64
    model_id = "hashing@000000000000#64"
    steady = True

    def encode(self, texts):
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(vectors, texts):
            for word in text.lower().split() or [""]:
                digest = hashlib.sha256(word.encode()).digest()
                row[digest[0] % self.dim] += 1.0 if digest[1] % 2 else -1.0
                row[digest[2] % self.dim] += 0.5  # so that no text sums up to nothing
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pytest_make_parametrize_id(val, argname):
    """Name bytes by their length: packed ones hold the time, and ids must be the same each time."""
    return f"{argname}-{len(val)}-bytes" if isinstance(val, bytes) else None


@pytest.fixture
def fake_encoder():
    """An encoder that needs no model."""
    return HashingEncoder()


@pytest.fixture
def make_article():
    """``make_article(**changes)``: a complete article with some fields changed."""
    return lambda **changes: replace(_ARTICLE, **changes)


@pytest.fixture
def make_embedded(make_article):
    """``make_embedded(**changes)``: the same with the ``HashingEncoder``'s vector of its title.

    ``embedding`` gives another vector, as bytes or as numbers.
    """

    def make(embedding=None, embedding_model=HashingEncoder.model_id, **changes):
        article = make_article(**changes)
        if embedding is None:
            embedding = HashingEncoder().encode([article.title])[0]
        if not isinstance(embedding, bytes):
            embedding = np.asarray(embedding, "<f4").tobytes()
        return EmbeddedArticle(article, embedding, embedding_model)

    return make


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class RawServer:
    """Answer each request with the bytes (or the pieces of bytes) stored for its path."""

    def __init__(self) -> None:
        self.answers: dict[str, Iterable[bytes]] = {}
        self.requests: list[str] = []
        self.tls: ssl.SSLContext | None = None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, body: bytes = b"", status: str = "200 OK", **headers: str) -> str:
        """Store a complete answer; gives the URL."""
        lines = [f"HTTP/1.1 {status}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.answers[path] = ["\r\n".join([*lines, "", ""]).encode() + body]
        return self.url + path

    def close(self) -> None:
        # A connection wakes up the thread, which then finds the socket closed.
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"QUIT / HTTP/1.1\r\n\r\n")
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        stopped = False
        while not stopped:
            connection, _ = self._socket.accept()
            # A client that has had enough is what some tests are about.
            with connection, contextlib.suppress(OSError):
                stopped = self._converse(connection)

    def _converse(self, connection: socket.socket) -> bool:
        """Answer one request; says whether it was the last."""
        if self.tls and connection.recv(4, socket.MSG_PEEK) != b"QUIT":
            with self.tls.wrap_socket(connection, server_side=True) as secured:
                return self._respond(secured)
        return self._respond(connection)

    def _respond(self, connection: socket.socket) -> bool:
        request = b""
        while b"\r\n\r\n" not in request and (piece := connection.recv(65536)):
            request += piece
        if request.startswith(b"QUIT"):
            return True
        if request.startswith((b"GET ", b"POST ")):
            head = request.partition(b"\r\n\r\n")[0]
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            whole = len(head) + 4 + (int(length[1]) if length else 0)
            while len(request) < whole and (piece := connection.recv(65536)):
                request += piece
            self.requests.append(request.decode())
            for piece in self.answers.get(request.decode().split(" ")[1], [NOT_FOUND]):
                connection.sendall(piece)
        return False


class ToServer(httpcore.NetworkBackend):
    """Lead every address to the test's server, and note which were asked for."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.addresses: list[str] = []

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.addresses.append(host)
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self.port, timeout)


@pytest.fixture
def server() -> Iterator[RawServer]:
    running = RawServer()
    yield running
    running.close()


@pytest.fixture
def to_server(server: RawServer) -> ToServer:
    return ToServer(server.port)


@pytest.fixture
def pubsub(monkeypatch):
    """A Pub/Sub server on a free port of this machine; see tests/fakes/fake_pubsub.py."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "fakes")
    from fake_pubsub import FakePubSub

    running = FakePubSub()
    running.start()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", running.address)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def emulators(tmp_path_factory):
    """Emulators of BigQuery and of Cloud Storage, in processes of their own."""
    from tests.emulators.servers import running_emulators

    with running_emulators(tmp_path_factory.mktemp("emulators") / "data") as running:
        yield running


@pytest.fixture
def bigquery(emulators, monkeypatch):
    """An empty dataset of the emulator; see tests/emulators/dataset.py."""
    from tests.emulators.dataset import use_dataset

    with use_dataset(emulators, monkeypatch) as dataset:
        yield dataset
