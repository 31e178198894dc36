"""Alerts of a run that goes on: planned with each round, sent once it counts, and settled later.

The table ``alerts`` is the outbox. What is planned is written with the rows that it is planned
for, in one step; nothing is sent before that. What became of it is written with a later round. A
run that is killed in between leaves a planned row without a settled one, and the next run sends
those bytes again.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.alerts.courier import Lane, Poster
from pipelines.alerts.payload import NoticeTold
from pipelines.alerts.planning import Planner
from pipelines.alerts.retrying import Retries
from pipelines.alerts.sinks import AlertsError, Sink, is_private_sink, load_sinks
from pipelines.alerts.stored import find_url, read_stored
from pipelines.console import say
from pipelines.options import Settings, UsageError
from schemas import Alert, Event, EventChange
from schemas.alert import DELIVERED
from schemas.ids import is_web_url
from schemas.notice import CORRECTED, RETRACTED
from transforms._shared.counts import count
from transforms._shared.redact import redact_url
from transforms._shared.web.fetch import HttpFetcher
from transforms.write.locks import files_lock

if TYPE_CHECKING:
    from transforms.write.rounds import Rounds

DRAIN_SECONDS = 20.0  # at the end of a run, for what is still to be sent
POST_SECONDS = 10.0  # for one request


@dataclass
class AlertDesk:
    """Tells sinks of the events of one output; called by the one thread that ends its rounds."""

    sinks: Sequence[Sink]
    folder: Path
    poster: Poster
    retries: Retries = field(default_factory=Retries)
    _planner: Planner | None = None
    _missed: tuple[Event, ...] = ()  # of the output, that nobody may have been told of
    _planned: list[Alert] = field(default_factory=list)  # not committed yet
    _attempts: int = 0

    def __post_init__(self) -> None:
        self._lanes = {sink.name: Lane(sink, self.poster, self.retries) for sink in self.sinks}

    def begin(self) -> None:
        """Take up what earlier runs left: send what was not settled, and plan from there."""
        with files_lock(self.folder):
            stored = read_stored(self.folder)
        self._planner = Planner(self.sinks, stored.planned, stored.survivors)
        self._missed = stored.events
        strange = sum(alert.sink not in self._lanes for alert in stored.pending)
        if strange:
            say(f"alerts: {strange:,} wait for sinks that --alerts no longer names")
        self._hand_over(stored.pending)
        count("alerts", "taken_up", len(stored.pending) - strange)
        if self._waiting():
            say(f"alerts: {self._waiting():,} of an earlier run are still to be sent")

    def add_to(self, rounds: "Rounds", now: datetime) -> None:
        """Add to a round what it makes worth telling, and what became of earlier alerts."""
        assert self._planner is not None
        self.settle(rounds)
        events: list[Event] = rounds.collected("events")
        known = {event.event_id for event in events}
        rows = [*(event for event in self._missed if event.event_id not in known), *events]
        self._missed = ()
        noticed = _notices(rounds.collected("event_changes"))
        self._planned = self._planner.plan(
            rows,
            now,
            lambda event: self._link(rounds, event),
            lambda event: noticed.get(event.event_id, ()),
        )
        for alert in self._planned:
            _add(rounds, alert)
            count("alerts", "planned")

    def committed(self) -> None:
        """Send what was added, now that it counts."""
        planned, self._planned = self._planned, []
        self._hand_over(planned)
        if any(lane.lacking and not lane.waiting() for lane in self._lanes.values()):
            self._refill()

    def settle(self, rounds: "Rounds") -> None:
        """Add to a round what became of alerts since the last one."""
        for lane in self._lanes.values():
            for alert in lane.take_settled():
                _add(rounds, alert)
                count("alerts", "delivered" if alert.outcome == DELIVERED else "failed")
        attempts = sum(lane.attempts for lane in self._lanes.values())
        count("alerts", "attempts", attempts - self._attempts)
        self._attempts = attempts

    def close(self, seconds: float = DRAIN_SECONDS) -> None:
        """Send what waits within so many seconds; what is left is sent by the next run."""
        deadline = time.monotonic() + seconds
        for lane in self._lanes.values():
            lane.close(deadline)
        left = self._waiting()
        if left and seconds:
            say(f"alerts: {left:,} were not sent; --resume sends them")

    def _waiting(self) -> int:
        return sum(lane.waiting() for lane in self._lanes.values())

    def _hand_over(self, alerts: Iterable[Alert]) -> None:
        by_sink: dict[str, list[Alert]] = defaultdict(list)
        for alert in alerts:
            by_sink[alert.sink].append(alert)
        for name, own in by_sink.items():
            if name in self._lanes:
                self._lanes[name].hand_over(own)

    def _refill(self) -> None:
        """Take from the output what there was no room for."""
        with files_lock(self.folder):
            pending = read_stored(self.folder).pending
        for name, lane in self._lanes.items():
            if lane.lacking and not lane.waiting():
                lane.refill(alert for alert in pending if alert.sink == name)

    def _link(self, rounds: "Rounds", event: Event) -> str:
        wanted = event.representative_article_id
        for assignment in rounds.collected("articles"):
            article = assignment.compared.embedded.article
            if article.article_id == wanted:
                return redact_url(article.url if is_web_url(article.url) else article.canonical_url)
        url = find_url(self.folder, wanted, event.first_seen_at, event.last_seen_at)
        return redact_url(url)


def _notices(changes: Iterable[EventChange]) -> dict[str, list[NoticeTold]]:
    """Take from the changes of a round what was corrected or taken back, by event."""
    told: dict[str, list[NoticeTold]] = defaultdict(list)
    for change in changes:
        if change.type.rpartition(".")[2] in (CORRECTED, RETRACTED):
            data = json.loads(change.data)
            found = (data["article_id"], data["kind"], data["title"], data["evidence"])
            told[change.subject].append(NoticeTold(*found))
    return told


def wanted_sinks(settings: Settings) -> tuple[Sink, ...]:
    """Read the file of ``--alerts``; no sinks without it.

    Raises:
        UsageError: there is no such file, or something in it is wrong.
    """
    try:
        sinks = load_sinks(settings.alerts) if settings.alerts is not None else ()
    except AlertsError as error:
        raise UsageError(str(error)) from error
    private = [sink.name for sink in sinks if is_private_sink(sink)]
    if private and not settings.allow_private_hosts:
        raise UsageError(
            f"--alerts {settings.alerts}: the address of {', '.join(private)} is private: add "
            "--allow_private_hosts if that is meant"
        )
    return sinks


def open_desk(sinks: Sequence[Sink], settings: Settings, folder: Path) -> AlertDesk | None:
    """Make the desk of a run; None when nobody wants to be told."""
    seconds = min(POST_SECONDS, settings.fetch_timeout_seconds)
    poster = HttpFetcher(seconds, allow_private=settings.allow_private_hosts)
    return AlertDesk(sinks, folder, poster) if sinks else None


def _add(rounds: "Rounds", alert: Alert) -> None:
    count("write", "in")
    count("write", "out", rounds.add("alerts", alert))
    count("write", "rows_alerts")
