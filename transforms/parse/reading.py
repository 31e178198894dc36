"""What a feed's document held, for whoever decides when to ask for the feed again."""

import hashlib
from collections import Counter

from schemas import Document, Dropped, Reading
from transforms._shared.rejects import RejectError
from transforms._shared.urls import canonical_url
from transforms.parse.found import Found


def read(document: Document, found: Found) -> Reading:
    """Sum up what was found.

    An item is told by its address, which stays when a feed gives it another guid, or other words;
    items of one address by what else they say of themselves.
    """
    addresses = [canonical_url(entry.url) for entry in found.entries]
    times = Counter(addresses)
    dropped: Counter[str] = Counter()
    for loss in found.losses:
        dropped[loss.error.reason] += loss.count
    return Reading(
        feed_id=document.feed_id,
        items=tuple(
            _mark([address] if times[address] == 1 else [address, entry.guid, entry.title])
            for address, entry in zip(addresses, found.entries)
        ),
        dropped=tuple(Dropped(reason, count) for reason, count in sorted(dropped.items())),
        refused="",
        error="",
        update_seconds=found.update_seconds,
        deleted=found.deleted,
    )


def unread(document: Document, error: RejectError) -> Reading:
    """Say that nothing in the document could be used."""
    message = " ".join(error.message.split())[:1000]
    return Reading(document.feed_id, (), (), error.reason, message, None, 0)


def _mark(names: list[str]) -> bytes:
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).digest()[:8]
