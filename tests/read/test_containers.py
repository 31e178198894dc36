import gzip
import hashlib
import json
from datetime import datetime, timezone
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import Document, Rejected
from schemas.document import DOCUMENT_KINDS
from transforms._shared.rejects import RejectError
from transforms.read.containers import documents, unwrap
from transforms.read.origin import Limits, Origin, Skipped

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
ORIGIN = Origin(key="file:///in/a", url="file:///in/a", received_at=NOON)
LINES = b'{"title": "One"}\n{"title": "Two"}\n'


def read(content: bytes, **limits: int) -> list[Document | Rejected | Skipped]:
    bounds = Limits(**limits)
    return list(documents(unwrap(BytesIO(content), bounds), ORIGIN, bounds))


def outcome(items):
    """Key and either content or reject reason of each item."""
    return [
        (
            item.key.removeprefix(ORIGIN.key),
            item.reason if isinstance(item, Rejected) else item.content,
        )
        for item in items
    ]


def reasons(content: bytes, **limits: int) -> list[str]:
    """Reasons of everything refused, whether it stopped the opening or came as an item."""
    try:
        items = read(content, **limits)
    except RejectError as error:
        return [error.reason]
    return [item.reason for item in items if isinstance(item, Rejected)]


@pytest.mark.parametrize(
    ("content", "kind", "input_kind"),
    [
        (b"The ferry is late.", "text", "txt"),
        (b"<p>The ferry is late.</p>", "html", "html"),
        (b'{"title": "Ferry"}', "json", "json"),
        (b"From: a@b.example\nSubject: Ferry\n\nLate.", "email", "eml"),
        (b"<rss><channel/></rss>", "feed", "feed"),
        (b'{"version": "https://jsonfeed.org/version/1"}', "json_feed", "json_feed"),
        (b"<urlset xmlns:news='x'><news:news/></urlset>", "news_sitemap", "news_sitemap"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("layers", [0, 1, 2])
def test_one_thing_is_one_document_however_often_it_is_gzipped(content, kind, input_kind, layers):
    packed = content
    for _ in range(layers):
        packed = gzip.compress(packed)
    assert read(packed) == [
        Document(
            key=ORIGIN.key,
            url=ORIGIN.url,
            kind=kind,
            input_kind=input_kind,
            content=content,
            charset="",
            received_at=NOON,
        )
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\x89PNG\r\n\x1a\n", "binary"),
        (b"<sitemapindex/>", "sitemap_index"),
        (b"<urlset/>", "unsupported"),
        (b"<?xml version='1.0'?><svg/>", "unsupported"),
    ],
)
def test_what_nobody_can_use_is_refused_with_its_payload(content, reason):
    (refused,) = read(content)
    assert (refused.stage, refused.key, refused.reason) == ("read", ORIGIN.key, reason)
    assert refused.payload == content
    assert refused.payload_sha256 == hashlib.sha256(content).hexdigest()
    assert refused.first_failed_at == NOON


def test_an_item_over_the_cap_is_refused():
    assert outcome(read(b"word " * 20, max_item_bytes=100)) == [("", b"word " * 20)]
    assert outcome(read(b"word " * 20, max_item_bytes=99)) == [("", "too_large")]


def test_each_json_line_is_a_document():
    items = read(LINES)
    assert outcome(items) == [("#L1", b'{"title": "One"}'), ("#L2", b'{"title": "Two"}')]
    assert {(item.kind, item.input_kind, item.url) for item in items} == {
        ("json", "jsonl", ORIGIN.url)
    }


def test_json_lines_may_be_blank_indented_marked_and_lack_the_last_newline():
    content = b'\xef\xbb\xbf{"a": 1}\r\n\r\n \n  {"b": 2} \r\n{"c": 3}'
    assert outcome(read(content)) == [
        ("#L1", b'{"a": 1}'),
        ("#L4", b'{"b": 2}'),
        ("#L5", b'{"c": 3}'),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be", "utf-8-sig"])
def test_json_lines_in_other_unicode_encodings_become_utf8(encoding):
    text = '{"title": "Fähre"}\n{"title": "渡船"}\n'
    expected = [(f"#L{n}", line.encode()) for n, line in enumerate(text.splitlines(), start=1)]
    assert outcome(read(text.encode(encoding))) == expected


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b'{"title":', id="cut-off"),
        pytest.param(b'{"title": "\xff\xfe"}', id="not-utf8"),
        pytest.param(b"[1, 2]", id="array"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[" * 100_000, id="too-deep"),
        pytest.param(b'{"n": ' + b"9" * 5000 + b"}", id="number-too-long"),
        pytest.param(b"junk\0", id="junk"),
    ],
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_broken_line_is_one_dead_letter_and_the_rest_goes_on(broken, position):
    lines = [b'{"a": 1}', b'{"b": 2}']
    lines.insert(position, broken)
    items = read(b"\n".join(lines))
    assert outcome(items) == [
        (f"#L{n}", "broken_json" if line == broken else line)
        for n, line in enumerate(lines, start=1)
    ]
    (refused,) = [item for item in items if isinstance(item, Rejected)]
    assert refused.payload == broken[:65_536]
    assert "\n" not in refused.error


@pytest.mark.parametrize("size", [99, 100, 101, 102, 103, 200_000, 3_000_000])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("position", [0, 1])
def test_a_line_over_the_cap_is_refused_and_skipped(size, ending, position):
    long = b'{"a": "' + b"x" * (size - 9) + b'"}'
    lines = [b'{"b": 2}', b'{"c": 3}']
    lines.insert(position, long)
    expected = [
        (f"#L{n}", "too_large" if len(line) > 100 else line)
        for n, line in enumerate(lines, start=1)
    ]
    assert outcome(read(ending.join(lines), max_item_bytes=100)) == expected
    assert outcome(read(ending.join([*lines, b""]), max_item_bytes=100)) == expected


def test_a_first_line_longer_than_the_peek_is_still_a_line():
    first = json.dumps({"text": "x" * 1_500_000}).encode()
    assert outcome(read(first + b'\n{"b": 2}')) == [("#L1", first), ("#L2", b'{"b": 2}')]
    assert [item.input_kind for item in read(first + b"\n")] == ["json"]


def test_an_array_on_one_line_longer_than_the_peek_is_one_document():
    content = json.dumps([{"a": "x" * 100}] * 20_000).encode()
    assert outcome(read(content)) == [("", content)]


def test_a_pretty_printed_object_longer_than_the_peek_is_one_document():
    content = json.dumps({"a": [{"b": "x" * 100}] * 20_000}, indent=1).encode()
    assert outcome(read(content)) == [("", content)]


def test_cut_off_gzip_gives_the_lines_before_the_cut_and_one_dead_letter():
    numbers = [
        json.dumps({"n": n, "salt": hashlib.sha256(bytes([n % 256, n >> 8])).hexdigest()})
        for n in range(3000)
    ]
    packed = gzip.compress("\n".join(numbers).encode())
    *given, refused = read(packed[: len(packed) // 2])
    assert (refused.key, refused.reason) == (ORIGIN.key, "broken_gzip")
    assert len(given) > 1000
    assert [item.content.decode() for item in given] == numbers[: len(given)]


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(gzip.compress(b"The ferry is late.")[:-4], id="cut-off"),
        pytest.param(gzip.compress(b"The ferry is late.")[:-8] + bytes(8), id="wrong-checksum"),
        pytest.param(b"\x1f\x8b\x08" + bytes(20), id="garbage"),
        pytest.param(b"\x1f\x8b\x08", id="magic-only"),
    ],
)
def test_damaged_gzip_is_refused(packed):
    assert reasons(packed) == ["broken_gzip"]


def test_gzip_of_several_members_is_read_to_the_end():
    packed = b"".join(gzip.compress(line) for line in LINES.splitlines(keepends=True))
    assert len(read(packed)) == 2


def test_a_decompression_bomb_is_refused_by_its_ratio():
    assert reasons(gzip.compress(b" " * 20_000_000 + b"x")) == ["too_large"]
    assert reasons(gzip.compress(gzip.compress(b"x" * 20_000_000))) == ["too_large"]


def test_more_decompressed_bytes_than_a_file_may_have_are_refused():
    packed = gzip.compress(LINES * 100)
    assert len(read(packed, max_file_bytes=len(LINES) * 100)) == 200
    assert reasons(packed, max_file_bytes=len(LINES) * 100 - 1)[-1] == "too_large"


def test_endless_layers_of_gzip_are_refused():
    packed = b"The ferry is late."
    for _ in range(5):
        packed = gzip.compress(packed)
    assert reasons(packed) == ["unsupported"]


_PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [b"WARC/1.0\r\n", b"WARC-Type: response\r\n", b"Content-Length: 5\r\n", b"\r\n\r\n",
             b"WARC-Target-URI: http://a.example/\r\n", b"HTTP/1.1 200 OK\r\n", b"{}\n",
             b'{"a":1}\n', b"<rss>", b"\xff\xfe", gzip.compress(b"{}\n{}\n"), b"\n"]
        ),
    ),
    max_size=12,
)  # fmt: skip


@settings(deadline=None)
@given(_PIECES, st.booleans(), st.sampled_from([10, 100, 10_000]))
def test_any_bytes_give_items_or_one_reject_error(pieces, packed, max_item_bytes):
    content = b"".join(pieces)
    try:
        items = read(
            gzip.compress(content) if packed else content,
            max_item_bytes=max_item_bytes,
            max_file_bytes=1000,
        )
    except RejectError as error:
        assert error.reason and error.message
        return
    assert items
    for item in items:
        if isinstance(item, Document):
            assert item.kind in DOCUMENT_KINDS
            assert len(item.content) <= max_item_bytes


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(), st.text()), min_size=2))
def test_any_objects_written_as_lines_come_back(objects):
    content = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in objects)
    items = read(content.encode("utf-8", "surrogatepass"))
    assert [json.loads(item.content) for item in items] == objects
