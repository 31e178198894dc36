"""Reading a subscription, against a server that speaks Pub/Sub's protocol."""

import contextlib
import gzip
import time
from datetime import datetime, timedelta, timezone

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engine import Collected
from schemas import Document, Fetch, Reading, Rejected
from transforms._shared.records import register_record_coders
from transforms._shared.stopping import STOP
from transforms._shared.web.fetch import HttpFetcher
from transforms.parse.document import parse_document
from transforms.parse.reading import read
from transforms.read.feed import parse_feed
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import Policy
from transforms.read.fetch_message import fetch_bytes
from transforms.read.messages import Message, feed_message, read_message
from transforms.read.origin import Limits
from transforms.read.poller import Poller
from transforms.read.reader import Reader
from transforms.read.transform import PollDocuments, ReadMessages

RSS = (
    "<rss><channel><title>{name}</title><link>https://{name}.example/</link>"
    "<item><title>Ferry aground</title><link>https://{name}.example/1</link></item>"
    "</channel></rss>"
)
FAST = timedelta(seconds=5)

register_record_coders()


@contextlib.contextmanager
def reading(subscription):
    """Read a subscription in the background; gives what came out so far, by output."""
    options = PipelineOptions(["--runner=BundleBasedDirectRunner", "--streaming"])
    pipeline = beam.Pipeline(options=options)
    messages = pipeline | ReadMessages(subscription)
    outputs = {**messages.read._asdict(), "fetches": messages.fetches}
    files = {name: Collected(found, name.title()) for name, found in outputs.items()}
    running = pipeline.run()
    try:
        yield lambda: {name: file.read() for name, file in files.items()}
    finally:
        running.cancel()


def until(look, enough, seconds=30.0):
    """Look again and again until it is enough."""
    end = time.monotonic() + seconds
    while not enough(found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    assert enough(found), found
    return found


class _MakePoller:
    def __init__(self, feeds, at=None):
        self.feeds, self.at = feeds, at

    def __call__(self):
        def now():
            return self.at or datetime.now(timezone.utc)

        reader = Reader(HttpFetcher(10.0, allow_private=True), now, Limits(), stored=False)
        book = FeedBook([parse_feed(feed) for feed in self.feeds], Policy())
        return Poller(reader, book, (), now, STOP.is_set, every=True, patient=True)


@pytest.fixture
def feeds(server, tmp_path):
    """Feeds over HTTP, packed and not, and one that is a file."""
    file = tmp_path / "local feed.xml"
    file.write_text(RSS.format(name="local"))
    packed = gzip.compress(RSS.format(name="packed").encode())
    return [
        server.answer("/a", RSS.format(name="a").encode(), Content_Type="text/xml; charset=utf-8"),
        server.answer("/b?key=secret", RSS.format(name="b").encode("utf-16")),
        server.answer("/c", packed, Content_Type="application/gzip"),
        str(file),
    ]


def test_poison_among_good_messages_stops_nothing(pubsub):
    topic, subscription = pubsub.create("news")
    good = [f"The ferry ran aground, says report {number}.".encode() for number in range(25)]
    for data in good:
        pubsub.publish(topic, data)
        pubsub.publish(topic, data, backfill="perhaps")
    pubsub.publish(topic, b"", kind="document")
    pubsub.publish(topic, gzip.compress(good[0])[:-4])
    pubsub.publish(topic, b"{}", kind="fetch")
    with reading(subscription) as look:
        found = until(look, lambda o: len(o["documents"]) == 25 and len(o["rejected"]) == 28)
    assert sorted(document.content for document in found["documents"]) == sorted(good)
    assert {type(document) for document in found["documents"]} == {Document}
    assert {type(document.received_at) for document in found["documents"]} == {datetime}
    reasons = sorted(letter.reason for letter in found["rejected"])
    assert reasons == ["bad_attribute"] * 25 + ["broken_fetch", "broken_gzip", "empty"]
    keys = {item.key for item in found["documents"] + found["rejected"]}
    assert keys == {f"pubsub:{subscription}/{m.message_id}" for m in pubsub.published}
    assert found["readings"] == found["attempts"] == found["fetches"] == []
    assert pubsub.waiting(subscription) == 0


def test_polled_feeds_are_the_same_documents_by_way_of_messages(pubsub, feeds):
    at = datetime.now(timezone.utc) - timedelta(seconds=1)
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    STOP.clear()
    polled = pipeline | PollDocuments(_MakePoller(feeds, at), 1.0, rounds=1)
    direct = Collected(polled.documents, "Direct")
    pipeline.run().wait_until_finish()
    topic, subscription = pubsub.create("news")
    for item in _MakePoller(feeds, at)().round():
        data, attributes = feed_message(item)
        pubsub.publish(topic, data, **attributes)
    with reading(subscription) as look:
        found = until(look, lambda outputs: len(outputs["documents"]) == len(feeds))

    def by_key(documents):
        return sorted(documents, key=lambda document: document.key)

    assert by_key(found["documents"]) == by_key(direct.read())
    assert {document.backfill for document in found["documents"]} == {True}
    assert all("secret" not in f"{document}" for document in found["documents"])


def test_what_became_of_each_request_comes_out_of_its_own_output(pubsub, feeds):
    topic, subscription = pubsub.create("news")
    poller = _MakePoller([*feeds, "http://127.0.0.1:1/"])()
    items = list(poller.round())
    readings: list[Reading] = [
        read(item, parse_document(item, 100)) for item in items if isinstance(item, Document)
    ]
    fetches = poller.settle(readings)
    for fetch in fetches:
        pubsub.publish(topic, fetch_bytes(fetch), kind="fetch")
    with reading(subscription) as look:
        found = until(look, lambda outputs: len(outputs["fetches"]) == len(feeds) + 1)

    def by_feed(fetches: list[Fetch]):
        return sorted(fetches, key=lambda fetch: fetch.feed_id)

    assert by_feed(found["fetches"]) == by_feed(fetches)
    assert {fetch.outcome for fetch in fetches} == {"NEW", "TEMP"}


def test_a_message_that_nobody_acknowledged_comes_again_as_the_same_document(pubsub):
    from google.cloud import pubsub_v1

    topic, subscription = pubsub.create("news", ack_seconds=0.3)
    pubsub.publish(topic, b"The ferry ran aground.", url="https://a.example/1")
    seen = []
    with pubsub_v1.SubscriberClient() as client:
        while len(seen) < 2:
            for one in client.pull(subscription=subscription, max_messages=5).received_messages:
                message = Message(
                    one.message.data,
                    dict(one.message.attributes),
                    one.message.message_id,
                    one.message.publish_time,
                )
                seen += read_message(message, subscription)
        client.acknowledge(subscription=subscription, ack_ids=[one.ack_id])
    assert seen[0] == seen[1]
    assert not isinstance(seen[0], Rejected)
    assert pubsub.waiting(subscription) == 0


@pytest.mark.parametrize("name", ["news", "projects/x/subscriptions/y", "projects/press-desk/y"])
def test_what_is_no_subscription_is_refused_when_the_pipeline_is_built(name):
    with pytest.raises(ValueError, match=r"(?i)pubsub"):
        ReadMessages(name)
