import json
from datetime import datetime, timedelta, timezone

import apache_beam as beam
import grpc
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from google.api_core.exceptions import NotFound

from schemas import EventChange
from schemas.ids import change_id
from transforms._shared.records import register_record_coders
from transforms.write.change_message import CONTENT_TYPE, MOST_MESSAGE_BYTES, change_message
from transforms.write.transform import PublishChanges

NOON = datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=timezone.utc)

register_record_coders()


def change(kind="breaking", event="event1", data='{"revision": 3, "title": "Fähre auf Grund"}'):
    name = f"org.newsevents.event.{kind}"
    return EventChange(change_id(event, name, NOON.isoformat()), name, event, NOON, data)


def test_a_change_is_a_whole_cloud_event_in_the_data():
    data, _ = change_message(change())
    assert json.loads(data) == {
        "id": change().id,
        "source": "/newsevents",
        "specversion": "1.0",
        "type": "org.newsevents.event.breaking",
        "subject": "event1",
        "time": "2026-03-02T12:00:00.250000Z",
        "datacontenttype": "application/json",
        "data": {"revision": 3, "title": "Fähre auf Grund"},
    }


def test_a_subscription_can_filter_by_what_the_event_says_of_itself():
    data, attributes = change_message(change())
    assert attributes.pop("content-type") == CONTENT_TYPE
    event = json.loads(data)
    context = {name: event[name] for name in event.keys() - {"data", "datacontenttype"}}
    assert attributes == {f"ce-{name}": value for name, value in context.items()}


def test_a_time_in_another_zone_is_written_in_utc():
    east = NOON.astimezone(timezone(timedelta(hours=5)))
    moved = EventChange("i", "t", "s", east, "{}")
    assert change_message(moved).attributes["ce-time"] == "2026-03-02T12:00:00.250000Z"


def test_equal_changes_are_equal_messages():
    assert change_message(change()) == change_message(change(data=json.dumps(
        {"title": "Fähre auf Grund", "revision": 3})))  # fmt: skip


def test_a_change_too_large_for_pubsub_comes_without_its_details():
    large = change(data=json.dumps({"title": "x" * MOST_MESSAGE_BYTES}))
    data, attributes = change_message(large)
    assert json.loads(data)["data"] == {"left_out": True}
    assert attributes == change_message(change()).attributes


def test_half_of_a_surrogate_pair_stops_nothing():
    data, _ = change_message(change(data=r'{"title": "\ud83d"}'))
    assert json.loads(data)["data"] == {"title": "?"}


def publish(topic, changes):
    options = PipelineOptions(["--runner=FnApiRunner"])
    with beam.Pipeline(options=options) as pipeline:
        made = pipeline | beam.Create(changes).with_output_types(EventChange)
        _ = made | PublishChanges(topic)


def test_every_change_is_published_once(pubsub):
    topic, subscription = pubsub.create("changes")
    changes = [change(kind, f"event{n}") for n in range(80) for kind in ("created", "breaking")]
    publish(topic, changes)
    got = {json.loads(message.data)["id"]: dict(message.attributes)
           for message in pubsub.take(subscription)}  # fmt: skip
    assert got == {one.id: change_message(one).attributes for one in changes}
    assert len(pubsub.published) == len(changes)


def test_a_server_that_is_busy_for_a_moment_is_asked_again(pubsub):
    topic, subscription = pubsub.create("changes")
    pubsub.refuse(grpc.StatusCode.UNAVAILABLE, times=2)
    publish(topic, [change()])
    assert pubsub.waiting(subscription) == 1


def test_what_cannot_be_published_is_not_passed_over(pubsub):
    topic, _ = pubsub.create("changes")
    with pytest.raises(NotFound, match="no such topic"):
        publish(f"{topic}-elsewhere", [change()])


@pytest.mark.parametrize("name", ["changes", "projects/x/topics/y", "projects/press-desk/y"])
def test_what_is_no_topic_is_refused_when_the_pipeline_is_built(name):
    with pytest.raises(ValueError, match=r"(?i)pubsub"):
        PublishChanges(name)
