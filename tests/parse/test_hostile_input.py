"""Whatever the bytes, a parser gives entries or says no, and soon."""

import json
import re
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import Document, Entry
from transforms._shared.rejects import RejectError
from transforms._shared.web.fetch import Fetched
from transforms.parse.document import parse_document
from transforms.parse.feed import parse_feed
from transforms.parse.json_feed import parse_json_feed
from transforms.parse.news_sitemap import parse_news_sitemap
from transforms.parse.reading import read
from transforms.read.feed import Feed
from transforms.read.feed_state import FeedState, Policy, settle
from transforms.read.origin import Limits
from transforms.read.reader import Reader

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
DATA = Path(__file__).parents[1] / "data" / "parse"
SEEDS = [path.read_bytes() for path in sorted(DATA.iterdir()) if path.suffix in (".xml", ".rss")]
JSON_SEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Harbour",
    "home_page_url": "https://news.example/",
    "items": [
        {
            "id": "1",
            "title": "One",
            "url": "/1",
            "content_html": "<p>x</p>",
            "date_published": "2024-05-01T00:00:00Z",
            "authors": [{"name": "Ann"}],
            "tags": ["a"],
        },
        {"id": 2, "content_text": "Two", "image": "i.png", "author": {"name": "Bo"}},
    ],
}
SITEMAP = (
    b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    b'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>https://a.example/1'
    b"</loc><news:news><news:publication><news:name>A</news:name></news:publication><news:title>T"
    b"</news:title><news:publication_date>2024-05-01</news:publication_date></news:news></url>"
    b"<url><loc>https://a.example/2</loc><news:news><news:title>U</news:title></news:news></url>"
    b"</urlset>"
)
INDEX = b"<sitemapindex><sitemap><loc>http://a.example/news.xml</loc></sitemap></sitemapindex>"
OPML = b'<opml><body><outline xmlUrl="http://a.example/"/></body></opml>'
LONGEST_SECONDS = 3.0  # for one small document, on a machine that is busy

# What upsets parsers, put anywhere.
TOKENS = [
    b"<",
    b">",
    b"&",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"<?",
    b"?>",
    b"<!DOCTYPE x [",
    b"]>",
    b"<!ENTITY a 'b'>",
    b"&a;",
    b"&#0;",
    b"&#x110000;",
    b"&#128;",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"</rss>",
    b"</item>",
    b"<item>",
    b"<entry>",
    b"</channel>",
    b"<a:b>",
    b" xmlns=''",
    b" xmlns:a='http://www.w3.org/2005/Atom'",
    b" xml:base='http://['",
    b" type='xhtml'",
    b" mode='base64'",
    b" href='http://['",
    b"http://[",
    b"//[",
    b"<link>http://[</link>",
    b"<pubDate>31 Dec 9999 23:59 AKST</pubDate>",
    b"<dc:date>0001-01-01T00:00:00+23:59</dc:date>",
    b"<author>a@b.c (</author>",
    b"<georss:point>x</georss:point>",
    b"<enclosure/>",
    b"<media:content url='http://['/>",
    b"<content type='image/png'>====</content>",
    b"<ttl>999999999999</ttl>",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"1e999",
    b"-",
    b"NaN",
    b"null",
    b"9" * 5000,
    b"\\ud800",
    b"\r\n\r\n",
    b"\x1f\x8b\x08",
    b"WARC/1.0\r\n",
]


@st.composite
def mutated(draw, seeds):
    """A document that was whole, cut, doubled, and sprinkled with what upsets parsers."""
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(content)))
        end = min(len(content), place + draw(st.integers(0, 200)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            content = content[:place] + content[end:]
        elif kind == 1:
            content = content[:end] + content[place:]
        elif kind == 2:
            content = content[:place]
        elif kind == 3:
            content = content[:place] + draw(st.binary(max_size=8)) + content[place:]
        else:
            token = draw(st.sampled_from(TOKENS)) * draw(st.sampled_from([1, 1, 1, 2, 300]))
            content = content[:place] + token + content[place:]
    return content


hostile = settings(
    deadline=None, max_examples=150, derandomize=True, suppress_health_check=list(HealthCheck)
)


def document(content, kind="feed"):
    return Document("http://a.example/", "http://a.example/", kind, "feed", content, "", NOON, "f")


def gives_entries_or_says_no(parse, content):
    started = time.perf_counter()
    try:
        found = parse(document(content))
    except RejectError as error:
        assert re.fullmatch("[a-z_]+", error.reason)
        assert str(error)
    else:
        reading = read(document(content), found)
        assert len(reading.items) == len(found.entries)
        assert sum(part.count for part in reading.dropped) >= len(found.losses)
        assert len({entry.key for entry in found.entries}) == len(found.entries)
        for entry in found.entries:
            is_storable(entry)
    assert time.perf_counter() - started < LONGEST_SECONDS


def is_storable(entry: Entry):
    for value in (
        entry.key,
        entry.url,
        entry.guid,
        entry.title,
        entry.summary,
        entry.content,
        entry.source_name,
        entry.published,
        entry.language,
        *entry.authors,
    ):
        assert "\0" not in value.encode().decode()


@hostile
@given(mutated(SEEDS))
def test_any_feed_gives_entries_or_a_reason(content):
    gives_entries_or_says_no(parse_feed, content)


@hostile
@given(mutated([json.dumps(JSON_SEED).encode(), json.dumps(JSON_SEED, indent=1).encode()]))
def test_any_bytes_of_a_json_feed_give_entries_or_a_reason(content):
    gives_entries_or_says_no(parse_json_feed, content)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(10**40), 10**40)
    | st.text(max_size=20)
    | st.sampled_from(["http://[", "\ud800", "javascript:1", "9999-12-31T23:59:59-23:59", "/x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["value", "@value", "text", "name", "url", "href", "id"]), inner
        )
    ),
    max_leaves=12,
)
NAMES = sorted({name for item in JSON_SEED["items"] for name in item} | {"language", "summary"})


