"""What a feed's document held, for whoever decides when to ask for the feed again."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from schemas import Document, Dropped, Reading, TakenBack
from transforms._shared.rejects import RejectError
from transforms._shared.urls import canonical_url, registered_domain
from transforms.parse.found import Found, feed_address

_DOMAINS = 8  # of its items that are named beside each deleted one


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


def taken_back(document: Document, found: Found) -> Iterator[TakenBack]:
    """Give the items that a feed says were deleted, with where its other items live."""
    if not found.tombstones:
        return
    homes = Counter(registered_domain(_host(entry.url)) for entry in found.entries)
    domains = tuple(domain for domain, _ in homes.most_common() if domain)[:_DOMAINS]
    for ref, when in found.tombstones:
        yield TakenBack(
            document.key, ref, when, feed_address(document), domains, document.received_at
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def unread(document: Document, error: RejectError) -> Reading:
    """Say that nothing in the document could be used."""
    message = " ".join(error.message.split())[:1000]
    return Reading(document.feed_id, (), (), error.reason, message, None, 0)


def _mark(names: list[str]) -> bytes:
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).digest()[:8]
