"""One feed as it is listed: its address, its secrets and its pace."""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from schemas.ids import feed_id, is_web_url
from transforms._shared.redact import redact_url
from transforms._shared.secrets import (
    HEADER_NAME,
    REDACTED,
    VARIABLE,
    filled_in,
    header,
    scrubbed,
    spellings,
    worth_hiding,
)

_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # seconds
_LONGEST_SPAN = timedelta(days=366)
_LEAST_SECRET_CHARS_IN_CONTENT = 8  # of what servers send, where short ones are words


@dataclass(frozen=True)
class Feed:
    """What there is to know before a feed is asked for."""

    address: str  # as listed: a path, or a URL that may name variables of the environment
    url: str = field(repr=False)  # the address with the values of those variables
    every: timedelta | None = None  # how often it is asked for; None to find out
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    lists: int = 0  # that led to it, one naming the other

    @property
    def feed_id(self) -> str:
        """Its name in tables; the same when a secret changes."""
        return feed_id(self.address)

    @property
    def name(self) -> str:
        """Its name in messages: the address, secrets redacted."""
        return redact_url(self.address) if self.is_remote else self.address

    @property
    def is_remote(self) -> bool:
        """Whether it is fetched over http(s); else it is a file."""
        return is_web_url(self.url)

    @property
    def is_plain(self) -> bool:
        """Whether its address is all that it takes, and may be shown."""
        return not self.secrets and not self.headers and redact_url(self.address) == self.address

    def scrub(self, text: str) -> str:
        """Take the values of its secrets out of ``text``."""
        return scrubbed(text, self.secrets)

    def scrub_bytes(self, content: bytes) -> bytes:
        """Take them out of what a server sent, which may repeat the address it was asked for."""
        long = [secret for secret in self.secrets if len(secret) >= _LEAST_SECRET_CHARS_IN_CONTENT]
        for written in spellings(long):
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                content = content.replace(written.encode(encoding), REDACTED.encode(encoding))
        return content


def parse_feed(line: str, environment: Mapping[str, str] | None = None) -> Feed:
    """Read one line of a list of feeds.

    Args:
        line: a path; or a URL, which options may follow: ``every=10m`` (s, m, h or d), and
            ``header="Name: value"``, any number of times. In the URL and in headers ``${NAME}``
            stands for a variable of the environment.
        environment: where variables are looked up; None for the environment of the process.

    Raises:
        ValueError: an option cannot be read or a variable is not set. The message names no value.
    """
    line = line.strip()
    address = line.split(maxsplit=1)[0] if line else ""
    if not is_web_url(VARIABLE.sub("x", address)):
        return Feed(address=line, url=line)
    variables = os.environ if environment is None else environment
    secrets: list[str] = []

    def resolve(text: str) -> str:
        return filled_in(text, variables, secrets, "a feed")

    every: timedelta | None = None
    headers: list[tuple[str, str]] = []
    for option in _options(line[len(address) :]):
        name, _, value = option.partition("=")
        if name == "every":
            every = parse_span(value)
        elif name == "header":
            headers.append(_header(value, resolve(value)))
        else:
            raise ValueError(f"{name[:40]!r} is no option of a feed: every=10m and "
                             'header="Name: value" are')  # fmt: skip
    url = resolve(address)
    return Feed(address, url, every, tuple(headers), worth_hiding(secrets))


def parse_span(written: str) -> timedelta:
    """Read a span of time such as 90s, 10m, 2h or 1d.

    Raises:
        ValueError: it is none.
    """
    match = _SPAN.fullmatch(written)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= _LONGEST_SPAN.total_seconds():
        raise ValueError(
            f"{written[:40]!r} is no span of time up to a year: write 90s, 10m, 2h or 1d"
        )
    return timedelta(seconds=seconds)


def _options(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"its options cannot be read: {error}") from error


def _header(written: str, resolved: str) -> tuple[str, str]:
    name, colon, value = resolved.partition(":")
    if not colon or not HEADER_NAME.fullmatch(name) or "${" in written.partition(":")[0]:
        raise ValueError('a header is written header="Name: value"')
    return header(name, written.partition(":")[2], value)
