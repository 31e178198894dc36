"""When an article appeared: a value with its source, precision and flag, or honestly none."""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from transforms.normalise.date_grammar import WrittenDate, parse_date
from transforms.normalise.text_dates import find_text_date, find_url_date

MAX_CLOCK_SKEW = timedelta(minutes=15)  # publishers' clocks run fast by minutes, not by hours
_EARLIEST = datetime(1990, 1, 1, tzinfo=timezone.utc)  # before it: a default value, not a date
_TRUSTED_FLAGS = ("ok", "tz_unknown")
_CRAWL_SOURCE = "warc"  # the time of the crawl, which the article's own date beats


class PublicationDate(NamedTuple):
    """When an article appeared, and how that is known."""

    at: datetime | None  # UTC; None whenever it cannot be trusted
    source: str  # one of schemas.article.PUBLISHED_SOURCES
    precision: str  # second, minute, day, none
    flag: str  # ok, future, too_old, tz_unknown, missing, unparsable


def publication_date(
    written: str,
    source: str,
    received_at: datetime,
    body: str = "",
    url: str = "",
    *,
    is_local_file: bool = False,
    latest: datetime | None = None,
) -> PublicationDate:
    """Decide when an article appeared.

    A declared date decides when it can be believed. Else the article's own dateline is taken, then
    the day in its address; a crawl's time comes after both. When none of them helps, a bad declared
    date leaves None and the flag says why. A local file that says nothing gets its modification
    time. Never the present.

    Args:
        written: the declared date as written; "" when none.
        source: where it was declared.
        received_at: when the item was got, in UTC; a file's modification time.
        body: the article's own text, without what it quotes from readers.
        url: its address.
        is_local_file: the item is a dropped file of its own.
        latest: no date after it is believed; None for ``received_at`` and the skew of clocks.
    """
    ceiling = received_at + MAX_CLOCK_SKEW if latest is None else latest
    reached = received_at if latest is None else latest
    declared: PublicationDate | None = None
    if written.strip():
        declared = _judge(parse_date(written), source or "none", ceiling)
        if declared.at is not None and source != _CRAWL_SOURCE:
            return declared
    if (found := find_text_date(body, reached)) and (told := _judge(found, "text", ceiling)).at:
        return told
    if day := find_url_date(url, reached):
        dated = _judge(WrittenDate(day, "day", zone_known=True), "url", ceiling)
        if dated.at is not None:
            return dated
    if declared is not None:
        return declared
    if is_local_file:
        return _judge(WrittenDate(received_at, "second", zone_known=True), "file_mtime", ceiling)
    return PublicationDate(None, "none", "none", "missing")


def _judge(date: WrittenDate | None, source: str, ceiling: datetime) -> PublicationDate:
    if date is None:
        return PublicationDate(None, source, "none", "unparsable")
    if date.at > ceiling:
        return PublicationDate(None, source, "none", "future")
    if date.at < _EARLIEST:
        return PublicationDate(None, source, "none", "too_old")
    flag = "ok" if date.zone_known else "tz_unknown"
    return PublicationDate(date.at, source, date.precision, flag)


class EventTime(NamedTuple):
    at: datetime  # UTC, never after first_seen_at
    is_known: bool  # False: only the time we happened to get a file


def event_time(
    published: PublicationDate,
    first_seen_at: datetime,
    *,
    max_delay: timedelta | None,
    from_file: bool,
) -> EventTime:
    """Decide at what time an article counts.

    Its publication, when that is trusted and, in a running stream, precise to the minute and not
    longer ago than ``max_delay`` when we saw it; else the time we first saw it.

    Args:
        max_delay: None when the run reads stored input, where a long delay says nothing about
            the date.
        from_file: of stored input: ``first_seen_at`` is a file's modification time.
    """
    at = published.at
    trusted = (
        at is not None
        and published.flag in _TRUSTED_FLAGS
        and published.source != "file_mtime"
        and (
            max_delay is None or (published.precision != "day" and first_seen_at - at <= max_delay)
        )
    )
    if trusted and at is not None:
        return EventTime(min(at, first_seen_at), True)
    return EventTime(first_seen_at, max_delay is not None or not from_file)
