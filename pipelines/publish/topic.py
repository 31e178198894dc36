"""Publish to a Pub/Sub topic: in batches, tried again for a while, and never waited for longer."""

import os
import re
import time
from collections.abc import Callable, Hashable
from concurrent import futures
from typing import Any, Generic, TypeVar

from pipelines.options import UsageError
from transforms._shared.rejects import RejectError
from transforms.read.messages import Outgoing

_TOPIC = re.compile(r"projects/[a-z][a-z0-9:.-]{4,61}[a-z0-9]/topics/[A-Za-z][\w.~+%-]{2,254}")
_MOST_BATCH_BYTES = 4_000_000
_MOST_BATCH_MESSAGES = 100
_BATCH_SECONDS = 0.05
_UNDER_WAY_BYTES = 96 * 1024 * 1024  # beyond which publishing waits; a part of a round is smaller
_UNDER_WAY_MESSAGES = 5000
_CALL_SECONDS = 20.0  # for one request
_STOPPING_SECONDS = 5.0  # that are left once the run is to end
_TICK_SECONDS = 0.1

Name = TypeVar("Name", bound=Hashable)


def check_topic(topic: str) -> str:
    """Give back the full name of a topic.

    Raises:
        UsageError: it is none.
    """
    if not _TOPIC.fullmatch(topic):
        raise UsageError(
            f"--topic {topic[:200]} is no full name of a topic: write projects/PROJECT/topics/NAME"
        )
    return topic


class Topic(Generic[Name]):
    """Takes messages, each with a name, and tells which of them Pub/Sub has.

    Args:
        topic: its full name.
        wait_seconds: how long a message is tried again while Pub/Sub cannot take it.
        stopping: asked while waiting; when it says yes, little more time is given.

    Raises:
        UsageError: the client of Pub/Sub is not installed, or finds no credentials.
    """

    def __init__(self, topic: str, wait_seconds: float, stopping: Callable[[], bool]) -> None:
        self._topic = topic
        self._wait_seconds = wait_seconds
        self._stopping = stopping
        self._closed = False
        self._client = _client(wait_seconds, lambda: self._closed)
        self._under_way: dict[Name, futures.Future[str]] = {}

    def publish(self, name: Name, message: Outgoing) -> None:
        """Send a message on its way; ``settle`` says what became of it.

        Raises:
            RejectError: ``too_large``, or something else for which no message can be made of it.
        """
        try:
            future = self._client.publish(self._topic, message.data, **message.attributes)
        except Exception as error:  # one message must not stop the others
            why = f"no message can be made of it: {type(error).__name__}: {error}"
            raise RejectError("too_large", why) from error
        self._under_way[name] = future

    def settle(self) -> dict[Name, str]:
        """Wait for what is under way; gives the messages that are not there, and why.

        One whose answer did not come in time may be there all the same.
        """
        until = time.monotonic() + self._wait_seconds
        waiting = set(self._under_way.values())
        while waiting and time.monotonic() < until:
            if self._stopping():
                until = min(until, time.monotonic() + _STOPPING_SECONDS)
                _, waiting = futures.wait(waiting, until - time.monotonic())
                break
            _, waiting = futures.wait(waiting, _TICK_SECONDS)
        failed = {name: why for name, future in self._under_way.items() if (why := _why(future))}
        self._under_way.clear()
        return failed

    def close(self) -> None:
        """Let go of the connection; what is still under way is not tried again."""
        self._closed = True
        self._client.stop()  # the channel goes with its last user: closed now, it would raise there


def _why(future: "futures.Future[str]") -> str:
    """Say why a message is not there; "" when it is."""
    from google.api_core.exceptions import NotFound, PermissionDenied, RetryError

    if not future.done():
        return "Pub/Sub did not answer in time"
    error = future.exception()
    if error is None:
        return ""
    if isinstance(error, NotFound):
        return "there is no such topic: create it"
    if isinstance(error, PermissionDenied):
        return "publishing is not allowed: grant roles/pubsub.publisher on the topic"
    if isinstance(error, RetryError) and error.cause is not None:
        error = error.cause
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _client(wait_seconds: float, is_closed: Callable[[], bool]) -> Any:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what goes wrong is raised as well
    try:
        from google.api_core import exceptions
        from google.api_core.retry import Retry, if_exception_type
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud import pubsub_v1
    except ImportError as error:
        raise UsageError(
            f"the client of Pub/Sub is not installed ({error}): pip install 'newsevents[gcp]'"
        ) from error
    # What passes: everything else says that the same request can never be taken.
    passing = if_exception_type(
        exceptions.Aborted,
        exceptions.Cancelled,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.ServiceUnavailable,
        exceptions.Unknown,
    )
    kinds = pubsub_v1.types
    flow = kinds.PublishFlowControl(
        _UNDER_WAY_MESSAGES, _UNDER_WAY_BYTES, kinds.LimitExceededBehavior.BLOCK
    )
    retry = Retry(
        lambda error: not is_closed() and passing(error),
        initial=0.25,
        maximum=10.0,
        multiplier=2.0,
        timeout=wait_seconds,
    )
    timeout = min(wait_seconds, _CALL_SECONDS)
    try:
        return pubsub_v1.PublisherClient(
            kinds.BatchSettings(_MOST_BATCH_BYTES, _BATCH_SECONDS, _MOST_BATCH_MESSAGES),
            kinds.PublisherOptions(flow_control=flow, retry=retry, timeout=timeout),
        )
    except DefaultCredentialsError as error:
        raise UsageError(
            "no credentials of Google Cloud: run as a service account, or gcloud auth "
            "application-default login"
        ) from error
