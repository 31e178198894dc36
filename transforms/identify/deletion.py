"""What is told of an article that its feed took back."""

from datetime import datetime, timedelta, timezone

from schemas import Notice, TakenBack
from schemas.notice import MAX_EVIDENCE_CHARS, RETRACTED
from transforms._shared.redact import redact_url

_LONGEST_AGO = timedelta(days=366)  # a time before that is a mistake, or makes partitions for fun


def deletion_notice(taken: TakenBack, article_id: str) -> Notice:
    """Make the notice of an article that a feed says was deleted."""
    ref = redact_url(taken.ref) if "/" in taken.ref else taken.ref
    evidence = f"at:deleted-entry ref={ref} of {taken.feed_url}"
    return Notice(article_id, RETRACTED, deleted_at(taken), evidence[:MAX_EVIDENCE_CHARS])


def deleted_at(taken: TakenBack) -> datetime:
    """Give the time that the feed names, if it can be true; else when the feed was received."""
    try:
        when = datetime.fromisoformat(taken.when)
        when = when.replace(tzinfo=when.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return taken.received_at
    earliest = taken.received_at - _LONGEST_AGO
    return when if earliest <= when <= taken.received_at else taken.received_at
