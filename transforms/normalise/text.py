"""One clean form of titles and texts, and what is counted and compared in them."""

import hashlib
import re
import unicodedata
from html import unescape

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z\d]{1,31});")
# Characters that show nothing but change what is read or compared: C0 and C1 controls (line breaks
# and tabs stay), soft hyphen, zero-width and direction marks, tags, and halves of surrogate pairs,
# which no file can hold.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
# Joiners are letters' business in Persian, Hindi or emoji, but noise between Latin letters.
_STRAY_JOINER = re.compile(
    r"(?<![\u0590-\u1fff\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]+"
)
_PARAGRAPH_BREAK = re.compile(r"\n\s*\n|\u2029")
_SITE_MARK = re.compile(r"\s+[-–—|•·»:]{1,2}\s+")

# Chinese and Japanese are written without spaces: each of their characters counts as a word.
_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_COUNTED = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}_])\w)+(?:[.,:'’\-](?:(?![{_CJK}_])\w)+)*")
_WORD = re.compile(r"\w+")


def clean_line(text: str) -> str:
    """Return ``text`` as one clean line: entities resolved once, NFC, single spaces."""
    return " ".join(_visible(text).split())


def clean_text(text: str) -> str:
    """Return clean paragraphs parted by exactly one empty line, each on one line."""
    paragraphs = _PARAGRAPH_BREAK.split(_visible(text))
    return "\n\n".join(flat for paragraph in paragraphs if (flat := " ".join(paragraph.split())))


def _visible(text: str) -> str:
    resolved = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
    return unicodedata.normalize("NFC", _STRAY_JOINER.sub("", _UNSEEN.sub("", resolved)))


def strip_site_name(title: str, names: tuple[str, ...]) -> str:
    """Return a clean title without a last part that is exactly one of the site's names.

    "Quake hits Lima - The Example" loses " - The Example" when the site is called so; a part that
    is no known name stays, since it may be the end of the headline.
    """
    marks = list(_SITE_MARK.finditer(title))
    known = {folded for name in names if (folded := _folded(name))}
    if not marks:
        return title
    last = marks[-1]
    return title[: last.start()] if _folded(title[last.end() :]) in known else title


def _folded(text: str) -> str:
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return " ".join(words[1:] if words[:1] == ["the"] else words)


def word_count(text: str) -> int:
    """Count words; each Chinese or Japanese character counts as one."""
    return sum(1 for _ in _COUNTED.finditer(text))


def content_hash(title: str, body: str) -> str:
    """Hash the words of title and body, numbers included; case, accents' form and marks excluded.

    Returns:
        SHA-256 in hex. A word moved from title to body changes it.
    """
    parts = (
        " ".join(_WORD.findall(unicodedata.normalize("NFKC", part).casefold()))
        for part in (title, body)
    )
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
