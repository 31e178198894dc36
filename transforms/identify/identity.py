"""Under which name an entry is known, before anything is compared."""

import re
from urllib.parse import urlsplit

from schemas import Entry, TakenBack
from schemas.ids import is_web_url
from transforms._shared.publisher import is_one_publisher
from transforms._shared.urls import canonical_url, registered_domain
from transforms.identify.payload import text_hash

_TAG = re.compile(r"tag:(?:[^@,:/]{1,64}@)?([A-Za-z0-9.\-]{1,253}),", re.IGNORECASE)  # RFC 4151


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
    return _bucket(urlsplit(url).hostname or "")


def taken_back_key(taken: TakenBack) -> str:
    """Say in which bucket the article would be that a feed takes back.

    Where its id names a site, as an address or a tag: there, if items of the feed or the feed live
    there too, or it has no items left. Else where most of its items live, else where it does.
    """
    feed = _bucket(_host(taken.feed_url))
    url, tag = canonical_url(taken.ref), _TAG.match(taken.ref)
    named = _bucket(_host(url) if is_web_url(url) else tag[1].lower() if tag else "")
    if named and (not taken.domains or named in (feed, *taken.domains)):
        return named
    return taken.domains[0] if taken.domains else feed


def own_site_url(taken: TakenBack) -> str:
    """Give the address a feed takes back, if it is one of the feed's own publisher; else ""."""
    url = canonical_url(taken.ref)
    return url if is_one_publisher(url, canonical_url(taken.feed_url)) else ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _bucket(host: str) -> str:
    return (registered_domain(host) or host).encode("ascii", "replace").decode()[:253]
