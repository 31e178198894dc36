from dataclasses import replace
from datetime import datetime, timezone

import pytest

from schemas import Page
from transforms.extract import extraction
from transforms.extract.extraction import extract_article

FETCHED_AT = datetime(2026, 3, 2, 12, 5, tzinfo=timezone.utc)
PARAGRAPH = (
    "The council of Pellworth voted on the new ferry pier on Monday evening. The mayor spoke for "
    "an hour before the vote was taken, and the old pier will stay open until the autumn. "
)
STORY = "".join(f"<p>{number} {PARAGRAPH}</p>" for number in ("One.", "Two.", "Three.", "Four."))
SUMMARY = "The council voted on the pier."


@pytest.fixture
def with_page(make_identified):
    """``with_page(html, **changes)``: an entry whose page was fetched, or was not."""

    def make(html, access_state="unknown", outcome="fetched", **changes):
        fields = {"title": "A pier for Pellworth", "summary": SUMMARY, "feed_url": "https://t/f"}
        identified = make_identified(**(fields | changes))
        url = "https://town.example/final"
        page = Page(url, html, "", access_state, outcome, FETCHED_AT)
        return replace(identified, page=page)

    return make


def page(body=STORY, head=""):
    return (
        f"<!doctype html><html lang=en><head><title>Pier | Gazette</title>{head}</head>"
        f"<body><main><article>{body}</article></main></body></html>"
    )


def json_ld(text):
    return f'<script type="application/ld+json">{text}</script>'


def test_page_that_says_more_than_the_feed_is_the_text(with_page):
    head = '<link rel="canonical" href="/pier"><meta property="og:site_name" content="The Gazette">'
    found = extract_article(with_page(page(head=head)))
    assert (found.method, found.access_state) == ("trafilatura", "open")
    assert found.body.count("The council of Pellworth") == 4
    assert (found.title, found.description) == ("A pier for Pellworth", SUMMARY)
    assert found.canonical_link == "https://town.example/pier"
    assert (found.language, found.site_name) == ("en", "The Gazette")


def test_feed_that_says_more_than_the_page_is_the_text(with_page):
    found = extract_article(with_page(page(f"<p>{PARAGRAPH * 2}</p>"), content=STORY))
    assert (found.method, found.access_state) == ("feed_content", "feed_only")
    assert found.body.count("The council of Pellworth") == 4


def test_scrap_of_a_page_is_no_text_unless_the_feed_says_nothing(with_page):
    scrap = page("<p>Subscribers can read on here with their account, all others cannot.</p>")
    found = extract_article(with_page(scrap))
    assert (found.method, found.body) == ("feed_summary", SUMMARY)
    assert extract_article(with_page(page(f"<p>{PARAGRAPH}</p>"), summary="")).body


@pytest.mark.parametrize(
    ("data", "access_state"),
    [
        ('{"@type": "NewsArticle", "isAccessibleForFree": "False"}', "paywall"),
        ('{"@type": "NewsArticle", "isAccessibleForFree": false}', "paywall"),
        ('{"@graph": [{"@type": ["NewsArticle"], "isAccessibleForFree": "http://schema.org/False"'
         "}]}", "paywall"),
        ('{"@type": "NewsArticle", "hasPart": {"isAccessibleForFree": "False"}}', "paywall"),
        ('{"@type": "NewsArticle", "hasPart": [7, {"isAccessibleForFree": false}]}', "paywall"),
        ('{"@type": "NewsArticle", "isAccessibleForFree": true, "hasPart": '
         '{"isAccessibleForFree": false}}', "open"),
        ('{"@type": "WebSite", "isAccessibleForFree": false}', "open"),
        ('{"@type": "NewsArticle", "isAccessibleForFree": {"no": 1}, "hasPart": "x"}', "open"),
        ('{"@type": "NewsArticle", "isAccessibleForFree": "Fal', "open"),
    ],
)  # fmt: skip
def test_page_declares_who_may_read_it(with_page, data, access_state):
    found = extract_article(with_page(page(head=json_ld(data))))
    assert (found.method, found.access_state) == ("trafilatura", access_state)


def test_paywall_is_told_when_the_feeds_text_is_used(with_page):
    head = json_ld('{"@type": "NewsArticle", "isAccessibleForFree": "False"}')
    found = extract_article(with_page(page("<p>Read on with an account.</p>", head)))
    assert (found.method, found.access_state) == ("feed_summary", "paywall")


@pytest.mark.parametrize(
    ("access_state", "outcome"),
    [("blocked", "http_403"), ("consent_wall", "repeated_text"), ("feed_only", "robots")],
)
def test_entry_without_its_page_says_why(with_page, access_state, outcome):
    found = extract_article(with_page("", access_state, outcome))
    assert (found.method, found.access_state) == ("feed_summary", access_state)
    alone = extract_article(with_page("", access_state, outcome, summary=""))
    assert (alone.method, alone.access_state) == ("title_only", access_state)


def test_nothing_of_a_consent_wall_is_used(with_page):
    wall = page(f"<p>We and our partners use cookies if you consent. {PARAGRAPH * 3}</p>")
    wall = wall.replace("Pier | Gazette", "Privacy settings")
    found = extract_article(with_page(wall))
    assert (found.method, found.access_state, found.language) == (
        "feed_summary", "consent_wall", "",
    )  # fmt: skip


def test_page_that_no_library_can_read_costs_nothing(with_page, monkeypatch):
    def give_up(*_):
        raise RecursionError("too deep")

    monkeypatch.setattr(extraction, "read_page", give_up)
    found = extract_article(with_page(page()))
    assert (found.method, found.access_state) == ("feed_summary", "feed_only")
