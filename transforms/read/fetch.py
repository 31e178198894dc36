"""Fetch one URL within bounds of time, size and address."""

import base64
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol
from urllib.parse import unquote_to_bytes

import httpcore
import httpx

from schemas.ids import is_web_url
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError
from transforms.read.addresses import Resolver, resolve_host
from transforms.read.media_type import charset_of
from transforms.read.network import Deadline, GuardedBackend

_REDIRECTS = (301, 302, 303, 307, 308)
_WORTH_RETRYING = (408, 425, 429)  # and every 5xx
_GZIP_ONLY = 16 + zlib.MAX_WBITS
_ACCEPT = (
    b"application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, "
    b"text/xml;q=0.9, application/json;q=0.8, */*;q=0.1"
)


@dataclass(frozen=True)
class Fetched:
    """An answer with a usable body."""

    url: str  # the URL that answered, after redirects, without user name and password
    content: bytes  # with the transfer's own compression taken off
    content_type: str  # as the server said; "" when it did not
    charset: str  # of the content type; "" when it names none


class Fetcher(Protocol):
    """Anything that can get the content of a URL."""

    def fetch(self, url: str, *, trusted: bool = True) -> Fetched:
        """Get what ``url`` holds.

        Args:
            url: an absolute http(s) URL.
            trusted: the operator named this URL, so it may be on a private network; False for
                one found in some document. A redirect is never trusted.

        Raises:
            RejectError: for every way in which that can fail.
        """
        ...


