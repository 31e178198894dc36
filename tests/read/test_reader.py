import gzip
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from schemas import Attempt, Document, Reading, Rejected
from schemas.document import DOCUMENT_KINDS
from schemas.ids import feed_id
from transforms._shared.rejects import RejectError
from transforms._shared.web.fetch import Fetched
from transforms.read.origin import Limits
from transforms.read.reader import Reader

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
MORNING = datetime(2024, 5, 1, 8, tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
RSS = b"<rss><channel><title>Harbour news</title></channel></rss>"
PAGE = b"<!DOCTYPE html><html><body>503 Service Unavailable</body></html>"
OPML = (
    b'<opml><outline xmlUrl="http://one.example/"/><outline xmlUrl="http://two.example/"/></opml>'
)
SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"


class FakeFetcher:
    """Answer from a table; what is not in it refuses the connection."""

    def __init__(self, answers: dict[str, bytes], **changes: str) -> None:
        self.answers = answers
        self.changes = changes
        self.asked: list[str] = []

    def fetch(self, url: str, headers=(), accept: str = "") -> Fetched:
        self.asked.append(url)
        if url not in self.answers:
            raise RejectError("connection_failed", "nobody answers", replayable=True)
        answer = {"url": url, "content_type": "", "charset": "", **self.changes}
        return Fetched(content=self.answers[url], **answer)


def read(source, answers=None, feeds=(), fetcher=None, **limits):
    fetcher = fetcher or FakeFetcher(answers or {})
    reader = Reader(fetcher, lambda: NOON, Limits(**limits), frozenset(feeds))
    items = reader.read(str(source))
    return [item for item in items if not isinstance(item, Attempt | Reading)]


@pytest.fixture
def write(tmp_path):
    def write_file(content: bytes, name: str = "Fähre 1.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        os.utime(path, (MORNING.timestamp(), MORNING.timestamp()))
        return path

    return write_file


def test_a_file_is_keyed_by_its_uri_and_dated_by_its_modification(write):
    path = write(b"The ferry is late.")
    expected = Document(
        key=path.as_uri(),
        url=path.as_uri(),
        kind="text",
        input_kind="txt",
        content=b"The ferry is late.",
        charset="",
        received_at=MORNING,
    )
    assert read(path) == [expected]
    assert read(path.as_uri()) == [expected]


def test_a_relative_path_has_the_same_key(write, monkeypatch):
    path = write(b"The ferry is late.")
    monkeypatch.chdir(path.parent)
    assert read(path.name) == read(path)


def test_lines_of_a_gzipped_file_have_its_uri_as_url(write):
    path = write(gzip.compress(b"{}\n{}\n"), "lines")
    items = read(path)
    assert [item.key for item in items] == [f"{path.as_uri()}#L1", f"{path.as_uri()}#L2"]
    assert {item.url for item in items} == {path.as_uri()}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\x7fELF\x02\x01\x01", "binary"),
        (gzip.compress(b"x" * 99)[:-9], "broken_gzip"),
        (b"<opml>", "broken_opml"),
        (b"x" * 1001, "too_large"),
    ],
)
def test_a_bad_file_is_one_dead_letter_dated_by_the_file(write, content, reason):
    path = write(content)
    (refused,) = read(path, max_file_bytes=1000)
    assert (refused.stage, refused.key, refused.reason) == ("read", path.as_uri(), reason)
    assert refused.error
    assert refused.first_failed_at == MORNING


def test_a_file_that_vanished_is_one_dead_letter(tmp_path):
    (refused,) = read(tmp_path / "gone.txt")
    assert (refused.reason, refused.replayable) == ("unreadable", True)
    assert (refused.key, refused.first_failed_at) == ((tmp_path / "gone.txt").as_uri(), EPOCH)


def never():
    raise AssertionError("the clock is for answers, files have a time of their own")


def test_what_cannot_be_read_is_dated_by_its_own_modification(tmp_path, write):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("gone")
    write(b"x" * 9, "long")
    reader = Reader(FakeFetcher({}), never, Limits(max_file_bytes=8))
    for name, reason in (("pipe", "not_a_file"), ("dangling", "unreadable"), ("long", "too_large")):
        path = tmp_path / name
        os.utime(path, (1, MORNING.timestamp()), follow_symlinks=False)
        (refused,) = reader.read(str(path))
        assert (refused.reason, refused.first_failed_at) == (reason, MORNING)


