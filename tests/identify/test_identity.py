import pytest

from transforms.identify.identity import identity_key, own_url


@pytest.mark.parametrize(
    ("url", "feed_url", "expected"),
    [
        ("http://www.news.example/a?utm_source=x", "", "https://news.example/a"),
        ("https://news.example/?p=12", "", "https://news.example/?p=12"),
        ("https://news.example/#!/a", "", "https://news.example/#!/a"),
        ("https://news.example/", "", ""),
        ("https://news.example/feed", "https://news.example/feed", ""),
        ("http://news.example/feed/", "https://www.news.example/feed", ""),
        ("file:///in/a.txt", "", ""),
        ("", "", ""),
    ],
    ids=["address", "home with id", "script", "home", "feed", "feed again", "file", "none"],
)
def test_own_url_names_one_article_alone(make_entry, url, feed_url, expected) -> None:
    assert own_url(make_entry(url=url, feed_url=feed_url)) == expected


def test_a_publishers_entries_meet_in_one_bucket(make_entry) -> None:
    urls = ["https://www.bbc.co.uk/a", "http://news.bbc.co.uk/b", "https://m.bbc.co.uk/c?x=1"]
    assert {identity_key(make_entry(url=url)) for url in urls} == {"bbc.co.uk"}


def test_hosts_without_a_registered_domain_are_their_own_bucket(make_entry) -> None:
    assert identity_key(make_entry(url="http://127.0.0.1:8000/a")) == "127.0.0.1"


def test_files_of_equal_text_meet_in_one_bucket(make_file) -> None:
    keys = {identity_key(make_file(name, "Bridge closed.")) for name in ("a.txt", "b.txt")}
    assert len(keys) == 1
    assert len(keys.pop()) == 2


@pytest.mark.parametrize(
    "url", ["https://\ud800.example/a", "https://[::1]/a", "https://ex ample/a"]
)
def test_bucket_of_a_hostile_address_is_ascii(make_entry, url) -> None:
    assert identity_key(make_entry(url=url)).isascii()
