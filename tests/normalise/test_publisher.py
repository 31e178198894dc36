import socket

import pytest

from transforms._shared.publisher import (
    domain_of,
    is_one_publisher,
    publisher_address,
    publisher_family,
)


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://www.Town.Example/a", "town.example"),
        ("https://news.town.example:8080/a", "news.town.example"),
        ("https://www./", "www"),
        ("file:///in/a.txt", ""),
        ("https://[broken", ""),
        ("", ""),
    ],
)
def test_the_domain_is_the_host_without_www(url, domain):
    assert domain_of(url) == domain


@pytest.mark.parametrize(
    ("domain", "source_name", "url", "family"),
    [
        ("bbc.co.uk", "", "", "bbc.co.uk"),
        ("news.bbc.co.uk", "BBC", "", "bbc.co.uk"),
        ("bbc.com", "", "", "bbc.co.uk"),
        ("edition.cnn.com", "", "", "cnn.com"),
        ("nyti.ms", "", "", "nytimes.com"),
        ("guardian.co.uk", "", "", "theguardian.com"),
        ("abcnews.go.com", "", "", "abcnews.go.com"),
        ("ann.blogspot.com", "", "", "ann.blogspot.com"),
        ("ann.wordpress.com", "", "", "ann.wordpress.com"),
        ("ann.substack.com", "", "", "ann.substack.com"),
        ("ann.github.io", "", "", "ann.github.io"),
        ("medium.com", "", "https://medium.com/@Ann/bridge-1", "medium.com/@ann"),
        ("medium.com", "", "https://medium.com/p/1", "medium.com"),
        ("ann.medium.com", "", "", "ann.medium.com"),
        ("localhost", "", "", "localhost"),
        ("192.0.2.7", "", "", "192.0.2.7"),
        ("blogspot.com", "", "", "blogspot.com"),
        ("feedproxy.google.com", "Town Post", "", "town post"),
        ("news.google.com", "Reuters", "", "reuters"),
        ("", "The Columbus Dispatch", "", "the columbus dispatch"),
        ("", " ABC — News ", "", "abc news"),
        ("", "", "", "unknown"),
        ("", "Gmail.com", "", "unknown"),
        ("", "…", "", "unknown"),
    ],
)
def test_the_family_stands_for_the_publisher(domain, source_name, url, family):
    assert publisher_family(domain, source_name, url) == family


@pytest.mark.parametrize(
    "host",
    [
        "münchen-zeitung.de",
        "MÜNCHEN-Zeitung.de",
        "mu\u0308nchen-zeitung.de",
        "xn--mnchen-zeitung-gsb.de",
        "m%C3%BCnchen-zeitung.de",
        "m%c3%bcnchen-zeitung%2Ede",
        "mün\u200bchen-zeitung.de",
        "ｍünchen-zeitung。de",
        "www.münchen-zeitung.de",
        "news.münchen-zeitung.de",
    ],
)
def test_a_host_is_of_one_family_however_it_is_written(host):
    assert publisher_family(host, "") == "xn--mnchen-zeitung-gsb.de"
    url = f"https://{host}/a"
    assert publisher_family(domain_of(url), "", url) == "xn--mnchen-zeitung-gsb.de"


@pytest.mark.parametrize("host", ["xn--", "a%2fb", "%", "%FF", "\u200b", "ü" * 300, "[::1]", "a b"])
def test_a_broken_host_is_its_own_family(host):
    assert publisher_family(host, "") == host


@pytest.mark.parametrize(
    ("url", "feed_url", "one"),
    [
        ("https://bbc.com/1", "https://feeds.bbci.co.uk/rss", True),
        ("https://ann.ghost.io/1", "https://ann.ghost.io/rss", True),
        ("https://medium.com/@ann/1", "https://medium.com/feed/@ann", True),
        ("http://localhost:1/1", "http://localhost:1/rss", True),
        ("https://bob.ghost.io/1", "https://ann.ghost.io/rss", False),
        ("https://ghost.io/1", "https://ghost.io/rss", False),
        ("https://github.io/1", "https://github.io/rss", False),
        ("https://medium.com/p/1", "https://medium.com/p/2", False),
        ("https://espn.go.com/1", "https://abcnews.go.com/rss", False),
        ("https://news.google.com/1", "https://news.google.com/rss", False),
        ("https://sites.google.com/1", "https://groups.google.com/rss", False),
        ("", "", False),
        ("https://[", "https://[", False),
        ("file:///a", "file:///a", False),
    ],
)
def test_an_article_is_a_feeds_own_when_one_publisher_writes_there(url, feed_url, one):
    assert is_one_publisher(url, feed_url) is one


def test_no_suffix_list_is_fetched(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert publisher_family("never-seen-before.town.example.co.uk", "") == "example.co.uk"


@pytest.mark.parametrize(
    ("own_url", "source_url", "feed_url", "address"),
    [
        ("https://a.example/1", "https://b.example/", "https://c.example/f", "https://a.example/1"),
        ("file:///a.eml", "https://b.example/", "https://c.example/f", "https://b.example/"),
        ("", "", "https://c.example/f", "https://c.example/f"),
        ("", "", "file:///f.xml", ""),
        ("file:///a.eml", "https://gmail.com/", "", ""),
        ("file:///a.eml", "https://substack.com/", "", ""),
        ("", "https://medium.com/@ann", "", "https://medium.com/@ann"),
        ("", "https://ann.substack.com/", "", "https://ann.substack.com/"),
    ],
)
def test_the_nearest_address_tells_the_publisher(own_url, source_url, feed_url, address):
    assert publisher_address(own_url, source_url, feed_url) == address
