"""Which entries are worth a request to their publisher."""

import re
from urllib.parse import urlsplit

from schemas import Entry, Identified
from schemas.ids import is_web_url
from transforms._shared.urls import canonical_url

# A full story has 2,000 characters or more, most summaries a tenth of that. What is shorter may be
# whole or cut, and only its page can tell.
FULL_TEXT_CHARS = 2_000
_FEED_KINDS = ("rss", "atom", "json_feed", "news_sitemap")
_MAX_LOOK_CHARS = 200_000
_END_CHARS = 120
_TAG = re.compile(r"<[^<>]*>")
_CUT_OFF = re.compile(  # at the end of a text that goes on elsewhere
    r"(?:…|\.\.\.|\[…\]|\[\.\.\.\]|&hellip;|&#8230;"
    r"|(?:read|see) (?:more|on|the (?:full|whole) (?:story|article))|continue reading.{0,60}"
    r"|full (?:story|article)|weiterlesen|mehr lesen|lire la suite|en savoir plus|leer más"
    r"|seguir leyendo|leia mais|continua a leggere|leggi tutto|lees (?:meer|verder)|czytaj dalej"
    r"|читать далее)\W{0,20}$",
    re.IGNORECASE,
)
_NO_PAGE = re.compile(
    r"\.(?:pdf|jpe?g|png|gif|webp|svg|mp3|m4a|aac|ogg|wav|mp4|m4v|mov|avi|webm|zip|gz|docx?|xlsx?"
    r"|pptx?|epub|ics)",
    re.IGNORECASE,
)


def why_not(identified: Identified) -> str:
    """Say why an entry's page is not asked for; "" when it is.

    - ``not_of_a_feed``: a file, a mail, a page or a record, which is read as it was given; also
      what lies in a WARC file, whose web is another day's.
    - ``no_own_page``: its link is none, or leads to the feed itself or to a site's front page.
    - ``no_html``: its link names a file of another kind.
    - ``full_text``: the feed gives the whole story; asking would only burden the publisher.
    """
    entry = identified.entry
    if entry.input_kind not in _FEED_KINDS:
        return "not_of_a_feed"
    if not _has_own_page(entry):
        return "no_own_page"
    last = urlsplit(entry.url).path.rpartition("/")[2]
    if _NO_PAGE.fullmatch(last[last.rfind(".") :] if "." in last else ""):
        return "no_html"
    return "full_text" if has_full_text(entry) else ""


def has_full_text(entry: Entry) -> bool:
    """Say whether the entry's own content is a whole story: long, and not broken off."""
    if entry.content_type == "page":
        return True
    text = " ".join(_TAG.sub(" ", entry.content[:_MAX_LOOK_CHARS]).split())
    if len(text) < FULL_TEXT_CHARS:
        return False
    return _CUT_OFF.search(text[-_END_CHARS:]) is None


def _has_own_page(entry: Entry) -> bool:
    if not is_web_url(entry.url):
        return False
    url = canonical_url(entry.url)
    if entry.feed_url and (
        url == canonical_url(entry.feed_url) or entry.url.startswith(f"{entry.feed_url}#")
    ):
        return False
    parts = urlsplit(url)
    return parts.path != "/" or bool(parts.query) or bool(parts.fragment)
