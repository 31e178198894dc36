"""Texts as sequences of hashed words that know which of them state a fact.

A fact is a number (also spelled out, a weekday or a month), a name, or a word with an opposite.
Two reports made of one template differ in those and in little else, so copies are told from
look-alikes by them.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from transforms._shared.words import COUNTING, LETTER, SIGNS, Hashes, WordPattern, word_hash

ORDINARY, NUMBER, NAME, OPPOSED, SIGN = range(5)
_ENDER = 7  # of a sentence; only while a text is read
CLASS_BITS = 3
CLASS_MASK = np.uint32(7)
_MOST_CAPITALISED = 0.8  # of the words: beyond it capitals do not mark names
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
WIDTH = 3  # words in a gram

# Directions, outcomes, people and times of day: exchanged for their like, they tell of another
# thing in the same words.
_OPPOSED = frozenset(
    """
    north south east west northern southern eastern western northeast northwest southeast southwest
    left right up down rise rises rose rising fall falls fell falling gain gains gained lose loses
    lost win wins won higher lower more fewer increase increased decrease decreased approve
    approves approved reject rejects rejected accept accepts accepted refuse refuses refused adopt
    adopted upheld overturned guilty innocent convicted acquitted open opens opened close closes
    closed man men woman women boy boys girl girls husband wife son daughter father mother brother
    sister morning afternoon evening night noon midnight today yesterday tomorrow tonight
    yellow amber orange red green he she his her him twenties thirties forties fifties sixties
    seventies eighties profit profits loss losses raised cut cuts lowered sentenced jailed cleared
    freed admitted admits denied denies dead killed injured alive
    nord süd norden süden osten westen nördlich südlich östlich westlich nördlichen südlichen
    östlichen westlichen links rechts steigt fällt steigen fallen gestiegen gefallen gewinnt
    verliert gewonnen verloren angenommen abgelehnt schuldig freigesprochen mann männer frau frauen
    junge mädchen vormittag nachmittag abend nacht heute gestern morgen
    sud ouest hausse baisse homme femme hommes femmes matin soir hier demain aujourd'hui
    norte sur oeste sube baja aprobó rechazó hombre mujer hombres mujeres hoy ayer mañana noche
    ovest uomo donna oggi ieri domani
    """.split()
)

Tokens = NDArray[np.uint32]  # 29 bits of hash, 3 bits of class

_ABBREVIATED = "".join(
    rf"(?<!\b{short}\.)"
    for short in ("[A-Z]", "Mr", "Mrs", "Ms", "Dr", "St", "Lt", "Sen", "Rep", "Gov", "Gen", "Prof")
)
_TAIL = rf"(?:[.,:]\d+)*(?:['’]{LETTER}+)?|[!?…。！？\n]|\.(?=\W){_ABBREVIATED}"
_TOKEN = WordPattern(rf"{LETTER}+{_TAIL}")
_SIGN = re.compile(rf"[{SIGNS}]")
_TOKEN_WITH_SIGNS = WordPattern(rf"[{SIGNS}]|(?:(?![{SIGNS}]){LETTER})+{_TAIL}")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_SIGN_NUMERALS = frozenset("〇零一二三四五六七八九十百千万億亿兆两")


def read_tokens(text: str) -> Tokens:
    """Split a text into hashed words with their class.

    Numbers are compared by value: 1,700 is 1700 and 12th is 12. A name is a capitalised word
    inside a sentence, and the same word where it opens one. Chinese and Japanese signs stand
    alone, and are told from words.
    """
    if not text:
        return np.empty(0, np.uint32)
    plain = unicodedata.normalize("NFKC", text)
    pattern = _TOKEN_WITH_SIGNS if _SIGN.search(plain) else _TOKEN
    found = pattern.findall(plain)
    read = np.fromiter(map(_token, found), np.uint64, len(found))
    kind = (read & np.uint64(CLASS_MASK)).astype(np.uint8)
    kept = kind != _ENDER
    opens = np.ones(len(read), bool)
    opens[1:] = ~kept[:-1]
    kind, hashed, opens = (
        kind[kept],
        (read[kept] >> np.uint64(32 + CLASS_BITS)).astype(np.uint32),
        opens[kept],
    )
    if pattern is _TOKEN_WITH_SIGNS:
        signs = np.fromiter((bool(_SIGN.match(word)) for word in found), bool, len(found))[kept]
        kind[signs & (kind == ORDINARY)] = SIGN
    capitals = kind == NAME
    if np.count_nonzero(capitals) > _MOST_CAPITALISED * len(kind):
        kind[capitals] = ORDINARY
    else:
        opening = np.flatnonzero(capitals & opens)
        named = np.isin(hashed[opening], hashed[capitals & ~opens])
        kind[opening[~named]] = ORDINARY
    return np.asarray((hashed << np.uint32(CLASS_BITS)) | kind, np.uint32)


@lru_cache(maxsize=200_000)
def _token(written: str) -> int:
    """Give hash and class of a word as it stands; NAME for whatever has a capital."""
    if not written[0].isalnum() and not written.strip(".!?…。！？\n"):
        return _ENDER
    word = written.casefold().replace("’", "'")
    kind = ORDINARY
    if written[0].isdigit():
        kind = NUMBER
        word = word.replace(",", "")
        if ordinal := _ORDINAL.fullmatch(word):
            word = ordinal[1]
    elif word in COUNTING or word in _SIGN_NUMERALS:
        kind = NUMBER
    elif word in _OPPOSED:
        kind = OPPOSED
    elif written[0].isupper():
        kind = NAME
    return word_hash(word) & ~int(CLASS_MASK) | kind


def classes(tokens: Tokens) -> NDArray[np.uint8]:
    """Say of each word whether it is ORDINARY, a NUMBER, a NAME, OPPOSED or a SIGN."""
    return (tokens & CLASS_MASK).astype(np.uint8)


def grams(tokens: Tokens) -> Hashes:
    """Hash the three words from each place on; one hash of all the words of a shorter text."""
    if not len(tokens):
        return np.empty(0, np.uint32)
    return _grams(tokens, min(WIDTH, len(tokens)))


def grams_of_each(texts: Sequence[Tokens]) -> list[Hashes]:
    """Give ``grams`` of several texts of three words or more, in one pass."""
    if not texts:
        return []
    hashes = _grams(np.concatenate(texts), WIDTH)
    ends = np.cumsum([len(text) for text in texts]).tolist()
    return [
        hashes[end - len(text) : end - WIDTH + 1] for text, end in zip(texts, ends)
    ]  # those between two texts are left out


def _grams(tokens: Tokens, width: int) -> Hashes:
    hashed = (tokens >> np.uint32(CLASS_BITS)).astype(np.uint64)
    count = len(hashed) - width + 1
    mixed = np.zeros(count, np.uint64)
    for offset in range(width):
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _STEP + hashed[offset : offset + count]
    mixed = (mixed ^ (mixed >> np.uint64(31))) * _MIX
    mixed = (mixed ^ (mixed >> np.uint64(29))) * _STEP
    return (mixed >> np.uint64(32)).astype(np.uint32)