def test_a_name_that_is_not_utf8_is_read(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff\xfename.txt")
    with open(path, "w") as file:
        file.write("The ferry is late.")
    (document,) = read(path)
    assert document.key == document.url == tmp_path.as_uri() + "/bad%FF%FEname.txt"
    assert read(document.key) == [document]
    (refused,) = read(document.key, max_file_bytes=1)
    assert refused.error.encode()


def test_broken_lines_cost_themselves_only(write):
    path = write(b'{"title": "One"}\n{bad\n{bad2\n{bad3\n{"title": "Two"}\n')
    items = read(path)
    broken = [isinstance(item, Rejected) and item.reason == "broken_json" for item in items]
    assert broken == [False, True, True, True, False]


@pytest.mark.parametrize("content", [PAGE, b"Not found", b'{"error": 404}', b"{}\n{}\n"])
def test_a_file_given_as_a_feed_has_to_be_one(write, content):
    path = write(content)
    (refused,) = read(path, feeds=[str(path)])[:1]
    assert refused.reason == "not_a_feed"
    assert refused.payload == content
    assert all(isinstance(item, Document) for item in read(path))


@pytest.mark.parametrize("content", [RSS, gzip.compress(RSS)])
def test_an_answer_is_keyed_by_the_url_asked_and_has_the_url_that_answered(content):
    fetcher = FakeFetcher(
        {"http://u:pw@one.example/?key=a": content},
        url="https://one.example/new?key=a",
        content_type="text/xml; charset=big5",
        charset="big5",
    )
    assert read("http://u:pw@one.example/?key=a", fetcher=fetcher) == [
        Document(
            key="http://one.example/?key=REDACTED",
            feed_id=feed_id("http://u:pw@one.example/?key=a"),
            url="https://one.example/new?key=REDACTED",
            kind="feed",
            input_kind="feed",
            content=RSS,
            charset="big5",
            received_at=NOON,
        )
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (PAGE, "not_a_feed"),
        (b"Not found", "not_a_feed"),
        (b"<sitemapindex/>", "empty"),
        (b"<sitemapindex><sitemap>", "broken_sitemap"),
        (b"", "empty"),
        (gzip.compress(RSS)[:-9], "broken_gzip"),
    ],
)
def test_an_answer_that_is_no_feed_is_one_dead_letter(content, reason):
    (refused,) = read("http://one.example/", {"http://one.example/": content})
    assert (refused.key, refused.reason) == ("http://one.example/", reason)


def test_a_url_that_cannot_be_fetched_is_one_dead_letter_without_credentials():
    (refused,) = read("http://u:hidden@one.example/?token=hidden")
    assert (refused.reason, refused.replayable) == ("connection_failed", True)
    assert "hidden" not in repr(refused)


def test_the_feeds_of_an_opml_file_are_fetched(write):
    fetcher = FakeFetcher({"http://two.example/": RSS})
    failed, document = read(write(OPML), fetcher=fetcher)
    assert (failed.key, failed.reason) == ("http://one.example/", "connection_failed")
    assert (document.key, document.kind) == ("http://two.example/", "feed")
    assert fetcher.asked == ["http://one.example/", "http://two.example/"]


def test_lists_of_lists_are_opened_and_each_feed_is_asked_once():
    fetcher = FakeFetcher(
        {"http://a.example/": OPML, "http://one.example/": OPML, "http://two.example/": RSS}
    )
    (document,) = read("http://a.example/", fetcher=fetcher)
    assert document.key == "http://two.example/"
    assert fetcher.asked == ["http://a.example/", "http://one.example/", "http://two.example/"]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not here")
@pytest.mark.parametrize(
    ("folder", "kinds"),
    [
        ("feeds/feedparser_encoding", {"feed"}),
        ("feeds/feedparser_illformed", {"feed", "unsupported"}),
        ("feeds/feedparser_json", {"json_feed"}),
        ("feeds/feedjira", {"feed", "json_feed", "html"}),
        ("feeds/mediacloud", {"feed"}),
        ("dropped", {"text"}),
        ("pages", {"html", "json"}),
    ],
)
def test_every_sample_file_is_accounted_for(folder, kinds):
    paths = [path for path in sorted((SAMPLES / folder).rglob("*")) if path.is_file()]
    items = [item for path in paths for item in read(path)]
    assert len(items) == len(paths) > 0
    assert {item.kind for item in items if isinstance(item, Document)} <= set(DOCUMENT_KINDS)
    found = {item.reason if isinstance(item, Rejected) else item.kind for item in items}
    assert found == kinds
