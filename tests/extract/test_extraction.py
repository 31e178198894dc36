import pytest

from transforms._shared.rejects import RejectError
from transforms.extract.extraction import extract_article

LONG = "The council voted to close the old bridge, and ferries will run every ten minutes. " * 5
PAGE = (
    "<html lang='de'><head><title>Page title</title>"
    "<meta property='article:published_time' content='2026-03-01T09:30:00Z'></head>"
    f"<body><article><h1>Page title</h1><p>{LONG}</p><p>{LONG[:160]}</p></article></body></html>"
)
EMPTY_PAGE = "<html><head><title>Page title</title></head><body><script>x()</script></body></html>"


@pytest.mark.parametrize(
    ("changes", "method", "body"),
    [
        ({"content_type": "page", "content": PAGE}, "trafilatura", None),
        (
            {"content_type": "page", "content": EMPTY_PAGE, "summary": "<p>Short.</p>"},
            "feed_summary",
            "Short.",
        ),
        ({"content_type": "page", "content": EMPTY_PAGE}, "title_only", ""),
        ({"content": f"<p>{LONG}</p>", "summary": "Short."}, "feed_content", LONG.strip()),
        ({"content": "<p>Cut</p>", "summary": "A longer summary."}, "feed_summary", None),
        ({"summary": "Short &amp; sweet."}, "feed_summary", "Short & sweet."),
        ({}, "title_only", ""),
        ({"input_kind": "txt", "content_type": "text", "content": "A.\n\nB."}, "plain_text", None),
        ({"input_kind": "json", "content_type": "text", "content": "A b."}, "json_text", "A b."),
        ({"input_kind": "jsonl", "content_type": "text"}, "title_only", ""),
        ({"input_kind": "eml", "content": "<p>Dear all</p>"}, "plain_text", "Dear all"),
        (
            {"input_kind": "json_feed", "content_type": "text", "content": "A b."},
            "feed_content",
            "A b.",
        ),
    ],
    ids=["page", "empty page, summary", "empty page", "content", "scrap of content", "summary",
         "headline", "text file", "json", "headline of json", "html mail", "json feed text"],
)  # fmt: skip
def test_the_best_text_wins_and_the_method_says_which(make_identified, changes, method, body):
    extraction = extract_article(make_identified(title="Bridge closes", **changes))
    assert extraction.method == method
    assert body is None or extraction.body == body


def test_neither_text_nor_headline_is_refused(make_identified):
    with pytest.raises(RejectError, match="feed#1: neither a headline") as refused:
        extract_article(make_identified(content="<img src='x.png'>"))
    assert refused.value.reason == "no_text"


@pytest.mark.parametrize(
    ("kind", "title"), [("rss", "Given title"), ("html", "Page title"), ("json", "Given title")]
)
def test_the_senders_headline_beats_the_pages_except_for_a_lone_page(make_identified, kind, title):
    identified = make_identified(
        input_kind=kind, title="Given title", content=PAGE, content_type="page"
    )
    assert extract_article(identified).title == title


def test_an_item_without_a_headline_gets_one_from_its_text(make_identified):
    extraction = extract_article(make_identified(content=f"<p>{LONG}</p>"))
    assert LONG.startswith(extraction.title)
    assert extraction.body == LONG.strip()


@pytest.mark.parametrize(
    ("published", "source", "expected"),
    [
        ("2026-02-28T08:00:00Z", "feed", ("2026-02-28T08:00:00Z", "feed")),
        ("2026-03-02T08:00:00Z", "warc", ("2026-03-01T09:30:00Z", "html_meta")),
        ("", "", ("2026-03-01T09:30:00Z", "html_meta")),
    ],
    ids=["feed", "crawl", "none"],
)
def test_the_pages_date_fills_a_gap_but_does_not_overrule(
    make_identified, published, source, expected
):
    extraction = extract_article(
        make_identified(
            content=PAGE, content_type="page", published=published, published_source=source
        )
    )
    assert (extraction.published, extraction.published_source) == expected


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"summary": "Short."}, "feed_only"),
        ({"content": PAGE, "content_type": "page"}, "open"),
        ({"content": "Words.", "content_type": "text", "input_kind": "txt"}, "unknown"),
    ],
)
def test_the_access_state_follows_the_source_of_the_text(make_identified, changes, state):
    assert extract_article(make_identified(title="T", **changes)).access_state == state


def test_the_headline_is_not_said_again_at_the_top_of_the_body(make_identified):
    identified = make_identified(title="Bridge closes", content=f"<h1>Bridge closes</h1>{LONG}")
    assert extract_article(identified).body == LONG.strip()


def test_the_summary_becomes_the_description_on_one_line(make_identified):
    identified = make_identified(title="T", summary="<p>One.</p><p>Two.</p>", content=LONG)
    assert extract_article(identified).description == "One. Two."
