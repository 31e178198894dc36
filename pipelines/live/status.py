"""Who is told of each round."""

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from transforms.read.feed_book import FeedHealth
    from transforms.write.rounds import Round

Counters = dict[tuple[str, str], int]


class Observer(Protocol):
    """Shows or serves what happened; is called between two rounds, so it is to be quick."""

    def round_ended(
        self, ended: "Round", counters: Counters, feeds: "list[FeedHealth]", at: datetime
    ) -> None:
        """Take note of a round.

        Args:
            ended: what it added; without rows when there was nothing new.
            counters: of the whole output, by (stage, name).
            feeds: how each feed is doing.
            at: the time, in UTC.
        """
        ...