@hostile
@given(
    st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6) | VALUES, max_size=5),
    st.dictionaries(st.sampled_from(["title", "home_page_url", "authors", "language"]), VALUES),
)
def test_any_values_of_a_json_feed_give_entries_or_a_reason(items, more):
    content = json.dumps({**more, "version": JSON_SEED["version"], "items": items}).encode()
    gives_entries_or_says_no(parse_json_feed, content)
    try:
        found = parse_json_feed(document(content))
    except RejectError:
        return
    assert len(found.entries) + len(found.losses) == len(items)


@hostile
@given(mutated([SITEMAP]))
def test_any_news_sitemap_gives_entries_or_a_reason(content):
    gives_entries_or_says_no(parse_news_sitemap, content)


class Answering:
    def __init__(self, content, content_type):
        self.answer = Fetched("http://a.example/", content, content_type, "")

    def fetch(self, url, headers=(), accept=""):
        return self.answer


@hostile
@given(
    mutated([*SEEDS, SITEMAP, INDEX, OPML, json.dumps(JSON_SEED).encode()])
    | st.binary(max_size=300),
    st.sampled_from(["", "text/html", "text/xml; charset=utf-16", "application/json"]),
)
def test_any_answer_is_read_parsed_and_settled(content, content_type):
    started = time.perf_counter()
    reader = Reader(Answering(content, content_type), lambda: NOON, Limits(), stored=False)
    feed = Feed("http://a.example/", "http://a.example/")
    attempt, items = reader.ask(feed, FeedState(), Policy().bounds.most)
    reading = None
    for item in items:
        if isinstance(item, Document):
            try:
                reading = read(item, parse_document(item, 5000))
            except RejectError:
                reading = None
    _, fetch = settle(FeedState(), attempt, reading, Policy())
    assert items
    assert attempt.outcome != "" or attempt.error == ""
    assert fetch.entries == fetch.kept + fetch.known + sum(part.count for part in fetch.dropped)
    assert "read_failed" not in repr(items)
    assert time.perf_counter() - started < LONGEST_SECONDS


@pytest.mark.parametrize("attributes", [199, 200, 201, 5000])
def test_a_tag_keeps_its_first_attributes_and_its_item(attributes):
    many = " ".join(f'a{n}="v&amp;>"' for n in range(attributes))
    content = f"<rss><channel><item><title>One</title><x {many}/></item></channel></rss>"
    (entry,) = parse_feed(document(content.encode())).entries
    assert entry.title == "One"


def test_a_long_text_about_attributes_is_left_alone():
    many = " ".join(f'a{n}="v"' for n in range(5000))
    content = f"<rss><channel><item><title>One</title><description>&lt;x {many}/&gt; a &lt; b</description></item></channel></rss>"  # noqa: E501
    (entry,) = parse_feed(document(content.encode())).entries
    assert 'a4999="v"' in entry.content


def test_deep_values_of_json_count_for_nothing():
    deep = b'{"value":' * 900 + b"1" + b"}" * 900
    content = json.dumps({"items": [{"title": "One", "summary": "DEEP"}]}).encode()
    (entry,) = parse_json_feed(document(content.replace(b'"DEEP"', deep))).entries
    assert (entry.title, entry.summary) == ("One", "")


@pytest.mark.parametrize("amp", ["&", "&amp;", "&amp;amp;"])
def test_a_reference_of_5000_digits_costs_no_item(amp):
    content = f"<rss><channel><item><title>One {amp}#{'9' * 5000};</title></item></channel></rss>"
    (entry,) = parse_feed(document(content.encode())).entries
    assert entry.title.startswith("One ")


@pytest.mark.parametrize("markup", ["</width>", "<image></width></image>", "<link</item>"])
def test_markup_that_feedparser_gives_up_on_is_a_reason(markup):
    content = f"<rss><channel><title>x</title>{markup}<item><title>One</title></item></channel>"
    gives_entries_or_says_no(parse_feed, content.encode())


@pytest.mark.parametrize("written", ["31 Dec 9999 23:00:00 AKST", "1 Jan 0001 01:00:00 KST"])
def test_a_date_beyond_the_last_one_stays_as_written(written):
    content = (
        f"<rss><channel><item><title>t</title><pubDate>{written}</pubDate></item></channel></rss>"
    )
    (entry,) = parse_feed(document(content.encode())).entries
    assert entry.published == written


def test_a_hundred_thousand_deleted_items_are_counted_and_bounded():
    one = "<at:deleted-entry ref='tag:{0}' when='2024-05-01T00:00:00Z'><at:by/></at:deleted-entry>"
    deleted = "".join(one.format(number) for number in range(100_000))
    xml = f"<feed><title>T</title>{deleted}<entry><title>a</title><id>b</id></entry></feed>"
    document = Document("k", "https://a.example/f", "feed", "feed", xml.encode(), "", NOON, "f1")
    began = time.process_time()
    found = parse_feed(document)
    assert time.process_time() - began < 10.0
    assert (len(found.entries), found.deleted, len(found.tombstones)) == (1, 100_000, 5000)
    assert read(document, found).deleted == 100_000
