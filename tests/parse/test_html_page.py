import pytest

from transforms._shared.rejects import RejectError
from transforms.parse.html_page import parse_html_page

CANONICAL = '<link rel="shortcut canonical" href="https://a.example/story">'
OG_URL = '<meta property="og:url" content="https://b.example/story">'


def _page(head, body="<p>Words</p>"):
    return f"<html><head>{head}</head><body>{body}</body></html>"


@pytest.mark.parametrize(
    ("head", "url"),
    [
        (CANONICAL + OG_URL, "https://a.example/story"),
        (OG_URL, "https://b.example/story"),
        ('<link rel="canonical" href="/story">', "file:///in/item"),
        ('<link rel="canonical" href="javascript:x">' + OG_URL, "https://b.example/story"),
        ('<link rel="alternate" href="https://a.example/">', "file:///in/item"),
        ("", "file:///in/item"),
    ],
    ids=["canonical", "og-url", "relative", "script", "alternate", "none"],
)
def test_a_page_from_a_file_takes_the_address_it_gives_itself(head, url, make_document):
    (entry,) = parse_html_page(make_document(_page(head), "html")).entries
    assert entry.url == url


def test_a_page_from_the_web_keeps_the_address_that_answered(make_document):
    document = make_document(
        _page(CANONICAL), "html", url="https://u:p@c.example/x?token=abc", input_kind="warc"
    )
    (entry,) = parse_html_page(document).entries
    assert entry.url == "https://c.example/x?token=REDACTED"
    assert entry.input_kind == "warc"


def test_a_canonical_link_in_the_body_does_not_count(make_document):
    (entry,) = parse_html_page(make_document(_page("", CANONICAL), "html")).entries
    assert entry.url == "file:///in/item"


@pytest.mark.parametrize(
    ("head", "title"),
    [
        ("<title>A &amp; B</title>", "A & B"),
        ('<title>A</title><meta property="og:title" content="Öl &quot;B&quot;">', 'Öl "B"'),
        ("<title></title>", ""),
        ("<title>unclosed", "unclosed"),
    ],
)
def test_the_title_comes_from_the_head(head, title, make_document):
    (entry,) = parse_html_page(make_document(_page(head), "html")).entries
    assert entry.title == title


def test_the_whole_page_is_handed_on(make_document):
    page = '<?xml version="1.0" encoding="utf-8"?>' + _page("<title>T</title>")
    (entry,) = parse_html_page(make_document(page, "html")).entries
    assert (entry.content, entry.content_type, entry.published) == (page, "page", "")


@pytest.mark.parametrize("content", [b"", b" \n\t", "\ufeff".encode()])
def test_an_empty_page_is_refused(content, make_document):
    with pytest.raises(RejectError) as caught:
        parse_html_page(make_document(content, "html"))
    assert caught.value.reason == "empty"
