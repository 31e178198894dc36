from datetime import timedelta

import pytest

from transforms.read.feed import parse_feed, parse_span

KEYS = {"KEY": "s3cret/value", "TOKEN": "t0ken"}


def test_a_plain_address_is_a_feed():
    feed = parse_feed(" https://a.example/feed \n", KEYS)
    assert (feed.address, feed.url, feed.every) == (
        "https://a.example/feed", "https://a.example/feed", None,
    )  # fmt: skip
    assert feed.is_remote
    assert not parse_feed("folder/my feed.xml").is_remote


def test_options_follow_the_address():
    feed = parse_feed('https://a.example/ every=90s header="Accept-Language: de"', KEYS)
    assert feed.every == timedelta(seconds=90)
    assert feed.headers == (("Accept-Language", "de"),)


def test_secrets_come_from_the_environment_and_stay_out_of_everything_shown():
    line = 'https://a.example/${KEY}/f?x=${TOKEN} header="Authorization: Bearer ${TOKEN}"'
    feed = parse_feed(line, KEYS)
    assert feed.url == "https://a.example/s3cret/value/f?x=t0ken"
    assert feed.headers == (("Authorization", "Bearer t0ken"),)
    shown = feed.scrub("no answer from https://a.example/s3cret%2Fvalue/f?x=t0ken, s3cret/value")
    for text in (repr(feed), feed.name, shown):
        assert "s3cret" not in text
        assert "t0ken" not in text


def test_a_feed_keeps_its_id_when_a_secret_changes():
    one, two = (parse_feed("https://a.example/${KEY}", {"KEY": key}) for key in ("one", "two"))
    assert one.feed_id == two.feed_id
    assert one.feed_id != parse_feed("https://a.example/${TOKEN}", KEYS).feed_id


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("https://a.example/${MISSING}", "MISSING is not set"),
        ("https://a.example/ every=soon", "no span of time"),
        ("https://a.example/ every=0s", "no span of time"),
        ("https://a.example/ every=367d", "no span of time"),
        ("https://a.example/ every=99999999999d", "no span of time"),
        ("https://a.example/ colour=red", "no option of a feed"),
        ("https://a.example/ header=nothing", 'header="Name: value"'),
        ('https://a.example/ header="${KEY}: x"', 'header="Name: value"'),
        ('https://a.example/ header="Authorization: Bearer abc"', "is a secret"),
        ('https://a.example/ header="X: ${NEWLINE}"', "no header may hold"),
        ('https://a.example/ header="X: y', "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_without_its_secrets(line, why):
    with pytest.raises(ValueError, match=r".*") as caught:
        parse_feed(line, {**KEYS, "NEWLINE": "a\r\nHost: evil"})
    assert why in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("2d", 172800)]
)
def test_spans_are_read(written, seconds):
    assert parse_span(written) == timedelta(seconds=seconds)
