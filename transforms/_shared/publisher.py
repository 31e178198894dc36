"""Who published an article: its host, and the family of addresses that stands for the publisher."""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote, urlsplit

import tldextract

from schemas.article import UNKNOWN_FAMILY
from schemas.ids import is_web_url
from transforms._shared.urls import to_punycode

# Hosts that lend sub-domains to publishers but do not declare it in the public suffix list.
_PLATFORMS = (
    "wordpress.com", "substack.com", "medium.com", "tumblr.com", "typepad.com", "livejournal.com",
    "over-blog.com", "ghost.io", "beehiiv.com", "weebly.com", "tistory.com", "buttondown.email",
)  # fmt: skip
# Hosts that lend the first part of the path, such as medium.com/@name.
_PATH_PLATFORMS = frozenset({"medium.com"})

# Publishers that answer under several registered domains; the key is how an address reads, the
# value the family's name. Only domains of one newsroom or one company's editions of it belong here.
_SAME_PUBLISHER = {
    "bbc.com": "bbc.co.uk",
    "bbci.co.uk": "bbc.co.uk",
    "guardian.co.uk": "theguardian.com",
    "theguardian.co.uk": "theguardian.com",
    "gu.com": "theguardian.com",
    "nyti.ms": "nytimes.com",
    "nyt.com": "nytimes.com",
    "wapo.st": "washingtonpost.com",
    "washpost.com": "washingtonpost.com",
    "reut.rs": "reuters.com",
    "reuters.co.uk": "reuters.com",
    "cnn.it": "cnn.com",
    "ap.org": "apnews.com",
    "bloom.bg": "bloomberg.com",
    "usat.ly": "usatoday.com",
    "n.pr": "npr.org",
    "abcn.ws": "abcnews.go.com",
    "abcnews.com": "abcnews.go.com",
    "nbcnews.to": "nbcnews.com",
    "cbsn.ws": "cbsnews.com",
    "fxn.ws": "foxnews.com",
    "aje.io": "aljazeera.com",
    "aljazeera.net": "aljazeera.com",
    "dailym.ai": "dailymail.co.uk",
    "thetimes.com": "thetimes.co.uk",
    "thesun.ie": "thesun.co.uk",
    "the-sun.com": "thesun.co.uk",
    "the-independent.com": "independent.co.uk",
    "spon.de": "spiegel.de",
    "sz.de": "sueddeutsche.de",
    "dw.de": "dw.com",
    "lemde.fr": "lemonde.fr",
    "elpais.es": "elpais.com",
}
# Hosts that only pass readers or items on: whom the item names as publisher counts instead.
_PASSERS_ON = frozenset(
    "feedproxy.google.com feeds.feedburner.com feedburner.com rss.feedsportal.com news.google.com"
    " t.co bit.ly tinyurl.com ow.ly buff.ly dlvr.it ift.tt goo.gl lnkd.in flip.it trib.al".split()
)
# Hosts where anybody has a mailbox: they name a letter's carrier, not its publisher.
_FREE_MAIL = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com aol.com"
    " icloud.com me.com mac.com proton.me protonmail.com gmx.de gmx.net gmx.com web.de t-online.de"
    " mail.com mail.ru yandex.ru zoho.com fastmail.com orange.fr free.fr laposte.net libero.it"
    " qq.com 163.com".split()
)
# Families under whose one address many write, or where items lead to others.
_OF_MANY = _FREE_MAIL | frozenset(
    "google.com github.com gitlab.com reddit.com youtube.com facebook.com instagram.com x.com"
    " twitter.com linkedin.com t.me telegra.ph vk.com rss.app feedburner.com feedspot.com"
    " feedly.com inoreader.com flipboard.com newsbreak.com apple.news smartnews.com".split()
)
# Hosts below one registered domain that are publishers of their own.
_OWN_HOSTS = frozenset({"abcnews.go.com", "espn.go.com"})

# Bundled snapshot only: no list is ever fetched, nothing is written to disk.
_suffixes = tldextract.TLDExtract(
    cache_dir=None,
    suffix_list_urls=(),
    include_psl_private_domains=True,
    extra_suffixes=_PLATFORMS,
)
_WORD = re.compile(r"\w+")
_ASCII_HOST = re.compile(r"[a-z0-9_.-]+")
_UNSEEN = "Cf"  # category of zero-width characters, marks of direction and soft hyphens


