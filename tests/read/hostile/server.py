"""A web server that misbehaves in the way its address names, and the way to it."""

import contextlib
import ipaddress
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import httpcore

from transforms._shared.web.addresses import is_private

PUBLIC = "93.184.216.34"
_LONGEST_REQUEST = 200_000
_NO_LINGER = struct.pack("ii", 1, 0)


class Reset:
    """Break the connection off without a word of parting."""


Piece = bytes | float | Reset  # what to send, or for how many seconds to do nothing


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    number: int  # of the request for this behaviour, from 1


Play = Callable[[Asked], Iterable[Piece]]


class HostileServer:
    """Plays ``plays[name]`` for the path ``/name`` and all below it, to many clients at once."""

    def __init__(self, plays: Mapping[str, Play], tls: ssl.SSLContext | None = None) -> None:
        self.plays = dict(plays)
        self.asked: list[tuple[str, Asked]] = []
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._sockets = {80: socket.create_server(("127.0.0.1", 0), backlog=512)}
        if tls:
            self._sockets[443] = socket.create_server(("127.0.0.1", 0), backlog=512)
        for port, listening in self._sockets.items():
            context = tls if port == 443 else None
            threading.Thread(target=self._serve, args=(listening, context), daemon=True).start()

    def port(self, asked_for: int) -> int:
        """Say on which port the server is that is wanted on ``asked_for``."""
        return self._sockets.get(asked_for, self._sockets[80]).getsockname()[1]

    def requests(self, name: str) -> list[Asked]:
        """List the requests for one behaviour so far."""
        with self._lock:
            return [asked for found, asked in self.asked if found == name]

    def close(self) -> None:
        """Stop, and let go of everybody who waits."""
        self._closing.set()
        for listening in self._sockets.values():
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _serve(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection, tls), daemon=True).start()

    def _converse(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        # A client that has had enough is what this is about.
        with connection, contextlib.suppress(OSError):
            if tls:
                with tls.wrap_socket(connection, server_side=True) as secured:
                    self._respond(secured)
            else:
                self._respond(connection)

    def _respond(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request and len(request) < _LONGEST_REQUEST:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
            if not request.startswith(b"GET"[: len(request)]):
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # TLS on a plain port
                return
        first, *lines = request.decode("latin-1").split("\r\n")
        path = first.split(" ")[1]
        fields = (line.partition(":") for line in lines if ":" in line)
        headers = {field.strip().lower(): value.strip() for field, _, value in fields}
        name = path.split("/")[1].partition("?")[0]
        with self._lock:
            self._counts[name] += 1
            asked = Asked(path, headers, self._counts[name])
            self.asked.append((name, asked))
        for piece in self.plays.get(name, _not_found)(asked):
            if isinstance(piece, Reset):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                return
            if isinstance(piece, float):
                if self._closing.wait(piece):
                    return
            else:
                connection.sendall(piece)


def _not_found(_: Asked) -> Iterable[Piece]:
    return [b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"]


class Names:
    """Answers for the names of hosts: public ones, but for those that hostile links lead to."""

    def __init__(self, addresses: Mapping[str, list[list[str]]]) -> None:
        self._addresses = addresses  # one list for each look-up, the last one for all others
        self._asked: Counter[str] = Counter()

    def __call__(self, host: str, port: int) -> list[str]:
        if host in self._addresses:
            answers = self._addresses[host]
            self._asked[host] += 1
            return answers[min(self._asked[host], len(answers)) - 1]
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        with contextlib.suppress(OSError):
            return [socket.inet_ntoa(socket.inet_aton(host))]  # as systems do: 2130706433, 0x7f.1
        return [PUBLIC]


class Recorder(httpcore.NetworkBackend):
    """Lead every public address to the server, and note which were asked for."""

    def __init__(self, server: HostileServer) -> None:
        self._server = server
        self.private: list[str] = []
        self.connections = 0

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.connections += 1
        if is_private(host):
            self.private.append(host)
            raise httpcore.ConnectError(f"a test asked for {host}")
        backend = httpcore.SyncBackend()
        return backend.connect_tcp("127.0.0.1", self._server.port(port), timeout)
