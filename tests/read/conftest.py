"""A small web server on the loopback address that answers with whatever bytes a test wants."""

import socket
import threading
from collections.abc import Iterable, Iterator

import httpcore
import pytest


class RawServer:
    """Answer each request with the bytes (or the pieces of bytes) stored for its path."""

    def __init__(self) -> None:
        self.answers: dict[str, Iterable[bytes]] = {}
        self.requests: list[str] = []
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
        while True:
            connection, _ = self._socket.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request and (piece := connection.recv(65536)):
                    request += piece
                if request.startswith(b"QUIT"):
                    return
                self.requests.append(request.decode())
                self._send(connection, request.decode().split(" ")[1])

    def _send(self, connection: socket.socket, path: str) -> None:
        try:
            for piece in self.answers[path]:
                connection.sendall(piece)
        except OSError:
            pass  # the client has had enough, which is what some tests are about


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
