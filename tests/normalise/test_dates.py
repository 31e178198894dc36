from datetime import datetime, timedelta, timezone

import pytest

from transforms.normalise.dates import PublicationDate, event_time, publication_date

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)
DATED_BODY = "12 June 2014\n\nThe council voted."
DATED_URL = "https://town.example/2014/06/11/bridge"


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-02T11:00:00Z", (at("2026-03-02 11:00"), "feed", "second", "ok")),
        ("2026-03-02T11:00:00", (at("2026-03-02 11:00"), "feed", "second", "tz_unknown")),
        ("2026-03-01", (at("2026-03-01 00:00"), "feed", "day", "ok")),
        ("2026-03-02T12:15:00Z", (at("2026-03-02 12:15"), "feed", "second", "ok")),
        ("2026-03-02T12:15:01Z", (None, "feed", "none", "future")),
        ("2031-01-01", (None, "feed", "none", "future")),
        ("1989-12-31T23:59:59Z", (None, "feed", "none", "too_old")),
        ("1970-01-01T00:00:00Z", (None, "feed", "none", "too_old")),
        ("Tuesday", (None, "feed", "none", "unparsable")),
    ],
)
def test_a_declared_date_is_judged_and_never_replaced_by_the_present(written, expected):
    assert publication_date(written, "feed", NOW, "No date.", "https://t.example/a") == expected


@pytest.mark.parametrize("written", ["0001-01-01", "2031-01-01", "Tuesday"])
def test_a_bad_declared_date_gives_way_to_the_dateline_and_the_address(written):
    told = publication_date(written, "json_ld", NOW, DATED_BODY, DATED_URL)
    assert told == (at("2014-06-12"), "text", "day", "ok")
    dated = publication_date(written, "json_ld", NOW, "No date.", DATED_URL)
    assert dated == (at("2014-06-11"), "url", "day", "ok")


def test_a_good_declared_date_beats_dateline_and_address():
    found = publication_date("2026-03-01", "feed", NOW, DATED_BODY, DATED_URL)
    assert found.source == "feed"


@pytest.mark.parametrize(
    ("body", "url", "is_local_file", "expected"),
    [
        (DATED_BODY, DATED_URL, True, (at("2014-06-12"), "text", "day", "ok")),
        ("No date.", DATED_URL, False, (at("2014-06-11"), "url", "day", "ok")),
        ("No date.", "file:///a.txt", True, (NOW, "file_mtime", "second", "ok")),
        ("No date.", "https://town.example/a", False, (None, "none", "none", "missing")),
        ("12 June 2014 13:05\n\nText.", "", False,
         (at("2014-06-12 13:05"), "text", "minute", "tz_unknown")),
    ],
    ids=["dateline", "address", "file", "nothing", "dateline without zone"],
)  # fmt: skip
def test_without_a_declared_date_the_next_best_is_taken(body, url, is_local_file, expected):
    assert publication_date("", "", NOW, body, url, is_local_file=is_local_file) == expected


def test_the_time_of_a_crawl_comes_after_the_articles_own_date():
    crawl = "2026-03-02T11:00:00Z"
    assert publication_date(crawl, "warc", NOW, DATED_BODY).source == "text"
    assert publication_date(crawl, "warc", NOW) == (at("2026-03-02 11:00"), "warc", "second", "ok")


HOUR_AGO, WEEK_AGO = NOW - timedelta(hours=1), NOW - timedelta(days=7)


TWO_DAYS = timedelta(days=2)


@pytest.mark.parametrize(
    ("published", "max_delay", "from_file", "expected"),
    [
        ((HOUR_AGO, "feed", "second", "ok"), TWO_DAYS, False, (HOUR_AGO, True)),
        ((HOUR_AGO, "feed", "second", "tz_unknown"), TWO_DAYS, False, (HOUR_AGO, True)),
        ((WEEK_AGO, "feed", "second", "ok"), TWO_DAYS, False, (NOW, True)),
        ((WEEK_AGO, "feed", "second", "ok"), None, False, (WEEK_AGO, True)),
        ((WEEK_AGO, "text", "day", "ok"), None, True, (WEEK_AGO, True)),
        ((HOUR_AGO, "feed", "day", "ok"), TWO_DAYS, False, (NOW, True)),
        ((NOW, "file_mtime", "second", "ok"), None, True, (NOW, False)),
        ((None, "none", "none", "missing"), None, True, (NOW, False)),
        ((None, "none", "none", "missing"), TWO_DAYS, True, (NOW, True)),
        ((None, "feed", "none", "future"), None, False, (NOW, True)),
        ((NOW + timedelta(minutes=9), "feed", "second", "ok"), None, False, (NOW, True)),
    ],
    ids=["fresh", "no zone", "stale in a stream", "old in an archive", "day in an archive",
         "day in a stream", "file time", "undated file",
         "undated file in a stream", "future", "clock runs fast"],
)  # fmt: skip
def test_an_article_counts_at_a_time_that_can_be_trusted(published, max_delay, from_file, expected):
    found = event_time(PublicationDate(*published), NOW, max_delay=max_delay, from_file=from_file)
    assert found == expected


RUN = NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("written", "body", "url", "expected"),
    [
        ("2026-03-20T10:00:00Z", "", "", (at("2026-03-20 10:00"), "feed", "second", "ok")),
        ("2026-04-01T12:00:01Z", "", "", (None, "feed", "none", "future")),
        ("", "20 March 2026\n\nText.", "", (at("2026-03-20"), "text", "day", "ok")),
        ("", "", "https://a.example/2026/03/20/b", (at("2026-03-20"), "url", "day", "ok")),
        ("", "2 April 2026\n\nText.", "", (NOW, "file_mtime", "second", "ok")),
    ],
    ids=["declared", "declared later", "dateline", "address", "dateline later"],
)
def test_a_bound_stands_in_for_the_time_of_receipt(written, body, url, expected):
    found = publication_date(written, "feed", NOW, body, url, is_local_file=True, latest=RUN)
    assert found == expected


@pytest.mark.parametrize(
    ("modified_at", "latest", "flag"),
    [
        (at("1980-01-01"), None, "too_old"),
        (at("1980-01-01"), NOW, "too_old"),
        (NOW + timedelta(seconds=1), NOW, "future"),
        (NOW, NOW, "ok"),
    ],
)
def test_a_modification_time_is_judged_like_any_date(modified_at, latest, flag):
    found = publication_date("", "", modified_at, is_local_file=True, latest=latest)
    assert (found.source, found.flag) == ("file_mtime", flag)
    assert found.at == (modified_at if flag == "ok" else None)
