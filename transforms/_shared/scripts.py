"""Which script a text is written in, as far as names and models depend on it."""

import re

_LATIN = re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]")
_READ = 300  # characters that tell the script


def is_latin(text: str) -> bool:
    """Say whether a text is written in Latin letters, by most of its first letters."""
    if text[:_READ].isascii():
        return True
    letters = [letter for letter in text[:_READ] if letter.isalpha()]
    return 2 * len(_LATIN.findall(text[:_READ])) >= len(letters)


def has_capitals(text: str) -> bool:
    """Say whether a text is in a script with capitals, by most of its first letters."""
    if text[:_READ].isascii():
        return True
    letters = [letter for letter in text[:_READ] if letter.isalpha()]
    return 2 * sum(letter.lower() != letter.upper() for letter in letters) >= len(letters)
