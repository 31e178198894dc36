import gzip
from datetime import datetime, timezone

import pytest

from transforms._shared.rejects import RejectError
from transforms.read import feed_list
from transforms.read.feed import parse_feed
from transforms.read.feed_list import MAX_LISTED_SITEMAPS, feed_sources, opml_feeds, sitemap_feeds

OPML = """<?xml version="1.0"?>
<!DOCTYPE opml [<!ELEMENT opml ANY>]>
<opml version="2.0"><head><title>Harbour</title></head><body>
  <outline text="one" xmlUrl="https://one.example/rss?a=1&amp;b=2"/>
  <outline text="folder"><outline text="more"><outline xmlurl=" http://two.example/ "/></outline>
  <outline text="again" xmlUrl="https://one.example/rss?a=1&amp;b=2"/></outline>
  <outline text="page" htmlUrl="https://page.example/"/><outline xmlUrl=""/>
  LOCAL
</body></opml>"""
ONE, TWO = "https://one.example/rss?a=1&b=2", "http://two.example/"
BOMB = (
    '<!DOCTYPE opml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    '<opml><body><outline text="&b;" xmlUrl="http://a.example/"/></body></opml>'
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "harbour.rss").write_text("<rss><channel/></rss>")
    return tmp_path


def write(folder, content, name="feeds.txt") -> str:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    return str(folder / name)


def test_a_url_is_itself():
    assert feed_sources("https://one.example/rss") == ["https://one.example/rss"]


@pytest.mark.parametrize(
    "content",
    [
        b"<rss><channel/></rss>",
        gzip.compress(b"<feed/>"),
        b'{"version": "https://jsonfeed.org/version/1.1", "items": []}',
        b"<urlset xmlns:news='x'><news:news/></urlset>",
    ],
    ids=["rss", "gzipped-atom", "json-feed", "news-sitemap"],
)
def test_a_feed_file_is_itself(folder, content):
    path = write(folder, content)
    assert feed_sources(path) == [path]


def test_a_list_gives_its_lines_with_paths_relative_to_it(folder):
    lines = f"# mine\r\n\r\n  {TWO}\r\nharbour.rss\r\n{ONE}\n{TWO}\n{folder.as_uri()}/harbour.rss"
    harbour = str(folder / "harbour.rss")
    for content in (lines, b"\xef\xbb\xbf" + lines.encode(), gzip.compress(lines.encode())):
        assert feed_sources(write(folder, content)) == [TWO, harbour, ONE]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_an_opml_file_gives_the_feeds_of_all_its_outlines(folder, encoding):
    local = '<outline xmlUrl="harbour.rss"/>'
    path = write(folder, OPML.replace("LOCAL", local).encode(encoding), "feeds.xml")
    assert feed_sources(path) == [ONE, TWO, str(folder / "harbour.rss")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "found nothing", id="empty"),
        pytest.param("# nothing\n\n", "names no feed", id="comments-only"),
        pytest.param("<opml><body/></opml>", "names no feed", id="opml-without-feeds"),
        pytest.param("<opml><body>", "not well-formed", id="opml-broken"),
        pytest.param(BOMB, "not well-formed", id="opml-with-entities"),
        pytest.param(f"{TWO}\n\nmissing.rss", r"line 3 names 'missing\.rss'", id="missing-file"),
        pytest.param("ftp://a.example/", "neither an http", id="other-scheme"),
        pytest.param(".", "neither an http", id="a-folder"),
        pytest.param("a\0b", "neither an http|binary", id="nul"),
        pytest.param("http://u:hidden@\n", "neither an http", id="no-host"),
        pytest.param("<html><body>Sorry</body></html>", "html", id="html"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "binary", id="binary"),
        pytest.param(gzip.compress(b"x" * 99)[:-9], "cut off", id="gzip-cut-off"),
        pytest.param(
            '<opml><outline xmlUrl="missing.rss"/></opml>',
            "an outline names 'missing.rss'",
            id="opml-missing-file",
        ),
    ],
)
def test_a_bad_list_is_named_with_its_fault(folder, content, message):
    path = write(folder, content)
    with pytest.raises(ValueError, match=message) as caught:
        feed_sources(path)
    assert str(caught.value).startswith(f"--feeds {path}: ")
    assert "\n" not in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.txt", ".", "x\0y"])
