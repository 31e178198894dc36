"""Open what holds other things: gzip, JSON Lines and WARC files."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase

from schemas import Document, Rejected
from transforms._shared.rejects import RejectError, rejected
from transforms.read.encoding import is_wide, sniff_encoding
from transforms.read.kind import recognise
from transforms.read.origin import Limits, Origin, Skipped
from transforms.read.streams import Peeked, gunzip, read_up_to, to_utf8
from transforms.read.warc import records

PEEK_BYTES = 1024 * 1024  # enough to tell containers from single documents
_PIECE_BYTES = 64 * 1024
_SPACE_OR_MARK = codecs.BOM_UTF8 + b" \t\r\n"
_MAX_GZIP_LAYERS = 4
_GZIP_MEMBER = b"\x1f\x8b\x08"
_MOST_MEMBERS = 1000  # of what somebody sent; they may be empty and still take time

FEED_KINDS = ("feed", "json_feed", "news_sitemap")

# What the user gave, by the kind it was recognised as.
_INPUT_KINDS = {
    "text": "txt",
    "html": "html",
    "json": "json",
    "email": "eml",
    "feed": "feed",
    "json_feed": "json_feed",
    "news_sitemap": "news_sitemap",
}
_REFUSALS = {
    "empty": ("empty", "there is nothing but white space in it"),
    "binary": ("binary", "it holds binary data; give text, HTML, JSON, mail, feeds or WARC"),
    "sitemap_index": ("sitemap_index", "it only lists other sitemaps; give it to --feeds"),
    "sitemap": ("unsupported", "it is a sitemap without news: tags, so it names no article"),
    "xml": ("unsupported", "it is XML, but no feed, OPML, news sitemap or page"),
    "opml": ("unsupported", "an OPML list cannot be read here; give it to --input or --feeds"),
}


@dataclass(frozen=True)
class Opened:
    """A stream freed from gzip, and what it was recognised as."""

    kind: str
    head: bytes
    complete: bool  # the head is all there is
    stream: BufferedIOBase  # everything, from the beginning

    def whole(self, max_bytes: int) -> bytes:
        """Read all of it; RejectError ``too_large`` when that is more than ``max_bytes``."""
        content = self.head if self.complete else read_up_to(self.stream, max_bytes + 1)
        if len(content) > max_bytes:
            raise RejectError("too_large", f"one item has more than {max_bytes:,} bytes")
        return content


def refuse_members(content: bytes) -> None:
    """Refuse, as ``broken_gzip``, what may hold more gzip members than anybody needs."""
    if content.count(_GZIP_MEMBER) > _MOST_MEMBERS:
        raise RejectError("broken_gzip", f"gzip data of over {_MOST_MEMBERS:,} members")


def unwrap(stream: BufferedIOBase, limits: Limits, content_type: str = "") -> Opened:
    """Take off every layer of gzip and recognise what is inside.

    Raises:
        RejectError: ``broken_gzip``, ``too_large``, or ``unsupported`` for too many layers.
    """
    for _ in range(_MAX_GZIP_LAYERS + 1):
        peeked = _peek(stream, limits.max_item_bytes)
        head, complete = peeked.head, peeked.complete
        kind = recognise(head, content_type, complete=complete)
        if kind == "json" and b"\n" not in head and len(head) > limits.max_item_bytes:
            kind = "jsonl"  # a line too long for one item; those after it may be fine
        stream = peeked.rejoined(head)
        if kind != "gzip":
            return Opened(kind, head, complete, stream)
        stream = gunzip(stream, limits.max_file_bytes)
    raise RejectError("unsupported", f"gzip inside gzip, more than {_MAX_GZIP_LAYERS} times")


def documents(
    opened: Opened, origin: Origin, limits: Limits
) -> Iterator[Document | Rejected | Skipped]:
    """Give the documents of an opened stream.

    One document for a page, text, mail or feed; one for each line of JSON Lines and for each
    usable record of a WARC file. Whatever is wrong with an item is one ``Rejected`` for it, and
    damage that ends the stream early is one for the stream. Never raises RejectError.
    """
    try:
        if opened.kind == "jsonl":
            yield from _json_lines(opened, origin, limits.max_item_bytes)
        elif opened.kind == "warc":
            yield from records(opened.stream, origin, limits.max_item_bytes)
        else:
            yield document(opened, origin, limits.max_item_bytes)
    except RejectError as error:
        yield rejected("read", origin.key, error, origin.received_at, opened.head)


def _peek(stream: BufferedIOBase, max_item_bytes: int) -> Peeked:
    """Read as much as recognising needs.

    A long first line of JSON is read to its end: only what follows tells one value from lines.
    """
    peeked = Peeked(stream)
    head = peeked.more(PEEK_BYTES)
    if head.lstrip(_SPACE_OR_MARK)[:1] == b"{" and b"\n" not in head:
        size = len(head)
        while size < max_item_bytes and (piece := peeked.more(_PIECE_BYTES)):
            size += len(piece)
            if b"\n" in piece:
                break
    peeked.more(1)  # whether anything follows matters, too
    return peeked


def document(opened: Opened, origin: Origin, max_item_bytes: int) -> Document:
    """Give the document of a stream that holds just one.

    Raises:
        RejectError: it is none that can be read, or more than ``max_item_bytes``.
    """
    if opened.kind in _REFUSALS:
        reason, message = _REFUSALS[opened.kind]
        raise RejectError(reason, message)
    return Document(
        key=origin.key,
        url=origin.url,
        kind=opened.kind,
        input_kind=_INPUT_KINDS[opened.kind],
        content=opened.whole(max_item_bytes),
        charset=origin.charset,
        received_at=origin.received_at,
        feed_id=origin.feed_id,
        backfill=origin.backfill,
    )


def _json_lines(
    opened: Opened, origin: Origin, max_line_bytes: int
) -> Iterator[Document | Rejected]:
    encoding = sniff_encoding(opened.head)
    stream = to_utf8(opened.stream, encoding) if is_wide(encoding) else opened.stream
    number = 0
    while line := stream.readline(max_line_bytes + 2):
        number += 1
        ended = line.endswith(b"\n")
        line = line.strip(_SPACE_OR_MARK if number == 1 else None)
        if not line:
            continue
        key = f"{origin.key}#L{number}"
        try:
            if len(line) > max_line_bytes:
                if not ended:
                    _skip_line(stream)
                raise RejectError(
                    "too_large", f"line {number} has more than {max_line_bytes:,} bytes"
                )
            _check_line(line, number)
        except RejectError as error:
            yield rejected("read", key, error, origin.received_at, line)
            continue
        yield Document(
            key=key,
            url=origin.url,
            kind="json",
            input_kind="jsonl",
            content=line,
            charset=origin.charset,
            received_at=origin.received_at,
        )


def _skip_line(stream: BufferedIOBase) -> None:
    while (piece := stream.readline(_PIECE_BYTES)) and not piece.endswith(b"\n"):
        pass


def _check_line(line: bytes, number: int) -> None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RejectError("broken_json", f"line {number} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise RejectError(
            "broken_json", f"line {number} is JSON but no object; each line must be one object"
        )
