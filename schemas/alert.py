"""What is told to whom of events that broke, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

PLANNED, DELIVERED, FAILED = OUTCOMES = ("planned", "delivered", "failed")
ALERT_TYPE = "org.newsevents.alert."  # opens the type of an alert
BREAKING, UPDATED, ENDED = ALERT_KINDS = ("breaking", "updated", "ended")
ALERT_FORMATS = ("cloudevents", "slack")


@dataclass(frozen=True)
class Alert:
    """One revision of an alert for one sink; once as planned and once more when it was settled."""

    sink: str  # name in the file of alerts
    alert_id: str  # the same for ever, also when its event is merged into another
    revision: int  # 1 for the first that the sink is sent of it
    outcome: str  # one of OUTCOMES
    key: str  # hash of the three that name it: receivers tell repeats by it
    type: str  # ALERT_TYPE and one of ALERT_KINDS
    why: tuple[str, ...]  # what made it worth telling, as codes
    event_id: str  # the event it is about now
    previous_event_ids: tuple[str, ...]  # events that were merged into it while this alert lived
    event_revision: int
    state: str  # the event's breaking_state
    title: str
    publisher_family_count: int
    correction_count: int
    retraction_count: int
    planned_at: datetime  # event time: counts_as_of of that revision of the event
    format: str  # one of ALERT_FORMATS
    body: str  # what is sent, to the byte; "" once it is settled
    attempts: int = 0  # that were made by the run that settled it
    settled_at: datetime | None = None
    reason: str = ""  # why it failed, as a stable code
    error: str = ""  # the same in words, with the fix where there is one
