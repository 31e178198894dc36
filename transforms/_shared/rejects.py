"""One way to turn a refused item into a dead letter."""

import hashlib
from datetime import datetime

from schemas import Rejected
from schemas.reject import MAX_PAYLOAD_BYTES


class RejectError(Exception):
    """This input can never become an article; ``reason`` is its stable code.

    The message is one line that says what is wrong and, where there is one, the fix.
    """

    def __init__(self, reason: str, message: str, *, replayable: bool = False) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message
        self.replayable = replayable

    def __str__(self) -> str:
        return self.message


def rejected(
    stage: str, key: str, error: RejectError, received_at: datetime, payload: bytes = b""
) -> Rejected:
    """Make the dead letter of ``error``; the payload is capped, its hash is of the whole."""
    return Rejected(
        stage=stage,
        key=key,
        reason=error.reason,
        error=" ".join(error.message.split())[:1000],
        payload=payload[:MAX_PAYLOAD_BYTES],
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        first_failed_at=received_at,
        replayable=error.replayable,
    )
