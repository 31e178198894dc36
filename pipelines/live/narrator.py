"""What is said of a run where nobody looks at a screen: a line for what is worth one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipelines.live.counters import Counts, repeats, since, work
from pipelines.live.health import FAILING, SILENT, Health
from pipelines.live.pace import Pace, Speed
from pipelines.live.tally import round_line, tally
from pipelines.progress import describe

if TYPE_CHECKING:
    from transforms.read.feed_book import FeedHealth
    from transforms.write.rounds import Round

_HEARTBEAT = timedelta(minutes=10)
_SPEED_OVER = 30.0  # seconds


class Narrator:
    """Puts rounds, progress and changes of health into lines; quiet rounds give a heartbeat."""

    def __init__(self, poll_seconds: float | None, started: datetime) -> None:
        self._pace = Pace(poll_seconds)
        self._health = Health()
        self._speed = Speed(_SPEED_OVER)
        self._told_at = started
        self._quiet = 0  # rounds since something new came or this was told
        self._repeats = 0
        self._mark: Counts = {}
        self._busy = 0  # looks in this round that found it under way

    def round_ended(
        self,
        ended: "Round",
        counters: Counts,
        counts: Counts,
        feeds: "Sequence[FeedHealth]",
        at: datetime,
    ) -> list[str]:
        """Take note of a round, see ``Observer``; ``counts`` are those of this process."""
        seconds = self._pace.ended(ended, at)
        told = tally(ended, repeats(counters) - self._repeats)
        self._repeats, self._mark, self._busy = repeats(counters), dict(counts), 0
        lines = [round_line(told, seconds)] if told.news() else []
        lines += [notice.text for notice in self._health.look(counters, feeds)]
        if told.news():
            self._quiet = 0
        elif self._pace.rounds:
            self._quiet += 1
        if not lines and self._quiet and at - self._told_at >= _HEARTBEAT:
            lines = [self._heartbeat()]
            self._quiet = 0
        if lines:
            self._told_at = at
        return [f"{at:%H:%M:%S} {line}" for line in lines]

    def progress(self, counts: Counts, now: datetime) -> str:
        """Say how far a long round is; "" between rounds, and while a later one is still young.

        Args:
            counts: of this process, up to now.
            now: the time, in UTC.
        """
        under_way = since(work(counts), self._mark)
        speed = self._speed.per_second(counts.get(("embed", "out"), 0), now)
        first = not self._pace.rounds
        self._busy += bool(under_way)
        if not first and (not under_way or self._busy < 2):
            return ""
        return f"{now:%H:%M:%S} {describe(under_way, speed)}"

    def _heartbeat(self) -> str:
        states = self._health.feeds.states
        bad = [f"{states[s]:,} {s}" for s in (FAILING, SILENT) if states[s]]
        feeds = f"; of {states.total():,} feeds {', '.join(bad)}" if bad else ""
        return f"nothing new in {self._quiet:,} round{'s' * (self._quiet != 1)}{feeds}"
