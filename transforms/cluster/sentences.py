"""The first sentences of a text that are worth quoting: whole, and about the news."""

import re
from collections.abc import Iterator

from transforms._shared.words import COUNTING
from transforms.cluster.languages import count_signs
from transforms.cluster.noise import is_boilerplate, without_dateline

MOST_KEPT = 3  # sentences of an article
_READ_CHARS = 2500  # of the text
_LEAST_WORDS = 5
_LEAST_SIGNS = 12  # characters of a sentence in a script without spaces
_MOST_CHARS = 300

# What ends a sentence: marks of most scripts; full stops of the Latin kind only before a space.
_FULL_WIDTH = "。！？｡"
_NARROW = ".!?…؟۔।॥։።"
_CLOSING = r"\"”’»›)\]」』）】"
_END = re.compile(rf"[{_FULL_WIDTH}]+[{_CLOSING}]*|[{_NARROW}]+[{_CLOSING}]*(?=\s)")
_ENDED = re.compile(rf"[{_FULL_WIDTH}{_NARROW}][{_CLOSING}]*$")
_CUT_OFF = re.compile(r"(?:\.\.\.|…|\[…\]|\[\.\.\.\])[\"”’»]?$")
_LAST_WORD = re.compile(r"(\S+)\.$")

# A full stop after these ends no sentence, nor does one after a single letter or within "U.S."
# English, German, French, Spanish, Italian, Portuguese, Dutch; lower case.
_SHORTENED = frozenset(
    """mr mrs ms dr st lt sen rep gov gen col sgt capt cmdr maj prof rev hon jr sr vs no nos inc
    ltd co corp bros dept est approx jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed
    thu fri sat sun ave blvd rd mt ft u.s u.k u.n e.g i.e bzw ca evtl geb ggf hr fr nr sog str usw
    vgl z.b d.h mme mlle mgr sra srta sr sres dra avda sig dott avv on dhr mevr drs ir""".split()
)
_INITIALS = re.compile(r"(?:^|\W)(?:[^\W\d_]\.)+[^\W\d_]$")  # "p.m", "D-N.Y"
_NEXT_WORD = re.compile(r"\s*[^\W\d_]+")
_STARTS_ANEW = re.compile(
    r"\s*(?:The|A|An|In|It|He|She|They|But|And|On|At|This|That|We|His|Her|Their)\b"
)


def lead_sentences(text: str, title: str = "") -> tuple[str, ...]:
    """Take the first sentences that may stand in a summary, at most three, in their order.

    Left out are boilerplate, headings, what was cut off, the title said again, and sentences too
    short or too long to quote. When nothing is left, the opening stands in, cut at a word.
    """
    opening = text[:_READ_CHARS].strip()
    said = _squashed(title)
    kept: list[str] = []
    for sentence in _sentences(opening, whole=len(text) <= _READ_CHARS):
        if _is_quotable(sentence) and _squashed(sentence) != said and sentence not in kept:
            kept.append(sentence)
            if len(kept) == MOST_KEPT:
                break
    return tuple(kept) or _stand_in(opening)


def is_whole(sentence: str) -> bool:
    """Say whether a sentence has a beginning and an end."""
    if _CUT_OFF.search(sentence) or not _ENDED.search(sentence):
        return False
    first = sentence.split(maxsplit=1)[0]
    return not (first[:1].islower() and first.islower())  # but "iPhone sales fall."


def split_sentences(paragraph: str) -> Iterator[str]:
    """Split one paragraph into sentences, also where no space follows the mark."""
    start = 0
    for mark in _END.finditer(paragraph):
        if _ends(paragraph, start, mark):
            yield paragraph[start : mark.end()].strip()
            start = mark.end()
    if rest := paragraph[start:].strip():
        yield rest


def _ends(text: str, start: int, mark: re.Match[str]) -> bool:
    following = text[mark.end() : mark.end() + 40]
    if following.lstrip()[:1].islower():
        return False
    if mark.group() != ".":
        return True
    word = _LAST_WORD.search(text[max(start, mark.end() - 24) : mark.end()])
    last = word.group(1).strip("(\"“‘'[") if word else ""
    if len(last) == 1 and last.isalpha() and last.isupper():
        return False
    if last.casefold() in _SHORTENED:
        return "." in last and bool(_STARTS_ANEW.match(following))
    if _INITIALS.search(last):
        return bool(_STARTS_ANEW.match(following))
    return not (last.isdecimal() and len(last) <= 2 and _is_month(following))


def _is_month(text: str) -> bool:
    word = _NEXT_WORD.match(text)  # "am 3. Oktober": an ordinal, not an end
    return word is not None and word.group().strip().casefold() in COUNTING


def _sentences(text: str, whole: bool) -> Iterator[str]:
    paragraphs = [line for part in text.splitlines() if (line := part.strip())]
    for number, paragraph in enumerate(paragraphs):
        found = list(split_sentences(without_dateline(" ".join(paragraph.split()))))
        if number + 1 == len(paragraphs) and not whole:
            found = found[:-1]  # cut off by us
        yield from found


def _is_quotable(sentence: str) -> bool:
    if len(sentence) > _MOST_CHARS or not is_whole(sentence) or is_boilerplate(sentence):
        return False
    return sentence.count(" ") + 1 >= _LEAST_WORDS or count_signs(sentence) >= _LEAST_SIGNS


def _squashed(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _stand_in(opening: str) -> tuple[str, ...]:
    flat = without_dateline(" ".join(opening.split()))
    if not flat:
        return ()
    first = next(split_sentences(flat))
    if len(first) <= _MOST_CHARS:
        return (first,)
    return ((first[:_MOST_CHARS].rpartition(" ")[0] or first[:_MOST_CHARS]) + "…",)
