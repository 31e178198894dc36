"""Fetch one URL within bounds of time, size and address."""

import base64
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, TypeVar
from urllib.parse import unquote_to_bytes

import httpcore
import httpx

from schemas.ids import is_web_url
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError
from transforms._shared.web.addresses import Resolver, resolve_host
from transforms._shared.web.decoding import ACCEPTED, decoded
from transforms._shared.web.media_type import charset_of
from transforms._shared.web.network import Deadline, GuardedBackend

NOT_MODIFIED = 304
FEED_TYPES = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, "
    "text/xml;q=0.9, application/json;q=0.8, */*;q=0.1"
)
PAGE_TYPES = "text/html, application/xhtml+xml, application/xml;q=0.8, */*;q=0.1"

_PERMANENT = (301, 308)
_REDIRECTS = (301, 302, 303, 307, 308)
_WORTH_RETRYING = (408, 425, 429)  # and every 5xx
_MAX_HEADER_CHARS = 1000  # of one value; a longer one is not kept, for half an ETag is none
_KEPT_HEADERS = (
    "age", "cache-control", "cf-mitigated", "content-location", "date", "etag", "expires",
    "last-modified", "link", "retry-after", "server", "x-robots-tag",
)  # fmt: skip
_ONE_CONTEXT = threading.Lock()  # making one takes as long as a fetch

T = TypeVar("T")


@dataclass(frozen=True)
class Fetched:
    """An answer with a usable body, or the news that there is no new one (status 304)."""

    url: str  # the URL that answered, after redirects, without user name and password
    content: bytes  # with the transfer's own compression taken off
    content_type: str  # as the server said; "" when it did not
    charset: str  # of the content type; "" when it names none
    status: int = 200
    received_bytes: int = 0  # of the body, as they came
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case; some of them
    moved_to: str = ""  # where every redirect on the way said it is for good; "" when one did not


