"""From bytes to text: which character set a document is really in."""

import codecs
import re
from collections.abc import Iterator

import charset_normalizer

from transforms._shared.rejects import RejectError

MAX_BAD_SHARE = 0.05  # of replacement and control characters in a text we still believe
_DECLARATION_BYTES = 4096  # browsers look for <meta charset> in the first 1024; CMSs exceed that
_SAMPLE_BYTES = 65_536  # what the detector looks at

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"""<\?xml[^<>]{0,200}?\sencoding\s{0,9}=\s{0,9}["']([\w.:-]{1,40})"""
    rb"""|<meta\b[^<>]{0,400}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{1,40})""",
    re.IGNORECASE,
)
# Python also lists codecs that are no character sets of documents (punycode, unicode_escape,
# utf-7): some are slow on hostile input and all hide text, so only these families are used.
_DOCUMENT_CODECS = re.compile(
    r"utf-8|utf-16(-[lb]e)?|utf-32(-[lb]e)?|ascii|iso8859-\d+|cp\d+|koi8-\w|mac-\w+|gb\w*|big5\w*"
    r"|euc_\w+|shift_jis\w*|iso2022_\w+|hz|johab|tis-620|ptcp154|kz1048"
)
# The larger set that publishers mean when they name the smaller one, as browsers read it.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
}
_ALIASES = {"x-sjis": "cp932", "x-gbk": "gb18030", "x-x-big5": "big5hkscs", "utf8mb4": "utf-8"}
# Random bytes read as UTF-16 look like Chinese; the real thing shows a mark or zero bytes.
_NEVER_GUESSED = ["utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"]
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufffd]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def decode(content: bytes, declared: str) -> str:
    """Decode a document, trying what it says of itself before what others say of it.

    Order: byte order mark, declaration in the document, ``declared`` (a transport header),
    UTF-8, detection. A set that does not fit all the bytes gives way to the next one, and a
    Western one also to UTF-8 when the bytes are valid UTF-8, which they never are by accident.
    The result holds no byte order mark and no NUL.

    Raises:
        RejectError: ``undecodable``, when every reading is mostly unreadable characters.
    """
    text = _first_fitting(content, declared).removeprefix("\ufeff")
    bad = len(_CONTROLS.findall(text))
    if bad > MAX_BAD_SHARE * len(text):
        raise RejectError(
            "undecodable",
            f"{bad} of {len(text)} characters are unreadable in every character set tried; "
            "convert it to UTF-8 text",
        )
    return storable(text)


def storable(text: str) -> str:
    """Remove what no table can hold: NUL and half surrogate pairs (JSON can spell both)."""
    return _UNSTORABLE.sub("", text)


def _first_fitting(content: bytes, declared: str) -> str:
    candidates = list(_candidates(content, declared))
    for charset in candidates:
        try:
            return content.decode(charset)
        except UnicodeDecodeError:
            continue
    for charset in candidates:
        if charset.startswith("utf-"):
            text = content.decode(charset, "replace")
            if _little_damage(text, claimed=candidates.count(charset) > 1):
                return text
    return content.decode(_detected(content), "replace")


def _little_damage(text: str, claimed: bool) -> bool:
    """Say whether few characters were lost: a file cut inside a character, one bad byte.

    Measured by the characters beyond ASCII, for only they prove anything: half of them must be
    whole when something ``claimed`` the set, nine in ten when nothing did.
    """
    bad = text.count("\ufffd")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return bad <= beyond_ascii / (2 if claimed else 10)


def _candidates(content: bytes, declared: str) -> Iterator[str]:
    for mark, charset in _BOMS:
        if content.startswith(mark):
            yield charset
    wide = _wide_without_mark(content)
    if wide:
        yield wide
    for name in (_declared_inside(content), declared):
        charset = _document_codec(name)
        if not charset or charset.startswith(("utf-16", "utf-32")):
            continue  # the declaration was readable as single bytes, so it cannot be true
        if charset == "cp1252":
            yield "utf-8"
        yield charset
    yield "utf-8"


def _wide_without_mark(content: bytes) -> str:
    """Name UTF-16 or UTF-32 by where the zero bytes of its markup or ASCII letters stand."""
    head = content[:_DECLARATION_BYTES]
    head = head[: len(head) // 4 * 4]
    if not head:
        return ""
    quarter = len(head) // 4
    zeros = [head[place::4].count(0) / quarter for place in range(4)]
    if min(zeros[:3]) > 0.7 and zeros[3] < 0.3:
        return "utf-32-be"
    if min(zeros[1:]) > 0.7 and zeros[0] < 0.3:
        return "utf-32-le"
    if min(zeros[0], zeros[2]) > 0.4 and max(zeros[1], zeros[3]) < 0.1:
        return "utf-16-be"
    if min(zeros[1], zeros[3]) > 0.4 and max(zeros[0], zeros[2]) < 0.1:
        return "utf-16-le"
    return ""


def _declared_inside(content: bytes) -> str:
    match = _DECLARED.search(content[:_DECLARATION_BYTES])
    return (match[1] or match[2]).decode("ascii", "ignore") if match else ""


def _document_codec(name: str) -> str:
    """Name Python's codec for a declared character set; "" when there is none."""
    name = name.strip().strip("\"'").lower()
    if name in _ALIASES:
        return _ALIASES[name]
    try:
        charset = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    if not _DOCUMENT_CODECS.fullmatch(charset):
        return ""
    return _SUPERSETS.get(charset, charset)


def _detected(content: bytes) -> str:
    sample = content[:_SAMPLE_BYTES]
    if len(sample) < len(content):  # not in the middle of a character
        sample = sample[: max(sample.rfind(b"\n"), sample.rfind(b" ")) + 1] or sample
    best = charset_normalizer.from_bytes(sample, cp_exclusion=_NEVER_GUESSED).best()
    return _document_codec(best.encoding) or "utf-8" if best else "utf-8"
