"""Under which name an entry is known, before anything is compared."""

from urllib.parse import urlsplit

from schemas import Entry
from schemas.ids import is_web_url
from transforms._shared.urls import canonical_url, registered_domain
from transforms.identify.payload import text_hash


def own_url(entry: Entry) -> str:
    """Give the canonical http(s) URL that names this entry alone; "" when it has none.

    A link to the feed itself or to a site's home page is shared by all items of a feed, so it
    names none of them.
    """
    url = canonical_url(entry.url)
    if not is_web_url(url) or url == canonical_url(entry.feed_url):
        return ""
    parts = urlsplit(url)
    return url if parts.path != "/" or parts.query or parts.fragment else ""


def identity_key(entry: Entry) -> str:
    """Say in which bucket all entries meet that may be the same article.

    The registered domain of its own URL, so that a publisher's URLs and guids meet; else the
    first two hex digits of the text hash. An ASCII string of at most 253 characters.
    """
    url = own_url(entry)
    return identity_key_of(url, b"" if url else text_hash(entry))


def identity_key_of(url: str, text: bytes) -> str:
    """Name the bucket of an article by its own URL, or by its text hash when it has none."""
    return url_bucket(url) if url else text.hex()[:2]


def url_bucket(url: str) -> str:
    """Name the bucket of a canonical http(s) URL."""
    host = urlsplit(url).hostname or ""
    return (registered_domain(host) or host).encode("ascii", "replace").decode()[:253]
