from dataclasses import replace
from datetime import datetime, timedelta, timezone

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
    article = normalise_article(extraction, english, max_delay=None)
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
    article = normalise_article(
        make_extraction(**FILE, canonical_link=link), english, max_delay=None
    )
    assert article.canonical_url == "https://town.example/bridge"
    assert article.url == "file:///in/a.txt"
    assert article.article_id == "article-1"
    assert article.publisher_family == "town.example"


def test_a_web_address_is_not_replaced_by_the_declared_one(make_extraction, english):
    extraction = make_extraction(canonical_link="https://other.example/story")
    article = normalise_article(extraction, english, max_delay=None)
    assert article.canonical_url == "https://town.example/story"


def test_an_undated_file_gets_its_modification_time_but_it_is_not_known(make_extraction, english):
    article = normalise_article(make_extraction(**FILE), english, max_delay=None)
    assert (article.published_at, article.published_at_source) == (RECEIVED_AT, "file_mtime")
    assert (article.event_time, article.time_known) == (RECEIVED_AT, False)
    assert (article.domain, article.publisher_family) == ("", "unknown")


def test_dates_in_quoted_comments_do_not_count(make_extraction, english):
    extraction = make_extraction(**FILE, quoted="2 Comments\n\n12 June 2014\n\nGood.")
    article = normalise_article(extraction, english, max_delay=None)
    assert article.published_at_source == "file_mtime"


def test_a_dateline_in_a_file_is_its_date(make_extraction, english):
    extraction = make_extraction(**FILE, body="12 June 2014\n\nThe council voted.")
    article = normalise_article(extraction, english, max_delay=None)
    assert (article.published_at_source, article.time_known) == ("text", True)
    assert article.event_time == datetime(2014, 6, 12, tzinfo=timezone.utc)


def test_an_undated_item_of_a_stream_counts_when_it_was_seen(make_extraction, english):
    article = normalise_article(make_extraction(), english, max_delay=timedelta(days=14))
    assert (article.published_at, article.published_at_flag) == (None, "missing")
    assert (article.event_time, article.time_known) == (RECEIVED_AT, True)


def test_an_undated_record_of_a_file_is_not_of_known_time(make_extraction, english):
    extraction = make_extraction(input_kind="jsonl", feed_url="")
    article = normalise_article(extraction, english, max_delay=None)
    assert (article.published_at, article.time_known) == (None, False)


def test_a_headline_without_readable_characters_is_refused(make_extraction, english):
    with pytest.raises(RejectError, match="no readable character"):
        normalise_article(make_extraction(title="\u200b\x00"), english, max_delay=None)


UNPACKED_AT = datetime(1980, 1, 1, tzinfo=timezone.utc)
RUN_AT = RECEIVED_AT + timedelta(days=30)
STORED = {
    "text": FILE,
    "page": {"key": "file:///in/a.html", "input_kind": "html", "feed_url": ""},
    "record": {"key": "file:///in/a.jsonl#L1", "input_kind": "jsonl", "feed_url": ""},
    "feed": {"key": "file:///in/f.xml#1", "feed_url": "file:///in/f.xml"},
}


@pytest.mark.parametrize("name", STORED)
def test_a_files_modification_time_does_not_bound_its_dates(name, make_extraction, english):
    dated = {"published": "2026-03-05T10:00:00Z", "published_source": "json_ld"}
    extraction = make_extraction(**STORED[name], **dated, received_at=UNPACKED_AT)
    article = normalise_article(extraction, english, max_delay=None, as_of=RUN_AT)
    published_at = datetime(2026, 3, 5, 10, tzinfo=timezone.utc)
    assert (article.published_at, article.published_at_flag) == (published_at, "ok")
    assert article.event_time == article.first_seen_at == published_at


def test_a_date_after_the_run_is_in_the_future(make_extraction, english):
    dated = {"published": "2026-05-05T10:00:00Z", "published_source": "json_ld"}
    extraction = make_extraction(**FILE, **dated)
    article = normalise_article(extraction, english, max_delay=None, as_of=RUN_AT)
    assert (article.published_at, article.published_at_flag) == (None, "future")
    assert article.event_time == article.first_seen_at == RECEIVED_AT


def test_a_file_from_the_future_was_seen_in_this_run(make_extraction, english):
    extraction = make_extraction(**FILE, received_at=RUN_AT + timedelta(days=9999))
    article = normalise_article(extraction, english, max_delay=None, as_of=RUN_AT)
    assert (article.published_at, article.published_at_flag) == (None, "future")
    assert (article.event_time, article.time_known) == (RUN_AT, False)
    assert article.first_seen_at == RUN_AT


