"""How often each publisher usually publishes at an hour of the day, learned as articles come."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from schemas import Article
from schemas.article import UNKNOWN_FAMILY
from transforms._shared.shards import WINDOW, seconds

_HOUR_SECONDS = 3600
_DAY_HOURS = 24
_SETTLED_HOURS = 2  # this hour and the one before say what is going on, not what is usual
_NEW_RATE = 2.0  # articles an hour of a publisher nobody knows,
_NEW_HOURS = 2.0  # believed like so many hours of looking
_OVERALL_HOURS = 6.0  # of one hour of the day that the mean of all hours counts for
_BESIDE = (-1, 0, 1)  # hours of the day that tell of one
_PRECISE = ("second", "minute")


@dataclass(frozen=True, slots=True)
class Rate:
    """What is usual for a publisher at one hour of the day."""

    per_hour: float  # articles expected in an hour, greater than 0
    hours: float  # of looking it rests on; what is believed beforehand counts for 2


NEW = Rate(_NEW_RATE, _NEW_HOURS)


def is_timely(article: Article) -> bool:
    """Say whether an article's time tells when it was published, to the minute.

    A time of arrival may stand in for a missing date, and on a first poll all arrive at once.
    """
    return (
        article.time_known
        and article.published_at_precision in _PRECISE
        and article.event_time == article.published_at
    )


class UsualRates:
    """Counts the articles of each publisher family by hour.

    A rate is the mean of the hours of the day around, on earlier days; the mean of all hours since
    the family's first article stands in while few of those were seen. Nothing younger than two
    hours counts, so that a burst is not held against itself, and nothing that left the window.
    Keeps a number for each hour with articles.
    """

    def __init__(self, window: timedelta = WINDOW) -> None:
        self._kept_hours = max(1, int(window.total_seconds() // _HOUR_SECONDS))
        self._counts: dict[str, dict[int, int]] = {}  # articles by family and hour since 1970

    def observe(self, article: Article, now: float) -> Rate:
        """Count a new article and say what was usual for its hour before it came.

        Args:
            article: any; one without a time of publication or a known publisher is not counted.
            now: the event clock, in seconds since 1970.
        """
        family = article.publisher_family or UNKNOWN_FAMILY
        if not is_timely(article) or family == UNKNOWN_FAMILY:
            return NEW
        rate = self._rate(self._counts.get(family, {}), _hour_of(article), self._oldest(now))
        self.learn(article)
        return rate

    def learn(self, article: Article) -> None:
        """Count an article."""
        family = article.publisher_family or UNKNOWN_FAMILY
        if not is_timely(article) or family == UNKNOWN_FAMILY:
            return
        counts = self._counts.setdefault(family, {})
        hour = _hour_of(article)
        counts[hour] = counts.get(hour, 0) + 1

    def forget(self, now: float) -> None:
        """Drop what left the window, as of ``now`` in seconds since 1970."""
        oldest = self._oldest(now)
        for family, counts in list(self._counts.items()):
            kept = {hour: n for hour, n in counts.items() if hour >= oldest}
            if kept:
                self._counts[family] = kept
            else:
                del self._counts[family]

    def _oldest(self, now: float) -> int:
        return int(now // _HOUR_SECONDS) - self._kept_hours

    @staticmethod
    def _rate(counts: dict[int, int], hour: int, oldest: int) -> Rate:
        settled = hour - _SETTLED_HOURS
        past = {h: n for h, n in counts.items() if oldest <= h <= settled}
        if not past:
            return NEW
        since, counted = min(past), sum(past.values())
        seen = settled - since + 1
        overall = (_NEW_RATE * _NEW_HOURS + counted) / (_NEW_HOURS + seen)
        like = list(_like(hour, since, settled))
        here = sum(past.get(h, 0) for h in like)
        per_hour = (overall * _OVERALL_HOURS + here) / (_OVERALL_HOURS + len(like))
        return Rate(round(per_hour, 6), _NEW_HOURS + seen)


def _like(hour: int, since: int, settled: int) -> Iterator[int]:
    """Name the hours of earlier days that are like this one."""
    for day in range(hour - _DAY_HOURS, since - 2, -_DAY_HOURS):
        for beside in _BESIDE:
            if since <= day + beside <= settled:
                yield day + beside


def _hour_of(article: Article) -> int:
    return int(seconds(article.event_time) // _HOUR_SECONDS)
