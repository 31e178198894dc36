"""Words, word n-grams and their hashes: what two texts are compared by, word for word."""

import re
import unicodedata
from functools import cache, lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from transforms._shared.characters import Kinds, character_table, code_points, spaced

SHINGLE_WORDS = 3  # word n-gram length: finds cut and re-ordered copies, ignores lone words

# Scripts written without spaces whose signs stand for a syllable or a word; inside brackets.
SIGNS = r"\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"

# Vowel signs and other marks, which \w leaves out: without them Hindi falls into letters.
_MARKS = (
    r"\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963"
    r"\u0966-\u0dff"
)
LETTER = rf"[\w{_MARKS}]"
_HAS_MARKS = re.compile(rf"[{_MARKS}]").search


class WordPattern:
    """A pattern of words, three times as fast where the text has no vowel signs to look for.

    Args:
        pattern: a regular expression; ``LETTER`` in it stands for a letter, digit or vowel sign.
    """

    def __init__(self, pattern: str) -> None:
        self._marked = re.compile(pattern)
        self._plain = re.compile(pattern.replace(LETTER, r"\w"))

    def findall(self, text: str) -> list[str]:
        """Give all matches, one after the other."""
        return (self._marked if _HAS_MARKS(text) else self._plain).findall(text)


_WORD = WordPattern(rf"{LETTER}+(?:[.,:]\d+)*(?:['’]{LETTER}+)?")
_POINT_KIND, _MARK_KIND, _LETTER_KIND, _DIGIT_KIND = range(1, 5)  # a digit is a letter too
_AFTER_NUMBER = re.compile(r"[.,:]\d+(?=[^\d\s.,:'])")  # "1.5" of "1.5bn" is a word
_SEVERAL = re.compile(r"'[^\s.,:']+[.,:']")  # "rock'n'roll" is two
_MOST_DIGESTS = 200_000  # words held, at about 150 bytes each
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_SLOTS = 2**16  # of the table hashes are looked up in,
_MOST_IN_TABLE = 2000  # of which so few rarely collide
_LAST_BITS = np.uint32(_SLOTS - 1)

# Words that count or date, in the languages the sites write most; lower case.
COUNTING = frozenset(
    """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
    hundred thousand million billion dozen first second third fourth fifth sixth seventh eighth
    ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth
    eighteenth nineteenth twentieth monday tuesday wednesday thursday friday saturday sunday
    january february march april may june july august september october november december zwei
    drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn zwanzig
    dreißig dreissig vierzig fünfzig hundert tausend millionen milliarden erste ersten erster
    erstes zweite zweiten zweiter zweites dritte dritten vierte vierten fünfte fünften sechste
    sechsten siebte siebten achte achten neunte neunten zehnte zehnten montag dienstag mittwoch
    donnerstag freitag samstag sonntag januar februar märz mai juni juli oktober dezember deux
    trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize vingt trente
    quarante cinquante soixante cent mille premier première deuxième seconde troisième quatrième
    cinquième sixième septième huitième lundi mardi mercredi jeudi vendredi samedi dimanche
    janvier février mars avril juin juillet août septembre octobre novembre décembre dos tres
    cuatro cinco seis siete ocho nueve diez once doce trece catorce quince veinte treinta
    cuarenta cincuenta ciento mil primero primera primer segundo segunda tercero tercera cuarto
    cuarta quinto quinta sexto sexta lunes martes miércoles jueves viernes sábado domingo enero
    febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre due tre
    quattro cinque sei sette otto nove dieci undici dodici venti trenta quaranta cinquanta
    lunedì martedì mercoledì giovedì venerdì sabato domenica gennaio febbraio aprile maggio
    giugno luglio settembre ottobre dicembre dois duas três quatro sete oito dez doze vinte
    trinta segunda terça quarta quinta sexta janeiro fevereiro março maio junho julho setembro
    outubro novembro dezembro twee drie vijf zes zeven acht negen tien elf twaalf twintig dertig
    maandag dinsdag woensdag donderdag vrijdag zaterdag zondag januari februari maart mei juni
    juli augustus первый первая первое второй вторая второе третий третья два три четыре пять
    шесть семь восемь девять десять понедельник вторник среда среду четверг пятница пятницу
    суббота субботу воскресенье января февраля марта апреля мая июня июля августа сентября
    октября ноября декабря
    """.split()
)

