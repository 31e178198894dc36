"""A labelled stream as it would have come: round by round, in order of time or shaken up."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from pipelines.labelled import read_lines
from schemas import Document
from transforms.read.files import file_uri
from transforms.read.poller import FeedHealth

ROUND = timedelta(hours=1)  # of the stream's own time
_UNDATED = datetime(1, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class MakeLabelledRounds:
    """Makes the rounds of a stream where they are used; ``seed`` decides how it is shaken.

    Args:
        path: JSON Lines.
        shuffle: each dated item comes up to this much later than it was published.
    """

    path: str
    shuffle: timedelta
    seed: int

    def __call__(self) -> "LabelledRounds":
        chooser = random.Random(self.seed)
        uri = file_uri(self.path)
        slices: dict[int, list[Document]] = {}
        for number, line in read_lines(self.path):
            at = _published(line)
            come = at if at == _UNDATED else at + chooser.random() * self.shuffle
            document = Document(
                key=f"{uri}#L{number}", url=uri, kind="json", input_kind="jsonl",
                content=line.strip().encode("utf-8", "surrogatepass"), charset="", received_at=at,
            )  # fmt: skip
            slices.setdefault((come - _UNDATED) // ROUND, []).append(document)
        return LabelledRounds([slices[place] for place in sorted(slices)])


@dataclass
class LabelledRounds:
    """Gives one slice of the stream as each round; stands where a poller would."""

    slices: list[list[Document]]
    unsettled: bool = False
    _next: int = field(default=0)

    def round(self) -> Iterator[Document]:
        """Give the next slice; nothing after the last."""
        documents = self.slices[self._next] if self._next < len(self.slices) else []
        self._next += 1
        yield from documents

    def health(self) -> list[FeedHealth]:
        """There are no feeds."""
        return []


def _published(line: str) -> datetime:
    try:
        record: Any = json.loads(line)
        at = datetime.fromisoformat(record["published"])
        return at.astimezone(timezone.utc) if at.tzinfo else at.replace(tzinfo=timezone.utc)
    except (ValueError, KeyError, TypeError, OverflowError):
        return _UNDATED
