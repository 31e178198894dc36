"""A small web server on the loopback address that answers with whatever bytes a test wants."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator

import httpcore
import pytest


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
        if request.startswith(b"GET "):
            self.requests.append(request.decode())
            for piece in self.answers[request.decode().split(" ")[1]]:
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
