"""One clean form of titles and texts, and what is counted and compared in them."""

import hashlib
import re
import unicodedata
from functools import cache
from html import unescape

import numpy as np

from transforms._shared.characters import Kinds, character_table, code_points, spaced

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
_UNSEEN_ASCII = {code: None for code in range(128) if _UNSEEN.match(chr(code))}
_PARAGRAPH_BREAK = re.compile(r"\n\s*\n|\u2029")
_SITE_MARK = re.compile(r"\s+[-–—|•·»:]{1,2}\s+")

# Chinese and Japanese are written without spaces: each of their characters counts as a word.
_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_COUNTED = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}_])\w)+(?:[.,:'’\-](?:(?![{_CJK}_])\w)+)*")
_WORD = re.compile(r"\w+")
_COUNTED_KIND, _JOINT_KIND, _SIGN_KIND = range(1, 4)


def clean_line(text: str) -> str:
    """Return ``text`` as one clean line: entities resolved once, NFC, single spaces."""
    return " ".join(_visible(text).split())


def clean_text(text: str) -> str:
    """Return clean paragraphs parted by exactly one empty line, each on one line."""
    paragraphs = _PARAGRAPH_BREAK.split(_visible(text))
    return "\n\n".join(flat for paragraph in paragraphs if (flat := " ".join(paragraph.split())))


def _visible(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
    seen = text.translate(_UNSEEN_ASCII) if text.isascii() else _UNSEEN.sub("", text)
    if "\u200c" in seen or "\u200d" in seen:  # a search for them looks back at every place
        seen = _STRAY_JOINER.sub("", seen)
    return unicodedata.normalize("NFC", seen)


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
    words = _words(text).split()
    return " ".join(words[1:] if words[:1] == ["the"] else words)


def _words(text: str) -> str:
    """Give what ``_WORD`` finds in a text, parted by spaces, case and accents' form aside."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    codes = code_points(folded)
    if codes is None:
        return " ".join(_WORD.findall(folded))
    return spaced(codes, _kinds_in_words()[codes] > 0).rstrip(" ")


@cache
def _kinds_in_words() -> Kinds:
    return character_table((r"\w", 1))


@cache
def _kinds_counted() -> Kinds:
    return character_table(
        (r"[^\W_]", _COUNTED_KIND), (r"[.,:'’\-]", _JOINT_KIND), (f"[{_CJK}]", _SIGN_KIND)
    )


def word_count(text: str) -> int:
    """Count words; each Chinese or Japanese character counts as one."""
    codes = code_points(text)
    if codes is None:
        return sum(1 for _ in _COUNTED.finditer(text))
    # The matches of _COUNTED, counted where they begin.
    kinds = np.zeros(len(codes) + 2, np.uint8)
    kinds[2:] = _kinds_counted()[codes]
    counted = kinds == _COUNTED_KIND
    joined = counted[1:-1] | ((kinds[1:-1] == _JOINT_KIND) & counted[:-2])
    signs = np.count_nonzero(kinds == _SIGN_KIND)
    return int(signs + np.count_nonzero(counted[2:] & ~joined))


def content_hash(title: str, body: str) -> str:
    """Hash the words of title and body, numbers included; case, accents' form and marks excluded.

    Returns:
        SHA-256 in hex. A word moved from title to body changes it.
    """
    parts = (_words(part) for part in (title, body))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
