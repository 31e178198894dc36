from datetime import datetime, timezone

import lxml.html
import pytest

from transforms.extract.page import read_page, release_memory
from transforms.extract.page_metadata import read_page_metadata

RECEIVED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)
URL = "https://town.example/bridge"
PARAGRAPHS = [
    "The council voted on Monday to close the old bridge for two years, after engineers had found"
    " deep cracks in three of its five piers during an inspection in the winter.",
    "Ferries will run every ten minutes from six in the morning until midnight, a spokeswoman for"
    " the city said, and they will be free for everyone who lives on the island.",
    "Shopkeepers on the northern bank fear for their trade. Many of their customers, they said,"
    " come on foot from the other side and will hardly wait for a boat in the rain.",
]


def page_of(head="", after="", lang="en", paragraphs=PARAGRAPHS):
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<!doctype html><html lang='{lang}'><head><title>Bridge closes - Town Post</title>{head}"
        "</head><body><nav><a href='/'>Home</a><a href='/news'>News</a></nav>"
        f"<article><h1>Bridge closes</h1>{text}</article>{after}"
        "<footer>Imprint and contact</footer></body></html>"
    )


def json_ld(text):
    return f"<script type='application/ld+json'>{text}</script>"


def test_the_article_is_taken_and_the_rest_of_the_page_left():
    page = read_page(page_of(), URL, RECEIVED_AT)
    assert page.body.split("\n\n")[-3:] == PARAGRAPHS
    assert "Imprint" not in page.body
    assert page.title == "Bridge closes"
    assert (page.language, page.access_state, page.quoted) == ("en", "open", "")


def test_the_same_page_reads_the_same_every_time():
    first = read_page(page_of(), URL, RECEIVED_AT)
    again = [read_page(page_of(), URL, RECEIVED_AT) for _ in range(5)]
    release_memory()
    assert [*again, read_page(page_of(), URL, RECEIVED_AT)] == [first] * 6


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (
            json_ld('{"@type": "NewsArticle", "datePublished": "2026-03-01T09:30:00+01:00"}')
            + "<meta property='article:published_time' content='2026-02-01'>",
            ("2026-03-01T09:30:00+01:00", "json_ld"),
        ),
        (
            json_ld('{"@graph": [{"@type": "WebPage", "datePublished": "2020-01-01"},'
                    '{"@type": ["NewsArticle"], "datePublished": "2026-03-01"}]}'),
            ("2026-03-01", "json_ld"),
        ),
        (
            json_ld('{broken, "datePublished": "2026-03-01T09:30:00Z"'),
            ("2026-03-01T09:30:00Z", "json_ld"),
        ),
        (json_ld("[" * 100_000), ("", "")),
        (
            "<meta property='article:published_time' content='2026-03-01T09:30:00Z'>",
            ("2026-03-01T09:30:00Z", "html_meta"),
        ),
        ("<meta name='date' content='yesterday'>", ("", "")),
        ("", ("", "")),
    ],
    ids=["json before meta", "article before page", "broken json", "hostile json", "meta",
         "meta without digits", "none"],
)  # fmt: skip
def test_the_declared_date_is_given_as_written(head, expected):
    page = read_page(page_of(head), URL, RECEIVED_AT)
    assert (page.published, page.published_source) == expected


def test_a_day_found_by_the_library_is_metadata_of_the_page():
    page = read_page(page_of("<meta name='created' content='2026-03-01'>"), URL, RECEIVED_AT)
    assert (page.published, page.published_source) == ("2026-03-01", "html_meta")


def test_a_day_in_the_address_is_left_to_the_address():
    page = read_page(page_of(), "https://town.example/2026/03/01/bridge", RECEIVED_AT)
    assert (page.published, page.published_source) == ("", "")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (json_ld('{"@type": "NewsArticle", "isAccessibleForFree": false}'), "paywall"),
        (json_ld('{"@type": "NewsArticle", "isAccessibleForFree": "False"}'), "paywall"),
        (json_ld('{"@type": "NewsArticle", "isAccessibleForFree": true}'), "open"),
        ("<meta property='article:content_tier' content='locked'>", "paywall"),
        ("", "open"),
    ],
)
def test_a_declared_paywall_is_seen(head, expected):
    assert read_page(page_of(head), URL, RECEIVED_AT).access_state == expected


def test_a_short_page_is_not_called_open():
    page = read_page(page_of(paragraphs=["Ferries will run every ten minutes."]), URL, RECEIVED_AT)
    assert page.body.endswith("Ferries will run every ten minutes.")
    assert page.access_state == "unknown"


def test_an_obvious_consent_wall_is_named():
    wall = (
        "<html><head><title>Before you continue</title></head><body><main><p>We and our 842"
        " partners store cookies on your device to show advertising that fits you.</p>"
        "<p>Choose what you allow, then go on to the site.</p></main></body></html>"
    )
    assert read_page(wall, URL, RECEIVED_AT).access_state == "consent_wall"


@pytest.mark.parametrize(
    ("head", "link"),
    [
        ("<link rel='canonical' href='/bridge-closes'>", "https://town.example/bridge-closes"),
        ("<link rel='canonical' href='javascript:x'>", ""),
        ("<link rel='canonical' href='https://[bad'>", ""),
        ("<meta property='og:url' content='https://town.example/a'>", "https://town.example/a"),
        ("", ""),
    ],
)
def test_the_canonical_link_is_an_absolute_web_address(head, link):
    tree = lxml.html.document_fromstring(page_of(head))
    assert read_page_metadata(tree, URL).canonical_link == link


@pytest.mark.parametrize("html", ["", "   ", "<html></html>", "<script>x=1</script>", "\x00\ud800"])
def test_a_page_without_text_yields_none_or_empty(html):
    page = read_page(html, URL, RECEIVED_AT)
    assert page is None or page.body == ""


@pytest.mark.parametrize("year", [1980, 2026, 9999])
def test_a_written_date_is_read_whatever_the_time_of_receipt(year):
    html = page_of("<meta name='created' content='2026-03-01'>")
    received_at = datetime(year, 12, 31, 23, 59, tzinfo=timezone.utc)
    page = read_page(html, "file:///in/a.html", received_at)
    assert (page.published, page.published_source) == ("2026-03-01", "html_meta")