@dataclass
class HttpFetcher:
    """Fetch over http(s) without cookies, proxies or stored credentials.

    ``fetch`` raises RejectError with the reason unsupported_scheme, bad_url, private_address,
    too_large, deadline, http_status, connection_failed, too_many_redirects or broken_encoding.
    Messages never hold credentials.
    """

    timeout_seconds: float = 30.0  # for everything: names, redirects, headers, body
    max_bytes: int = 16 * 1024 * 1024  # of the body, before and after decompression
    max_redirects: int = 5
    resolver: Resolver = resolve_host
    monotonic: Callable[[], float] = time.monotonic
    backend: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    _ssl_context: ssl.SSLContext | None = field(default=None, init=False, repr=False)

    def fetch(self, url: str, *, trusted: bool = True) -> Fetched:
        """See ``Fetcher.fetch``."""
        deadline = Deadline(self.timeout_seconds, self.monotonic)
        asked = target = _parse(url)
        for hop in range(self.max_redirects + 1):
            own_login = hop == 0 or _origin(target) == _origin(asked)
            answer = self._ask(
                target,
                deadline,
                login=asked.userinfo if own_login else b"",
                public_only=not trusted or hop > 0,
            )
            if isinstance(answer, Fetched):
                return answer
            target = _parse(_join(target, answer))
        raise RejectError(
            "too_many_redirects",
            f"{redact_url(url)} redirects more than {self.max_redirects} times",
        )

    def _ask(
        self, url: httpx.URL, deadline: Deadline, *, login: bytes, public_only: bool
    ) -> Fetched | str:
        """Send one request; gives the answer, or the address it redirects to."""
        shown = redact_url(str(url))
        backend = GuardedBackend(self.backend, self.resolver, deadline, public_only)
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._ssl(), network_backend=backend) as pool,
                pool.stream("GET", target, headers=_headers(login)) as response,
            ):
                return self._take(response, url)
        except RejectError as error:
            message = f"{shown}: {error.message}"
            raise RejectError(error.reason, message, replayable=error.replayable) from error
        except httpcore.TimeoutException as error:
            raise RejectError(
                "deadline",
                f"{shown}: no whole answer within {self.timeout_seconds:g} seconds",
                replayable=True,
            ) from error
        except Exception as error:  # hostile servers find ways to upset any HTTP library
            why = str(error) or type(error).__name__
            raise RejectError("connection_failed", f"{shown}: {why}", replayable=True) from error

    def _ssl(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = httpx.create_ssl_context(trust_env=False)
        return self._ssl_context

    def _take(self, response: httpcore.Response, url: httpx.URL) -> Fetched | str:
        headers = httpx.Headers(response.headers)
        status = response.status
        if status in _REDIRECTS and "location" in headers:
            return headers["location"]
        if status != 200:
            raise RejectError(
                "http_status",
                f"the server answered with status {status}",
                replayable=status >= 500 or status in _WORTH_RETRYING,
            )
        content_type = headers.get("content-type", "")
        return Fetched(
            url=str(url.copy_with(userinfo=b"", fragment=None)),
            content=self._body(response, headers),
            content_type=content_type,
            charset=charset_of(content_type),
        )

    def _body(self, response: httpcore.Response, headers: httpx.Headers) -> bytes:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.max_bytes:
            raise self._too_large()
        decoder = _Decoder(headers.get("content-encoding", ""), self.max_bytes)
        received = 0
        pieces: list[bytes] = []
        unpacked = 0
        for piece in response.iter_stream():
            received += len(piece)
            pieces.append(decoder.decode(piece))
            unpacked += len(pieces[-1])
            if max(received, unpacked) > self.max_bytes:
                raise self._too_large()
        decoder.finish()
        return b"".join(pieces)

    def _too_large(self) -> RejectError:
        return RejectError("too_large", f"the answer has more than {self.max_bytes:,} bytes")


class _Decoder:
    """Take off gzip piece by piece, giving at most one byte more than ``max_bytes``."""

    def __init__(self, encoding: str, max_bytes: int) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip"):
            raise RejectError(
                "broken_encoding", f"the server used the encoding {name!r}, which was not asked for"
            )
        self._packed = name in ("gzip", "x-gzip")
        self._inflate = zlib.decompressobj(_GZIP_ONLY)
        self._left = max_bytes + 1
        self._received = False

    def decode(self, piece: bytes) -> bytes:
        if self._packed and not self._received and not piece.startswith(b"\x1f"):
            self._packed = False  # plain content under a wrong label
        self._received = True
        return self._unpack(piece) if self._packed else piece

    def finish(self) -> None:
        """Refuse an answer that ended inside its compressed data."""
        if self._packed and self._received and not self._inflate.eof:
            raise RejectError(
                "broken_encoding", "the compressed answer is cut off", replayable=True
            )

    def _unpack(self, piece: bytes) -> bytes:
        unpacked = []
        while piece and self._left > 0:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(_GZIP_ONLY)
            try:
                unpacked.append(self._inflate.decompress(piece, self._left))
            except zlib.error as error:
                raise RejectError(
                    "broken_encoding", f"the compressed answer is damaged: {error}"
                ) from error
            self._left -= len(unpacked[-1])
            piece = self._inflate.unused_data
        return b"".join(unpacked)


def _parse(url: str) -> httpx.URL:
    if not is_web_url(url):
        raise RejectError(
            "unsupported_scheme", f"{redact_url(url)[:200]} is no http(s) URL; only those are read"
        )
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise RejectError("bad_url", f"{redact_url(url)[:200]} is no valid URL") from error


def _join(base: httpx.URL, location: str) -> str:
    try:
        return str(base.join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise RejectError(
            "bad_url", f"{redact_url(str(base))} redirects to something that is no URL"
        ) from error


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _headers(login: bytes) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"User-Agent", f"newsevents/{_version()} (+feed reader)".encode()),
        (b"Accept", _ACCEPT),
        (b"Accept-Encoding", b"gzip"),
    ]
    if login:
        name, _, password = login.partition(b":")
        pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
        headers.append((b"Authorization", b"Basic " + base64.b64encode(pair)))
    return headers


def _version() -> str:
    try:
        return version("newsevents")
    except PackageNotFoundError:
        return "0"  # run from a checkout that was never installed
