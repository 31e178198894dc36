"""Publication dates written into an article's own text or address.

A date in running prose says when something happened, not when the article appeared. So a date
counts only near the top, and only on a line of its own, or at the beginning of a line before a
byline or a dash, or after a byline, a "Published" mark or a dateline's place.
"""

import re
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

from transforms.normalise.date_grammar import WRITTEN_DATE, WrittenDate, read_match

MAX_LINES = 6  # non-empty lines looked at
MAX_CHARS = 600  # how far from the top a line may begin
_EARLIEST = datetime(1990, 1, 1, tzinfo=timezone.utc)  # an older date is history, not a dateline
_MAX_AHEAD = timedelta(minutes=15)

_MARK = (
    r"(?:(?:first\s+|originally\s+|last\s+)?(?:published|posted|submitted|written|filed|created"
    r"|issued|released|date|dated|veröffentlicht|erschienen|stand|publié|publicado|pubblicato"
    r"|publicada|gepubliceerd|data|fecha|datum)(?:\s+(?:on|at|am|le|el|il|em|op))?\s*[:\-–—|]?\s*)"
)
_NAME = r"[^\d\n.!?:]{2,60}?"
_BYLINE = (
    rf"(?:(?:{_MARK[:-1]})?)?(?:by|von|par|por|di|door)\s+{_NAME}"
    r"(?:\s*[,|·•/–—\-]\s*|\s+)(?:(?:on|am|le|el|il|em|op|published|posted)\s*:?\s+)?)"
)
_PLACE = (  # LONDON,  BEIRUT, Lebanon,  NEW YORK (Reuters) -  or, before a comma, London,
    r"(?:(?:(?-i:[A-ZÀ-ÞŠŽ][A-ZÀ-ÞŠŽ .'’\-]{1,40})"
    r"(?:,\s?(?-i:[A-ZÀ-Þ])[\w.'’ ]{1,30})?\s?(?:\([\w /.]{2,30}\))?\s*[,(–—\-]?\s*)"
    r"|(?:(?-i:[A-ZÀ-ÞŠŽ])[\w'’\-]{1,24}\s?){1,3},\s*)"
    r"(?:le\s+|den\s+)?"
)
_AFTER = r"(?=\s*$|\s*[–—|•·:)(]|\s+-\s|\s*[-/]{1,2}\s|\s+(?:by|von|par|por|di|door)\s)"
_AFTER_PLACE = r"(?=\s*(?:[(/][\w /.]{2,30}[)/])?\s*(?:[–—:)]|-{1,2}(?:\s|$)))"
_OPTIONS = re.IGNORECASE | re.VERBOSE


def _verbose(plain: str) -> str:
    """Let a pattern that means its blanks stand inside a verbose one."""
    return plain.replace(" ", r"\x20").replace("#", r"\#")


_AT_START = re.compile(
    rf"[\[(]?(?:{_verbose(_MARK)}|{_verbose(_BYLINE)})?{WRITTEN_DATE}[\])]?{_verbose(_AFTER)}",
    _OPTIONS,
)
_DATELINE = re.compile(f"{_verbose(_PLACE)}{WRITTEN_DATE}{_verbose(_AFTER_PLACE)}", _OPTIONS)
_UPDATED = re.compile(
    r"(?:last\s+)?(?:updated|modified|edited|aktualisiert|mis à jour|actualizado|aggiornato)\b",
    re.IGNORECASE,
)

_SHORT_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_IN_PATH = re.compile(
    r"(?<![\dA-Za-z])((?:19|20)\d{2})([/-])(0?[1-9]|1[0-2]|" + "|".join(_SHORT_MONTHS) + r")\2"
    r"(0?[1-9]|[12]\d|3[01])(?![\dA-Za-z])",
    re.IGNORECASE,
)


def find_text_date(body: str, received_at: datetime) -> WrittenDate | None:
    """Find the date an article gives itself at its top; None when there is none beyond doubt.

    Args:
        body: the article's own text; text quoted from others must not be in it.
        received_at: dates after it belong to the story ("... will open on 3 May 2031").
    """
    at = 0
    lines = 0
    for line in body[: MAX_CHARS * 4].split("\n"):
        if at > MAX_CHARS or lines >= MAX_LINES:
            break
        if line.strip():
            lines += 1
            found = _date_of_line(line.strip()[:300])
            if found and _EARLIEST <= found.at <= received_at + _MAX_AHEAD:
                return found
        at += len(line) + 1
    return None


def _date_of_line(line: str) -> WrittenDate | None:
    if _UPDATED.match(line):
        return None
    match = _AT_START.match(line) or _DATELINE.match(line)
    try:
        return read_match(match) if match else None
    except (ValueError, OverflowError):
        return None


def find_url_date(url: str, received_at: datetime) -> datetime | None:
    """Find the day in the path of a web address (``/2014/06/12/``, ``/2014/jun/12/``), in UTC."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    for year, _, month, day in _IN_PATH.findall(parts.path):
        number = int(month) if month.isdigit() else _SHORT_MONTHS.index(month.lower()) + 1
        try:
            found = datetime(int(year), number, int(day), tzinfo=timezone.utc)
        except ValueError:
            continue
        if _EARLIEST <= found <= received_at + _MAX_AHEAD:
            return found
    return None
