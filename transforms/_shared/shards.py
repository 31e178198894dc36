"""Which slice of time an item lies in, and which slices have left the window."""

from datetime import datetime, timedelta, timezone

WINDOW_DAYS = 14.0  # how long an article is compared with, and how long a quiet event is open
WINDOW = timedelta(days=WINDOW_DAYS)
UNDATED = -(2**62)  # the shard of items whose time is unknown; it does not expire by time
SHARDS_PER_WINDOW = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def seconds(at: datetime) -> float:
    """Give ``at`` as seconds since 1970, also where the platform cannot (years before 1970)."""
    return (at - _EPOCH).total_seconds()


class WindowClock:
    """The event clock of a partition: it follows the items' times and never goes back.

    Nothing depends on a timer or on the wall clock: a shard expires when an item arrives whose
    time is more than ``window`` after the shard's end.
    """

    def __init__(self, window: timedelta) -> None:
        self.window_seconds = window.total_seconds()
        self.shard_seconds = self.window_seconds / SHARDS_PER_WINDOW
        self.now: float | None = None

    def advance(self, at: float | None) -> None:
        """Move the clock to ``at`` (seconds) unless that is unknown or in its past."""
        if at is not None and (self.now is None or at > self.now):
            self.now = at

    def shard(self, at: float | None) -> int:
        """Name the shard an item of time ``at`` belongs to."""
        return UNDATED if at is None else int(at // self.shard_seconds)

    def expired(self, shard: int) -> bool:
        """Say whether every item of ``shard`` has left the window."""
        if shard == UNDATED or self.now is None:
            return False
        return (shard + 1) * self.shard_seconds < self.now - self.window_seconds

    def outside(self, at: float | None) -> bool:
        """Say whether an item last seen at ``at`` has left the window."""
        return at is not None and self.now is not None and at < self.now - self.window_seconds
