"""The file of alerts: who is told, of what, and in which form."""

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tomllib

from pipelines.alerts.signing import SecretError, parse_secret
from schemas.alert import ALERT_FORMATS
from schemas.ids import is_web_url
from transforms._shared.secrets import (
    HEADER_NAME,
    VARIABLE,
    filled_in,
    header,
    scrubbed,
    worth_hiding,
)
from transforms._shared.web.addresses import is_private
from transforms.read.feed import parse_span

MAX_FILE_BYTES = 256 * 1024
MAX_SINKS = 20
_MAX_TEXT = 2000  # characters of one value
_MAX_LISTED = 500  # values of one list
_MAX_SECRETS = 2  # the one in use and the next, while it is changed
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_OUR_HEADERS = frozenset(
    "connection content-encoding content-length content-type host idempotency-key "
    "transfer-encoding upgrade user-agent webhook-id webhook-signature webhook-timestamp".split()
)
_SINK_LINE = re.compile(r"^[ \t]*\[\[[ \t]*sink[ \t]*\]\]", re.MULTILINE)


class AlertsError(ValueError):
    """The file of alerts cannot be used; ``problems`` are one line each."""

    def __init__(self, problems: list[str]) -> None:
        more = f" (and {len(problems) - 1} more: see python -m pipelines.alerts check)"
        super().__init__(problems[0] + (more if len(problems) > 1 else ""))
        self.problems = problems


@dataclass(frozen=True)
class Sink:
    """One receiver of alerts; a filter that is not given lets everything through."""

    name: str
    url: str = field(repr=False)  # with the values of variables, so never shown
    format: str = ALERT_FORMATS[0]
    keys: tuple[bytes, ...] = field(default=(), repr=False)  # that sign, the one in use first
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)  # to be kept out of messages
    min_score: float = 0.0
    min_families: int = 1
    keywords: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    max_age: timedelta = timedelta(hours=6)  # since it broke: what is older does not alert at first
    update_gap: timedelta = timedelta(minutes=15)  # least, before a new title or growth is told

    @property
    def shown(self) -> str:
        """Where it is, for people: without the path, which may be a secret."""
        parts = urlsplit(self.url)
        return scrubbed(f"{parts.scheme}://{parts.hostname}", self.secrets)


