"""Sending: retries, order, signatures, and whom nobody posts to."""

import threading
import time
from collections import Counter
from datetime import datetime, timezone

import pytest

from pipelines.alerts import courier
from pipelines.alerts.courier import Lane
from pipelines.alerts.retrying import Retries
from pipelines.alerts.sinks import Sink
from schemas import Alert
from transforms._shared.web.fetch import FetchError, HttpFetcher

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
QUICK = Retries(first_seconds=0.001, most_seconds=0.002, attempts=4, failures=3)


def alert(number=1, name="e1", body='{"a":1}'):
    return Alert(
        "desk", name, number, "planned", f"k-{name}-{number}", "org.newsevents.alert.breaking",
        ("broke",), name, (), 1, "breaking", "Fire", 3, 0, 0, NOON, "cloudevents", body,
    )  # fmt: skip


def failure(status, **headers):
    return FetchError(
        "http_status", f"https://desk.example: the server answered with status {status}",
        replayable=status >= 500 or status == 429, status=status, headers=headers,
    )  # fmt: skip


class Answers:
    """Answers posts with what was prepared for each key, one after the other, then with 204."""

    def __init__(self, **answers):
        self.answers = {key.replace("_", "-"): list(found) for key, found in answers.items()}
        self.posted = []
        self.held = threading.Event()
        self.held.set()

    def post(self, url, content, headers):
        self.held.wait(10)
        key = dict(headers)["Idempotency-Key"]
        self.posted.append((key, content, dict(headers)))
        if self.answers.get(key):
            answer = self.answers[key].pop(0)
            if isinstance(answer, Exception):
                raise answer
        return 204


@pytest.fixture
def lane():
    """``lane(poster, **changes)``: a lane to a desk; ``said`` lists what it tells the user."""
    lanes = []

    def make(poster, sink=None, retries=QUICK):
        made = Lane(sink or Sink("desk", "https://desk.example/in"), poster, retries, lambda: NOON)
        made.said = []
        made.tell = made.said.append
        lanes.append(made)
        return made

    yield make
    for one in lanes:
        one.close(time.monotonic())


def settle(lane, alerts, seconds=10.0):
    lane.hand_over(alerts)
    lane.close(time.monotonic() + seconds)
    return [(a.alert_id, a.revision, a.outcome, a.attempts, a.reason) for a in lane.take_settled()]


def test_alerts_are_sent_in_order_and_settled(lane):
    poster = Answers()
    found = settle(lane(poster), [alert(1), alert(1, "e2"), alert(2)])
    assert found == [
        ("e1", 1, "delivered", 1, ""), ("e2", 1, "delivered", 1, ""), ("e1", 2, "delivered", 1, ""),
    ]  # fmt: skip
    assert [key for key, *_ in poster.posted] == ["k-e1-1", "k-e2-1", "k-e1-2"]


def test_what_can_pass_is_tried_again_before_what_comes_after(lane):
    late = FetchError("deadline", "https://desk.example: no whole answer", replayable=True)
    poster = Answers(k_e1_1=[failure(503), late, failure(429)])
    one = lane(poster)
    assert settle(one, [alert(1), alert(2)])[0] == ("e1", 1, "delivered", 4, "")
    assert [key for key, *_ in poster.posted] == ["k-e1-1"] * 4 + ["k-e1-2"]
    assert len({body for _, body, _ in poster.posted[:4]}) == 1
    assert one.said == [
        "alerts to desk: https://desk.example: the server answered with status 503; trying again",
        "alerts to desk: delivered again",
    ]


def test_what_cannot_pass_is_given_up_at_once_and_the_next_one_is_sent(lane):
    poster = Answers(k_e1_1=[failure(410)], k_e1_2=[FetchError("private_address", "not public")])
    one = lane(poster)
    assert settle(one, [alert(1), alert(2), alert(3)]) == [
        ("e1", 1, "failed", 1, "http_410"),
        ("e1", 2, "failed", 1, "private_address"),
        ("e1", 3, "delivered", 1, ""),
    ]
    assert one.said == [
        "alerts to desk: https://desk.example: the server answered with status 410; gave up on e1 "
        "revision 1",
        "alerts to desk: delivered again",
    ]


def test_after_the_last_attempt_an_alert_is_given_up(lane):
    poster = Answers(k_e1_1=[failure(503)] * 4)
    assert settle(lane(poster), [alert(1)]) == [("e1", 1, "failed", 4, "http_503")]


