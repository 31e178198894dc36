"""All feeds of a run: what is known of each, whose turn it is, and what to write of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas import Attempt, Fetch, Reading
from transforms.read.feed import Feed
from transforms.read.feed_state import FeedState, Policy, settle

_LEAST_SILENCE = timedelta(hours=6)
_SILENT_AFTER = 8  # times the usual gap between two changes
_MOST_FEEDS = 100_000  # with those that lists name


@dataclass(frozen=True)
class FeedHealth:
    """How a feed is doing."""

    feed: str  # secrets redacted
    changed_at: datetime | None  # when it last gave something new, but for what it gave first
    failures: int  # in a row
    error: str  # the last one, while it fails
    silent: bool  # it has given nothing new for far longer than it used to
    outcome: str = ""  # of the last request


class FeedBook:
    """Keeps the state of every feed. Not for several threads at once.

    Args:
        feeds: as listed by the operator.
        policy: how often they are asked for.
        states: what an earlier run knew, by feed id.
    """

    def __init__(
        self, feeds: Iterable[Feed], policy: Policy, states: Mapping[str, FeedState] | None = None
    ) -> None:
        self._policy = policy
        self._feeds = {feed.feed_id: feed for feed in feeds}
        self._states = {
            name: state for name, state in (states or {}).items() if name in self._feeds
        }
        self._earlier = {**(states or {})}  # of feeds that a list may name again
        self._asked: set[str] = set()  # under way
        self._answers: dict[str, Attempt] = {}  # not settled

    def __len__(self) -> int:
        return len(self._feeds)

    def local(self) -> list[Feed]:
        """Give the feeds that are files."""
        return [feed for feed in self._feeds.values() if not feed.is_remote]

    def due(self, now: datetime, every: bool = False) -> Iterator[Feed]:
        """Give the remote feeds whose turn it is, and regard them as asked.

        Args:
            now: the time in UTC.
            every: take all of them, but those that have to be left alone, and those with a pace
                of their own.
        """
        for name, feed in list(self._feeds.items()):
            if not feed.is_remote or name in self._asked or name in self._answers:
                continue
            state = self.state(feed)
            wanted = every and feed.every is None and not state.is_put_off(now)
            if wanted or state.is_due(now):
                self._asked.add(name)
                yield feed

    def state(self, feed: Feed) -> FeedState:
        """Say what is known of a feed."""
        return self._states.get(feed.feed_id, FeedState())

    def answered(self, attempt: Attempt) -> None:
        """Take note of an answer, which ``settle`` will judge."""
        self._asked.discard(attempt.feed_id)
        self._answers[attempt.feed_id] = attempt

    def put_back(self, name: str, until: datetime) -> None:
        """Forget an answer that could not be handed on: the feed is asked again as it was before.

        Args:
            name: its feed id.
            until: when it is asked again.
        """
        if self._answers.pop(name, None) is not None:
            self._states[name] = replace(self._states.get(name, FeedState()), next_at=until)

    def states(self) -> dict[str, FeedState]:
        """Give what is known of every feed, also of those that no list names now, by feed id."""
        return self._earlier | self._states

    def answers(self) -> list[Attempt]:
        """Give the answers that ``settle`` has not judged yet."""
        return list(self._answers.values())

    def add(self, feeds: Sequence[Feed]) -> None:
        """Take in feeds that a list names."""
        for feed in feeds:
            if len(self._feeds) < _MOST_FEEDS and feed.feed_id not in self._feeds:
                self._feeds[feed.feed_id] = feed
                if feed.feed_id in self._earlier:
                    self._states[feed.feed_id] = self._earlier[feed.feed_id]

    def settle(self, readings: Iterable[Reading]) -> list[Fetch]:
        """Judge the answers since the last call, now that their content was looked at."""
        found = {reading.feed_id: reading for reading in readings}
        fetches = []
        for name, attempt in self._answers.items():
            feed = self._feeds.get(name)
            state = self._states.get(name, FeedState())
            every = feed.every if feed else None
            self._states[name], fetch = settle(state, attempt, found.get(name), self._policy, every)
            fetches.append(fetch)
        self._answers.clear()
        return fetches

    def health(self, now: datetime) -> list[FeedHealth]:
        """Say how each feed is doing that was asked for so far."""
        return [
            _health(feed.name, self._states[name], now)
            for name, feed in self._feeds.items()
            if name in self._states
        ]


def _health(name: str, state: FeedState, now: datetime) -> FeedHealth:
    silent = False
    if state.changed_at is not None and state.usual_gap_seconds is not None:
        usual = timedelta(seconds=state.usual_gap_seconds)
        silent = now - state.changed_at > max(_LEAST_SILENCE, usual * _SILENT_AFTER)
    error = state.error.removeprefix(f"{name}: ")
    return FeedHealth(name, state.changed_at, state.failures, error, silent, state.outcome)
