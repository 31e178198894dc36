"""What does not become an article row, so that the counts add up."""

from dataclasses import dataclass
from datetime import datetime

MAX_PAYLOAD_BYTES = 65_536  # of a dead letter's payload; the SHA-256 is of the whole


@dataclass(frozen=True)
class Rejected:
    """An item that cannot be processed: one row of dead_letters."""

    stage: str  # read, parse, extract, ...
    key: str  # names the item; secrets redacted
    reason: str  # a stable snake_case code: empty, binary, too_large, not_a_feed, ...
    error: str  # one readable line: what is wrong and what to do
    payload: bytes  # at most MAX_PAYLOAD_BYTES
    payload_sha256: str  # hex, of the whole payload
    first_failed_at: datetime  # UTC: when the item was received, so that a rerun says the same
    replayable: bool  # trying again (other settings, newer version) may succeed


@dataclass(frozen=True)
class Repeat:
    """An entry that says nothing new: the very article was seen before."""

    key: str
    article_id: str
    reason: str  # same_guid, same_url, same_text
