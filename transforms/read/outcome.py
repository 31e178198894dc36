"""What became of asking for a feed, in one word."""

from transforms._shared.rejects import RejectError
from transforms._shared.web.fetch import FetchError

WALL, BLOCKED, HARD, SOFT, TEMP = "WALL", "BLOCKED", "HARD", "SOFT", "TEMP"

# How much a failure weighs; a feed that keeps failing is asked for less and less often.
WEIGHTS = {
    "HARD": 1.0, "NOT_A_FEED": 1.0, "SSRF_DENIED": 1.0, "TOO_BIG": 1.0, "WALL": 0.5,
    "BLOCKED": 0.5, "SOFT": 0.5, "TEMP": 0.25, "DEADLINE": 0.25,
}  # fmt: skip

_BY_REASON = {
    "private_address": "SSRF_DENIED",
    "deadline": "DEADLINE",
    "too_large": "TOO_BIG",
    "too_complex": "TOO_BIG",
    "unsupported_scheme": HARD,
    "bad_url": HARD,
    "not_a_file": HARD,
    "connection_failed": TEMP,
    "cut_short": TEMP,
    "not_asked": TEMP,
    "empty": "EMPTY",
    "empty_feed": "EMPTY",
    "not_a_feed": "NOT_A_FEED",
    "not_a_news_sitemap": "NOT_A_FEED",
    "unsupported": "NOT_A_FEED",
    "binary": "NOT_A_FEED",
    "bot_wall": WALL,
    "consent_wall": WALL,
    "login_wall": WALL,
}
_TEMPORARY = (408, 425, 429, 502, 503, 504)
_FORBIDDEN = (401, 402, 403, 407, 451)


def outcome_of(error: RejectError) -> str:
    """Say which of OUTCOMES a failure is: SOFT for what is neither known as worse nor as passing.

    A bot challenge is a WALL whatever status it comes with.
    """
    status = error.status if isinstance(error, FetchError) else None
    if error.reason != "http_status" or status is None:
        return outcome_of_reason(error.reason)
    if (
        isinstance(error, FetchError)
        and "challenge" in error.headers.get("cf-mitigated", "").lower()
    ):
        return WALL
    if status in _TEMPORARY:
        return TEMP
    if status in _FORBIDDEN:
        return BLOCKED
    return HARD if 400 <= status < 500 else SOFT


def outcome_of_reason(reason: str) -> str:
    """Say which of OUTCOMES a reason for refusing a whole feed is."""
    return _BY_REASON.get(reason, SOFT)
