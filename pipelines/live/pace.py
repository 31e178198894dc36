"""When rounds begin, how long they take, and how fast it goes."""

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transforms.write.rounds import Round

_AT_ONCE = timedelta(seconds=1)  # who goes on sooner did not wait


class Pace:
    """Tells from the ends of rounds when they began.

    A round begins ``poll_seconds`` after the one before it began, or when that one ends. One that
    came early, for a file that was still being written, began when its first item was received.
    """

    def __init__(self, poll_seconds: float | None) -> None:
        self.next_at: datetime | None = None  # None before the first round, and when none follows
        self.rounds = 0  # also those without news; a long one counts once for each part
        self._poll = None if poll_seconds is None else timedelta(seconds=poll_seconds)
        self._due: datetime | None = None
        self._last: datetime | None = None

    def ended(self, ended: "Round", at: datetime) -> float | None:
        """Take note of the end of a round; gives its seconds, None before the first one began."""
        last, due = self._last, self._due
        self._last = at
        if last is None or due is None:
            self._due = at
            return None
        self.rounds += 1
        begun = due if due <= at else _first_received(ended, last, at)
        if due <= at or begun - last > _AT_ONCE:
            self._due = at if self._poll is None else max(at, begun + self._poll)
        self.next_at = None if self._poll is None else self._due
        return (at - begun).total_seconds()


def _first_received(ended: "Round", after: datetime, before: datetime) -> datetime:
    articles = (a.compared.embedded.article for a in ended.records.get("articles", []))
    times = [article.first_seen_at for article in articles]
    times += [letter.first_failed_at for letter in ended.records.get("dead_letters", [])]
    return min((at for at in times if after <= at <= before), default=before)


class Speed:
    """How fast a number grew in the last moments."""

    def __init__(self, seconds: float) -> None:
        self._kept = timedelta(seconds=seconds)
        self._looks: deque[tuple[datetime, int]] = deque()

    def per_second(self, n: int, at: datetime) -> float:
        """Take note of the number; gives 0 until there is a second to judge by."""
        looks = self._looks
        if looks and n < looks[-1][1]:
            looks.clear()
        looks.append((at, n))
        while len(looks) > 2 and at - looks[1][0] >= self._kept:
            looks.popleft()
        passed = (at - looks[0][0]).total_seconds()
        return (n - looks[0][1]) / passed if passed >= 1.0 else 0.0


def span(length: timedelta) -> str:
    """Write a length of time in its largest fitting unit."""
    seconds = max(0, int(length.total_seconds()))
    for unit, name in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
