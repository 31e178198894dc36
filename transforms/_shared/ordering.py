"""The order in which articles are decided on in a bounded run, and which partition keeps one."""

from datetime import datetime, timezone
from hashlib import blake2b

from schemas import Article

ONE_PARTITION = "0"  # key of the only partition
_NO_TIME = datetime(1970, 1, 1, tzinfo=timezone.utc)


def decision_order(article: Article) -> tuple[bool, datetime, str, int]:
    """Sort key: undated articles first, by id; the rest by event time; ids break ties.

    An undated article may belong to any day, so it must be there before the window moves on;
    dated ones then join it or stay apart on their merits. The time of its file decides nothing: it
    differs from checkout to checkout.
    """
    at = article.event_time if article.time_known else _NO_TIME
    return (article.time_known, at, article.article_id, article.revision)


def home_partition(article_id: str, partitions: int) -> int:
    """Name the partition, from 0 on, that keeps every revision of an article."""
    digest = blake2b(article_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % partitions
