"""What the live screen shows, as lines of styled text: no terminal and no clock in here."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipelines.live.counters import (
    Counts,
    rejected_again,
    rejects,
    since,
    unclustered,
    unparsed,
    work,
)
from pipelines.live.health import FAILING, OK, SILENT, Health, Notice
from pipelines.live.pace import Pace, Speed, span
from pipelines.live.tally import by_frequency
from pipelines.progress import describe
from pipelines.report.wording import STATES, clean_line

if TYPE_CHECKING:
    from schemas import Event
    from transforms.read.feed_book import FeedHealth
    from transforms.write.rounds import Round

QUIET, STRONG, BAD, GOOD = "quiet", "strong", "bad", "good"  # styles, beside event states and ""

Line = tuple[tuple[str, str], ...]  # pieces of text, each with its style

_RATE_OVER = timedelta(minutes=10)
_SPEED_OVER = 10.0  # seconds
_FIRST_FOR = timedelta(hours=3)  # a breaking event nobody adds to is no longer put first
_NOTICED_FOR = timedelta(hours=1)
_BREAKING = ("breaking", "developing")
_REMEMBERED = 200  # events
_TROUBLES = 5  # feeds named
_NOTICES = 3
_REASONS = 6
_TITLE_CHARS = 200


@dataclass
class Section:
    """Lines that belong together; those from ``least`` on are given up when there is no room."""

    lines: list[Line]
    least: int = 1


@dataclass
class _Shown:
    event: "Event"
    round: int
    at: datetime


@dataclass
class Board:
    """Follows a run round by round and says what a screen is to show of it.

    Memory is bounded: 200 events, the rounds of ten minutes, and one state for each feed.
    """

    output: str
    poll_seconds: float | None  # None for a single round
    started: datetime
    most_events: int = 8
    health: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        self._pace = Pace(self.poll_seconds)
        self._speed = Speed(_SPEED_OVER)
        self._round = 0
        self._counters: Counts = {}  # of the output, at the end of the last round
        self._mark: Counts = {}  # of this process, then
        self._articles: deque[tuple[datetime, int]] = deque()
        self._events: dict[str, _Shown] = {}
        self._notices: deque[tuple[datetime, Notice]] = deque(maxlen=_NOTICES)

    def round_ended(
        self,
        ended: "Round",
        counters: Counts,
        counts: Counts,
        feeds: "Sequence[FeedHealth]",
        at: datetime,
    ) -> None:
        """Take note of a round, see ``Observer``; ``counts`` are those of this process."""
        self._pace.ended(ended, at)
        self._round = ended.number
        self._counters, self._mark = dict(counters), dict(counts)
        self._articles.append((at, len(ended.records.get("articles", []))))
        while at - self._articles[0][0] > _RATE_OVER:
            self._articles.popleft()
        for event in ended.records.get("events", []):
            self._events.pop(event.event_id, None)
            if event.status == "active":
                self._events[event.event_id] = _Shown(event, ended.number, at)
        kept = _first_first(self._events.values(), at)[:_REMEMBERED]
        self._events = {one.event.event_id: one for one in kept}
        self._notices.extend((at, notice) for notice in self.health.look(counters, feeds))

    def sections(self, counts: Counts, now: datetime) -> list[Section]:
        """Say what is to be shown now.

        Args:
            counts: of this process, up to now.
            now: the time, in UTC.
        """
        under_way = since(work(counts), self._mark)
        speed = self._speed.per_second(counts.get(("embed", "out"), 0), now) * bool(under_way)
        sections = [
            Section([self._header(bool(under_way), now)]),
            Section([_row("rates", self._rates(under_way, speed, now))]),
            Section([_row("backlog", _backlog(under_way))]),
            self._feeds(),
            Section([_row("rejected", self._rejected(under_way))]),
            Section(self._attention(now)),
            self._newest(now),
        ]
        if under_way:
            sections.insert(1, Section([_row("round", describe(under_way, 0.0), QUIET)], least=0))
        return [section for section in sections if section.lines]

    def _header(self, under_way: bool, now: datetime) -> Line:
        next_at = self._pace.next_at
        if under_way or not self._pace.rounds:
            state = f"round {self._round + 1} under way"
        else:
            state = f"{self._round:,} round{'s' * (self._round != 1)} written"
            if next_at is not None:
                wait = round((next_at - now).total_seconds())
                state += f" · next look in {wait} s" if wait > 0 else " · looking"
        output = clean_line(self.output, 80)
        return ((output, STRONG), (f" · {state} · running for {span(now - self.started)}", ""))

    def _rates(self, under_way: Counts, speed: float, now: datetime) -> str:
        articles = under_way.get(("cluster", "out"), 0)
        articles += sum(n for at, n in self._articles if now - at <= _RATE_OVER)
        passed = min(max(now - self.started, timedelta(minutes=1)), _RATE_OVER)
        rate = articles / (passed / timedelta(minutes=1))
        per_minute = f"{rate:,.0f}" if rate >= 10 or not rate else f"{rate:.1f}"
        embedded = f" · {speed:,.0f} embedded/s" if speed else ""
        return f"{per_minute} articles/min{embedded}"

    def _feeds(self) -> Section:
        states, troubles = self.health.feeds.states, self.health.feeds.troubles
        if not states:
            return Section([])
        first: list[tuple[str, str]] = [("feeds     ", QUIET), (f"{states[OK]:,} ok", "")]
        first += [
            (f" · {states[state]:,} {state}", BAD)
            for state in (FAILING, SILENT) if states[state]
        ]  # fmt: skip
        lines: list[Line] = [tuple(first)]
        lines += [_row("", trouble.line()) for trouble in troubles[:_TROUBLES]]
        if len(troubles) > _TROUBLES:
            lines.append(_row("", f"and {len(troubles) - _TROUBLES:,} more", QUIET))
        return Section(lines)

    def _rejected(self, under_way: Counts) -> str:
        reasons = rejects(self._counters) + rejects(under_way)
        again = rejected_again(self._counters)
        named = [f"{name} {n:,}" for name, n in by_frequency(reasons)[:_REASONS]]
        if len(reasons) > _REASONS:
            named.append(f"{len(reasons) - _REASONS} more reasons")
        total = f"{reasons.total():,}" + (f" ({again:,} of them again)" if again else "")
        return f"{total}: {' · '.join(named)}" if named else total

    def _attention(self, now: datetime) -> list[Line]:
        lines = [_row("attention", text, BAD) for text in self.health.jumped()]
        for at, notice in self._notices:
            if now - at <= _NOTICED_FOR:
                style = "" if notice.begins else GOOD
                when = (f"{at:%H:%M:%S} ", QUIET)
                lines.append((("noticed   ", QUIET), when, (notice.text, style)))
        return lines

    def _newest(self, now: datetime) -> Section:
        shown = _first_first(self._events.values(), now)
        if not shown:
            return Section([])
        heading: Line = (("events    state       articles  publishers", QUIET),)
        return Section([heading, *(_event_line(one) for one in shown[: self.most_events])], least=3)


def _first_first(shown: Iterable[_Shown], now: datetime) -> list[_Shown]:
    """Order events: breaking ones, then those revised last."""
    newest = sorted(
        shown,
        key=lambda one: (one.round, one.event.last_seen_at, one.event.event_id),
        reverse=True,
    )
    return sorted(newest, key=lambda one: _rank(one, now))


def _rank(shown: _Shown, now: datetime) -> int:
    state = shown.event.breaking_state
    if state not in _BREAKING or now - shown.at > _FIRST_FOR:
        return len(_BREAKING)
    return _BREAKING.index(state)


def _event_line(shown: _Shown) -> Line:
    event = shown.event
    state = STATES.get(event.breaking_state) or clean_line(event.breaking_state, 10)
    figures = f"{event.article_count:>8,}  {event.publisher_family_count:>10,}  "
    return (
        ("          ", ""),
        (f"{state.lower():<10}  ", event.breaking_state),
        (figures, ""),
        (clean_line(event.title, _TITLE_CHARS) or "(no title)", ""),
    )


def _backlog(under_way: Counts) -> str:
    articles, documents = unclustered(under_way), unparsed(under_way)
    waiting = [f"{n:,} {what}" for n, what in
               ((articles, "articles to put into events"), (documents, "documents to parse"))
               if n]  # fmt: skip
    return " · ".join(waiting) or "none"


def _row(name: str, text: str, style: str = "") -> Line:
    return ((f"{name:<10}", QUIET), (text, style))


def fit(sections: Sequence[Section], height: int) -> list[Line]:
    """Give the lines of all sections, or as many as there is room for.

    The end of the longest section goes first; when all are as short as they may be, the last lines.
    """
    kept = [list(section.lines) for section in sections]
    for _ in range(sum(map(len, kept)) - height):
        spare = [
            (len(lines), n)
            for n, (lines, section) in enumerate(zip(kept, sections))
            if len(lines) > section.least
        ]
        if not spare:
            break
        kept[max(spare)[1]].pop()
    return [line for lines in kept for line in lines][: max(0, height)]
