"""Guess how the beginning of some bytes is to be read as text, well enough to recognise them."""

import codecs
import re
import unicodedata

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Zero bytes of the first two ASCII characters, for texts without a byte order mark.
_ZERO_PATTERNS = (
    (re.compile(rb"\0\0\0[^\0]\0\0\0[^\0]", re.DOTALL), "utf-32-be"),
    (re.compile(rb"[^\0]\0\0\0[^\0]\0\0\0", re.DOTALL), "utf-32-le"),
    (re.compile(rb"\0[^\0]\0[^\0]", re.DOTALL), "utf-16-be"),
    (re.compile(rb"[^\0]\0[^\0]\0", re.DOTALL), "utf-16-le"),
)
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\x1b") + b"\x7f"
_MAX_CONTROL_SHARE = 0.01  # stray control characters survive in real text, a few in a thousand
_MAX_UNASSIGNED_SHARE = 0.1  # random bytes read as UTF-16 hit unassigned code points far more often
_SAMPLE = 4096


def sniff_encoding(content: bytes) -> str:
    """Name a codec that reads ``content`` far enough to recognise it.

    UTF-16 and UTF-32 are found by their mark or their zero bytes. Everything else is
    "utf-8-sig" or "utf-8": other encodings share ASCII, which is all that markup needs.
    """
    for mark, name in _BOMS:
        if content.startswith(mark):
            return name
    for pattern, name in _ZERO_PATTERNS:
        if pattern.match(content):
            return name
    return "utf-8"


def is_wide(encoding: str) -> bool:
    """Say whether a codec named by ``sniff_encoding`` uses two or four bytes a character."""
    return encoding.startswith(("utf-16", "utf-32"))


def is_binary(head: bytes, text: str, encoding: str) -> bool:
    """Say whether ``head``, read as ``text``, is no text at all."""
    if not is_wide(encoding):
        controls = len(head) - len(head.translate(None, _CONTROLS))
        return controls > len(head) * _MAX_CONTROL_SHARE
    sample = text[:_SAMPLE]
    controls = sum(unicodedata.category(c) == "Cc" and not c.isspace() for c in sample)
    unassigned = sum(c == "\ufffd" or unicodedata.category(c) in ("Cn", "Co") for c in sample)
    return (
        controls > len(sample) * _MAX_CONTROL_SHARE
        or unassigned > len(sample) * _MAX_UNASSIGNED_SHARE
    )
