import pytest

from transforms._shared.rejects import RejectError
from transforms.parse.email_message import MAX_BOUNDARIES, MAX_PARTS, parse_email

LONG = "The harbour was closed on Sunday after the ferry ran aground. " * 5


@pytest.fixture
def parse(make_document):
    def _parse(message):
        return parse_email(make_document(message, "email"))

    return _parse


def _alternative(plain, html):
    return (
        "Subject: S\nContent-Type: multipart/alternative; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\n{plain}\n--b\nContent-Type: text/html\n\n{html}\n--b--\n"
    )


def test_a_full_plain_part_is_preferred_to_html(parse):
    (entry,) = parse(_alternative(LONG, "<p>html</p>")).entries
    assert (entry.content, entry.content_type) == (LONG.strip(), "text")


def test_html_is_taken_when_the_plain_part_only_points_to_it(parse):
    (entry,) = parse(_alternative("Open in browser", "<p>html</p>")).entries
    assert (entry.content, entry.content_type) == ("<p>html</p>", "html")


@pytest.mark.parametrize(
    ("written", "published"),
    [
        ("Sun, 01 Mar 2026 10:00:00 +0200", "2026-03-01T10:00:00+02:00"),
        ("Sun, 01 Mar 2026 10:00:00 -0000", "2026-03-01T10:00:00+00:00"),
        ("Sun, 01 Mar 2026 10:00:00", "2026-03-01T10:00:00"),
        ("last Sunday", "last Sunday"),
        ("Sun, 99 Mar 2026 10:00:00 +0000", "Sun, 99 Mar 2026 10:00:00 +0000"),
    ],
)
def test_the_date_is_iso_when_it_can_be_read_and_raw_otherwise(written, published, parse):
    (entry,) = parse(f"Subject: S\nDate: {written}\n\nx").entries
    assert (entry.published, entry.published_source) == (published, "eml")


@pytest.mark.parametrize(
    ("sender", "source_name", "authors"),
    [
        ("Ida Vik <ida@paper.example>", "Ida Vik", ("Ida Vik",)),
        ('"Vik, Ida" <ida@paper.example>', "Vik, Ida", ("Vik, Ida",)),
        ("ida@paper.example", "paper.example", ()),
        ("", "", ()),
    ],
)
def test_the_sender_gives_names_but_no_address(sender, source_name, authors, parse):
    (entry,) = parse(f"Subject: S\nFrom: {sender}\n\nx").entries
    assert (entry.source_name, entry.authors) == (source_name, authors)


@pytest.mark.parametrize(
    ("sender", "source_url"),
    [
        ("Desk <news@Paper.example>", "https://paper.example/"),
        ("Ann <ann@gmail.com>", "https://gmail.com/"),
        ("Desk", ""),
        ("ann@localhost", ""),
        ("ann@paper.example/x?y", ""),
        ("", ""),
    ],
)
def test_the_senders_domain_is_the_home_of_the_source(sender, source_url, parse):
    (entry,) = parse(f"Subject: S\nFrom: {sender}\n\nx").entries
    assert entry.source_url == source_url


def test_a_part_in_an_undeclared_character_set_is_still_read(parse):
    body = "Мост через реку открыт после двух лет строительства".encode("cp1251")
    (entry,) = parse(b"Subject: S\nContent-Type: text/plain; charset=no-such\n\n" + body).entries
    assert "Мост" in entry.content


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("From: a@b.example\n\n", "no_text"),
        ("Subject: S\n" + "X: y\n" * 20_000, "headers_too_large"),
        (f"Subject: S\nContent-Type: text/plain; a={'b' * 5000}\n\nx", "headers_too_large"),
        (f"Subject: S\rContent-Type: text/plain; a={'b' * 5000}\r\rx", "headers_too_large"),
        ("Subject: S\n\n" + "--b\n" * (MAX_BOUNDARIES + 1), "too_many_parts"),
        (
            "Subject: S\n" + "Content-Type: multipart/mixed; boundary=b\n\n--b\n" * (MAX_PARTS + 1),
            "too_many_parts",
        ),
        (
            "Subject: S\nContent-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 300,
            "too_many_parts",
        ),
        (
            "Subject: S\n"
            + "".join(
                f"Content-Type: multipart/mixed; boundary=b{depth}x\n\n--b{depth}x\n"
                for depth in range(40)
            ),
            "too_many_parts",
        ),
    ],
    ids=["nothing", "headers", "header", "cr-only", "boundaries", "containers", "parts", "depth"],
)
def test_hostile_messages_are_refused(message, reason, parse):
    with pytest.raises(RejectError) as caught:
        parse(message)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "header",
    [
        "From: " + "(" * 1900,
        "From: =?utf-8?q?" + "=?utf-8?q?" * 100,
        "Date: " + "(" * 1900,
        "Message-ID: <" + "[" * 1900,
        "From: a@[b",
        "Content-Transfer-Encoding: base64\nX: é",
        "Content-Type: ;;;===",
        "From: " + "a" * 5000,
    ],
    ids=lambda header: header[:24],
)
def test_a_broken_header_does_not_cost_the_message(header, parse):
    (entry,) = parse(f"Subject: S\n{header}\n\nxxxx").entries
    assert entry.title == "S"