def test_a_sink_that_fails_again_and_again_is_left_alone(lane):
    poster = Answers(**{f"k_e1_{n}": [failure(401)] for n in range(1, 9)})
    one = lane(poster)
    found = settle(one, [alert(number) for number in range(1, 7)])
    assert [revision for _, revision, *_ in found] == [1, 2, 3]
    assert one.waiting() == 3  # they stay pending
    assert one.muted
    assert one.said[-1].startswith("alerts to desk: 3 in a row were given up, the last because ")
    assert len(one.said) == 2


def test_a_receiver_is_waited_for_as_long_as_it_asks(lane):
    poster = Answers(k_e1_1=[failure(429, **{"retry-after": "3600"})])
    one = lane(poster)
    started = time.monotonic()
    assert settle(one, [alert(1)], seconds=0.2) == []  # nor does that hold up the end of the run
    assert time.monotonic() - started < 5
    assert one.waiting() == 1
    assert len(poster.posted) == 1


def test_handing_over_waits_for_nobody(lane):
    poster = Answers()
    poster.held.clear()
    one = lane(poster)
    started = time.monotonic()
    one.hand_over([alert(number) for number in range(1, 100)])
    assert time.monotonic() - started < 1
    poster.held.set()
    assert len(settle(one, [])) == 99


def test_what_there_is_no_room_for_comes_later_and_nothing_overtakes_it(lane, monkeypatch):
    monkeypatch.setattr(courier, "MOST_WAITING", 2)
    poster = Answers()
    poster.held.clear()
    one = lane(poster)
    alerts = [alert(number) for number in range(1, 6)]
    one.hand_over(alerts[:3])
    assert one.lacking
    poster.held.set()
    while one.waiting():
        time.sleep(0.01)
    one.hand_over(alerts[3:4])
    assert one.waiting() == 0  # the third has to come first
    monkeypatch.setattr(courier, "MOST_WAITING", 100)
    one.refill(alerts)  # as the output has it: it does not know yet that two were delivered
    assert not one.lacking
    assert [row[1] for row in settle(one, [])] == [1, 2, 3, 4, 5]
    assert Counter(key for key, *_ in poster.posted) == Counter(a.key for a in alerts)


def test_secrets_are_not_in_what_is_said_or_written(lane):
    sink = Sink("desk", "https://desk.example/s3cret", secrets=("s3cret",))
    wrong = FetchError("connection_failed", "https://desk.example: S3CRET is not there")
    one = lane(Answers(k_e1_1=[wrong]), sink)
    one.hand_over([alert(1)])
    one.close(time.monotonic() + 10)
    (settled,) = one.take_settled()
    assert settled.error == "https://desk.example: REDACTED is not there"
    assert "s3cret" not in " ".join(one.said).lower()


def test_a_request_holds_the_body_to_the_byte_and_all_headers(server, lane):
    url = server.answer("/in", status="204 No Content")
    sink = Sink("desk", url, keys=(b"k" * 32,), headers=(("Authorization", "Bearer abc"),))
    one = lane(HttpFetcher(allow_private=True), sink)
    assert settle(one, [alert(body='{"title":"Größe"}')]) == [("e1", 1, "delivered", 1, "")]
    (request,) = server.requests
    head, _, body = request.partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == "POST /in HTTP/1.1"
    assert body == '{"title":"Größe"}'
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["content-length"] == str(len(body.encode()))
    assert headers["idempotency-key"] == headers["webhook-id"] == "k-e1-1"
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert headers["webhook-signature"].startswith("v1,")
    assert headers["authorization"] == "bearer abc"


@pytest.mark.parametrize(
    ("address", "allow_private", "reason"),
    [
        ("127.0.0.1", False, "private_address"),
        ("10.0.0.5", False, "private_address"),
        ("169.254.169.254", False, "private_address"),
        ("169.254.169.254", True, "private_address"),
        ("127.0.0.1", True, ""),
        ("93.184.216.34", False, ""),
    ],
)
def test_addresses_are_guarded_as_those_of_feeds_are(
    server, to_server, lane, address, allow_private, reason
):
    server.answer("/in")
    poster = HttpFetcher(
        resolver=lambda host, port: [address], backend=to_server, allow_private=allow_private
    )
    sink = Sink("desk", "http://desk.example/in")
    ((_, _, outcome, _, why),) = settle(lane(poster, sink), [alert()])
    assert (outcome, why) == ("failed" if reason else "delivered", reason)
    assert len(server.requests) == (not reason)


def test_a_redirect_is_not_followed(server, lane):
    url = server.answer("/in", status="307 Temporary Redirect", Location="/other")
    server.answer("/other")
    one = lane(HttpFetcher(allow_private=True), Sink("desk", url))
    assert settle(one, [alert()]) == [("e1", 1, "failed", 1, "http_307")]
    assert len(server.requests) == 1
    assert "redirects are not followed here" in one.said[0]
    assert "/in" not in one.said[0]  # a path may be a secret
