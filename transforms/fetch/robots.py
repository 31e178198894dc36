"""What a site's robots.txt lets us fetch (RFC 9309)."""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from protego import Protego

from schemas.ids import is_web_url
from transforms._shared.rejects import RejectError
from transforms._shared.web.fetch import PRODUCT, Fetcher, FetchError
from transforms._shared.web.politeness import Politeness

MAX_ROBOTS_BYTES = 500 * 1024  # the RFC's least; what comes after is not read
_KEPT_SECONDS = 24 * 3600.0  # the RFC's most
_FAILURE_KEPT_SECONDS = 600.0
_MAX_ORIGINS = 2_000
_MAX_KEPT_CHARS = 16 * 1024 * 1024  # of all robots.txt together
_ACCEPT = "text/plain, */*;q=0.1"

_AGENT_LINE = re.compile(r"\s*(?:user-?agent|user\s+agent)\s*[:\s]\s*([^\s#]*)", re.IGNORECASE)
_OTHER_AGENT = "-"  # no crawler's token
# Failures that say nothing about robots.txt, but that the page would share.
_SAME_FOR_PAGE = ("private_address", "unsupported_scheme", "bad_url")


@dataclass(frozen=True)
class RobotsDecision:
    """Whether a page may be fetched, and why."""

    allowed: bool
    # rules or no_rules; when not allowed: robots (the rules say so), robots_unreachable, or why
    # nothing can be fetched there: private_address, unsupported_scheme, bad_url
    reason: str
    crawl_delay: float = 0.0  # seconds that the site wants between two requests


@dataclass(frozen=True)
class _Robots:
    """What one origin says."""

    reason: str
    rules: Protego | None = None
    size: int = 0  # characters
    expires: float = 0.0


@dataclass
class _Slot:
    """One origin's place; its lock keeps several threads from asking for the same file."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    robots: _Robots | None = None


class RobotsRules:
    """Ask each origin for its robots.txt once a day, and keep to it.

    - 2xx: the rules for ``newsevents``, else those for all crawlers.
    - 4xx, and more redirects than are followed: there are no rules, everything is allowed.
    - 5xx, 429, and no answer at all: nothing is allowed; asked again after ten minutes.

    May be used by several threads at once. What is kept is bounded; origins not asked for longest
    are forgotten.

    Args:
        fetcher: gets the files; follows redirects.
        politeness: gives each request its turn.
        clock: monotonic, in seconds.
        max_origins: kept at the same time.
        max_kept_chars: of all their rules together.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        politeness: Politeness,
        clock: Callable[[], float],
        max_origins: int = _MAX_ORIGINS,
        max_kept_chars: int = _MAX_KEPT_CHARS,
    ) -> None:
        self._fetcher = fetcher
        self._politeness = politeness
        self._clock = clock
        self._max_origins = max_origins
        self._max_kept_chars = max_kept_chars
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._chars = 0
        self._guard = threading.Lock()

    def decide(self, url: str) -> RobotsDecision:
        """Say whether ``url`` may be fetched; asks its origin when nothing is known of it.

        Raises:
            RejectError: of ``Politeness``, when there is no turn for the request.
        """
        origin = origin_of(url)
        if not origin:
            return RobotsDecision(False, "unsupported_scheme")
        return _decision(self._robots(origin), url)

    def _robots(self, origin: str) -> _Robots:
        with self._guard:
            slot = self._slots.setdefault(origin, _Slot())
            self._slots.move_to_end(origin)
        with slot.lock:
            known = slot.robots
            if known is None or known.expires <= self._clock():
                known = self._ask(origin)
                self._keep(origin, slot, known)
            return known

    def _keep(self, origin: str, slot: _Slot, robots: _Robots) -> None:
        with self._guard:
            if self._slots.get(origin) is not slot:
                return  # forgotten while it was asked for
            self._chars += robots.size - (slot.robots.size if slot.robots else 0)
            slot.robots = robots
            while len(self._slots) > self._max_origins or (
                self._chars > self._max_kept_chars and len(self._slots) > 1
            ):
                _, dropped = self._slots.popitem(last=False)
                self._chars -= dropped.robots.size if dropped.robots else 0
                dropped.robots = None

    def _ask(self, origin: str) -> _Robots:
        url = f"{origin}/robots.txt"
        with self._politeness.turn(url):
            reason, rules, size = self._fetch(url)
        kept = _KEPT_SECONDS if reason in ("rules", "no_rules") else _FAILURE_KEPT_SECONDS
        return _Robots(reason, rules, size, self._clock() + kept)

    def _fetch(self, url: str) -> tuple[str, Protego | None, int]:
        try:
            fetched = self._fetcher.fetch(url, accept=_ACCEPT)
        except RejectError as error:
            return _meaning(error), None, 0
        if fetched.status != 200:  # "not modified", although nothing was known
            return "robots_unreachable", None, 0
        text = _own_groups(fetched.content)
        return "rules", Protego.parse(text), len(text)


def origin_of(url: str) -> str:
    """Give scheme, host and port of an http(s) URL; "" for anything else."""
    if not is_web_url(url):
        return ""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def _decision(robots: _Robots, url: str) -> RobotsDecision:
    if robots.reason == "no_rules":
        return RobotsDecision(True, "no_rules")
    if robots.rules is None:
        return RobotsDecision(False, robots.reason)
    allowed = robots.rules.can_fetch(url, PRODUCT)
    return RobotsDecision(
        allowed, "rules" if allowed else "robots", robots.rules.crawl_delay(PRODUCT) or 0.0
    )


def _meaning(error: RejectError) -> str:
    """Say what a robots.txt that did not come means for the site's pages."""
    if error.reason == "too_many_redirects":
        return "no_rules"
    if error.reason in _SAME_FOR_PAGE:
        return error.reason
    status = error.status if isinstance(error, FetchError) else None
    if error.reason != "http_status" or status is None:
        return "robots_unreachable"
    # 429 is "not now", which is no permission.
    return "no_rules" if status < 500 and status != 429 else "robots_unreachable"


def _own_groups(content: bytes) -> str:
    """Give the text with all other crawlers' names made one.

    A file of many names and many rules would otherwise become every rule for every name; and the
    library takes a group for "news" as one for "newsevents".
    """
    text = content[:MAX_ROBOTS_BYTES].decode("utf-8-sig", "replace")
    lines = text.splitlines()
    if len(content) > MAX_ROBOTS_BYTES:
        lines = lines[:-1]  # cut in its middle, it could mean something else
    return "\n".join(map(_with_own_agent, lines))


def _with_own_agent(line: str) -> str:
    match = _AGENT_LINE.match(line)
    if match is None:
        return line
    token = match[1].partition("/")[0].lower().rstrip("*") or match[1][:1]
    return f"User-agent: {token if token in ('*', PRODUCT) else _OTHER_AGENT}"
