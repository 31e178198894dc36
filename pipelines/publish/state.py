"""What a poller knows of its feeds, in a file that is replaced in one step."""

import base64
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transforms.read.feed_state import FeedState
from transforms.write.output import OutputError, replace_file

FILE_NAME = "feeds.jsonl"  # in a folder
_HEAD = {"newsevents": "states of feeds", "format": 1}


def state_file(argument: str) -> Path:
    """Name the file for ``--state``, which may be a folder: one that is there, or ends in ``/``."""
    path = Path(argument).absolute()
    return path / FILE_NAME if argument.endswith(("/", os.sep)) or path.is_dir() else path


@dataclass
class Kept:
    """What the file holds."""

    states: dict[str, FeedState] = field(default_factory=dict)  # by feed id
    pending: list[bytes] = field(default_factory=list)  # fetches that Pub/Sub does not have yet


class StateFile:
    """Loads and saves; what did not change since is not packed again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, tuple[FeedState, bytes]] = {}

    def load(self) -> Kept:
        """Read the file; nothing is known when there is none.

        Raises:
            OutputError: it cannot be read, or is none of ours.
        """
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return Kept()
        except OSError as error:
            raise OutputError(f"cannot read {self._path}: {error.strerror or error}") from error
        kept = Kept()
        for number, line in enumerate(lines, start=1):
            try:
                _take(kept, json.loads(line), first=number == 1)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise self._damaged(number) from error
        if not lines or json.loads(lines[0]).get("lines") != len(lines) - 1:
            raise self._damaged(len(lines) + 1)
        return kept

    def save(self, states: Mapping[str, FeedState], pending: Iterable[bytes]) -> None:
        """Replace the file; it is on the disk then.

        Raises:
            OutputError: it cannot be written; what was there before still is.
        """
        self._lines = {name: self._packed(name, state) for name, state in states.items()}
        lines = [line for _, line in self._lines.values()]
        lines += [json.dumps({"fetch": base64.b64encode(one).decode()}).encode() for one in pending]
        head = json.dumps(_HEAD | {"lines": len(lines)}).encode()
        replace_file(self._path, b"\n".join([head, *lines, b""]), durable=True)

    def _packed(self, name: str, state: FeedState) -> tuple[FeedState, bytes]:
        known = self._lines.get(name)
        if known is not None and known[0] is state:
            return known
        head = json.dumps({"feed": name})[:-1].encode()
        return state, head + b', "state": ' + state.to_bytes() + b"}"

    def _damaged(self, number: int) -> OutputError:
        return OutputError(
            f"{self._path} is damaged at line {number}, or not the state of a poller: put back a "
            "copy, or move it away to begin anew"
        )


def _take(kept: Kept, value: Any, first: bool) -> None:
    if first:
        if {name: value[name] for name in _HEAD} != _HEAD:
            raise ValueError("another file")
    elif "fetch" in value:
        kept.pending.append(base64.b64decode(value["fetch"]))
    else:
        kept.states[str(value["feed"])] = FeedState.from_bytes(json.dumps(value["state"]).encode())
