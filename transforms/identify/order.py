"""The order in which a bounded run takes entries that may be the same article."""

from datetime import datetime, timezone
from typing import Any

from schemas import Entry, TakenBack


def reading_order(entry: Entry) -> tuple[Any, ...]:
    """Sort key: publication time where the entry says one, else the time it was received.

    Two texts of one article then become revisions in the order they were published, whatever the
    modification times of the files they came in. All that decides is part of the key, so that
    no two different entries can swap places.
    """
    return (
        _published(entry) or entry.received_at, entry.received_at, entry.key, entry.url,
        entry.guid, entry.title, entry.content, entry.summary,
    )  # fmt: skip


def deletion_order(taken: TakenBack) -> tuple[Any, ...]:
    """Sort key of what feeds say was deleted: as it was received, all that decides included."""
    return taken.received_at, taken.feed_url, taken.ref, taken.when, taken.key, taken.domains


def _published(entry: Entry) -> datetime | None:
    try:
        at = datetime.fromisoformat(entry.published)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)
