"""Stable identifiers: the same input gives the same id on every machine and in every run."""

import base64
import hashlib
from urllib.parse import urlsplit

ID_LENGTH = 26  # base32 characters: 130 bits of SHA-256


def _hash_id(kind: str, value: str) -> str:
    digest = hashlib.sha256(f"{kind}\x00{value}".encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest)[:ID_LENGTH].decode().lower()


def is_web_url(url: str) -> bool:
    """Say whether ``url`` is an absolute http(s) URL with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def article_id(canonical_url: str, text_hash: str) -> str:
    """Name an article by its canonical URL, or by its text when it has no web address."""
    if is_web_url(canonical_url):
        return _hash_id("url", canonical_url)
    return _hash_id("text", text_hash)


def event_id(seed_article_id: str, revision: int = 1) -> str:
    """Name an event by the article that opened it; never reused.

    A changed text can open an event of its own when the article's first event is long closed, so
    the revision counts too.
    """
    name = seed_article_id if revision == 1 else f"{seed_article_id}#{revision}"
    return _hash_id("event", name)


def change_id(event: str, change_type: str, at: str) -> str:
    """Name a change of an event so that a replay writes the same row."""
    return _hash_id("change", f"{event}\x00{change_type}\x00{at}")


def feed_id(address: str) -> str:
    """Name a feed by its address as listed, without the values of secrets."""
    return _hash_id("feed", address)


def alert_key(sink: str, alert_id: str, revision: int) -> str:
    """Name one revision of an alert for one sink: a repeat of it has the same name."""
    return _hash_id("alert", f"{sink}\x00{alert_id}\x00{revision}")
