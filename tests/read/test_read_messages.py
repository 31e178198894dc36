"""Reading a subscription, against a server that speaks Pub/Sub's protocol."""

import contextlib
import gzip
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engine import Collected
from pipelines.publish.__main__ import main as publish
from schemas import Document, Fetch, Rejected
from transforms._shared.records import register_record_coders
from transforms._shared.stopping import STOP
from transforms._shared.web.fetch import HttpFetcher
from transforms.read.feed import parse_feed
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import Policy
from transforms.read.messages import Message, read_message
from transforms.read.origin import Limits
from transforms.read.poller import Poller
from transforms.read.reader import Reader
from transforms.read.transform import PollDocuments, ReadMessages

RSS = (
    "<rss><channel><title>{name}</title><link>https://{name}.example/</link>"
    "<item><title>Ferry aground</title><link>https://{name}.example/1</link></item>"
    "</channel></rss>"
)

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
    def __init__(self, feeds):
        self.feeds = feeds

    def __call__(self):
        def now():
            return datetime.now(timezone.utc)

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


def test_polled_feeds_are_the_same_documents_by_way_of_the_poller_and_a_topic(
    pubsub, feeds, tmp_path
):
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    STOP.clear()
    polled = pipeline | PollDocuments(_MakePoller(feeds), 1.0, rounds=1)
    direct = Collected(polled.documents, "Direct")
    pipeline.run().wait_until_finish()
    topic, subscription = pubsub.create("news")
    began = datetime.now(timezone.utc)
    listed = [word for feed in [*feeds, "http://127.0.0.1:1/"] for word in ("--feeds", feed)]
    assert publish([*listed, "--topic", topic, "--state", f"{tmp_path}/state.jsonl", "--once",
                    "--allow_private_hosts"]) == 0  # fmt: skip
    with reading(subscription) as look:
        found = until(look, lambda outputs: len(outputs["fetches"]) == len(feeds) + 1)

    def by_key(documents):
        alike = [replace(document, received_at=began) for document in documents]
        return sorted(alike, key=lambda document: document.key)

    assert by_key(found["documents"]) == by_key(direct.read())
    assert all(began <= document.received_at for document in found["documents"])
    assert {document.backfill for document in found["documents"]} == {True}
    assert all("secret" not in f"{item}" for item in found["documents"] + found["fetches"])
    assert found["rejected"] == []
    assert Counter(fetch.outcome for fetch in found["fetches"]) == {"NEW": len(feeds), "TEMP": 1}
    assert {type(fetch) for fetch in found["fetches"]} == {Fetch}


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
