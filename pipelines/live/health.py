"""Which feeds do badly, and which stage rejects more than it used to; told once, not each round."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pipelines.live.counters import REFUSING, Counts, handled, rejects, since
from pipelines.report.wording import clean_line

if TYPE_CHECKING:
    from transforms.read.feed_book import FeedHealth

OK, FAILING, SILENT = "ok", "failing", "silent"

_FAILING_FROM = 2  # failures in a row; one is a hiccup, unless the feed never gave anything
_NAMED = 3  # feeds named in one message
_FEED_CHARS, _ERROR_CHARS = 120, 160

_RECENT_ROUNDS, _RECENT_ITEMS = 3, 20  # least of both that a share is taken of
_LEAST_REJECTS = 5
_LEAST_HISTORY = 20  # items, before a share can be called usual
_ABOVE = 0.1  # the usual share, at least
_TIMES = 3.0  # the usual share; with a high one, half of the way to all of them
_HISTORY = 1000  # items that earlier runs weigh at most
_KEPT = 0.95  # of the weight of earlier rounds in the usual share, with each round


@dataclass(frozen=True)
class Notice:
    """A change of health."""

    text: str  # one clean line
    begins: bool  # a trouble; else the end of one


@dataclass(frozen=True)
class FeedTrouble:
    """A feed that fails or is silent."""

    feed: str
    state: str  # FAILING or SILENT
    failures: int
    why: str  # the error, or since when it is silent

    def line(self) -> str:
        """Say it in one clean line."""
        times = f" ({self.failures:,} times)" if self.failures > 1 else ""
        return f"{self.feed}: {self.why}{times}"


def feed_name(feed: str) -> str:
    """Make the name of a feed fit to be shown."""
    return clean_line(feed, _FEED_CHARS) or "(no name)"


class FeedWatch:
    """Follows the state of each feed."""

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()
        self.troubles: list[FeedTrouble] = []  # failing ones first, worst first
        self._before: dict[tuple[str, int], tuple[str, int]] = {}  # state and failures

    def look(self, feeds: "Sequence[FeedHealth]") -> list[Notice]:
        """Take note of how the feeds are doing; gives what changed."""
        seen: Counter[str] = Counter()  # secrets are taken out of names, so two may be the same
        began: dict[str, list[FeedTrouble]] = {FAILING: [], SILENT: []}
        ended: list[str] = []
        troubles: list[FeedTrouble] = []
        states: Counter[str] = Counter()
        for feed in feeds:
            key = (feed.feed, seen[feed.feed])
            seen[feed.feed] += 1
            before, failures = self._before.get(key, (OK, 0))
            state = _state(feed, before)
            self._before[key] = (state, feed.failures)
            states[state] += 1
            if state != OK:
                troubles.append(_trouble(feed, state))
            if state == before:
                continue
            if before != OK and state != FAILING:
                ended.append(_recovered(feed, before, failures))
            if state != OK:
                began[state].append(troubles[-1])
        self.states = states
        self.troubles = sorted(troubles, key=lambda t: (t.state != FAILING, -t.failures, t.feed))
        return [*_began(began), *_ended(ended)]


def _state(feed: "FeedHealth", before: str) -> str:
    if feed.failures:
        lasting = feed.failures >= _FAILING_FROM or feed.changed_at is None or before == FAILING
        return FAILING if lasting else before
    return SILENT if feed.silent else OK


def _trouble(feed: "FeedHealth", state: str) -> FeedTrouble:
    if state == FAILING:
        why = clean_line(feed.error, _ERROR_CHARS) or "no error was given"
        return FeedTrouble(feed_name(feed.feed), state, feed.failures, why)
    return FeedTrouble(feed_name(feed.feed), state, 0, f"nothing new{_since(feed.changed_at)}")


def _recovered(feed: "FeedHealth", before: str, failures: int) -> str:
    if before == SILENT:
        return f"{feed_name(feed.feed)} has something new again"
    times = f"{failures:,} failure{'s' * (failures != 1)}"
    return f"{feed_name(feed.feed)} works again after {times}"


def _since(at: datetime | None) -> str:
    return f" since {at:%Y-%m-%d %H:%M}" if at else ""


def _began(began: dict[str, list[FeedTrouble]]) -> Iterator[Notice]:
    for state, troubles in began.items():
        if not troubles:
            continue
        named = "; ".join(f"{t.feed}: {t.why}" for t in troubles[:_NAMED])
        yield Notice(_of_feeds(len(troubles), state, named), True)


def _ended(ended: list[str]) -> Iterator[Notice]:
    if ended:
        more = f"; and {len(ended) - _NAMED:,} more" if len(ended) > _NAMED else ""
        yield Notice(f"feed {'; '.join(ended[:_NAMED])}{more}", False)


def _of_feeds(n: int, state: str, named: str) -> str:
    if n == 1:
        return f"feed {state}: {named}"
    more = f"; and {n - _NAMED:,} more" if n > _NAMED else ""
    return f"{n:,} feeds {state}: {named}{more}"


@dataclass(frozen=True)
class _Share:
    items: float = 0.0
    rejected: float = 0.0

    def of(self) -> float:
        return self.rejected / self.items if self.items else 0.0

    def grown(self, handled: int, rejected: int) -> "_Share":
        return _Share(self.items * _KEPT + handled, self.rejected * _KEPT + rejected)


class RejectWatch:
    """Follows the share of its input that one stage rejects.

    Never alarms because of a few items: a jump takes 5 rejects among at least 20 items, an earlier
    share to compare with, and 10 points above that. What is recent enters the usual share when it
    is no longer recent, so a share that lasts becomes the usual one.
    """

    def __init__(self, stage: str) -> None:
        self.jumped = False
        self._stage = stage
        self._usual = _Share()
        self._recent: deque[tuple[int, Counter[str]]] = deque()

    def earlier(self, counts: Counts) -> None:
        """Take what earlier runs counted as the usual share."""
        items, rejected = handled(counts, self._stage), rejects(counts, self._stage).total()
        weight = min(1.0, _HISTORY / items) if items else 0.0
        self._usual = _Share(items * weight, rejected * weight)

    def look(self, counts: Counts) -> list[Notice]:
        """Take note of what was counted in a round; gives what changed."""
        items = handled(counts, self._stage)
        if not items:
            return []
        self._recent.append((items, rejects(counts, self._stage)))
        while len(self._recent) > _RECENT_ROUNDS:
            oldest = self._recent[0]
            if self._items() - oldest[0] < _RECENT_ITEMS:
                break
            self._recent.popleft()
            self._usual = self._usual.grown(oldest[0], oldest[1].total())
        return self._judge()

    def line(self) -> str:
        """Say how much is rejected, and how much usually is."""
        rejected = self._rejected()
        return (
            f"{self._stage} rejects {rejected.total() / self._items():.0%} "
            f"({rejected.total():,} of {self._items():,}; usually {self._usual.of():.0%}), "
            f"mostly {clean_line(rejected.most_common(1)[0][0], 40)}"
        )

    def _judge(self) -> list[Notice]:
        rejected, items, usual = self._rejected().total(), self._items(), self._usual.of()
        share = rejected / items
        if self.jumped:
            if share >= max(usual + _ABOVE / 2, usual * _TIMES / 2):
                return []
            self.jumped = False
            text = f"{self._stage} no longer rejects more than usual: {rejected:,} of {items:,}"
            return [Notice(text, False)]
        far = max(usual + _ABOVE, min(usual * _TIMES, (1 + usual) / 2))
        enough = items >= _RECENT_ITEMS and rejected >= _LEAST_REJECTS
        if not enough or self._usual.items < _LEAST_HISTORY or share < far:
            return []
        self.jumped = True
        return [Notice(self.line(), True)]

    def _items(self) -> int:
        return sum(items for items, _ in self._recent)

    def _rejected(self) -> Counter[str]:
        return sum((rejected for _, rejected in self._recent), Counter())


class Health:
    """Follows feeds and stages over the rounds."""

    def __init__(self) -> None:
        self.feeds = FeedWatch()
        self.stages = [RejectWatch(stage) for stage in REFUSING]
        self._before: Counts | None = None

    def look(self, counters: Counts, feeds: "Sequence[FeedHealth]") -> list[Notice]:
        """Take note of the end of a round; gives what changed.

        Args:
            counters: of the whole output; the first ones are the history.
            feeds: how each feed is doing.
        """
        notices = self.feeds.look(feeds)
        if self._before is None:
            for stage in self.stages:
                stage.earlier(counters)
        else:
            counted = since(counters, self._before)
            notices += [notice for stage in self.stages for notice in stage.look(counted)]
        self._before = dict(counters)
        return notices

    def jumped(self) -> list[str]:
        """Name the stages that now reject more than usual, one line each."""
        return [stage.line() for stage in self.stages if stage.jumped]
