"""A Pub/Sub server over gRPC in this process, for the fixture ``pubsub``.

It keeps the rules that tests can trip over: messages come at least once, and again when nobody
acknowledges them before their deadline; what is too large or empty is refused; a topic that is
not there is not found. Messages lie in memory, also while the server is ``down``.

Use it through ``pubsub`` (see tests/conftest.py), which points ``PUBSUB_EMULATOR_HOST`` at it::

    def test_something(pubsub):
        topic, subscription = pubsub.create("news")
        pubsub.publish(topic, b"data", url="https://a.example/")   # or google-cloud-pubsub, or Beam
        pubsub.waiting(subscription)                               # how many are not acknowledged
        pubsub.take(subscription)                                  # pulls and acknowledges all
        pubsub.refuse(grpc.StatusCode.UNAVAILABLE, times=3)        # the next publish requests fail
        pubsub.stop(); pubsub.start()                              # nobody listens in between

Streaming pull, filters, ordering keys and snapshots are not there; ordering keys are kept.
"""

import itertools
import threading
import time
from concurrent import futures
from dataclasses import dataclass, field

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

PROJECT = "newsevents-test"  # Beam wants six characters and more
MOST_REQUEST_BYTES = 10_000_000
_OPTIONS = (("grpc.max_receive_message_length", 2 * MOST_REQUEST_BYTES),
            ("grpc.max_send_message_length", 64 * MOST_REQUEST_BYTES))  # fmt: skip
_PULL_SECONDS = 0.1  # that an empty pull waits


@dataclass
class _Held:
    """A message in a subscription; given away until ``leased_until`` when that is later."""

    message: types.PubsubMessage
    leased_until: float = 0.0
    ack_id: str = ""


@dataclass
class _Subscription:
    topic: str
    ack_seconds: float
    held: list[_Held] = field(default_factory=list)


