"""A network layer with one deadline for everything and a say in which addresses are reached."""

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from transforms._shared.rejects import RejectError
from transforms._shared.web.addresses import Resolver, is_link_local, is_private, resolve_within


class Deadline:
    """The instant by which a whole fetch, redirects included, has to be over."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seconds = seconds
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds left; RejectError ``deadline`` when there are none."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise RejectError(
                "deadline", f"no whole answer within {self._seconds:g} seconds", replayable=True
            )
        return left


class GuardedBackend(httpcore.NetworkBackend):
    """Connect to the very addresses that were checked, so that a name cannot change in between.

    Args:
        inner: what really opens connections.
        resolver: finds the addresses of a host.
        deadline: bounds resolving, connecting and each read and write.
        allow_private: let a host have addresses that are not public; else it is refused as soon
            as one of them is not. Link-local ones are always refused.
    """

    def __init__(
        self,
        inner: httpcore.NetworkBackend,
        resolver: Resolver,
        deadline: Deadline,
        allow_private: bool,
    ) -> None:
        self._inner = inner
        self._resolver = resolver
        self._deadline = deadline
        self._refuse = is_link_local if allow_private else is_private
        self._why = (
            "leads to an address that is never asked: link-local, or where clouds keep secrets"
            if allow_private
            else "leads to an address that is not on the public internet; if it is a server of "
            "yours, give --allow_private_hosts"
        )

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        name = host.strip("[]")
        addresses = resolve_within(self._resolver, name, port, self._deadline.left())
        if any(map(self._refuse, addresses)):
            raise RejectError("private_address", f"{name} {self._why}")
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port, local_address, socket_options)

    def _connect(
        self,
        address: str,
        port: int,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(
            address, port, self._deadline.left(), local_address, socket_options
        )
        return _BoundedStream(stream, self._deadline)


class _BoundedStream(httpcore.NetworkStream):
    """Give each read and write the time that is left, so that a slow drip ends too."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _BoundedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
