"""Written dates as ISO 8601, no more precise than they were written."""

import math
import re
from datetime import datetime, timedelta, timezone
from time import struct_time

MAX_DATE_CHARS = 100

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ]+(\d\d):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?"
    r"\s{0,3}(Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d)?)?",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d{1,2}:\d\d(:\d\d)?(?:[.,]\d+)?|\d{8}T\d{4}(\d\d)?", re.IGNORECASE)
_HALF_DAY = re.compile(r"\d\s{0,2}[ap]\.?m\b", re.IGNORECASE)
_OFFSET = re.compile(r"(?:etc/)?(?:gmt|utc)?\s{0,2}[+-]\d{1,2}:?(?:\d\d)?(?!\d)|z\b", re.IGNORECASE)
_ZONE_NAME = re.compile(r"[a-z]{2,5}\b", re.IGNORECASE)
_HANGUL = re.compile("[\uac00-\ud7a3]")

# Zones that feedparser knows, so that its result is right.
_KNOWN_ZONES = frozenset(
    "ut utc gmt adt ast at edt est et cdt cst ct mdt mst mt pdt pst pt met mest".split()
)
# Zones in use on news sites that feedparser silently takes for UTC: hours to take away.
# Names that mean several zones (BST, IST) are left out: such a date has no zone.
_OTHER_ZONES = {
    "cet": 1, "cest": 2, "eet": 2, "eest": 3, "wet": 0, "west": 1, "msk": 3, "sast": 2, "jst": 9,
    "kst": 9, "hkt": 8, "sgt": 8, "wib": 7, "aest": 10, "aedt": 11, "awst": 8, "nzst": 12,
    "nzdt": 13, "akst": -9, "akdt": -8, "hst": -10, "brt": -3, "art": -3,
}  # fmt: skip


def feed_date(written: str, parsed: struct_time | None) -> str:
    """Express a feed's date in ISO 8601, in UTC when it names its zone.

    Args:
        written: the text of the date element.
        parsed: what feedparser made of it.

    Returns:
        ``2026-03-01T10:00:00+00:00``; without the offset when no (known) zone was written,
        without seconds when none were, only ``2026-03-01`` when there was no time of day.
        What cannot be read with certainty comes back as written.
    """
    written = " ".join(written.split())[:MAX_DATE_CHARS]
    iso = _ISO.fullmatch(written)
    if iso:
        return _from_iso(iso) or written
    if not parsed or not _trustworthy(written, parsed):
        return written
    try:
        stamp = datetime(*parsed[:6])
    except ValueError:
        return written
    time = _TIME.search(written)
    if not time:
        return stamp.date().isoformat()
    seconds = bool(time[1] or time[2])
    offset = _zone_offset(written[time.end() :])
    if offset is None and not _HANGUL.search(written):  # feedparser reads those as Korean time
        return _stamp(stamp, seconds)
    try:
        return _stamp((stamp - (offset or timedelta())).replace(tzinfo=timezone.utc), seconds)
    except OverflowError:  # on the first or the last day there is
        return written


def epoch_date(number: float) -> str:
    """Express a number as ISO 8601: seconds or milliseconds since 1970, or YYYYMMDD.

    Returns "" for a number that is none of these.
    """
    if isinstance(number, bool) or not math.isfinite(number):
        return ""
    if number == int(number) and 19_000_101 <= number <= 21_001_231:
        text = str(int(number))
        return _day(text[:4], text[4:6], text[6:])
    seconds = number / 1000 if abs(number) >= 1e11 else number
    try:
        stamp = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    except OverflowError:
        return ""
    return stamp.isoformat(timespec="seconds")


def _from_iso(match: re.Match[str]) -> str:
    year, month, day, hour, minute, second, zone = match.groups()
    if hour is None:
        return _day(year, month, day)
    try:
        stamp = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
        if zone:
            stamp = (stamp - _offset(zone)).replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return ""
    return _stamp(stamp, second is not None)


def _day(year: str, month: str, day: str) -> str:
    try:
        return datetime(int(year), int(month), int(day)).date().isoformat()
    except ValueError:
        return ""


def _stamp(stamp: datetime, seconds: bool) -> str:
    return stamp.isoformat(timespec="seconds" if seconds else "minutes")


def _offset(zone: str) -> timedelta:
    digits = re.sub(r"\D", "", zone)
    if not digits:
        return timedelta()
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return -offset if "-" in zone else offset


def _trustworthy(written: str, parsed: struct_time) -> bool:
    """Say whether feedparser read what is there.

    It fills missing parts from today's date, takes January the first for a mere year, and
    ignores "pm".
    """
    if _HALF_DAY.search(written):
        return False
    if len(re.findall(r"\d+", written)) < 2 and not re.search(r"\d{8}", written):
        return False
    if re.fullmatch(r"\d{4}\D\d{1,2}", written):
        return False
    years = {str(parsed.tm_year + shift) for shift in (-1, 0, 1)}  # a zone can cross New Year
    if any(year in written for year in years):
        return True
    short_year = re.search(r"[a-z]{3,9}[ -](\d\d)\b", written, re.IGNORECASE)  # 1 Mar 26
    return short_year is not None and any(year.endswith(short_year[1]) for year in years)


def _zone_offset(rest: str) -> timedelta | None:
    """Read what follows the time of day: hours feedparser missed, or None for no known zone."""
    rest = rest.strip()
    if _OFFSET.match(rest):
        return timedelta()
    name = _ZONE_NAME.match(rest)
    if not name:
        return None
    zone = name[0].lower()
    if zone in _KNOWN_ZONES:
        return timedelta()
    return timedelta(hours=_OTHER_ZONES[zone]) if zone in _OTHER_ZONES else None
