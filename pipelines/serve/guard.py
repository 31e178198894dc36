"""What every request and answer goes through: known host names, headers, HEAD."""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - asked about, not bound
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a server bound to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class HostCheck:
    """Says which Host headers are ours.

    A page of somebody else whose name was made to lead here (DNS rebinding) comes with that name,
    so names have to be known. Numbers cannot be rebound: a server bound to all addresses answers
    to any of them.
    """

    def __init__(self, host: str, allowed: Iterable[str] = ()) -> None:
        self._names = {*LOOPBACK, host.lower(), *(name.lower() for name in allowed)}
        self._any_number = host in _ANY_ADDRESS

    def allows(self, header: str) -> bool:
        """Judge the value of a Host header, with or without a port."""
        name = header.strip().lower()
        if name.startswith("["):
            name, _, port = name[1:].partition("]")
            port = port.removeprefix(":")
        else:
            name, _, port = name.partition(":")
        if port and not (port.isascii() and port.isdigit()):
            return False
        if name.removesuffix(".") in self._names:
            return True
        try:
            return self._any_number and bool(ipaddress.ip_address(name))
        except ValueError:
            return False


class Guard:
    """Refuses foreign hosts, answers HEAD like GET, and puts the headers on every answer."""

    def __init__(self, app: App, hosts: HostCheck) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower().encode() for name in HEADERS}
                message["headers"] = [
                    *((n, v) for n, v in message["headers"] if n.lower() not in own),
                    *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(given) != 1 or not self._hosts.allows(given[0]):
            await _refuse(guarded)
            return
        await self._app({**scope, "method": "GET"} if head else scope, receive, guarded)


async def _refuse(send: Send) -> None:
    body = b"This server does not go by that name; name it with --allowed_hosts.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"),
               (b"content-length", str(len(body)).encode())]  # fmt: skip
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": body})
