"""A server between client and emulator that refuses, drops or loses requests as a test says."""

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ALWAYS = 10**9
_STATUS = {"quotaExceeded": 403, "rateLimitExceeded": 403, "accessDenied": 403, "backendError": 503}
DROPPED = "dropped"  # the connection ends without an answer, and nothing was done
LOST = "lost"  # the same, but it was done
_KEPT = ("content-type", "authorization", "content-range", "content-encoding")
_PASSED = ("content-type", "location", "range", "x-goog-upload-status")


@dataclass
class Fault:
    """What becomes of the next ``times`` requests whose ``METHOD /path`` holds ``where``."""

    where: str
    what: str  # a reason of _STATUS, DROPPED or LOST
    times: int = 1
    met: int = 0


@dataclass
class Faults:
    """The server; all requests without a fault go through."""

    target: str  # http://host:port
    url: str = ""
    faults: list[Fault] = field(default_factory=list)

    def add(self, where: str, what: str, times: int = 1) -> Fault:
        """Let requests fail from now on; what comes back counts them."""
        fault = Fault(where, what, times)
        self.faults.append(fault)
        return fault

    def due(self, asked: str) -> str:
        """Say what becomes of a request; "" when it goes through."""
        for fault in self.faults:
            if fault.where in asked and fault.met < fault.times:
                fault.met += 1
                return fault.what
        return ""


@contextlib.contextmanager
def faults_before(target: str) -> Iterator[Faults]:
    """Start such a server before an address of the form http://host:port."""
    faults = Faults(target)

    class Handler(_Handler):
        run = faults

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        faults.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield faults
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # a connection for each request
    run: Faults

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else None
        fault = self.run.due(f"{self.command} {self.path}")
        if fault == DROPPED:
            return
        if fault in _STATUS:
            self._send(_STATUS[fault], {"content-type": "application/json"}, _error(fault))
            return
        headers = {name: self.headers[name] for name in _KEPT if name in self.headers}
        asked = urllib.request.Request(
            self.run.target + self.path, body, headers, method=self.command
        )
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                status, given, found = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, given, found = error.code, error.headers, error.read()
        if fault != LOST:
            run = self.run  # where an upload goes on is behind this server, too
            passed = {
                name: given[name].replace(run.target, run.url) for name in _PASSED if name in given
            }
            self._send(status, passed, found)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _error(reason: str) -> bytes:
    message = f"no: {reason}"
    errors = [{"reason": reason, "message": message, "domain": "global"}]
    error = {"code": _STATUS[reason], "message": message, "errors": errors}
    return json.dumps({"error": error}).encode()
