"""Take the pages, feeds and texts out of a WARC file."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from io import BufferedIOBase
from typing import Any

from warcio.recordloader import ArcWarcRecordLoader

from schemas import Document, Rejected
from schemas.ids import is_web_url
from transforms._shared.rejects import RejectError, rejected
from transforms._shared.web.media_type import charset_of
from transforms.read.kind import recognise
from transforms.read.origin import Origin, Skipped
from transforms.read.streams import read_up_to

_MAX_HEADER_BYTES = 256 * 1024  # of one record; warcio itself has no bound
_PIECE_BYTES = 64 * 1024
_KINDS_TAKEN = ("html", "text", "feed", "json_feed", "news_sitemap")
# What pages are made of, by content type; some of it reads like text.
_PART_OF_PAGE = re.compile(r"(image|video|audio|font)/|text/css|.*(javascript|ecmascript)", re.I)
_READABLE_ENCODINGS = ("", "identity", "gzip", "deflate")
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


def records(
    stream: BufferedIOBase, origin: Origin, max_record_bytes: int
) -> Iterator[Document | Rejected | Skipped]:
    """Give each usable record of an unpacked WARC stream as a document.

    Usable are answers with status 200, stored resources and conversions that have a web address
    and hold a page, a text or a feed. Keys end in ``#record-<number>``, counted over all records.
    The others come as ``Skipped``: request, metadata, warcinfo, revisit (and any other type),
    not_web, status, media, encoding, robots, or the kind that was recognised instead.
    A record that is too large is one ``Rejected``; so is the place where damage ends the file.
    """
    source = _Source(stream)
    number = 0
    while True:
        number += 1
        key = f"{origin.key}#record-{number}"
        try:
            record = _next_record(source)
            if record is None:
                return
            item = _read_record(record, key, origin, max_record_bytes)
            _finish(record)
        except RejectError as error:
            yield rejected("read", key, error, origin.received_at)
            return
        yield item


class _RecordError(RejectError):
    """One record is of no use; those after it may be."""


class _Source:
    """The stream as warcio wants it, with an end to headers that go on and on."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self._position = 0
        self._header_bytes_left = _MAX_HEADER_BYTES

    def next_line(self) -> bytes:
        """Find the first line of the next record; b"" at the end of the stream."""
        self._header_bytes_left = _MAX_HEADER_BYTES
        line = b"\n"
        while line and not line.strip():
            line = self.readline()
        return line

    def read(self, count: int = -1) -> bytes:
        piece = self._stream.read(count)
        self._position += len(piece)
        return piece

    def readline(self, count: int | None = None) -> bytes:
        bound = self._header_bytes_left + 1
        line = self._stream.readline(bound if count is None else min(count, bound))
        self._position += len(line)
        self._header_bytes_left -= len(line)
        if self._header_bytes_left < 0:
            raise RejectError("broken_warc", "the headers of a record do not end")
        return line

    def tell(self) -> int:
        return self._position


def _next_record(source: _Source) -> Any:
    """Read the headers of the next record; None at the end of the file."""
    first_line = source.next_line()
    if not first_line:
        return None
    try:
        # Not warcio's ArchiveIterator: it takes a file cut off inside a header for a whole one.
        loader = ArcWarcRecordLoader(verify_http=False, arc2warc=False)
        record = loader.parse_record_stream(source, first_line, known_format="warc")
    except RejectError:
        raise
    except Exception as error:  # warcio meets damage with whatever its parsing runs into
        raise _broken(error) from error
    if record.length is None:
        raise RejectError("broken_warc", "a record has no Content-Length, so its end is unknown")
    return record


def _finish(record: Any) -> None:
    """Read past the rest of a record, and see that the file holds all of it."""
    while record.raw_stream.read(_PIECE_BYTES):
        pass
    if record.raw_stream.limit > 0:
        raise RejectError(
            "broken_warc",
            f"the file ends {record.raw_stream.limit:,} bytes before its last record does",
        )


def _read_record(
    record: Any, key: str, origin: Origin, max_bytes: int
) -> Document | Rejected | Skipped:
    url = record.rec_headers.get_header("WARC-Target-URI") or ""
    headers = record.http_headers or record.rec_headers
    content_type = headers.get_header("Content-Type") or ""
    why = _why_skipped(record, url, content_type)
    if why:
        return Skipped(f"warc_{why}")
    received_at = _date(record.rec_headers.get_header("WARC-Date")) or origin.received_at
    try:
        content = _content(record, max_bytes)
    except _RecordError as error:
        return rejected("read", key, error, received_at)
    kind = recognise(content, content_type)
    if kind not in _KINDS_TAKEN:
        return Skipped(f"warc_{kind}")
    return Document(
        key=key,
        url=url,
        kind=kind,
        input_kind="warc",
        content=content,
        charset=charset_of(content_type),
        received_at=received_at,
    )


def _why_skipped(record: Any, url: str, content_type: str) -> str:
    """Say why a record is left alone; "" when its content has to be looked at."""
    if record.rec_type not in ("response", "resource", "conversion"):
        known = ("request", "metadata", "warcinfo", "revisit", "continuation")
        return record.rec_type if record.rec_type in known else "other_type"
    if not is_web_url(url):
        return "not_web"
    if record.http_headers and record.http_headers.get_statuscode() != "200":
        return "status"
    if _PART_OF_PAGE.match(content_type):
        return "media"
    if url.partition("?")[0].endswith("/robots.txt"):
        return "robots"
    encoding = record.http_headers and record.http_headers.get_header("Content-Encoding")
    return "" if (encoding or "").strip().lower() in _READABLE_ENCODINGS else "encoding"


def _content(record: Any, max_bytes: int) -> bytes:
    # warcio holds a whole chunk of a chunked answer, so the length as stored counts too.
    content = b""
    if record.length <= max_bytes:
        try:
            content = read_up_to(record.content_stream(), max_bytes + 1)
        except RejectError:
            raise
        except Exception as error:
            raise _RecordError("broken_warc", f"the record cannot be unpacked: {error}") from error
    if len(content) > max_bytes or record.length > max_bytes:
        raise _RecordError("too_large", f"the record has more than {max_bytes:,} bytes")
    return content


def _date(text: str | None) -> datetime | None:
    match = _DATE.fullmatch(text or "")
    if match is None:
        return None
    try:
        second = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return second + timedelta(microseconds=int((match[2] or "0").ljust(6, "0")[:6]))


def _broken(error: Exception) -> RejectError:
    what = " ".join(str(error).split())[:200] or type(error).__name__
    return RejectError("broken_warc", f"the WARC file is damaged from here on: {what}")
