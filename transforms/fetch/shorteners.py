"""Hosts whose links lead to an article that lies elsewhere."""

from urllib.parse import urlsplit

# What they show themselves is never an article: a link that still ends there was not resolved.
_SHORTENERS = frozenset(
    "bit.ly j.mp t.co tinyurl.com ow.ly buff.ly dlvr.it trib.al ift.tt goo.gl lnkd.in flip.it"
    " is.gd v.gd cutt.ly rebrand.ly shorturl.at t.ly rb.gy fb.me lnk.to feedproxy.google.com"
    " feeds.feedburner.com feedburner.com rss.feedsportal.com news.google.com".split()
)


def is_shortener(url: str) -> bool:
    """Say whether the host of ``url`` only passes readers on to another one's pages."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return host.removeprefix("www.") in _SHORTENERS