class FetchError(RejectError):
    """A fetch that failed, with what the server said to it.

    ``status`` is that of its answer, None when there was none; ``headers`` as in ``Fetched``.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        replayable: bool = False,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason, message, replayable=replayable)
        self.status = status
        self.headers = headers or {}


class ElsewhereError(FetchError):
    """A redirect to another host, which the caller wants to decide on; ``location`` is its URL."""

    def __init__(self, location: str) -> None:
        super().__init__("elsewhere", f"it redirects to {redact_url(location)[:200]}")
        self.location = location


class Fetcher(Protocol):
    """Anything that can get the content of a URL."""

    def fetch(
        self,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        accept: str = FEED_TYPES,
        follow_elsewhere: bool = True,
    ) -> Fetched:
        """Get what ``url`` holds.

        Args:
            url: an absolute http(s) URL.
            headers: sent to the server of ``url``, never to another one it redirects to.
            accept: media types wanted.
            follow_elsewhere: follow redirects to other hosts; else they raise ElsewhereError.

        Raises:
            RejectError: for every way in which that can fail.
        """
        ...


@dataclass
class HttpFetcher:
    """Fetch over http(s) without cookies, proxies or stored credentials.

    May be used by several threads at once. ``fetch`` raises FetchError with the reason
    unsupported_scheme, bad_url, private_address, too_large, deadline, http_status,
    unknown_host, connection_failed, tls_failed, too_many_redirects or broken_encoding.
    Messages never hold credentials.
    """

    timeout_seconds: float = 30.0  # for everything: names, redirects, headers, body
    max_bytes: int = 16 * 1024 * 1024  # of the body, before and after decompression
    max_redirects: int = 5
    allow_private: bool = False  # hosts of this machine and network; never link-local ones
    resolver: Resolver = resolve_host
    monotonic: Callable[[], float] = time.monotonic
    backend: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    _ssl_context: ssl.SSLContext | None = field(default=None, init=False, repr=False)

    def fetch(
        self,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        accept: str = FEED_TYPES,
        follow_elsewhere: bool = True,
    ) -> Fetched:
        """See ``Fetcher.fetch``."""
        deadline = Deadline(self.timeout_seconds, self.monotonic)
        asked = target = _parse(url)
        for_good, visited = True, {str(asked)}
        for _ in range(self.max_redirects + 1):
            own = _origin(target) == _origin(asked)
            sent = _headers(asked.userinfo if own else b"", headers if own else (), accept)
            take = partial(self._take, url=target)
            answer = self._ask(target, sent, deadline, take, redact_url(str(target)))
            if isinstance(answer, Fetched):
                moved = for_good and len(visited) > 1
                return _with_move(answer, str(target.copy_with(fragment=None)) if moved else "")
            for_good = for_good and answer.status in _PERMANENT
            before, target = target, _parse(_join(target, answer.location))
            if not follow_elsewhere and target.host != before.host:
                raise ElsewhereError(str(target.copy_with(fragment=None)))
            if str(target) in visited:
                break
            visited.add(str(target))
        raise FetchError(
            "too_many_redirects",
            f"{redact_url(url)} redirects in a circle or more than {self.max_redirects} times",
        )

    def post(self, url: str, content: bytes, headers: Sequence[tuple[str, str]]) -> int:
        """Send ``content`` to a URL and give the status, 2xx, that took it.

        Redirects are not followed. Messages name only the host, for a path may be a secret.

        Raises:
            FetchError: as ``fetch`` does; with ``http_status`` for any other answer.
        """
        target = _parse(url)
        sent = [*_headers(target.userinfo, headers, "*/*"),
                (b"Content-Length", str(len(content)).encode())]  # fmt: skip
        deadline = Deadline(self.timeout_seconds, self.monotonic)
        shown = f"{target.scheme}://{target.netloc.decode('ascii', 'replace')}"
        return self._ask(target, sent, deadline, _acknowledged, shown, content)

    def _ask(
        self,
        url: httpx.URL,
        headers: list[tuple[bytes, bytes]],
        deadline: Deadline,
        take: "Callable[[httpcore.Response], T]",
        shown: str,
        content: bytes | None = None,
    ) -> T:
        """Send one request, a POST when it has content; gives what ``take`` makes of the answer."""
        backend = GuardedBackend(self.backend, self.resolver, deadline, self.allow_private)
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._ssl(), network_backend=backend) as pool,
                pool.stream(
                    "GET" if content is None else "POST", target, headers=headers, content=content
                ) as response,
            ):
                return take(response)
        except FetchError as error:
            error.message = f"{shown}: {error.message}"
            raise
        except RejectError as error:
            message = f"{shown}: {error.message}"
            raise FetchError(error.reason, message, replayable=error.replayable) from error
        except httpcore.TimeoutException as error:
            raise FetchError(
                "deadline",
                f"{shown}: no whole answer within {self.timeout_seconds:g} seconds",
                replayable=True,
            ) from error
        except Exception as error:  # hostile servers find ways to upset any HTTP library
            why = str(error) or type(error).__name__
            reason = "tls_failed" if _is_tls(error) else "connection_failed"
            raise FetchError(reason, f"{shown}: {why}", replayable=True) from error

    def _ssl(self) -> ssl.SSLContext:
        with _ONE_CONTEXT:
            if self._ssl_context is None:
                self._ssl_context = httpx.create_ssl_context(trust_env=False)
            return self._ssl_context

    def _take(self, response: httpcore.Response, url: httpx.URL) -> "Fetched | _Redirect":
        headers = httpx.Headers(response.headers)
        status = response.status
        if status in _REDIRECTS and "location" in headers:
            return _Redirect(status, headers["location"])
        kept = _kept(headers)
        if status not in (200, NOT_MODIFIED):
            raise _unwanted(status, kept)
        try:
            body = self._body(response, headers) if status == 200 else b""
            content = decoded(body, headers.get("content-encoding", ""), self.max_bytes)
        except RejectError as error:
            raise FetchError(
                error.reason, error.message, replayable=error.replayable, status=status,
                headers=kept,
            ) from error  # fmt: skip
        content_type = headers.get("content-type", "")
        return Fetched(
            url=str(url.copy_with(userinfo=b"", fragment=None)),
            content=content,
            content_type=content_type,
            charset=charset_of(content_type),
            status=status,
            received_bytes=len(body),
            headers=kept,
        )

    def _body(self, response: httpcore.Response, headers: httpx.Headers) -> bytes:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.max_bytes:
            raise self._too_large()
        received = 0
        pieces: list[bytes] = []
        for piece in response.iter_stream():
            received += len(piece)
            if received > self.max_bytes:
                raise self._too_large()
            pieces.append(piece)
        return b"".join(pieces)

    def _too_large(self) -> RejectError:
        return RejectError("too_large", f"the answer has more than {self.max_bytes:,} bytes")


def _acknowledged(response: httpcore.Response) -> int:
    """Give the status of an answer that says yes; nobody reads what else it says."""
    headers, status = httpx.Headers(response.headers), response.status
    if not 200 <= status < 300:
        raise _unwanted(status, _kept(headers))
    return status


def _unwanted(status: int, headers: Mapping[str, str]) -> FetchError:
    elsewhere = "; redirects are not followed here" if status in _REDIRECTS else ""
    return FetchError(
        "http_status",
        f"the server answered with status {status}{elsewhere}",
        replayable=status >= 500 or status in _WORTH_RETRYING,
        status=status,
        headers=headers,
    )


@dataclass(frozen=True)
class _Redirect:
    status: int
    location: str


def _with_move(answer: Fetched, moved_to: str) -> Fetched:
    return replace(answer, moved_to=moved_to) if moved_to else answer


def _kept(headers: httpx.Headers) -> Mapping[str, str]:
    found = ((name, headers[name]) for name in _KEPT_HEADERS if name in headers)
    return {name: value for name, value in found if len(value) <= _MAX_HEADER_CHARS}


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _parse(url: str) -> httpx.URL:
    if not is_web_url(url):
        raise FetchError(
            "unsupported_scheme", f"{redact_url(url)[:200]} is no http(s) URL; only those are read"
        )
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchError("bad_url", f"{redact_url(url)[:200]} is no valid URL") from error


def _join(base: httpx.URL, location: str) -> str:
    try:
        return str(base.join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchError(
            "bad_url", f"{redact_url(str(base))} redirects to something that is no URL"
        ) from error


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _headers(
    login: bytes, more: Sequence[tuple[str, str]], accept: str
) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"User-Agent", USER_AGENT.encode()),
        (b"Accept", accept.encode()),
        (b"Accept-Encoding", ACCEPTED.encode()),
    ]
    if login:
        name, _, password = login.partition(b":")
        pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
        headers.append((b"Authorization", b"Basic " + base64.b64encode(pair)))
    return headers + [(name.encode(), value.encode("utf-8")) for name, value in more]


def _version() -> str:
    try:
        return version("newsevents")
    except PackageNotFoundError:
        return "0"  # run from a checkout that was never installed


PRODUCT = "newsevents"  # what robots.txt calls us
USER_AGENT = f"{PRODUCT}/{_version()} (+feed reader)"
