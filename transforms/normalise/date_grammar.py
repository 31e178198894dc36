"""Dates as people and machines write them; a part that is not written is never filled in.

Year, month and day must all be there. An order of day and month that is not proven ("03/04/2014")
is refused: half of such guesses are wrong.
"""

import re
from datetime import datetime, timezone
from typing import NamedTuple

from transforms.normalise.zones import find_zone, to_utc

# Month names and their common short forms: English, German, French, Spanish, Portuguese, Italian,
# Dutch. Spellings shared by languages mean the same month in all of them.
_MONTH_NAMES = (
    "january jan januar jänner janvier janv enero ene janeiro gennaio gen januari",
    "february feb februar februari février fevrier févr fév febrero fevereiro fev febbraio febr",
    "march mar märz maerz mär mrz mars marzo março marco maart mrt",
    "april apr avril avr abril abr aprile",
    "may mai mayo maio maggio mag mei",
    "june jun juni juin junio junho giugno giu",
    "july jul juli juillet juil julio julho luglio lug",
    "august aug août aout agosto ago augustus",
    "september sep sept septembre septiembre setembro set settembre sett",
    "october oct oktober okt octobre octubre outubro out ottobre ott",
    "november nov novembre noviembre novembro",
    "december dec dezember dez décembre decembre déc diciembre dic dezembro dicembre",
)
_MONTHS = {name: at for at, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_WEEKDAYS = (
    "monday mon tuesday tue tues wednesday wed thursday thu thur thurs friday fri saturday sat"
    " sunday sun montag mo dienstag di mittwoch mi donnerstag do freitag fr samstag sonnabend sa"
    " sonntag so lundi lun mardi mar mercredi mer jeudi jeu vendredi ven samedi sam dimanche dim"
    " lunes martes miércoles mié jueves jue viernes vie sábado sáb domingo dom segunda-feira"
    " terça-feira quarta-feira quinta-feira sexta-feira lunedì martedì mercoledì giovedì venerdì"
    " sabato domenica maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"
).split()


def _any_of(names: "list[str] | dict[str, int]") -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))


_MONTH = rf"(?:{_any_of(_MONTHS)})(?![^\W\d_])"
_DATE = rf"""
    (?:(?:{_any_of(_WEEKDAYS)})\.?,?\s+(?:(?:the|den|der|le|el)\s+)?)?
    (?:
        (?P<y1>\d{{4}})-(?P<m1>\d{{2}})-(?P<d1>\d{{2}}) (?!\d)
      | (?P<y2>\d{{4}})/(?P<m2>\d{{1,2}})/(?P<d2>\d{{1,2}}) (?!\d)
      | (?P<y3>\d{{4}})年\s?(?P<m3>\d{{1,2}})月\s?(?P<d3>\d{{1,2}})日
      | (?P<n4>{_MONTH})\.?\s+(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?(?:,\s*|\s+)(?P<y4>\d{{4}}) (?!\d)
      | (?P<d5>\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?(?:\s+|-)(?:(?:of|de|d’|d')\s*)?
        (?P<n5>{_MONTH})\.?(?:,?\s+|-)(?:(?:de|del)\s+)?(?P<y5>\d{{4}}) (?!\d)
      | (?P<a6>\d{{1,2}})(?P<sep>[/.])(?P<b6>\d{{1,2}})(?P=sep)(?P<y6>\d{{4}}) (?!\d)
    )
"""
_TIME = r"""
    (?P<hour>\d{1,2})
    (?: [:h](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?
        (?:\s?(?P<half>[ap])\.?\s?m\.?(?!\w))?
      | \.(?P<minute2>\d{2})(?:\s?(?P<half2>[ap])\.?\s?m\.?(?!\w)|(?=\s?uhr\b))
      | \s?(?P<half3>[ap])\.?\s?m\.?(?!\w)
      | (?=\s?uhr\b)
    )
    (?:\s?uhr\b)?
"""
_ZONE = r"\(?(?P<zone>(?:UTC|GMT)?\s?[+\-−]\d{1,2}:?(?:\d{2})?(?!\d)|(?-i:[A-Z]{1,5})(?!\w))\)?"
_BETWEEN = r"(?:\s*(?:,|\||·|–|-|/)\s*|\s+)(?:(?:at|um|à|a\s+las?|alle|às|om)\s+)?|T"
WRITTEN_DATE = rf"{_DATE}(?:(?:{_BETWEEN}){_TIME}(?:\s*{_ZONE})?)?"
_FULL = re.compile(WRITTEN_DATE, re.IGNORECASE | re.VERBOSE)

