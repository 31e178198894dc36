"""Time zone names as newsrooms and mail headers write them."""

import re
from datetime import datetime, timedelta, timezone, tzinfo

from dateutil.zoneinfo import get_zonefile_instance

# Names with one common meaning in news and mail. IST (India, Israel, Ireland), AST and the like
# are left out on purpose: a wrong zone is worse than an unknown one.
_HOURS = {
    "UTC": 0, "GMT": 0, "UT": 0, "Z": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "MEZ": 1,
    "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8,
    "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "SAST": 2, "EAT": 3, "WAT": 1, "PKT": 5,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10,
}  # fmt: skip
# Names that mean standard or summer time by the season.
_REGIONS = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
    "EASTERN": "America/New_York",
    "CENTRAL": "America/Chicago",
    "PACIFIC": "America/Los_Angeles",
}
_OFFSET = re.compile(r"(?:UTC|GMT)?\s?([+\-−])(\d{1,2}):?(\d{2})?")
_MAX_OFFSET = timedelta(hours=14)


def find_zone(name: str) -> tzinfo | None:
    """Return the zone a name or an offset (``-0400``, ``UTC+2``) stands for; None when unknown."""
    plain = name.strip().strip("()").strip().upper().rstrip(".")
    if plain in _HOURS:
        return timezone(timedelta(hours=_HOURS[plain]))
    if plain in _REGIONS:
        # The list inside dateutil, so that every machine answers alike.
        zone: tzinfo | None = get_zonefile_instance().get(_REGIONS[plain])
        return zone
    match = _OFFSET.fullmatch(plain)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if offset > _MAX_OFFSET or int(match[3] or 0) > 59:
        return None
    return timezone(offset if match[1] == "+" else -offset)


def to_utc(local: datetime, zone: tzinfo) -> datetime:
    """Return the naive ``local`` time of ``zone`` in UTC."""
    return local.replace(tzinfo=zone).astimezone(timezone.utc)
