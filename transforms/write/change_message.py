"""A change of an event as a CloudEvent in a Pub/Sub message."""

import json
from datetime import datetime
from typing import NamedTuple

from schemas import EventChange
from transforms.write.rows import event_change_row

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
MOST_MESSAGE_BYTES = 9_800_000  # of data; Pub/Sub takes 10,000,000 with attributes and envelope
_CONTEXT = ("id", "source", "specversion", "type", "subject", "time")


class ChangeMessage(NamedTuple):
    """What is to be published."""

    data: bytes
    attributes: dict[str, str]


def change_message(change: EventChange) -> ChangeMessage:
    """Write a change in the structured mode of the CloudEvents binding for Pub/Sub.

    The data is the whole CloudEvent 1.0 as JSON, so that it can be handed on as it is. Its context
    is in the attributes as well (``ce-type``, ``ce-subject``, ...), as in the binary mode, so that
    a subscription can filter: ``attributes."ce-type" = "org.newsevents.event.breaking"``. Equal
    changes give equal messages. What is too large for Pub/Sub comes without its details, which
    then are ``{"left_out": true}``.
    """
    row = event_change_row(change)
    context = {name: _written(row[name]) for name in _CONTEXT}
    data = _json(context | {"data": json.loads(row["data"])})
    if len(data) > MOST_MESSAGE_BYTES:
        data = _json(context | {"data": {"left_out": True}})
    attributes = {f"ce-{name}": value for name, value in context.items()}
    return ChangeMessage(data, {"content-type": CONTENT_TYPE, **attributes})


def _json(event: dict[str, object]) -> bytes:
    event = event | {"datacontenttype": "application/json"}
    text = json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "replace")  # the details may hold half of a surrogate pair


def _written(value: str | datetime) -> str:
    return value if isinstance(value, str) else value.isoformat().replace("+00:00", "Z")
