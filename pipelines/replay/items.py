"""What a dead letter holds, as an item to be processed again."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

from pipelines.replay.letters import Letter
from schemas import Document, Rejected
from transforms._shared.rejects import RejectError, rejected
from transforms.read.containers import Opened, documents, unwrap
from transforms.read.origin import Limits, Origin, Skipped


def items_of(
    letter: Letter, payload: bytes, limits: Limits
) -> Iterator[Document | Rejected | Skipped]:
    """Read again what a letter holds: a line of JSON Lines, or one whole document.

    Key, address and time are those of the letter. Never raises RejectError.
    """
    origin = Origin(key=letter.key, url=letter.source, received_at=letter.first_failed_at)
    if letter.key == letter.source:
        try:
            yield from documents(unwrap(BytesIO(payload), limits), origin, limits)
        except RejectError as error:
            yield rejected("read", origin.key, error, origin.received_at, payload)
        return
    line = Opened("jsonl", payload, True, BytesIO(payload))
    for item in documents(line, origin, limits):
        yield item if isinstance(item, Skipped) else replace(item, key=letter.key)
