"""Dead letters of an output, and in which way each can be tried again."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.ids import is_web_url
from transforms._shared.redact import redact_url
from transforms._shared.secrets import REDACTED
from transforms.read.files import file_uri, local_path

ASK, READ, PAYLOAD = "ask", "read", "payload"  # the feed, the file, what the letter holds
MOST_PAYLOAD_BYTES = 256 * 2**20  # held at once

_COLUMNS = ("stage", "key", "reason", "payload_sha256", "first_failed_at", "replayable")
_LINE = re.compile(r"L\d+")  # of JSON Lines, as ``read`` names it
_HOLDS_ITEM = ("read", "parse")  # stages whose payload is the item as it came


@dataclass(frozen=True)
class Letter:
    """One item that failed, as its newest dead letter has it."""

    stage: str
    key: str
    reason: str
    payload_sha256: str
    first_failed_at: datetime
    replayable: bool
    place: tuple[str, int]  # file of the output, and row in it
    letters: int = 1  # chosen ones about the same item

    @property
    def source(self) -> str:
        """The feed or file it is of, or was itself."""
        return self.key.partition("#")[0]


@dataclass(frozen=True)
class Wanted:
    """Which dead letters to try; a reason that is named counts even if it is not replayable."""

    reasons: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    since: datetime | None = None
    everything: bool = False

    def takes(self, letter: Letter) -> bool:
        """Say whether a letter is among them."""
        return self.everything or (
            (letter.reason in self.reasons if self.reasons else letter.replayable)
            and (not self.stages or letter.stage in self.stages)
            and (self.since is None or letter.first_failed_at >= self.since)
        )


@dataclass(frozen=True)
class Attempted:
    """How a letter is tried again, or why it cannot be."""

    letter: Letter
    way: str  # ASK, READ or PAYLOAD; "" when it cannot be
    source: str  # what is asked or read
    why: str = ""  # it cannot be
    payload: bytes = b""  # only for PAYLOAD


@dataclass(frozen=True)
class Known:
    """What is known of sources beside the letters.

    Args:
        listed: lines of lists of feeds that the user gave, by the name of their feed.
        local: feeds that are files, by their URI.
    """

    listed: Mapping[str, str]
    local: Mapping[str, str]


def read_letters(folder: Path, files: Iterable[str], wanted: Wanted) -> list[Letter]:
    """Read the wanted dead letters; of those about one item the newest, oldest item first.

    Args:
        folder: the output.
        files: those of its files that count; other tables are passed over.
        wanted: which to take.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is damaged (pyarrow's errors are).
    """
    newest: dict[str, Letter] = {}
    counted: dict[str, set[tuple[Any, ...]]] = {}
    for letter in _letters(folder, files):
        if not wanted.takes(letter):
            continue
        known = newest.get(letter.key)
        if known is None or letter.first_failed_at >= known.first_failed_at:
            newest[letter.key] = letter
        # One row can be there twice: in a compacted file, and in one it was made of.
        row = (letter.stage, letter.reason, letter.payload_sha256, letter.first_failed_at)
        counted.setdefault(letter.key, set()).add(row)
    found = [replace(letter, letters=len(counted[key])) for key, letter in newest.items()]
    return sorted(found, key=lambda letter: (letter.first_failed_at, letter.key))


def _letters(folder: Path, files: Iterable[str]) -> Iterator[Letter]:
    import pyarrow.parquet as pq

    for name in files:
        if not name.startswith("dead_letters/"):
            continue
        with pq.ParquetFile(folder / name) as file:
            number = 0
            for batch in file.iter_batches(columns=list(_COLUMNS)):
                for row in batch.to_pylist():
                    yield Letter(**row, place=(name, number))
                    number += 1


def read_payloads(folder: Path, letters: Iterable[Letter]) -> dict[str, bytes]:
    """Read what letters hold, by key; only what is whole, and ``MOST_PAYLOAD_BYTES`` in all.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is damaged.
    """
    import pyarrow.parquet as pq

    by_file: dict[str, dict[int, Letter]] = {}
    for letter in letters:
        name, number = letter.place
        by_file.setdefault(name, {})[number] = letter
    payloads: dict[str, bytes] = {}
    room = MOST_PAYLOAD_BYTES
    for name, rows in sorted(by_file.items()):
        with pq.ParquetFile(folder / name) as file:
            number = 0
            for batch in file.iter_batches(batch_size=256, columns=["payload"]):
                for cell in batch.column(0):
                    at, number = rows.get(number), number + 1
                    payload = cell.as_py() if at is not None else b""
                    if at is not None and _is_whole(at, payload) and len(payload) <= room:
                        payloads[at.key] = payload
                        room -= len(payload)
    return payloads


def _is_whole(letter: Letter, payload: bytes) -> bool:
    return bool(payload) and hashlib.sha256(payload).hexdigest() == letter.payload_sha256


def read_feeds(folder: Path, files: Iterable[str]) -> set[str]:
    """Name the feeds that were asked for, as listed, secrets redacted.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is damaged.
    """
    import pyarrow.parquet as pq

    found: set[str] = set()
    for name in files:
        if name.startswith("fetch_log/"):
            column = pq.read_table(folder / name, columns=["feed"], partitioning=None).column(0)
            found.update(column.unique().to_pylist())
    return found


def needs_payload(letter: Letter) -> bool:
    """Say whether a letter could be tried by what it holds: a line, or a file that is gone.

    What the later stages refuse holds the text alone, without its title, date and address; and
    what of a damaged file could be read is no document.
    """
    part = letter.key.partition("#")[2]
    if is_web_url(letter.key) or letter.stage not in _HOLDS_ITEM:
        return False
    if part:
        return bool(_LINE.fullmatch(part))
    return letter.stage == "parse" and not os.path.isfile(local_path(letter.source))


def plan(letters: Sequence[Letter], payloads: Mapping[str, bytes], known: Known) -> list[Attempted]:
    """Choose how each letter is tried again: see ``ASK``, ``READ`` and ``PAYLOAD``."""
    return [_way(letter, payloads, known) for letter in letters]


def _way(letter: Letter, payloads: Mapping[str, bytes], known: Known) -> Attempted:
    source = letter.source
    if is_web_url(source):
        return _asking(letter, known)
    if not source.startswith("file:///"):
        return Attempted(letter, "", "", "its key names neither a file nor an address")
    if letter.key in payloads:
        return Attempted(letter, PAYLOAD, source, payload=payloads[letter.key])
    if source in known.local:
        return Attempted(letter, ASK, known.local[source])
    if os.path.lexists(local_path(source)):
        return Attempted(letter, READ, source)
    return Attempted(
        letter, "", "", "its file is gone, and the letter does not hold it (over 64 KiB, "
        "--store_text, or from a later stage)",
    )  # fmt: skip


def _asking(letter: Letter, known: Known) -> Attempted:
    source = letter.source
    if source in known.listed:
        return Attempted(letter, ASK, known.listed[source])
    # A list that somebody else wrote may have named it: nothing in it is looked up or obeyed.
    odd = "$" in source or source.split() != [source]
    if odd or REDACTED in source or source != redact_url(source):
        return Attempted(
            letter, "", "", "its address holds a secret or is odd: name its list with --feeds"
        )
    return Attempted(letter, ASK, source)


def local_feeds(names: Iterable[str]) -> dict[str, str]:
    """Give those of feeds' names that are files, by their URI."""
    found = {}
    for name in names:
        if not is_web_url(name) and "\0" not in name:
            found[file_uri(local_path(name))] = name
    return found
