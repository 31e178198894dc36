import os
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone

import apache_beam as beam
import pytest
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that, equal_to

from pipelines.flow import Sources, compare, read_once
from pipelines.options import parse_settings
from schemas import Document
from transforms._shared.records import register_record_coders
from transforms._shared.rejects import RejectError
from transforms._shared.stopping import STOP
from transforms._shared.web.fetch import Fetched
from transforms.embed.model import resolve_model
from transforms.read.files import portable
from transforms.read.transform import PollDocuments, ReadDocuments

RSS = b"<rss><channel><title>Harbour news</title></channel></rss>"
NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
WARC = (
    b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
    b"WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: http://a.example/\r\n"
    b"Content-Type: text/html\r\nContent-Length: 8\r\n\r\n<p>Late.\r\n\r\n"
)


class OneFeed:
    """A web with one feed in it."""

    def fetch(self, url: str, headers=(), accept: str = "") -> Fetched:
        if url != "http://one.example/rss":
            raise RejectError("http_status", "the server answered with status 404")
        return Fetched(url=url, content=RSS, content_type="", charset="")


@pytest.fixture(autouse=True, scope="module")
def coders():
    register_record_coders()


def test_documents_and_dead_letters_leave_by_their_own_outputs(tmp_path):
    (tmp_path / "text").write_bytes(b"The ferry is late.")
    (tmp_path / "lines").write_bytes(b'{"a": 1}\n{"b": \n{"c": 3}\n')
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "page").write_bytes(b"<html><body>503</body></html>")
    (tmp_path / "warc").write_bytes(WARC)
    page = str(tmp_path / "page")
    files = [str(tmp_path / name) for name in ("text", "lines", "nothing", "warc")]
    web = ["http://one.example/rss", "http://gone.example/rss"]
    base = tmp_path.as_uri()

    pipeline = test_pipeline.TestPipeline(runner="FnApiRunner")
    with pipeline:
        sources = pipeline | beam.Create([*files, page, *web])
        read = sources | ReadDocuments(fetcher=OneFeed(), feeds=frozenset([page]))
        assert read.documents.element_type is Document
        assert_that(
            read.documents | "Kinds" >> beam.Map(lambda document: (document.key, document.kind)),
            equal_to(
                [
                    (f"{base}/text", "text"),
                    (f"{base}/lines#L1", "json"),
                    (f"{base}/lines#L3", "json"),
                    (f"{base}/warc#record-2", "html"),
                    ("http://one.example/rss", "feed"),
                ]
            ),
            label="Documents",
        )
        assert_that(
            read.rejected | "Reasons" >> beam.Map(lambda refused: (refused.key, refused.reason)),
            equal_to(
                [
                    (f"{base}/lines#L2", "broken_json"),
                    (f"{base}/nothing", "empty"),
                    (f"{base}/page", "not_a_feed"),
                    ("http://gone.example/rss", "http_status"),
                ]
            ),
            label="Rejected",
        )

    assert counters(pipeline.result) == {
        "in": 7,
        "out": 5,
        "rejected_broken_json": 1,
        "rejected_empty": 1,
        "rejected_not_a_feed": 1,
        "rejected_http_status": 1,
        "skipped_warc_warcinfo": 1,
    }


def counters(result) -> Counter:
    query = beam.metrics.MetricsFilter().with_namespace("read")
    return Counter(
        {
            counter.key.metric.name: counter.committed
            for counter in result.metrics().query(query)["counters"]
        }
    )


