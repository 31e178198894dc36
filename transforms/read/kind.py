"""Say what some bytes are; their name is never asked, their content type is only a hint."""

import re

from transforms.read.email_text import is_email
from transforms.read.encoding import is_binary, sniff_encoding
from transforms.read.json_text import recognise_json
from transforms.read.markup import recognise_late_markup, recognise_markup

HEAD_BYTES = 64 * 1024  # what markup, mail headers and binary data are recognised by

_GZIP = b"\x1f\x8b\x08"
_WARC = re.compile(rb"WARC/\d")
_NOT_SPACE = re.compile(rb"[^\s\0]")
_MAGIC = (
    b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"%PDF-", b"PK\x03\x04", b"PK\x05\x06",
    b"\x7fELF", b"\xca\xfe\xba\xbe", b"\0asm", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"OggS\0",
    b"\x28\xb5\x2f\xfd", b"Rar!\x1a\x07", b"\xd0\xcf\x11\xe0", b"SQLite format 3\0", b"wOFF\0",
    b"wOF2\0", b"\x1f\x8b", b"\x1f\x9d", b"{\\rtf",
)  # fmt: skip
_MAGIC_PATTERN = re.compile(rb"RIFF.{4}[A-Z ]{4}|BZh[1-9]1AY&SY|ID3[\x02-\x04]", re.DOTALL)


def recognise(content: bytes, content_type: str = "", *, complete: bool = True) -> str:
    """Name what ``content`` is.

    Args:
        content: the bytes, or their beginning. JSON Lines and a line of JSON are told apart by
            what follows the first line, so a beginning should hold that line.
        content_type: what a transport header claimed; decides only between feed, HTML and other
            markup when the content leaves it open.
        complete: whether ``content`` is everything.

    Returns:
        A document's kind (text, html, json, email, feed, json_feed, news_sitemap), a container
        (gzip, warc, jsonl, opml), or what nobody can use: empty (white space only), binary,
        sitemap (without news), sitemap_index, xml (another vocabulary). Never raises.
    """
    if not _NOT_SPACE.search(content):
        return _kind_of_nothing(b"\0" in content, complete)
    if content.startswith(_GZIP):
        return "gzip"
    if _WARC.match(content):
        return "warc"
    if content.startswith(_MAGIC) or _MAGIC_PATTERN.match(content):
        return "binary"
    encoding = sniff_encoding(content)
    head = content[:HEAD_BYTES]
    text = _decode(head, encoding)
    if not text.strip():
        return _kind_of_nothing(False, complete and len(content) <= HEAD_BYTES)
    return _recognise_text(content, head, text, encoding, content_type, complete)


def _recognise_text(
    content: bytes, head: bytes, text: str, encoding: str, content_type: str, complete: bool
) -> str:
    kind = recognise_markup(text, content_type)
    if kind and not (kind in ("html", "xml") and is_binary(head, text, encoding)):
        return kind
    kind = recognise_json(_decode(content, encoding), complete) if _may_be_json(text) else ""
    if kind:
        return kind
    if is_binary(head, text, encoding):
        return "binary"
    if is_email(text):
        return "email"
    return recognise_late_markup(text, content_type) or "text"


def _kind_of_nothing(zeros: bool, complete: bool) -> str:
    if zeros:
        return "binary"
    return "empty" if complete else "text"


def _may_be_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[") or "\n{" in text


def _decode(content: bytes, encoding: str) -> str:
    return content.decode(encoding, "replace").removeprefix("\ufeff")
