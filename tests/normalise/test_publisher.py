import socket

import pytest

from transforms.normalise.publisher import domain_of, publisher_address, publisher_family


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
