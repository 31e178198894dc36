"""The page behind an entry's link, when ``fetch`` went for it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Page:
    """A page that was fetched, or why the entry's own text has to do."""

    url: str  # that answered, after redirects and refreshes, secrets redacted; else the one asked
    html: str  # the whole page, decoded; "" when the entry's own text has to do
    canonical_link: str  # absolute http(s) link that the page itself declares; ""
    access_state: str  # unknown when there is html: its text decides; else paywall (HTTP 402 and
    # pages that ask to log in or to subscribe), consent_wall, blocked or feed_only
    outcome: str  # fetched, or why not: robots, bot_wall, http_404, deadline, ...; see PageGetter
    fetched_at: datetime  # UTC: when it came, or when it was given up