# Forms only machines write.
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?(Z|[+-]\d{4})?)?")
_MAIL = re.compile(  # RFC 822, and what careless feed writers make of it
    r"(?:[A-Za-z]{2,9}\.?,?\s*)?(\d{1,2})\s+([A-Za-z]{3,9})\.?\s+(\d{2}|\d{4})"
    r"\s+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d+)?)?\s*(.{0,40})",
)
_C_TIME = re.compile(
    r"[A-Za-z]{3,9},?\s+([A-Za-z]{3,9})\s+(\d{1,2})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?"
    r"(?:\s+([A-Za-z+\-0-9:]{1,9}))?\s+(\d{4})",
)
_EPOCH = re.compile(r"(1\d{9})(?:\d{3})?(?:\.\d+)?")  # seconds or milliseconds, 2001 to 2033
_MAIL_COMMENT = re.compile(r"\s*\([^()]*\)\s*$")
_MAX_WRITTEN_CHARS = 100


class WrittenDate(NamedTuple):
    """A date that was fully written out."""

    at: datetime  # UTC; midnight for a day
    precision: str  # second, minute or day
    zone_known: bool  # False: the time was written without a zone we know, and taken as UTC


def parse_date(written: str) -> WrittenDate | None:
    """Read a date that is all of ``written``; None when it is incomplete, ambiguous or no date."""
    text = " ".join(written.split())
    if len(text) > _MAX_WRITTEN_CHARS:
        return None
    try:
        match = _FULL.fullmatch(text)
        if match is not None:
            return read_match(match)
        return _parse_machine_form(text)
    except (ValueError, OverflowError):
        return None  # 31 February, 25:00


def read_match(match: re.Match[str]) -> WrittenDate | None:
    """Turn a match of ``WRITTEN_DATE`` into a date; None when its day and month may be swapped.

    Raises:
        ValueError: there is no such day or time.
    """
    year, month, day = _calendar_day(match)
    if not year:
        return None
    if match["hour"] is None:
        return _written(year, month, day)
    hour = int(match["hour"])
    half = (match["half"] or match["half2"] or match["half3"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour on a twelve-hour clock")
        hour = hour % 12 + (12 if half == "p" else 0)
    minute = int(match["minute"] or match["minute2"] or 0)
    return _written(year, month, day, (hour, minute, match["second"]), match["zone"])


def _calendar_day(match: re.Match[str]) -> tuple[int, int, int]:
    for form in "123":
        if match[f"y{form}"]:
            return int(match[f"y{form}"]), int(match[f"m{form}"]), int(match[f"d{form}"])
    for form in "45":
        if match[f"y{form}"]:
            month = _MONTHS[match[f"n{form}"].casefold()]
            return int(match[f"y{form}"]), month, int(match[f"d{form}"])
    first, second, year = int(match["a6"]), int(match["b6"]), int(match["y6"])
    if first > 12 >= second or first == second:
        return year, second, first
    if second > 12 >= first:
        return year, first, second
    return 0, 0, 0


def _written(
    year: int,
    month: int,
    day: int,
    clock: tuple[int, int, str | None] | None = None,
    zone_name: str | None = None,
) -> WrittenDate:
    if clock is None:
        return WrittenDate(datetime(year, month, day, tzinfo=timezone.utc), "day", True)
    hour, minute, second = clock
    # A leap second is a real time that Python cannot hold.
    local = datetime(year, month, day, hour, minute, min(int(second or 0), 59))
    zone = find_zone(zone_name) if zone_name else None
    return WrittenDate(
        to_utc(local, zone or timezone.utc),
        "minute" if second is None else "second",
        zone is not None,
    )


def _parse_machine_form(text: str) -> WrittenDate | None:
    if match := _EPOCH.fullmatch(text):
        return WrittenDate(datetime.fromtimestamp(int(match[1]), timezone.utc), "second", True)
    if match := _COMPACT.fullmatch(text):
        year, month, day = int(match[1]), int(match[2]), int(match[3])
        if match[4] is None:
            return _written(year, month, day)
        return _written(year, month, day, (int(match[4]), int(match[5]), match[6]), match[7])
    if match := _MAIL.fullmatch(text):
        named = _MONTHS.get(match[2].casefold())
        clock = (int(match[4]), int(match[5]), match[6])
        zone_name = _MAIL_COMMENT.sub("", match[7]) or match[7]
        return _written(_full_year(match[3]), named or 0, int(match[1]), clock, zone_name)
    if match := _C_TIME.fullmatch(text):
        named = _MONTHS.get(match[1].casefold())
        clock = (int(match[3]), int(match[4]), match[5])
        return _written(int(match[7]), named or 0, int(match[2]), clock, match[6])
    return None


def _full_year(digits: str) -> int:
    """Complete a year of two digits as mail software does: 69 to 99 belong to the 1900s."""
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (1900 if year >= 69 else 2000)
