"""What is a word, a name and a common word in languages other than English."""

import importlib
import re
from functools import lru_cache

from transforms._shared.words import SIGNS

# Languages justext has a list of frequent words for, by ISO 639-1; the background table knows
# English.
_LISTS = {
    "af": "Afrikaans", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian",
    "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh",
    "da": "Danish", "de": "German", "el": "Greek", "es": "Spanish", "et": "Estonian",
    "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French", "ga": "Irish",
    "gl": "Galician", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ka": "Georgian", "kk": "Kazakh", "kn": "Kannada", "lt": "Lithuanian", "lv": "Latvian",
    "mk": "Macedonian", "ml": "Malayalam", "mr": "Marathi", "ms": "Malay", "ne": "Nepali",
    "nl": "Dutch", "no": "Norwegian_Bokmal", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian",
    "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "tl": "Tagalog",
    "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese",
}  # fmt: skip
_LONGEST_COMMON = 5  # longer words of the lists carry meaning,
_LONG_LIST = 1000  # and of a list of more words than this,
_LONGEST_OF_LONG_LIST = 3  # most of those longer than this
_SOUTH_EAST_ASIA = r"\u0e01-\u0eff\u1000-\u1049\u1780-\u17d3"  # letters, but no spaces either
_RUN_OF_SIGNS = re.compile(rf"[{SIGNS}{_SOUTH_EAST_ASIA}]+")


@lru_cache(maxsize=16)
def common_words(language: str) -> frozenset[str]:
    """Give the short words that most texts of a language hold, casefolded.

    Until a stream has shown it, nothing else says that "de la" is no name in Spanish: the
    background table knows English.

    Args:
        language: ISO 639-1; for English and unknown ones there is nothing to add.
    """
    if language not in _LISTS:
        return frozenset()
    words = importlib.import_module("justext").get_stoplist(_LISTS[language])
    longest = _LONGEST_OF_LONG_LIST if len(words) > _LONG_LIST else _LONGEST_COMMON
    return frozenset(word.casefold() for word in words if len(word) <= longest)


def count_signs(text: str) -> int:
    """Count the signs of scripts that are written without spaces."""
    return sum(run.end() - run.start() for run in _RUN_OF_SIGNS.finditer(text))


def split_signs(words: list[str]) -> list[str]:
    """Split what is written without spaces into pairs of signs, as search engines do."""
    if not _RUN_OF_SIGNS.search(" ".join(words)):
        return words
    split: list[str] = []
    for word in words:
        at = 0
        for run in _RUN_OF_SIGNS.finditer(word):
            split += [word[at : run.start()]] if run.start() > at else []
            signs, at = run.group(), run.end()
            split += [signs[n : n + 2] for n in range(max(1, len(signs) - 1))]
        split += [word[at:]] if at < len(word) else []
    return split
