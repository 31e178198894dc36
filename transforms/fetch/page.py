"""One page from the web, got politely, or the reason why there is none."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from schemas import Page
from transforms._shared.charset import decode
from transforms._shared.redact import redact_url
from transforms._shared.rejects import RejectError
from transforms._shared.web.fetch import PAGE_TYPES, ElsewhereError, Fetched, Fetcher, FetchError
from transforms._shared.web.politeness import Politeness
from transforms._shared.web.retry_after import retry_after_seconds
from transforms._shared.web.walls import visible_text, wall_of
from transforms.fetch.markup import Markup, read_markup
from transforms.fetch.repeats import text_hash
from transforms.fetch.robots import RobotsDecision, RobotsRules
from transforms.fetch.shorteners import is_shortener

MAX_PAGE_BYTES = 4 * 1024 * 1024  # the largest of 181 real article pages has 1.5 million
MIN_TEXT_CHARS = 100  # of all that is visible; less holds no story, nor a summary of one
_MAX_HOSTS = 6  # from one to the next by redirects
_MAX_REFRESHES = 2
_BACK_OFF_SECONDS = 600.0  # after "too many requests" that does not say for how long
_HEAD_CHARS = 4_096

_ACCESS_STATES = {
    "http_401": "blocked",
    "http_402": "paywall",
    "http_403": "blocked",
    "http_429": "blocked",
    "http_451": "blocked",
    "bot_wall": "blocked",
    "login_wall": "paywall",
    "consent_wall": "consent_wall",
    "repeated_text": "consent_wall",
}

_HTML_TYPES = ("text/html", "application/xhtml+xml")
_UNSURE_TYPES = (  # of servers that do not know what they send
    "", "application/octet-stream", "application/xml", "text/plain", "text/xml",
)  # fmt: skip
_OTHER_FILES = (  # whatever their type is said to be
    b"%PDF", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"PK\x03\x04", b"RIFF", b"\x1f\x8b", b"ID3",
)  # fmt: skip
_TAG = re.compile(r"<[a-zA-Z!]")
_HTML_TAG = re.compile(r"<(?:!doctype\s+html|html|head|body|meta|article)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Got:
    """What came of asking for one page, small enough to be held for a while."""

    page: Page  # without its html
    packed: bytes  # the html, compressed; b"" when there is none
    text_hash: bytes  # see ``repeats.text_hash``; b"" when there is no html

    def whole(self) -> Page:
        """Give the page with its html."""
        html = zlib.decompress(self.packed).decode() if self.packed else ""
        return replace(self.page, html=html)


class PageGetter:
    """Get pages as their sites allow it; a failure is an answer like any other.

    May be used by several threads at once. The outcome of a page is ``fetched`` or:

    - ``robots``, ``robots_unreachable``: robots.txt forbids it, or did not come
    - ``long_crawl_delay``, ``backing_off``, ``busy``: see ``Politeness.turn``
    - ``http_<status>``, or what ``HttpFetcher`` says of a request that failed
    - ``bot_wall``, ``consent_wall``, ``login_wall``: see ``wall_of``
    - ``not_html``, ``too_large``, ``undecodable``, ``too_small`` (hardly any visible text)
    - ``refresh_loop``, ``too_many_refreshes``, ``unresolved`` (a short link that leads nowhere),
      ``front_page`` (where sites lead when a page is gone)
    - ``failed``: something nobody thought of

    Args:
        fetcher: sends the requests; has to keep away from private addresses.
        robots: what sites allow.
        politeness: gives each request its turn.
        now: the current time in UTC.
        max_page_bytes: of one page.
        max_wait_seconds: for the turn of one request.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        robots: RobotsRules,
        politeness: Politeness,
        now: Callable[[], datetime],
        max_page_bytes: int = MAX_PAGE_BYTES,
        max_wait_seconds: float = 60.0,
    ) -> None:
        self._fetcher = fetcher
        self._robots = robots
        self._politeness = politeness
        self._now = now
        self._max_page_bytes = max_page_bytes
        self._max_wait_seconds = max_wait_seconds

    def get(self, url: str) -> Got:
        """Get the page at ``url``, following redirects and refreshes; never raises."""
        try:
            return self._follow(url)
        except RejectError as error:
            outcome = error.reason
        except Exception:  # one hostile page must not take the others with it
            outcome = "failed"
        return self.left_out(url, outcome)

    def left_out(self, url: str, outcome: str) -> Got:
        """Give what stands for a page that was not got, for the reason ``outcome``."""
        access_state = _ACCESS_STATES.get(outcome, "feed_only")
        return Got(Page(redact_url(url), "", "", access_state, outcome, self._now()), b"", b"")

    def _follow(self, url: str) -> Got:
        visited: set[str] = set()
        for _ in range(_MAX_REFRESHES + 1):
            visited.add(url)
            fetched = self._ask(url)
            visited.add(fetched.url)
            html, markup = self._read(fetched)
            if not markup.refresh_url:
                return self._got(fetched.url, html, markup)
            url = markup.refresh_url
            if url in visited:
                raise RejectError("refresh_loop", "the page sends its readers back to itself")
        raise RejectError("too_many_refreshes", "the page sends its readers on and on")

    def _ask(self, url: str) -> Fetched:
        """Ask for a page; each host on the way is asked as its own robots.txt and pace allow."""
        for _ in range(_MAX_HOSTS):
            decision = self._allowed(url)
            with self._politeness.turn(url, decision.crawl_delay, self._max_wait_seconds):
                try:
                    fetched = self._fetcher.fetch(url, accept=PAGE_TYPES, follow_elsewhere=False)
                except ElsewhereError as error:
                    url = error.location
                    continue
                except FetchError as error:
                    raise self._understood(url, error) from error
            self._allowed(fetched.url)  # a redirect must not lead around it
            return fetched
        raise RejectError("too_many_redirects", "it redirects from host to host")

    def _allowed(self, url: str) -> RobotsDecision:
        decision = self._robots.decide(url)
        if not decision.allowed:
            raise RejectError(decision.reason, "its robots.txt does not allow to fetch it")
        return decision

    def _understood(self, url: str, error: FetchError) -> RejectError:
        """Name what a failed request means, and leave its site alone when that was asked."""
        if error.reason != "http_status" or error.status is None:
            return error
        asked = retry_after_seconds(error.headers.get("retry-after", ""), self._now())
        if error.status == 429 or (error.status == 503 and asked is not None):
            self._politeness.back_off(url, _BACK_OFF_SECONDS if asked is None else asked)
        wall = wall_of("", error.headers)
        return RejectError(wall or f"http_{error.status}", error.message)

    def _read(self, fetched: Fetched) -> tuple[str, Markup]:
        if fetched.status != 200:
            raise RejectError(f"http_{fetched.status}", "there is no new page")
        if len(fetched.content) > self._max_page_bytes:
            raise RejectError("too_large", f"it has {len(fetched.content):,} bytes")
        html = _html_of(fetched)
        wall = wall_of(html, fetched.headers, fetched.url)
        if wall:
            raise RejectError(wall, "it stands in front of the page")
        return html, read_markup(html, fetched.url, noscript=is_shortener(fetched.url))

    def _got(self, url: str, html: str, markup: Markup) -> Got:
        if is_shortener(url):
            raise RejectError("unresolved", "the short link does not lead to a page")
        parts = urlsplit(url)
        if parts.path in ("", "/") and not parts.query:
            raise RejectError("front_page", "it leads to the site's front page, as if it were gone")
        text = visible_text(html)
        # What scripts would show may still be there as data.
        if len(text) < MIN_TEXT_CHARS and '"articleBody"' not in html:
            raise RejectError("too_small", f"it shows {len(text)} characters")
        page = Page(
            redact_url(url), "", redact_url(markup.canonical_link), "unknown", "fetched",
            self._now(),
        )  # fmt: skip
        return Got(page, zlib.compress(html.encode(), 1), text_hash(text))


def _html_of(fetched: Fetched) -> str:
    """Decode a page.

    Raises:
        RejectError: ``not_html``, ``undecodable``, ``too_small`` when it is empty.
    """
    kind = fetched.content_type.partition(";")[0].strip().lower()
    head = fetched.content[:_HEAD_CHARS].lstrip()
    if kind not in (*_HTML_TYPES, *_UNSURE_TYPES) or head.startswith(_OTHER_FILES):
        raise RejectError("not_html", f"it is {kind or 'some other file'}")
    html = decode(fetched.content, fetched.charset)
    if not html.strip():
        raise RejectError("too_small", "it is empty")
    expected = _TAG if kind in _HTML_TYPES else _HTML_TAG
    if not expected.search(html, 0, _HEAD_CHARS):
        raise RejectError("not_html", "there is no markup in it")
    return html