def is_private_sink(sink: Sink) -> bool:
    """Say whether the address of a sink is plainly one of this machine or its network.

    A name that leads there is only found out when it is asked for.
    """
    host = (urlsplit(sink.url).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return is_private(str(ipaddress.ip_address(host)))
    except ValueError:
        return False


def load_sinks(path: str, environment: Mapping[str, str] | None = None) -> tuple[Sink, ...]:
    """Read a file of alerts.

    Args:
        environment: where variables are looked up; None for the environment of the process.

    Raises:
        AlertsError: there is no such file, or something in it is wrong.
    """
    variables = os.environ if environment is None else environment
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise AlertsError([f"--alerts {path}: {why}; name a TOML file of sinks"]) from error
    if len(content) > MAX_FILE_BYTES:
        raise AlertsError([f"{path}: it has more than {MAX_FILE_BYTES // 1024} KiB; shorten it"])
    try:
        return parse_sinks(content.decode(), variables)
    except UnicodeDecodeError as error:
        raise AlertsError([f"{path}: it is not UTF-8; save it as that"]) from error
    except AlertsError as error:
        raise AlertsError([f"{path}: {problem}" for problem in error.problems]) from error


def parse_sinks(text: str, environment: Mapping[str, str]) -> tuple[Sink, ...]:
    """Read the text of a file of alerts.

    Raises:
        AlertsError: names each problem by line and sink, with the fix.
    """
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise AlertsError([f"it is no TOML: {' '.join(str(error).split())[:200]}"]) from error
    problems = [f"unknown key {name[:60]!r}; {_likely(name, ('sink',))}"
                for name in found if name != "sink"]  # fmt: skip
    listed = found.get("sink", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise AlertsError([*problems, "sinks are written as tables: begin each with [[sink]]"])
    if not 1 <= len(listed) <= MAX_SINKS:
        problems.append(f"it has {len(listed)} sinks; write 1 to {MAX_SINKS} of them, each "
                        "beginning with [[sink]]")  # fmt: skip
        raise AlertsError(problems)
    sinks: list[Sink] = []
    for where, table in zip(_places(text, listed), listed):
        reader = _SinkReader(table, environment)
        sink = reader.read()
        problems += [f"{where}: {problem}" for problem in reader.problems]
        if sink is not None and any(sink.name == other.name for other in sinks):
            problems.append(f"{where}: there is another sink of that name; give each its own")
        elif sink is not None:
            sinks.append(sink)
    if problems:
        raise AlertsError(problems)
    return tuple(sinks)


def _places(text: str, listed: list[Any]) -> Iterator[str]:
    """Say where each sink is, as far as that can be told."""
    starts = [text.count("\n", 0, match.end()) + 1 for match in _SINK_LINE.finditer(text)]
    for number, table in enumerate(listed):
        line = f"line {starts[number]}, " if len(starts) == len(listed) else ""
        name = table.get("name")
        named = isinstance(name, str) and _NAME.fullmatch(name)
        yield f"{line}sink {name}" if named else f"{line}sink {number + 1}"


def _likely(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


class _SinkReader:
    """Reads one table, and collects what is wrong with it."""

    def __init__(self, table: dict[str, Any], environment: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._table = table
        self._environment = environment
        self._secrets: list[str] = []

    def read(self) -> Sink | None:
        """Give the sink, None when it has no name or anything else is wrong."""
        readers: dict[str, Callable[[Any], Any]] = {
            "name": _name,
            "url": self._url,
            "format": _format,
            "secret": self._keys,
            "headers": self._headers,
            "min_score": _score,
            "min_families": _families,
            "keywords": _words,
            "entities": _words,
            "languages": _languages,
            "max_age": _span,
            "update_gap": _span,
        }
        for name in self._table:
            if name not in readers:
                known = _likely(name, tuple(readers))
                self.problems.append(f"unknown key {name[:60]!r}; {known}")
        values: dict[str, Any] = {}
        for name, reader in readers.items():
            if name in self._table:
                try:
                    values[name] = reader(self._table[name])
                except ValueError as error:
                    self.problems.append(f"{name}: {error}")
            elif name in ("name", "url"):
                self.problems.append(f'{name} is missing; add {name} = "…"')
        if self.problems:
            return None
        if "secret" in values:
            values["keys"] = values.pop("secret")
        return Sink(**values, secrets=worth_hiding(self._secrets))

    def _filled(self, text: str) -> str:
        if "${" in VARIABLE.sub("", text):
            raise ValueError('a "${" begins no variable; write ${NAME}, of letters, digits and "_"')
        return filled_in(text, self._environment, self._secrets, "this sink")

    def _url(self, value: Any) -> str:
        url = self._filled(_text(value)).strip()
        if not is_web_url(url) or any(ord(character) <= 32 for character in url):
            raise ValueError("it is no http(s) URL; write https://…")
        if urlsplit(url).username is not None:
            raise ValueError('it holds a user name; use headers = {Authorization = "…"} instead')
        if not _has_good_port(url):
            raise ValueError("its port is none; write one from 1 to 65535")
        return url

    def _keys(self, value: Any) -> tuple[bytes, ...]:
        written = value if isinstance(value, list) else [value]
        if not 1 <= len(written) <= _MAX_SECRETS:
            raise ValueError("write one secret, or two while you change it: [new, old]")
        keys = []
        for one in map(_text, written):
            if not VARIABLE.fullmatch(one):
                raise ValueError('a secret comes from the environment: write "${NAME}" here')
            try:
                keys.append(parse_secret(self._filled(one)))
            except SecretError as error:
                raise ValueError(f"the value of {one}: {error}") from error
        return tuple(keys)

    def _headers(self, value: Any) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict) or len(value) > 20:
            raise ValueError('write at most 20 of them as {Name = "value"}')
        found = []
        for name, written in value.items():
            if not HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name[:60]!r} is no name of a header")
            if name.lower() in _OUR_HEADERS:
                raise ValueError(f"{name} is set by newsevents; leave it out")
            found.append(header(name, _text(written), self._filled(_text(written))))
        return tuple(found)


def _has_good_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT:
        raise ValueError(f"write a text of at most {_MAX_TEXT} characters in quotes")
    return value


def _name(value: Any) -> str:
    if not _NAME.fullmatch(_text(value)):
        raise ValueError("write at most 64 letters, digits, dots, dashes or underscores")
    return str(value)


def _format(value: Any) -> str:
    if value not in ALERT_FORMATS:
        raise ValueError(f"write {' or '.join(f'{name!r}' for name in ALERT_FORMATS)}")
    return str(value)


def _score(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError("write a number from 0 to 1")
    return float(value)


def _families(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
        raise ValueError("write a whole number from 1 to 10000")
    return value


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_LISTED:
        raise ValueError(f'write 1 to {_MAX_LISTED} words or phrases as ["…", "…"]')
    return tuple(" ".join(_text(word).split()) for word in value)


def _languages(value: Any) -> tuple[str, ...]:
    words = _words(value)
    for word in words:
        if not _LANGUAGE.fullmatch(word):
            raise ValueError(f'{word[:60]!r} is no language code; write them as ["en", "de"]')
    return words


def _span(value: Any) -> timedelta:
    return parse_span(_text(value))