@pytest.mark.parametrize(
    "declared",
    [
        {"published": "2098-01-01T10:00:00Z", "published_source": "html_meta"},
        {"published": "2099-03-04T00:00:00Z", "published_source": "warc"},
        {"body": "1 January 2098\n\nA tram line."},
        {"canonical_url": "https://town.example/2098/01/01/tram"},
    ],
    ids=["page", "crawl", "dateline", "address"],
)
def test_a_crawl_from_the_future_dates_nothing(declared, make_extraction, english):
    crawl = {"key": "file:///in/a.warc#record-1", "input_kind": "warc", "feed_url": ""}
    received_at = datetime(9999, 12, 31, 23, 59, tzinfo=timezone.utc)
    extraction = make_extraction(**crawl, **declared, received_at=received_at)
    article = normalise_article(extraction, english, max_delay=None, as_of=RUN_AT)
    assert article.published_at is None
    assert article.first_seen_at == article.event_time == RUN_AT
    assert not article.time_known


@pytest.mark.parametrize(
    "source",
    [
        {"key": "https://town.example/feed#1"},
        {"key": "file:///in/a.warc#record-1#1"},
        {"key": "file:///in/a.warc#record-1", "input_kind": "warc", "feed_url": ""},
    ],
    ids=["fetched", "feed in a crawl", "page in a crawl"],
)
def test_what_was_fetched_is_not_younger_than_its_answer(source, make_extraction, english):
    dated = {"published": "2026-03-05T10:00:00Z", "published_source": "feed"}
    extraction = make_extraction(**source, **dated)
    article = normalise_article(extraction, english, max_delay=None, as_of=RUN_AT)
    assert (article.published_at, article.published_at_flag) == (None, "future")
    assert (article.first_seen_at, article.time_known) == (RECEIVED_AT, True)


def test_items_with_and_without_a_link_and_letters_have_one_publisher(make_extraction, english):
    home = {"source_url": "https://www.selby.example/"}
    in_file = "file:///in/f.xml"
    extractions = [
        make_extraction("https://selby.example/1", url="https://selby.example/1", **home),
        make_extraction(f"{in_file}#!2", url=f"{in_file}#!2", feed_url=in_file, **home),
        make_extraction(
            "https://feeds.host.example/selby#!2",
            url="https://feeds.host.example/selby#!2",
            feed_url="https://feeds.host.example/selby",
            **home,
        ),
        make_extraction(**FILE | {"input_kind": "eml", "source_name": "Desk"}, **home),
    ]
    articles = [normalise_article(each, english, max_delay=None) for each in extractions]
    families = [(article.domain, article.publisher_family) for article in articles]
    assert families == [("selby.example", "selby.example")] * 4


@pytest.mark.parametrize(
    ("source", "family"),
    [
        ({"source_url": "https://gmail.com/", "source_name": "Ann Miller"}, "ann miller"),
        ({"source_url": "https://gmail.com/", "source_name": "gmail.com"}, "unknown"),
        ({"source_url": "https://wire.example/", "origin_publisher": "Town Post"}, "town post"),
    ],
    ids=["free mail", "nameless free mail", "passed on"],
)
def test_who_only_carries_an_item_is_not_its_publisher(source, family, make_extraction, english):
    article = normalise_article(make_extraction(**FILE | source), english, max_delay=None)
    assert (article.domain, article.publisher_family) == ("", family)


def test_addresses_hold_no_secrets_and_the_id_stays(make_extraction, english):
    extraction = make_extraction(
        "https://town.example/1?id=5&token=S1",
        url="https://user:S2@town.example/1?token=S1&id=5",
        image_url="https://u:S2@town.example/a.jpg?sig=S3",
    )
    article = normalise_article(extraction, english, max_delay=None)
    assert article.url == "https://town.example/1?token=REDACTED&id=5"
    assert article.canonical_url == "https://town.example/1?id=5&token=REDACTED"
    assert article.image_url == "https://town.example/a.jpg?sig=REDACTED"
    assert article.article_id == "article-1"


@pytest.mark.parametrize(("passed_on", "kinds"), [(False, ["corrected"]), (True, [])])
def test_a_mark_in_a_title_that_is_only_passed_on_is_no_notice(
    make_extraction, english, passed_on, kinds
):
    extraction = make_extraction(title="CORRECTED: Bridge closes")
    identified = replace(extraction.identified, revision=2, passed_on=passed_on)
    extraction = replace(extraction, identified=identified)
    article = normalise_article(extraction, english, max_delay=None)
    assert [notice.kind for notice in article.notices] == kinds