def domain_of(url: str) -> str:
    """Return the host of a web address in lower case without "www."; "" for anything else."""
    if not is_web_url(url):
        return ""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return host.removeprefix("www.") or host


def publisher_address(own_url: str, source_url: str, feed_url: str) -> str:
    """Pick the web address that tells the publisher; "" when none does.

    The article's own, else its source's home (unless anybody can write from there: a provider of
    mail or of blogs), else its feed's.
    """
    known = (own_url, "" if _is_anybodys(source_url) else source_url, feed_url)
    return next((url for url in known if domain_of(url)), "")


def _is_anybodys(home: str) -> bool:
    domain = domain_of(home)
    is_bare = bool(domain) and urlsplit(home).path in ("", "/")
    return domain in _FREE_MAIL or (is_bare and domain in _PLATFORMS)


@lru_cache(maxsize=65_536)
def publisher_family(domain: str, source_name: str, url: str = "") -> str:
    """Name the publisher, so that its feeds, editions and hosts count as one.

    The registered domain ("bbc.co.uk" for news.bbc.co.uk and bbc.com); on a shared platform the
    address lent to the publisher ("name.wordpress.com", "medium.com/@name"); without a domain, or
    with one that only passes items on, the source's name in lower case; else "unknown".

    A host counts as the same in Unicode, in punycode and percent-encoded, and is named in punycode.

    Args:
        domain: host without "www.", as from ``domain_of``; "" when there is none.
        source_name: whom the item names as its publisher.
        url: the article's address; only looked at where a platform lends parts of its path.
    """
    domain = _ascii_host(domain)
    if not domain or (domain in _PASSERS_ON and source_name):
        return _named(source_name)
    if domain in _OWN_HOSTS:
        return domain
    if domain in _PATH_PLATFORMS:
        return _lent_path(domain, url)
    try:
        registered = str(_suffixes.extract_str(domain).top_domain_under_public_suffix)
    except Exception:  # a third-party parser on a hostile host name
        registered = ""
    family = registered or domain
    return _SAME_PUBLISHER.get(domain) or _SAME_PUBLISHER.get(family, family)


def is_one_publisher(url: str, feed_url: str) -> bool:
    """Say whether an article's address is one of a feed's own publisher; in doubt, it is not."""
    family = _sole_family(url)
    return family != "" and family == _sole_family(feed_url)


def _sole_family(url: str) -> str:
    """Name the publisher family of an address; "" where many write, or items lead elsewhere."""
    domain = _ascii_host(domain_of(url))
    if not domain or domain in _PASSERS_ON:
        return ""
    family = publisher_family(domain, "", url)
    if family in _OF_MANY or family == UNKNOWN_FAMILY:
        return ""
    try:
        suffix = str(_suffixes.extract_str(family).suffix)
    except Exception:  # a third-party parser on a hostile host name
        return ""
    return family if family != suffix else ""  # the platform itself


def _ascii_host(domain: str) -> str:
    """Give a host in the one form that all ways to write it have; a broken one as it is."""
    plain = unicodedata.normalize("NFKC", unquote(domain))
    plain = "".join(one for one in plain if unicodedata.category(one) != _UNSEEN).lower()
    if not plain.isascii():
        plain = to_punycode(plain)
    plain = plain.strip(".")
    return plain.removeprefix("www.") if _ASCII_HOST.fullmatch(plain) else domain


def _named(source_name: str) -> str:
    if source_name.strip().lower() in _FREE_MAIL:  # of a sender without a name
        return UNKNOWN_FAMILY
    words = _WORD.findall(unicodedata.normalize("NFKC", source_name).casefold())
    return " ".join(words) or UNKNOWN_FAMILY


def _lent_path(domain: str, url: str) -> str:
    first = urlsplit(url).path.strip("/") if is_web_url(url) else ""
    first = first.lower().removeprefix("feed/").split("/", 1)[0]  # medium.com/feed/@name
    return f"{domain}/{first}" if first and first != "p" else domain
