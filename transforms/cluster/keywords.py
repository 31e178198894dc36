"""Terms that set an event apart, each said once, in the form the articles write."""

from collections import Counter
from collections.abc import Iterable, Sequence, Set

from transforms._shared.words import words
from transforms.cluster.languages import count_signs
from transforms.cluster.terms import stem

_SHARED_START = 5  # letters that two forms of a word have in common at least,
_LONGEST_ENDING = 3  # and letters after it that may differ: "strike" and "striking"
_MOST_NAMED = 0.5  # share of the keywords that may be words of the names


def choose_keywords(
    weighed: Sequence[tuple[str, float, int]],
    names: Iterable[str],
    texts: Sequence[str],
    most: int,
) -> list[tuple[str, float]]:
    """Choose the heaviest terms that say different things.

    Terms of one article alone, numbers, and more words of names than half of the room come only
    where there is room left.

    Args:
        weighed: terms as stems, their weights and how many articles have them, heaviest first.
        names: of the event.
        texts: titles and sentences, whose forms of a stem are given back.
        most: how many to give.
    """
    named = {stem(word) for name in names for word in words(name)}
    room = int(most * _MOST_NAMED)
    lonely = max((holders for _, _, holders in weighed), default=0) > 1
    chosen: list[tuple[str, float]] = []
    spare: list[tuple[str, float]] = []
    for term, weight, holders in weighed:
        if len(term) == 1 and not count_signs(term):
            continue
        weak = (lonely and holders == 1) or not any(map(str.isalpha, term))
        if weak or (term in named and room == 0):
            spare.append((term, weight))
        elif len(chosen) < most and not _said(term, chosen):
            room -= term in named
            chosen.append((term, weight))
    for term, weight in spare:
        if len(chosen) < most and not _said(term, chosen):
            chosen.append((term, weight))
    forms = _forms(texts, {term for term, _ in chosen})
    chosen.sort(key=lambda pair: (-pair[1], pair[0]))
    return [(forms.get(term, term), weight) for term, weight in chosen]


def _said(term: str, chosen: Sequence[tuple[str, float]]) -> bool:
    return any(_is_form(term, other) for other, _ in chosen)


def _is_form(one: str, other: str) -> bool:
    """Say whether two terms look like forms of one word."""
    shared = 0
    for a, b in zip(one, other):
        if a != b:
            break
        shared += 1
    if shared < _SHARED_START:
        return False
    return max(len(one), len(other)) - shared <= _LONGEST_ENDING


def _forms(texts: Sequence[str], stems: Set[str]) -> dict[str, str]:
    """Find how each stem is written most often: "texa" as "texas"."""
    found: Counter[str] = Counter(word for text in texts for word in words(text))
    best: dict[str, tuple[int, int, str]] = {}
    for word, count in found.items():
        if (base := stem(word)) in stems and "'" not in word:
            best[base] = max(best.get(base, (0, 0, "")), (count, -len(word), word))
    return {base: word for base, (_, _, word) in best.items()}
