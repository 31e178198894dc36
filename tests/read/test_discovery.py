import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.read.discovery import feed_links, sitemap_lines, usual_addresses

HOME = "https://paper.example/news/"


def test_declared_feeds_come_before_links_that_look_like_feeds():
    page = b"""<html><head><base href="/en/">
      <link rel="alternate stylesheet" href="x.css" type="text/css">
      <link REL="Alternate" type="application/atom+xml; charset=utf-8" href="atom.xml#top">
      <link rel="alternate" type="application/feed+json" href="https://other.example/f.json">
      <link rel="alternate" hreflang="de" href="/de/">
      </head><body><a href="/rss/sport">Sport</a><a href="/feedback">Feedback</a>
      <a href="?feed=rss2">all</a><a href="atom.xml">again</a><a href="javascript:feed()">x</a>
      <a href="http://[broken/rss">y</a></body></html>"""
    assert feed_links(page, HOME) == [
        "https://paper.example/en/atom.xml",
        "https://other.example/f.json",
        "https://paper.example/rss/sport",
        "https://paper.example/en/?feed=rss2",
    ]


@pytest.mark.parametrize("page", [b"", b"\0\0", b"plain text", b"<", b"\xff\xfe<\0"])
def test_a_page_that_is_none_names_nothing(page):
    assert feed_links(page, HOME, "no-such-charset") == []
    assert feed_links(page, HOME) == []


@given(st.binary(max_size=300))
def test_no_page_is_too_broken(page):
    assert isinstance(feed_links(b"<html><body>" + page, HOME), list)


def test_a_strange_charset_or_base_hides_no_feed():
    page = b'<base href="http://[bad"><link rel=alternate type=application/rss+xml href=/rss>'
    assert feed_links(page, HOME, "utf8mb4") == ["https://paper.example/rss"]


def test_usual_addresses_are_on_the_host():
    assert "https://paper.example/feed" in usual_addresses(HOME)
    assert all(url.startswith("https://paper.example/") for url in usual_addresses(HOME))


def test_robots_name_sitemaps_for_news():
    robots = b"User-agent: *\r\nSitemap: /a.xml\r\n sitemap:https://paper.example/news.xml\r\n"
    assert sitemap_lines(robots, HOME) == ["https://paper.example/news.xml"]