class FakePubSub:
    """See the top of this file."""

    def __init__(self) -> None:
        self.published: list[types.PubsubMessage] = []  # in the order they came
        self.delivered = 0  # times any message was given to somebody
        self._topics: set[str] = set()
        self._subscriptions: dict[str, _Subscription] = {}
        self._refusals: list[grpc.StatusCode] = []
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._server: grpc.Server | None = None
        self._port = 0

    # What tests call.

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen; after ``stop`` on the same port again."""
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=_OPTIONS)
        self._server.add_generic_rpc_handlers(self._handlers())
        self._port = self._server.add_insecure_port(f"127.0.0.1:{self._port}")
        self._server.start()

    def stop(self) -> None:
        """Stop listening, and keep what is there."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def create(self, name: str, ack_seconds: float = 10.0) -> tuple[str, str]:
        """Make a topic and a subscription to it; gives their full names."""
        topic = f"projects/{PROJECT}/topics/{name}"
        subscription = f"projects/{PROJECT}/subscriptions/{name}"
        with self._changed:
            self._topics.add(topic)
            self._subscriptions[subscription] = _Subscription(topic, ack_seconds)
        return topic, subscription

    def publish(self, topic: str, data: bytes = b"", **attributes: str) -> str:
        """Put one message into a topic, whatever Pub/Sub would say to it; gives its id."""
        message = types.PubsubMessage(data=data, attributes=attributes)
        with self._changed:
            return self._add(topic, message)

    def refuse(self, code: grpc.StatusCode, times: int = 1) -> None:
        """Let the next publish requests fail."""
        with self._changed:
            self._refusals += [code] * times

    def waiting(self, subscription: str) -> int:
        """Say how many messages nobody has acknowledged."""
        with self._changed:
            return len(self._subscriptions[subscription].held)

    def take(self, subscription: str) -> list[types.PubsubMessage]:
        """Give all messages that nobody has acknowledged, and acknowledge them."""
        with self._changed:
            held = self._subscriptions[subscription].held
            taken = [one.message for one in held]
            held.clear()
        return taken

    # What clients call.

    def _publish(self, request: types.PublishRequest, context: grpc.ServicerContext):
        with self._changed:
            refusal = self._refusals.pop(0) if self._refusals else None
        if refusal is not None:
            context.abort(refusal, "refused by the test")
        self._need(request.topic in self._topics, "no such topic", context)
        if types.PublishRequest.pb(request).ByteSize() > MOST_REQUEST_BYTES:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is too large")
        for message in request.messages:
            if problem := _problem(message):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, problem)
        with self._changed:
            ids = [self._add(request.topic, message) for message in request.messages]
        return types.PublishResponse(message_ids=ids)

    def _add(self, topic: str, message: types.PubsubMessage) -> str:
        message.message_id = str(next(self._numbers))
        types.PubsubMessage.pb(message).publish_time.GetCurrentTime()
        self.published.append(message)
        for subscription in self._subscriptions.values():
            if subscription.topic == topic:
                subscription.held.append(_Held(message))
        self._changed.notify_all()
        return message.message_id

    def _create_topic(self, request: types.Topic, context: grpc.ServicerContext):
        self._topics.add(request.name)
        return request

    def _get_topic(self, request: types.GetTopicRequest, context: grpc.ServicerContext):
        self._need(request.topic in self._topics, "no such topic", context)
        return types.Topic(name=request.topic)

    def _create_subscription(self, request: types.Subscription, context: grpc.ServicerContext):
        seconds = request.ack_deadline_seconds or 10
        with self._changed:
            self._subscriptions[request.name] = _Subscription(request.topic, seconds)
        return request

    def _delete_subscription(
        self, request: types.DeleteSubscriptionRequest, context: grpc.ServicerContext
    ):
        with self._changed:
            self._subscriptions.pop(request.subscription, None)
        return empty_pb2.Empty()

    def _pull(self, request: types.PullRequest, context: grpc.ServicerContext):
        known = request.subscription in self._subscriptions
        self._need(known, "no such subscription", context)
        until = time.monotonic() + _PULL_SECONDS
        with self._changed:
            while not (found := self._lease(request)) and time.monotonic() < until:
                self._changed.wait(_PULL_SECONDS / 5)
        return types.PullResponse(
            received_messages=[
                types.ReceivedMessage(ack_id=one.ack_id, message=one.message) for one in found
            ]
        )

    def _lease(self, request: types.PullRequest) -> list[_Held]:
        subscription, now = self._subscriptions[request.subscription], time.monotonic()
        free = [one for one in subscription.held if one.leased_until <= now]
        found = free[: request.max_messages]
        for one in found:
            one.leased_until = now + subscription.ack_seconds
            one.ack_id = f"ack-{next(self._numbers)}"
        self.delivered += len(found)
        return found

    def _acknowledge(self, request: types.AcknowledgeRequest, context: grpc.ServicerContext):
        done, now = set(request.ack_ids), time.monotonic()
        with self._changed:
            subscription = self._subscriptions[request.subscription]
            subscription.held = [
                one
                for one in subscription.held
                if one.ack_id not in done or one.leased_until <= now  # too late: it comes again
            ]
        return empty_pb2.Empty()

    def _modify_ack_deadline(
        self, request: types.ModifyAckDeadlineRequest, context: grpc.ServicerContext
    ):
        until = time.monotonic() + request.ack_deadline_seconds
        with self._changed:
            for one in self._subscriptions[request.subscription].held:
                if one.ack_id in request.ack_ids:
                    one.leased_until = until
            self._changed.notify_all()
        return empty_pb2.Empty()

    def _need(self, there: bool, what: str, context: grpc.ServicerContext) -> None:
        if not there:
            context.abort(grpc.StatusCode.NOT_FOUND, what)

    def _handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        publisher = {
            "CreateTopic": _unary(self._create_topic, types.Topic),
            "GetTopic": _unary(self._get_topic, types.GetTopicRequest),
            "Publish": _unary(self._publish, types.PublishRequest),
        }
        subscriber = {
            "CreateSubscription": _unary(self._create_subscription, types.Subscription),
            "DeleteSubscription": _unary(
                self._delete_subscription, types.DeleteSubscriptionRequest
            ),
            "Pull": _unary(self._pull, types.PullRequest),
            "Acknowledge": _unary(self._acknowledge, types.AcknowledgeRequest),
            "ModifyAckDeadline": _unary(self._modify_ack_deadline, types.ModifyAckDeadlineRequest),
        }
        return (
            grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", publisher),
            grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", subscriber),
        )


def _problem(message: types.PubsubMessage) -> str:
    if not message.data and not message.attributes:
        return "a message needs data or attributes"
    if len(message.attributes) > 100:
        return "too many attributes"
    if any(len(name.encode()) > 256 for name in message.attributes):
        return "the name of an attribute is too long"
    if any(len(value.encode()) > 1024 for value in message.attributes.values()):
        return "an attribute is too long"
    return ""


def _unary(method, request):
    return grpc.unary_unary_rpc_method_handler(
        method, request_deserializer=request.deserialize, response_serializer=_serialized
    )


def _serialized(message) -> bytes:
    if hasattr(type(message), "serialize"):
        return type(message).serialize(message)
    return message.SerializeToString()
