from datetime import datetime, timezone

import pytest

from transforms._shared.rejects import RejectError
from transforms.normalise.article import normalise_article
from transforms.normalise.text import content_hash

RECEIVED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)
FILE = {"url": "file:///in/a.txt", "canonical_url": "file:///in/a.txt", "input_kind": "txt",
        "feed_url": "", "source_name": ""}  # fmt: skip


def test_every_column_comes_from_its_source(make_extraction, english):
    extraction = make_extraction(
        title=" Bridge &amp; ferry - Town Post ",
        description="One.\nTwo.",
        body="First.\n\n\nSecond \u200bline.",
        quoted="2 Comments",
        authors=("Ann Miller", " Ann\nMiller", ""),
        image_url="https://town.example/a.jpg",
        published="2026-03-01T10:00:00Z",
        published_source="feed",
        origin_publisher="Example &amp; Co",
    )
    article = normalise_article(extraction, english, bounded=True)
    assert article.title == "Bridge & ferry"
    assert article.description == "One. Two."
    assert article.body == "First.\n\nSecond line."
    assert article.word_count == 3
    assert article.quoted == "2 Comments"
    assert article.authors == ("Ann Miller",)
    assert article.image_url == "https://town.example/a.jpg"
    assert (article.language, article.language_confidence) == ("en", 0.97)
    assert article.url == "https://www.town.example/story?utm_source=rss"
    assert article.canonical_url == "https://town.example/story"
    assert (article.domain, article.publisher_family) == ("town.example", "town.example")
    assert (article.source_name, article.origin_publisher) == ("Town Post", "Example & Co")
    assert article.published_at == datetime(2026, 3, 1, 10, tzinfo=timezone.utc)
    assert article.event_time == article.published_at
    assert article.first_seen_at == RECEIVED_AT
    assert article.content_hash == content_hash(article.title, article.body)


def test_a_file_takes_the_address_its_page_declares_but_keeps_its_id(make_extraction, english):
    link = "https://www.town.example/bridge/?utm_source=x"
    article = normalise_article(make_extraction(**FILE, canonical_link=link), english, bounded=True)
    assert article.canonical_url == "https://town.example/bridge"
    assert article.url == "file:///in/a.txt"
    assert article.article_id == "article-1"
    assert article.publisher_family == "town.example"


def test_a_web_address_is_not_replaced_by_the_declared_one(make_extraction, english):
    extraction = make_extraction(canonical_link="https://other.example/story")
    article = normalise_article(extraction, english, bounded=True)
    assert article.canonical_url == "https://town.example/story"


def test_an_undated_file_gets_its_modification_time_but_it_is_not_known(make_extraction, english):
    article = normalise_article(make_extraction(**FILE), english, bounded=True)
    assert (article.published_at, article.published_at_source) == (RECEIVED_AT, "file_mtime")
    assert (article.event_time, article.time_known) == (RECEIVED_AT, False)
    assert (article.domain, article.publisher_family) == ("", "unknown")


def test_dates_in_quoted_comments_do_not_count(make_extraction, english):
    extraction = make_extraction(**FILE, quoted="2 Comments\n\n12 June 2014\n\nGood.")
    article = normalise_article(extraction, english, bounded=True)
    assert article.published_at_source == "file_mtime"


def test_a_dateline_in_a_file_is_its_date(make_extraction, english):
    extraction = make_extraction(**FILE, body="12 June 2014\n\nThe council voted.")
    article = normalise_article(extraction, english, bounded=True)
    assert (article.published_at_source, article.time_known) == ("text", True)
    assert article.event_time == datetime(2014, 6, 12, tzinfo=timezone.utc)


def test_an_undated_item_of_a_stream_counts_when_it_was_seen(make_extraction, english):
    article = normalise_article(make_extraction(), english, bounded=False)
    assert (article.published_at, article.published_at_flag) == (None, "missing")
    assert (article.event_time, article.time_known) == (RECEIVED_AT, True)


def test_an_undated_record_of_a_file_is_not_of_known_time(make_extraction, english):
    extraction = make_extraction(input_kind="jsonl", feed_url="")
    article = normalise_article(extraction, english, bounded=True)
    assert (article.published_at, article.time_known) == (None, False)


def test_a_headline_without_readable_characters_is_refused(make_extraction, english):
    with pytest.raises(RejectError, match="no readable character"):
        normalise_article(make_extraction(title="\u200b\x00"), english, bounded=True)
