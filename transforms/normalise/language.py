"""Which language an article is written in, and how sure that is."""

import re
from functools import cache
from typing import NamedTuple

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

UNDETERMINED = "und"
MIN_PROBABILITY = 0.5  # of 4,000 English headlines, 2,500 pass this and none is read otherwise
SURE_PROBABILITY = 0.9  # needed to overrule what a publisher declares of a short text
SHORT_LETTERS = 200
_MIN_LETTERS = 12
_MAX_CHARS = 1_000  # of the body
_LETTERS = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"https?://\S+|\S+@\S+\.\S+")

_ALIASES = {
    "iw": "he", "in": "id", "ji": "yi", "nb": "no", "nn": "no", "eng": "en", "ger": "de",
    "deu": "de", "fre": "fr", "fra": "fr", "spa": "es", "por": "pt", "ita": "it", "nld": "nl",
    "dut": "nl", "rus": "ru", "zho": "zh", "chi": "zh", "jpn": "ja", "kor": "ko", "ara": "ar",
    "tur": "tr", "pol": "pl", "ukr": "uk", "english": "en", "german": "de", "deutsch": "de",
    "french": "fr", "français": "fr", "spanish": "es", "español": "es", "portuguese": "pt",
    "italian": "it", "dutch": "nl", "russian": "ru", "chinese": "zh", "japanese": "ja",
}  # fmt: skip


class Language(NamedTuple):
    code: str  # ISO 639-1, or "und"
    confidence: float  # probability of ``code``; of the best guess when it is "und"


class LanguageDetector:
    """Tells the language of news texts with the model that ships in py3langid."""

    def __init__(self) -> None:
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        # The table's column holds ISO 639-1; the model's other labels are dialects and scripts.
        self._codes = frozenset(code for code in self._identifier.labels if len(code) == 2)
        self._identifier.set_languages(sorted(self._codes))
        # Half floats by column as it comes; a text needs some hundred rows. 23 MB for a third of
        # the time, and the same scores.
        table = self._identifier.nb_ptc
        self._identifier.nb_ptc = np.ascontiguousarray(table, dtype=np.float32)

    def detect(self, title: str, body: str, declared: str = "") -> Language:
        """Name the language of an article.

        A clear detection wins. An unclear one, and one of a short text that contradicts the
        declaration, gives way to the declared language when that is one the model knows. Without
        one it is "und": a misread headline must not be kept from its event by a wrong language.

        Args:
            title: clean headline.
            body: clean text; its beginning is enough.
            declared: language tag of the feed or page, as written.
        """
        text = f"{title}\n{body[:_MAX_CHARS]}"
        if "@" in text or "://" in text:
            text = _ADDRESS.sub(" ", text)
        letters = sum(map(len, _LETTERS.findall(text)))
        named = normalise_tag(declared)
        plausible = named in self._codes
        ranked = self._identifier.rank(text)
        best, probability = _ALIASES.get(ranked[0][0], ranked[0][0]), ranked[0][1]
        short = letters < SHORT_LETTERS
        needed = SURE_PROBABILITY if short and plausible and best != named else MIN_PROBABILITY
        if letters >= _MIN_LETTERS and probability >= needed:
            return Language(best, probability)
        if plausible:
            return Language(
                named, sum(p for code, p in ranked if _ALIASES.get(code, code) == named)
            )
        return Language(UNDETERMINED, probability)


@cache
def load_detector() -> LanguageDetector:
    """Give this process's only detector, loading it (half a second) on the first call."""
    return LanguageDetector()


def normalise_tag(tag: str) -> str:
    """Reduce a language tag or name to its ISO 639-1 code (``en-US``, ``English`` → ``en``)."""
    primary = re.split(r"[-_;, ]", tag.strip().lower(), maxsplit=1)[0]
    return _ALIASES.get(primary, primary)
