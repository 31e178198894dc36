"""The command that looks after lists of feeds, against a local site."""

import pytest

from pipelines.feeds import main
from transforms.read.feed_list import feed_sources

ITEM = "<item><title>{0}</title><link>https://a.example/{0}</link>{1}</item>"
DATED = "<pubDate>Wed, 01 May 2024 12:00:00 GMT</pubDate>"


def rss(*items):
    return f"<rss version='2.0'><channel><title>T</title>{''.join(items)}</channel></rss>".encode()


@pytest.fixture
def check(tmp_path, capsys):
    def run(*lines, expect, private=True):
        listed = tmp_path / "feeds.txt"
        listed.write_text("\n".join(lines) + "\n")
        flags = ["--allow_private_hosts"] if private else []
        assert main(["check", str(listed), *flags]) == expect
        return capsys.readouterr().out

    return run


def test_each_feed_is_tried_and_what_is_wrong_is_said_with_the_fix(server, check):
    good = server.answer("/good", rss(ITEM.format("a", ""), ITEM.format("b", DATED)))
    lines = [
        good,
        server.answer("/gone", status="404 Not Found"),
        server.answer("/page", b"<html><title>Home</title><body>Welcome</body></html>"),
        server.answer("/moved", status="301 Moved", Location=good) + "?key=hidden",
        server.answer("/half", rss(ITEM.format("c", DATED), "<item></item>")),
    ]
    server.answers["/moved?key=hidden"] = server.answers["/moved"]
    said = check(*lines, expect=1)
    assert f"ok  NEW         {good}  2 items" in said
    assert "1 of 2 items have no date" in said
    assert "its newest item is of 2024-05-01" in said
    assert "BAD HARD" in said
    assert "feeds discover SITE" in said
    assert "BAD NOT_A_FEED" in said
    assert f"it answers at {good}" in said
    assert "dropped 1 empty_entry" in said
    assert "hidden" not in said


def test_a_list_of_working_feeds_is_all_well(server, check):
    check(server.answer("/good", rss(ITEM.format("a", DATED))), expect=0)


def test_private_hosts_are_refused_unless_allowed(server, check):
    url = server.answer("/good", rss(ITEM.format("a", DATED)))
    said = check(url, expect=1, private=False)
    assert "BAD SSRF_DENIED" in said
    assert "--allow_private_hosts" in said
    assert server.requests == []


def test_the_feeds_of_a_site_are_found(server, capsys):
    server.answer("/", b'<link rel=alternate type="application/atom+xml" href="/atom">')
    server.answer("/atom", rss(ITEM.format("a", DATED)))
    server.answer("/rss", rss(ITEM.format("b", DATED)))
    for path in ("/feed", "/rss.xml", "/robots.txt"):
        server.answer(path, status="404 Not Found")
    assert main(["discover", f"{server.url}/", "--allow_private_hosts"]) == 0
    assert capsys.readouterr().out.split() == [f"{server.url}/atom", f"{server.url}/rss"]


def test_a_site_without_feeds_is_said_to_have_none(server, capsys):
    server.answer("/", b"<html><body>Nothing here</body></html>")
    assert main(["discover", f"{server.url}/", "--allow_private_hosts"]) == 1
    assert "no feed was found" in capsys.readouterr().err


def test_a_list_is_exported_and_imported_again(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KEY", "hidden")
    listed = tmp_path / "feeds.txt"
    urls = ["https://a.example/feed?a=1&b=2", "https://b.example/f?key=${KEY}"]
    listed.write_text("\n".join([urls[0] + " every=10m", urls[1]]))
    assert main(["export", str(listed), "--opml", str(tmp_path / "out.opml")]) == 0
    text = (tmp_path / "out.opml").read_text()
    assert feed_sources(str(tmp_path / "out.opml")) == urls[:1]
    said = capsys.readouterr().err
    assert "left out https://b.example/f?key=REDACTED" in said
    assert "https://a.example/feed?a=1&b=2: OPML has no place for its every=" in said
    assert main(["export", str(listed), "--opml", "-"]) == 0
    assert capsys.readouterr().out == text


def test_wrong_usage_is_said_in_one_line(tmp_path, capsys):
    assert main(["check", str(tmp_path / "missing")]) == 2
    assert main(["discover", "ftp://a.example/"]) == 2
    assert main([]) == 2
    listed = tmp_path / "feeds.txt"
    listed.write_text("https://a.example/f?key=${NOT_SET_ANYWHERE}\n")
    assert main(["check", str(listed)]) == 2
    said = capsys.readouterr().err.strip().split("\n")
    assert len(said) == 4
    assert "NOT_SET_ANYWHERE is not set" in said[3]
