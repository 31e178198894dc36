"""Decide what each sink is told of the events of a round; pure, so that it can be proven.

What was planned before decides together with the rows of the round, and both are in the output: a
run that goes on from it decides as the one that was killed would have.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from pipelines.alerts.matching import wants
from pipelines.alerts.payload import News, NoticeTold, body_of, title_of
from pipelines.alerts.sinks import Sink
from schemas import Alert, Event
from schemas.alert import ALERT_TYPE, BREAKING, ENDED, PLANNED, UPDATED
from schemas.ids import alert_key

_NEWS = ("breaking", "developing")  # states that bring back an alert that had ended
_TOLD = (*_NEWS, "fading")  # states of an event that broke and is not over
_CLOSED, _JOINED = "closed", "joined"  # reasons after which nothing can follow
_GROWTH = 2  # times as many publisher families as when they were last told

FindLink = Callable[[Event], str]
FindNotices = Callable[[Event], Sequence[NoticeTold]]


class Planner:
    """Knows what each sink was told last, and says what it is to be told next.

    A sink hears of an event first when that broke, passes the sink's filter and is not over, as
    long as it broke no longer ago than ``Sink.max_age``: also when it fades by the time it is
    seen, for then the run was away while it was breaking. From then on it hears what became of
    it, whatever the filter says: under the same alert id, in revisions 1, 2, 3, … When two events
    are merged that the sink knows as two alerts, one goes on and the other ends.

    Holds one record for each alert of an open event and sink.

    Args:
        alerts: that were planned before, in any order.
        survivors: events that were merged since, with the event that each is part of now.
    """

    def __init__(
        self, sinks: Sequence[Sink], alerts: Iterable[Alert], survivors: Mapping[str, str]
    ) -> None:
        self._sinks = sinks
        self._find_notices: FindNotices = lambda _: ()
        self._told: dict[tuple[str, str], Alert] = {}  # the last, by sink and alert
        self._carried: dict[tuple[str, str], list[str]] = defaultdict(list)  # by sink and event
        latest: dict[tuple[str, str], Alert] = {}
        for alert in alerts:
            known = latest.get((alert.sink, alert.alert_id))
            if known is None or alert.revision > known.revision:
                latest[alert.sink, alert.alert_id] = alert
        for name in sorted(latest):
            alert = latest[name]
            if not is_over(alert):
                self._told[name] = alert
                event = survivors.get(alert.event_id, alert.event_id)
                self._carried[alert.sink, event].append(alert.alert_id)

    def plan(
        self,
        events: Iterable[Event],
        now: datetime,
        find_link: FindLink,
        find_notices: FindNotices = lambda _: (),
    ) -> list[Alert]:
        """Say what is to be sent because of a round, in the order in which it is to be sent.

        Args:
            events: the rows that the round adds.
            now: time of the round, by which it is told whether an event broke too long ago.
            find_link: gives the address of an event's representative article, or "".
            find_notices: gives what the round says was corrected or taken back of an event.
        """
        self._find_notices = find_notices
        rows = sorted(
            events, key=lambda event: (event.counts_as_of, event.event_id, event.revision)
        )
        self._follow_merges(rows)
        planned: list[Alert] = []
        for event in rows:
            for sink in self._sinks if event.status != "merged" else ():
                planned += self._tell(sink, event, now, find_link)
        return planned

    def knows(self, event_id: str) -> bool:
        """Say whether some sink was told of an event, or of one that was merged into it."""
        return any(self._carried.get((sink.name, event_id)) for sink in self._sinks)

    def _follow_merges(self, rows: Sequence[Event]) -> None:
        into = {event.event_id: event.merged_into for event in rows if event.status == "merged"}
        for event_id in into:
            survivor = follow(event_id, into)
            for sink in self._sinks:
                carried = self._carried.pop((sink.name, event_id), [])
                if carried and survivor != event_id:
                    there = self._carried[sink.name, survivor]
                    there += [name for name in carried if name not in there]

    def _tell(self, sink: Sink, event: Event, now: datetime, find_link: FindLink) -> list[Alert]:
        name = alert_id_of(event)
        carried = self._carried_by(sink, event, name)
        if not carried:
            if not _is_news(sink, event, now):
                return []
            return [self._planned(sink, event, name, None, BREAKING, ("broke",), find_link)]
        kept = name if name in carried else min(carried, key=lambda one: self._age(sink, one))
        planned = []
        for other in [one for one in carried if one != kept]:
            told = self._told[sink.name, other]
            if told.type != ALERT_TYPE + ENDED:
                planned.append(
                    self._planned(sink, event, other, told, ENDED, (_JOINED,), find_link, kept)
                )
            self._forget(sink, event, other)
        told = self._told[sink.name, kept]
        why = _why(sink, event, told, bool(planned))
        if why:
            over = event.status == "closed" or event.breaking_state not in _TOLD
            kind = ENDED if over else UPDATED
            planned.append(self._planned(sink, event, kept, told, kind, why, find_link))
        if event.status == "closed":
            self._forget(sink, event, kept)
        return planned

    def _carried_by(self, sink: Sink, event: Event, name: str) -> list[str]:
        """Name the alerts that an event has for a sink, with the one that its row names."""
        carried = self._carried.get((sink.name, event.event_id), [])
        if name in carried or (sink.name, name) not in self._told:
            return carried
        for (other, _), names in self._carried.items():
            if other == sink.name and name in names:
                names.remove(name)
        carried = self._carried[sink.name, event.event_id]
        carried.append(name)
        return carried

    def _age(self, sink: Sink, alert_id: str) -> tuple[int, datetime, str]:
        told = self._told[sink.name, alert_id]
        return -told.revision, told.planned_at, alert_id

    def _forget(self, sink: Sink, event: Event, alert_id: str) -> None:
        del self._told[sink.name, alert_id]
        carried = self._carried[sink.name, event.event_id]
        carried.remove(alert_id)
        if not carried:
            del self._carried[sink.name, event.event_id]

    def _planned(
        self,
        sink: Sink,
        event: Event,
        alert_id: str,
        told: Alert | None,
        kind: str,
        why: tuple[str, ...],
        find_link: FindLink,
        goes_on_as: str = "",
    ) -> Alert:
        """Make the next revision of an alert, and remember it as told."""
        revision = told.revision + 1 if told else 1
        previous = told.previous_event_ids if told else ()
        if told and told.event_id != event.event_id:
            previous = (*(one for one in previous if one != told.event_id), told.event_id)
        key = alert_key(sink.name, alert_id, revision)
        news = News(
            key,
            alert_id,
            revision,
            kind,
            why,
            event,
            previous,
            find_link(event),
            goes_on_as,
            tuple(self._find_notices(event)),
        )
        alert = Alert(
            sink=sink.name,
            alert_id=alert_id,
            revision=revision,
            outcome=PLANNED,
            key=key,
            type=ALERT_TYPE + kind,
            why=why,
            event_id=event.event_id,
            previous_event_ids=previous,
            event_revision=event.revision,
            state=event.breaking_state,
            title=title_of(event),
            publisher_family_count=event.publisher_family_count,
            correction_count=event.correction_count,
            retraction_count=event.retraction_count,
            planned_at=event.counts_as_of,
            format=sink.format,
            body=body_of(news, sink.format),
        )
        self._told[sink.name, alert_id] = alert
        carried = self._carried[sink.name, event.event_id]
        if alert_id not in carried:
            carried.append(alert_id)
        return alert


def is_over(alert: Alert) -> bool:
    """Say whether nothing can follow a revision: its event was closed, or another alert goes on."""
    return bool({_CLOSED, _JOINED}.intersection(alert.why))


def alert_id_of(event: Event) -> str:
    """Name the alert of an event: what its row says, else the event itself."""
    return event.alert_id or event.event_id


def follow(event_id: str, into: Mapping[str, str]) -> str:
    """Name the event that one is part of after all merges; a circle ends where it begins."""
    met = {event_id}
    while (following := into.get(event_id, "")) and following not in met:
        met.add(following)
        event_id = following
    return event_id


def _is_news(sink: Sink, event: Event, now: datetime) -> bool:
    since = event.breaking_since
    if event.status != "active" or since is None or event.breaking_state not in _TOLD:
        return False
    return max(now, event.counts_as_of) - since <= sink.max_age and wants(sink, event)


def _why(sink: Sink, event: Event, told: Alert, joined: bool) -> tuple[str, ...]:
    """Say what a desk would want to hear that it was not told, as codes.

    Args:
        joined: another alert that the sink knows was just found to be about this event.
    """
    ended = told.type == ALERT_TYPE + ENDED
    why = []
    if event.status == "closed":
        return () if ended else (_CLOSED,)
    if ended and event.breaking_state not in _NEWS:
        return ()
    if event.breaking_state != told.state:
        why.append("state")
    if joined or event.event_id != told.event_id:
        why.append("merged")
    if event.retraction_count > told.retraction_count:
        why.append("retracted")
    if event.correction_count > told.correction_count:
        why.append("corrected")
    if event.counts_as_of - told.planned_at >= sink.update_gap:
        if title_of(event) != told.title:
            why.append("title")
        if event.publisher_family_count >= _GROWTH * told.publisher_family_count:
            why.append("grew")
    elif why and title_of(event) != told.title:
        why.append("title")
    return tuple(why)
