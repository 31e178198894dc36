"""What a publisher did to an article after it appeared: corrected it, took it back, removed it."""

from dataclasses import dataclass
from datetime import datetime

CORRECTED, RETRACTED, GONE = "corrected", "retracted", "gone"
NOTICE_KINDS = (CORRECTED, RETRACTED, GONE)
MAX_EVIDENCE_CHARS = 300


@dataclass(frozen=True)
class Notice:
    """That an article was corrected or taken back: one row of article_notices.

    There is one for each article and kind: what says so again says nothing new.
    """

    article_id: str
    kind: str  # one of NOTICE_KINDS; gone: its page answers 404 or 410
    noticed_at: datetime  # UTC: the revision's time, the feed's word for it, or the fetch
    evidence: str  # one line, what said so; secrets redacted

    @property
    def counts_as(self) -> str:
        """Name the count of its event that it is part of: corrected or retracted."""
        return CORRECTED if self.kind == CORRECTED else RETRACTED


@dataclass(frozen=True)
class TakenBack:
    """An item that a feed says was deleted (at:deleted-entry); nobody knows yet which article."""

    key: str  # of the document, for messages
    ref: str  # the item's own id, as its publisher wrote it
    when: str  # as written; "" when not said
    feed_url: str  # the feed that says so, secrets redacted; see Entry.feed_url
    domains: tuple[str, ...]  # registered domains of the feed's items, the most frequent first
    received_at: datetime  # UTC, see Document.received_at
