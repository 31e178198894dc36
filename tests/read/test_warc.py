import gzip
from datetime import datetime, timezone
from io import BytesIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import Document, Rejected
from transforms._shared.rejects import RejectError
from transforms.read.containers import documents, unwrap
from transforms.read.origin import Limits, Origin, Skipped

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
ORIGIN = Origin(key="file:///in/a.warc", url="file:///in/a.warc", received_at=NOON)
PAGE = b"<html><body><p>The ferry is late.</p></body></html>"
URL = "https://news.example/ferry"
DATE = "2020-02-03T04:05:06Z"


def warc(*records: dict, packed: bool = False) -> bytes:
    """Write records, each the keyword arguments of ``_record``; packed: a gzip member for each."""
    written = [_record(**record) for record in records]
    return b"".join(gzip.compress(record) if packed else record for record in written)


def _record(
    content=PAGE, url=URL, type="response", status="200 OK", date=DATE, stored="", **http
) -> bytes:
    block = content
    if type in ("response", "request", "revisit"):
        first = "GET / HTTP/1.1" if type == "request" else f"HTTP/1.1 {status}"
        lines = [first, *(f"{name.replace('_', '-')}: {value}" for name, value in http.items())]
        block = "\r\n".join([*lines, "", ""]).encode() + content
    header = (
        f"WARC/1.0\r\nWARC-Type: {type}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {date}\r\n"
        f"Content-Type: {stored or 'application/http'}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return header.encode() + block + b"\r\n\r\n"


def read(content: bytes, **limits: int):
    bounds = Limits(**limits)
    return list(documents(unwrap(BytesIO(content), bounds), ORIGIN, bounds))


def why(items) -> list[str]:
    return [
        item.why if isinstance(item, Skipped) else getattr(item, "reason", "taken")
        for item in items
    ]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_page_becomes_a_document_with_its_own_url_date_and_charset(packed):
    record = {"Content_Type": 'text/html; charset="ISO-8859-1"'}
    assert read(warc(record, packed=packed)) == [
        Document(
            key="file:///in/a.warc#record-1",
            url=URL,
            kind="html",
            input_kind="warc",
            content=PAGE,
            charset="iso-8859-1",
            received_at=datetime(2020, 2, 3, 4, 5, 6, tzinfo=timezone.utc),
        )
    ]


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        pytest.param({"content": b"<rss/>", "Content_Type": "text/html"}, "feed", id="feed"),
        pytest.param({"content": b"Late.", "Content_Type": "text/plain"}, "text", id="text"),
        pytest.param({"type": "resource", "stored": "text/html"}, "html", id="resource"),
        pytest.param(
            {"type": "conversion", "content": b"Late.", "stored": "text/plain"},
            "text",
            id="conversion",
        ),
        pytest.param(
            {"content": gzip.compress(PAGE), "Content_Encoding": "gzip"}, "html", id="gzip"
        ),
        pytest.param({"Content_Encoding": "gzip"}, "html", id="gzip-claimed-only"),
        pytest.param(
            {
                "content": b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE), PAGE),
                "Transfer_Encoding": "chunked",
            },
            "html",
            id="chunked",
        ),
        pytest.param({"url": f"<{URL}>"}, "html", id="url-in-brackets"),
    ],
)
def test_pages_texts_and_feeds_are_taken(record, kind):
    (document,) = read(warc(record))
    assert (document.kind, document.url) == (kind, URL)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"type": "request", "content": b""}, "warc_request"),
        ({"type": "metadata"}, "warc_metadata"),
        ({"type": "warcinfo"}, "warc_warcinfo"),
        ({"type": "revisit", "content": b""}, "warc_revisit"),
        ({"type": "invented"}, "warc_other_type"),
        ({"status": "404 Not Found"}, "warc_status"),
        ({"status": "301 Moved"}, "warc_status"),
        ({"url": "dns:news.example"}, "warc_not_web"),
        ({"url": "https://news.example/robots.txt"}, "warc_robots"),
        ({"Content_Type": "image/png"}, "warc_media"),
        ({"Content_Type": "text/css"}, "warc_media"),
        ({"Content_Type": "application/javascript"}, "warc_media"),
        ({"Content_Encoding": "br"}, "warc_encoding"),
        ({"content": b"\x89PNG\r\n\x1a\n"}, "warc_binary"),
        ({"content": b'{"a": 1}'}, "warc_json"),
        ({"content": b""}, "warc_empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_article_by_nature_is_skipped_with_its_reason(record, reason):
    assert why(read(warc(record, {}))) == [reason, "taken"]


def test_keys_count_all_records():
    items = read(warc({"type": "warcinfo"}, {"status": "404 Gone"}, {}))
    assert items[2].key == "file:///in/a.warc#record-3"


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (
            "2020-02-03T04:05:06.123456789Z",
            datetime(2020, 2, 3, 4, 5, 6, 123456, tzinfo=timezone.utc),
        ),
        ("2020-02-30T04:05:06Z", NOON),
        ("yesterday", NOON),
        ("2020", NOON),
    ],
)
def test_a_bad_date_is_replaced_by_that_of_the_file(date, expected):
    assert read(warc({"date": date}))[0].received_at == expected