def test_the_bounds_reach_the_reader(tmp_path, server):
    (tmp_path / "item").write_bytes(b"x" * 11)
    (tmp_path / "file").write_bytes(b"x" * 101)
    url = server.answer("/rss", RSS)
    with test_pipeline.TestPipeline(runner="FnApiRunner") as pipeline:
        sources = pipeline | beam.Create([str(tmp_path / "item"), str(tmp_path / "file"), url])
        read = sources | ReadDocuments(
            max_item_bytes=10, max_file_bytes=100, max_fetch_bytes=10, allow_private_hosts=True
        )
        assert_that(
            read.rejected | beam.Map(lambda refused: (refused.key, refused.reason)),
            equal_to(
                [
                    ((tmp_path / "item").as_uri(), "too_large"),
                    ((tmp_path / "file").as_uri(), "too_large"),
                    (url, "too_large"),
                ]
            ),
        )


def test_a_feed_whose_name_is_not_utf8_is_still_known_as_one(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/page\xff")
    with open(path, "w") as file:
        file.write("<html><body>503</body></html>")
    source = portable(path)
    with test_pipeline.TestPipeline(runner="FnApiRunner") as pipeline:
        sources = pipeline | beam.Create([source]).with_output_types(str)
        read = sources | ReadDocuments(fetcher=OneFeed(), feeds=frozenset([source]))
        assert_that(
            read.rejected | beam.Map(lambda refused: (refused.key, refused.reason)),
            equal_to([(f"{tmp_path.as_uri()}/page%FF", "not_a_feed")]),
        )


def test_the_flow_carries_names_that_are_not_utf8():
    settings = parse_settings(["--input", "unused", "--output", "unused"])
    pipeline = test_pipeline.TestPipeline(runner="FnApiRunner")
    sources = Sources(("/in/plain é.txt", "/in/bad\udcff.txt"), ("/in/feed\udcff",))
    compare(read_once(pipeline, sources, settings), settings, resolve_model(settings.model))
    steps = {step.full_label: step.transform for step in pipeline.transforms_stack[0].parts}
    carried = ["/in/plain é.txt", "file:///in/bad%FF.txt", "file:///in/feed%FF"]
    assert list(steps["Sources"].values) == carried
    assert steps["Read"].feeds == {"file:///in/feed%FF"}


def test_wrong_input_fails_before_the_run():
    with pytest.raises(beam.typehints.TypeCheckError):
        test_pipeline.TestPipeline(runner="FnApiRunner") | beam.Create([1, 2]) | ReadDocuments()


@dataclass
class _Rounds:
    """Three documents in three rounds, the second of two parts."""

    unsettled: bool = False
    number: int = 0

    def round(self):
        self.number += 1
        for part in range(3 if self.number == 2 else 0):
            yield Document(f"{self.number}.{part}", "", "text", "txt", b"Words.", "", NOON)

    def health(self):
        return []


class _Hook:
    def ended(self, poller):
        with open(os.environ["HOOK_LOG"], "a", encoding="utf-8") as log:
            log.write(f"{poller.number} ")

    def finished(self, poller):
        with open(os.environ["HOOK_LOG"], "a", encoding="utf-8") as log:
            log.write("finished")


def _key(document: Document) -> str:
    return document.key


@pytest.mark.parametrize("wait", [True, False])
def test_polling_gives_round_after_round_and_tells_when_each_is_through(
    wait, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOOK_LOG", str(tmp_path / "log"))
    STOP.clear()
    poll = PollDocuments(
        _Rounds, poll_seconds=0.01, rounds=4, wait=wait, hook=_Hook(), most_entries=2
    )
    with test_pipeline.TestPipeline(runner="FnApiRunner") as pipeline:
        keys = (pipeline | poll).documents | beam.Map(_key)
        assert_that(keys, equal_to(["2.0", "2.1", "2.2"]))
    assert (tmp_path / "log").read_text().split() == ["0", "1", "2", "2", "3", "4", "finished"]


def test_polling_ends_when_asked_to(tmp_path):
    STOP.set()
    with test_pipeline.TestPipeline(runner="FnApiRunner") as pipeline:
        read = pipeline | PollDocuments(_Rounds, poll_seconds=3600.0)
        assert_that(read.documents, equal_to([]))
    STOP.clear()