Hashes = NDArray[np.uint32]


def words(text: str) -> list[str]:
    """Split ``text`` into casefolded words; a number with its separators is one word."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    codes = code_points(folded)
    if codes is None:
        return _WORD.findall(folded)
    # What _WORD finds, in a third of its time: everything else becomes a space.
    kinds = np.zeros(len(codes) + 2, np.uint8)
    kinds[1:-1] = _kinds_in_words()[codes]
    here, after = kinds[1:-1], kinds[2:]
    letters = kinds >= _LETTER_KIND
    inside = letters[:-2] & (
        ((here == _POINT_KIND) & (after == _DIGIT_KIND)) | ((here == _MARK_KIND) & letters[2:])
    )
    apart = spaced(codes, letters[1:-1] | inside)
    if _SEVERAL.search(apart):
        return _WORD.findall(apart)
    return _AFTER_NUMBER.sub(r"\g<0> ", apart).split()


@cache
def _kinds_in_words() -> Kinds:
    return character_table(
        (LETTER, _LETTER_KIND),
        (r"\d", _DIGIT_KIND),
        (r"[.,:]", _POINT_KIND),
        ("'", _MARK_KIND),
    )


@lru_cache(maxsize=200_000)
def word_hash(word: str) -> int:
    """Hash one word to 64 bits, the same in every process (Python's own hash is salted)."""
    return int.from_bytes(_digest(word))


def _digest(word: str) -> bytes:
    return blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()


class _Digests(dict[str, bytes]):
    """Digests of words that came before, for whole texts: a look-up costs half of a call."""

    def __missing__(self, word: str) -> bytes:
        if len(self) >= _MOST_DIGESTS:
            self.clear()
        digest = self[word] = _digest(word)
        return digest


_digests = _Digests()


def shingle_hashes(tokens: list[str]) -> Hashes:
    """Hash every run of three words.

    Args:
        tokens: words in order, as from ``words``.

    Returns:
        Distinct 32-bit hashes in ascending order; one hash of all the words for a text shorter
        than three words; empty for no words.
    """
    if not tokens:
        return np.empty(0, np.uint32)
    hashed = np.frombuffer(b"".join(map(_digests.__getitem__, tokens)), ">u8").astype(np.uint64)
    width = min(SHINGLE_WORDS, len(hashed))
    count = len(hashed) - width + 1
    mixed = np.zeros(count, np.uint64)
    for offset in range(width):
        mixed = mixed * _STEP + hashed[offset : offset + count]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_A
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_B
    return distinct((mixed >> np.uint64(32)).astype(np.uint32))


def distinct(hashes: Hashes) -> Hashes:
    """Sort hashes and leave out repeats: what np.unique gives, in a third of its time."""
    ascending = np.sort(hashes)
    first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


def find_in(known: Hashes, asked: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find which of ``asked`` are among ``known``, distinct hashes in ascending order.

    Those of a text of usual length are looked up by their last bits in a table, which is several
    times as fast as in a sorted array.

    Returns:
        Places in ``asked``, and for each the place in ``known``.
    """
    if len(known) > _MOST_IN_TABLE:
        at = known.searchsorted(asked)
        places = np.flatnonzero(known.take(at, mode="clip") == asked)
        return places, at.take(places)
    slots, numbers = known & _LAST_BITS, np.arange(1, len(known) + 1)
    table = np.zeros(_SLOTS, np.int16)
    table[slots] = numbers
    found = table.take(asked & _LAST_BITS)
    places = np.flatnonzero(found != 0)
    which = found.take(places).astype(np.intp) - 1
    met = known.take(which) == asked.take(places)
    places, which = places[met], which[met]
    for hidden in np.flatnonzero(table[slots] != numbers).tolist():  # by one with the same bits
        more = np.flatnonzero(asked == known[hidden])
        places, which = np.append(places, more), np.append(which, np.full(len(more), hidden))
    return places, which


def overlap(a: Hashes, b: Hashes) -> int:
    """Count the hashes two sorted, distinct arrays share."""
    if not len(a) or not len(b):
        return 0
    small, large = (a, b) if len(a) <= len(b) else (b, a)
    return int(np.count_nonzero(large.take(large.searchsorted(small), mode="clip") == small))
