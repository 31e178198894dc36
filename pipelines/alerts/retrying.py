"""When an alert is sent again, and when it is given up."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from transforms._shared.web.fetch import FetchError
from transforms._shared.web.retry_after import retry_after_seconds

_MOST_ASKED_SECONDS = 6 * 3600.0  # a receiver that names a later time is tried then


@dataclass(frozen=True)
class Retries:
    """How patient to be. As it stands, an alert is given up after about a day."""

    first_seconds: float = 2.0
    most_seconds: float = 1800.0
    attempts: int = 60
    failures: int = 5  # alerts given up in a row, after which a sink is left alone

    def pause(self, key: str, attempt: int, asked: float | None = None) -> float:
        """Say how long to wait after an attempt failed: twice as long each time.

        Between half of that and all of it, as the key and the number of the attempt decide, so
        that a receiver that comes back is not met by all at once.

        Args:
            key: of the alert.
            attempt: 1 for the first.
            asked: seconds that the receiver asked for.
        """
        whole = min(self.most_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 40))
        digest = hashlib.sha256(f"{key}#{attempt}".encode()).digest()
        share = int.from_bytes(digest[:4], "big") / 2**32
        pause = whole * (0.5 + 0.5 * share)
        return max(pause, min(asked, _MOST_ASKED_SECONDS)) if asked is not None else pause


def asked_pause(error: FetchError, now: datetime) -> float | None:
    """Read how long the receiver asked to be left alone; None when it did not."""
    value = error.headers.get("retry-after", "")
    return retry_after_seconds(value, now) if value else None


def reason_of(error: FetchError) -> str:
    """Give the stable code of a failure: ``http_503``, ``deadline``, ``private_address``, …"""
    return f"http_{error.status}" if error.reason == "http_status" else error.reason
