"""Labelled streams: JSON Lines with id, title, text, published, lang, source, url and label."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FORM = "JSON Lines with id, title, text, published and label, plain or gzipped"


class LabelledError(Exception):
    """The labelled stream cannot be used; the message names it and the fix."""


@dataclass(frozen=True)
class Labelled:
    """One line of a labelled stream, as far as scoring needs it."""

    id: str
    label: str


def read_labels(path: str) -> dict[int, Labelled]:
    """Read the id and label of each line, by line number from 1; blank lines are left out.

    Raises:
        LabelledError: the file is missing, a line is not such an object, or an id comes twice.
    """
    labels: dict[int, Labelled] = {}
    ids: set[str] = set()
    for number, line in read_lines(path):
        try:
            record = json.loads(line)
            found = Labelled(str(record["id"]), str(record["label"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LabelledError(
                f"{path} line {number}: a JSON object with id and label is needed ({_cause(error)})"
            ) from error
        if found.id in ids:
            raise LabelledError(
                f"{path} line {number}: the id {found.id} comes twice; give each line its own"
            )
        ids.add(found.id)
        labels[number] = found
    if not labels:
        raise LabelledError(f"{path} holds no labelled document: give {FORM}")
    return labels


def _cause(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def line_of(key: str, labels: Mapping[int, Labelled]) -> int:
    """Name the line that an item of the stream came from, by the item's key."""
    if len(labels) == 1:
        return next(iter(labels))  # read as one JSON document, whose key names no line
    return int(key.rpartition("#L")[2])


def read_lines(path: str) -> Iterator[tuple[int, str]]:
    """Read the lines of a stream, plain or gzipped, with their numbers from 1; skip blank ones.

    Raises:
        LabelledError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if packed
            else Path(path).open(encoding="utf-8") as stream
        ):
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or error
        fix = "check the path" if isinstance(error, FileNotFoundError) else f"give {FORM}"
        raise LabelledError(f"cannot read {path}: {cause}; {fix}") from error