def test_a_list_that_cannot_be_opened_is_named(folder, name):
    path = str(folder / name)
    with pytest.raises(ValueError) as caught:
        feed_sources(path)
    assert path in str(caught.value)


def test_opml_found_in_the_input_gives_web_feeds_only():
    content = OPML.replace("LOCAL", '<outline xmlUrl="/etc/passwd"/><outline xmlUrl="ftp://x/"/>')
    assert opml_feeds(content.encode()) == [ONE, TWO]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<opml><body>", "broken_opml"),
        (BOMB.encode(), "broken_opml"),
        (b"<?xml version='1.0' encoding='bogus'?><opml/>", "broken_opml"),
        (b"", "broken_opml"),
        (b"<opml><outline xmlUrl='/etc/passwd'/></opml>", "empty"),
    ],
)
def test_opml_without_usable_feeds_is_refused(content, reason):
    with pytest.raises(RejectError) as caught:
        opml_feeds(content)
    assert caught.value.reason == reason


def test_the_number_of_listed_feeds_is_bounded(monkeypatch):
    monkeypatch.setattr(feed_list, "MAX_LISTED_FEEDS", 1)
    with pytest.raises(RejectError) as caught:
        opml_feeds(OPML.encode())
    assert caught.value.reason == "too_large"


def test_a_line_may_name_options_and_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "hidden")
    listed = tmp_path / "feeds.txt"
    listed.write_text('https://a.example/f?key=${KEY} every=5m\nhttps://b.example/ header="A: b"\n')
    assert feed_sources(str(listed)) == [
        "https://a.example/f?key=${KEY} every=5m", 'https://b.example/ header="A: b"',
    ]  # fmt: skip
    listed.write_text("https://a.example/f every=soon\n")
    with pytest.raises(ValueError, match="line 1: 'soon' is no span of time"):
        feed_sources(str(listed))
    with pytest.raises(ValueError, match="NOT_SET is not set"):
        feed_sources("https://a.example/?k=${NOT_SET}")


def test_what_others_wrote_into_opml_names_no_variables_and_no_options(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "hidden")
    listed = tmp_path / "feeds.opml"
    listed.write_text('<opml><outline xmlUrl="https://e.example/${KEY} every=1s"/></opml>')
    (line,) = feed_sources(str(listed))
    feed = parse_feed(line)
    assert (feed.url, feed.every) == ("https://e.example/$%7BKEY}%20every=1s", None)


MORNING = datetime(2024, 5, 1, 6, tzinfo=timezone.utc)


def sitemap_index(*sitemaps):
    parts = "".join(
        f"<sitemap><loc>{loc}</loc><lastmod>{changed}</lastmod></sitemap>"
        for loc, changed in sitemaps
    )
    return f"<sitemapindex xmlns='http://x/'>{parts}</sitemapindex>".encode()


def test_the_sitemaps_for_news_of_an_index_are_chosen():
    index = sitemap_index(
        ("https://a.example/pages.xml", "2024-05-01"),
        ("/news-old.xml", "2024-04-01"),
        ("/news-1.xml", "2024-04-30T12:00:00Z"),
        ("/news-2.xml", "2024-05-01T05:00:00+00:00"),
        ("/news-3.xml", "whenever"),
        ("file:///etc/news", "2024-05-01"),
    )
    assert sitemap_feeds(index, "https://a.example/index.xml", MORNING) == [
        "https://a.example/news-2.xml",
        "https://a.example/news-1.xml",
        "https://a.example/news-3.xml",
    ]


def test_without_any_for_news_those_that_changed_lately_are_chosen():
    index = sitemap_index(("/a.xml", "2024-04-30"), ("/b.xml", "2020-01-01"))
    assert sitemap_feeds(index, "https://a.example/", MORNING) == ["https://a.example/a.xml"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<sitemapindex>", "broken_sitemap"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><sitemapindex/>", "broken_sitemap"),
        (b"<sitemapindex/>", "empty"),
    ],
)
def test_an_index_without_use_is_refused(content, reason):
    with pytest.raises(RejectError) as caught:
        sitemap_feeds(content, "https://a.example/", MORNING)
    assert caught.value.reason == reason


def test_an_index_names_not_too_many():
    index = sitemap_index(*((f"/news-{n}.xml", "2024-05-01") for n in range(200)))
    assert len(sitemap_feeds(index, "https://a.example/", MORNING)) == MAX_LISTED_SITEMAPS