@pytest.mark.parametrize(
    "large",
    [
        pytest.param({"content": b"<p>" + b"late " * 1000}, id="stored"),
        pytest.param(
            {"content": gzip.compress(b"<p>" + b"late " * 1000), "Content_Encoding": "gzip"},
            id="unpacked",
        ),
    ],
)
def test_a_record_over_the_cap_is_one_dead_letter_and_the_rest_goes_on(large):
    assert why(read(warc({}, large, {}), max_item_bytes=1000)) == ["taken", "too_large", "taken"]


@pytest.mark.parametrize("lost", [1, 10, 60, 90, 150, 200])
def test_a_file_cut_off_gives_what_came_before_and_one_dead_letter(lost):
    end = len(b"\r\n\r\n")
    items = read(warc({}, {})[: -end - lost])
    assert why(items) == ["taken", "broken_warc"]
    assert items[1].key == "file:///in/a.warc#record-2"


def test_a_file_may_end_without_the_last_empty_lines():
    assert why(read(warc({}, {})[:-4])) == ["taken", "taken"]


def test_gzip_cut_off_gives_what_came_before_and_one_dead_letter():
    assert why(read(warc({}, {}, packed=True)[:-20])) == ["taken", "broken_gzip"]


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param(b"junk\r\n\r\n", id="no-record"),
        pytest.param(b"WARC/1.0\r\nWARC-Type: response\r\n\r\n", id="no-length"),
        pytest.param(b"WARC/1.0\r\nContent-Length: x\r\n\r\njunk", id="bad-length"),
        pytest.param(
            b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 9\r\n\r\njunk junk", id="no-url"
        ),
        pytest.param(b"WARC/1.0\r\n" + b"a: b\r\n" * 100_000, id="endless-headers"),
        pytest.param(b"WARC/1.0\r\nA: " + b"x" * 500_000, id="endless-line"),
    ],
)
def test_damage_ends_the_file_with_one_dead_letter(junk):
    reasons = [reason for reason in why(read(warc({}) + junk)) if reason != "warc_other_type"]
    assert reasons == ["taken", "broken_warc"]


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
@example(0, b"\x1f\x8b\x08\x00")
def test_any_damage_still_gives_records_or_dead_letters(position, junk):
    whole = warc({}, {"type": "request", "content": b""}, {"content": b"<rss/>"})
    position %= len(whole)
    try:
        items = read(whole[:position] + junk + whole[position + len(junk) :])
    except RejectError as error:  # what was put in looks like the start of a packed file
        items = [Skipped(error.reason)]
    assert items
    assert all(isinstance(item, Document | Rejected | Skipped) for item in items)
