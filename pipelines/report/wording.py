"""Hostile text made safe to show, and codes put into words."""

import re
import unicodedata
from datetime import datetime
from urllib.parse import unquote

from pipelines.report.view import ArticleView, EventView
from schemas import BreakingReason
from schemas.ids import is_web_url
from transforms.score.terms import REQUIRED, THRESHOLDS

# Invisible characters that reorder or hide what follows; joiners stay, scripts need them.
_HIDDEN = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
_STACKED = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
_MARKS = re.compile(f"({_STACKED}{{3}}){_STACKED}+")
_ID = re.compile(r"\b([a-z2-7]{26})\b")  # see schemas.ids

STATES = {
    "breaking": "Breaking",
    "developing": "Developing",
    "candidate": "Candidate",
    "fading": "Fading",
    "over": "Broke",
    "none": "Quiet",
}
_STATE_MEANING = {
    "breaking": "Breaking: many publishers took this up within a short time.",
    "developing": "Developing: it broke a while ago and reports keep coming in.",
    "candidate": "Candidate: some signs of breaking news, but not enough of them yet.",
    "fading": "Fading: it broke earlier and few new reports come in.",
    "over": "Over: it broke once, and the reports have ended.",
    "none": "Quiet: nothing about the pace of reports stands out.",
}
_DATE_SOURCES = {
    "feed": "the feed",
    "sitemap": "the news sitemap",
    "html_meta": "the page's metadata",
    "json_ld": "the page's structured data",
    "json": "the JSON record",
    "eml": "the e-mail header",
    "warc": "the web archive record",
    "url": "the address",
    "text": "the text itself",
    "file_mtime": "the file's modification time",
}
_DATE_PRECISION = {"day": "day only", "minute": "to the minute"}  # the second is the usual case
_DATE_FLAGS = {
    "future": "lies in the future, so it was not used",
    "too_old": "too old to be believed, so it was not used",
    "tz_unknown": "time zone unknown, read as UTC",
    "missing": "no date given",
    "unparsable": "date not understood",
}
_DUP_KINDS = {
    "exact_text": "Same text as",
    "near_verbatim": "Nearly word for word the same as",
    "contained": "Its whole text is found in",
}
_ROLES = {"seed": "opened the event", "update": "update"}
_ACCESS = {
    "paywall": "behind a paywall",
    "consent_wall": "behind a consent wall",
    "feed_only": "text from the feed only",
}
_CHANGES = {
    "created": "opened",
    "breaking": "broke",
    "merged": "merged with another event",
    "closed": "closed",
    "corrected": "an article was corrected",
    "retracted": "an article was taken back",
}
_NOTICES = {"corrected": "corrected", "retracted": "taken back", "gone": "page is gone"}
# What each term of the breaking score measures; a term we do not know is shown by its code.
_REASONS = {
    "independent_families_6h": "publishers with a text of their own within six hours",
    "families_60m": "publishers within 60 minutes",
    "articles_60m": "articles within 60 minutes",
    "age_hours": "hours since two publishers told of it",
    "novelty": "difference of these texts from all other events, 0 to 1",
    "spread_hours": "hours over which these came",
    "surprise": "how far they are above what these publishers usually write",
    "acceleration": "own texts of the last hour against the five hours before",
    "source_entropy": "evenness of the articles over publishers, 0 to 1",
    "own_text_share": "share of the articles that are no copies",
    "known_publishers": "share of the publishers known for a day or more",
}


def clean_line(text: object, max_chars: int = 300) -> str:
    """Make one line of printable text: no control, reordering or stacked characters.

    Longer text is cut and ends in an ellipsis.
    """
    raw = str(text)[: max_chars * 8]
    if not raw.isprintable():  # printable text holds none of these but spaces
        raw = "".join(
            " " if unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") else char
            for char in _HIDDEN.sub("", raw)
        )
    line = " ".join(raw.split() if raw.isascii() else _MARKS.sub(r"\1", raw).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def web_link(url: str) -> str:
    """Give ``url`` back when it is safe to click: http or https, no trick characters; else ""."""
    safe = len(url) <= 2000 and is_web_url(url) and not re.search(r"[\s\x00-\x20\x7f\\]", url)
    return url if safe and clean_line(url, 2000) == url else ""


def publisher(article: ArticleView) -> str:
    """Name an article's publisher; for a file of unknown origin, the file."""
    if article.publisher != "unknown":
        return clean_line(article.publisher, 60)
    is_file = article.url.lower().startswith("file:")
    name = unquote(article.url.rpartition("/")[2]) if is_file else ""
    return clean_line(name, 60) or "unknown publisher"


def utc(at: datetime | None) -> str:
    """Write a time for people, in UTC; "–" when there is none."""
    return f"{at.day} {at:%b} {at.year}, {at:%H:%M}" if at else "–"


def article_time(article: ArticleView) -> str:
    """Write an article's time, without the hour when its publisher gave only a day."""
    at = article.event_time
    if at and article.published_at_precision == "day" and at == article.published_at:
        return f"{at.day} {at:%b} {at.year}"
    return utc(at)


def utc_after(at: datetime, start: datetime) -> str:
    """Write a later time without what it shares with ``start``."""
    if at.date() == start.date():
        return f"{at:%H:%M}"
    return f"{at.day} {at:%b}, {at:%H:%M}" if at.year == start.year else utc(at)


def iso(at: datetime | None) -> str:
    """Write a time for machines."""
    return f"{at.replace(tzinfo=None).isoformat(timespec='seconds')}Z" if at else ""


def state_of(event: EventView) -> str:
    """Name the state of an event in one word."""
    return STATES.get(event.state) or clean_line(event.state, 20)


def state_meaning(event: EventView) -> str:
    """Say in a sentence what the state of an event means."""
    return _STATE_MEANING.get(event.state, f"State: {state_of(event)}.")


def date_note(article: ArticleView) -> str:
    """Say where an article's date comes from and how far it can be trusted."""
    flag = _DATE_FLAGS.get(article.published_at_flag, "")
    if article.published_at is None:
        return f"{flag or 'no usable date'}; time of arrival shown"
    source = _DATE_SOURCES.get(article.published_at_source, "")
    precision = _DATE_PRECISION.get(article.published_at_precision, "")
    parts = [precision, f"from {source}" if source else "", flag]
    if article.event_time is not None and article.published_at != article.event_time:
        parts.append(f"says {utc(article.published_at)}; time of arrival shown")
    return ", ".join(part for part in parts if part)


def duplicate_kind(kind: str) -> str:
    return _DUP_KINDS.get(kind) or clean_line(kind.replace("_", " "), 40)


def role_note(role: str) -> str:
    return _ROLES.get(role, "")


def access_note(state: str) -> str:
    return _ACCESS.get(state, "")


def notice_note(kinds: str) -> str:
    """Say what was noted of an article; "" when nothing was."""
    return ", ".join(_NOTICES.get(kind) or clean_line(kind, 40) for kind in kinds.split()[:6])


def event_notices(event: EventView) -> str:
    """Say how many articles of an event were corrected or taken back; "" when none was."""
    counts = ((event.correction_count, "corrected"), (event.retraction_count, "taken back"))
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)


def change_note(kind: str) -> str:
    return _CHANGES.get(kind) or clean_line(kind, 40)


def number(value: float | None) -> str:
    """Write a number with no more digits than it needs."""
    if value is None or value != value:
        return "–"
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def reason_term(code: str) -> str:
    """Say what a term of the breaking score measures."""
    return _REASONS.get(code) or clean_line(code.replace("_", " "), 60)


def reason_sentence(reason: BreakingReason) -> str:
    """Put one term of the breaking score into words."""
    subject = reason_term(reason.code)
    bound = "at most" if is_ceiling(reason) else "at least"
    if reason.code in THRESHOLDS and reason.code not in REQUIRED:
        verdict = f"speaks {'for' if reason.passed else 'against'} it, good is"
    elif is_ceiling(reason):
        verdict = f"{'low enough' if reason.passed else 'too high'}, needs"
    else:
        verdict = f"{'enough' if reason.passed else 'not enough'}, needs"
    return (
        f"{subject[:1].upper()}{subject[1:]}: {number(reason.value)} – {verdict} {bound} "
        f"{number(reason.threshold)}."
    )


def is_ceiling(reason: BreakingReason) -> bool:
    """Say whether the value had to stay below the threshold rather than reach it."""
    return reason.passed != (reason.value >= reason.threshold)


def pieces(text: str) -> list[tuple[str, bool]]:
    """Split evidence into plain text and the ids in it; True marks an id."""
    return [(part, n % 2 == 1) for n, part in enumerate(_ID.split(text)) if part]
