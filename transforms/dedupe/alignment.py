"""Lay two texts side by side: which words were exchanged for which, and how much lies in parallel.

Word 3-grams that both texts hold exactly once tie a place in one to a place in the other. What
stands between two neighbouring ties, on both sides, was exchanged. Clutter before and after a
copy, a cut end and moved paragraphs stand opposite nothing, so they are no exchange.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms._shared.words import Hashes
from transforms.dedupe.tokens import (
    CLASS_BITS,
    CLASS_MASK,
    NAME,
    NUMBER,
    OPPOSED,
    ORDINARY,
    SIGN,
    Tokens,
    classes,
    grams,
)

_WIDTH = 3  # words of a tie
_LONGEST_GAP = 120  # words between two ties that still belong together
_LONGEST_END = 15  # words before the first tie and after the last one
_LONGEST_CLUTTER = 60  # words of a site before a copy; an own text with a quotation is longer
_SHORT = 200  # words: a longer text that opens or ends otherwise
_SHORTEST_END = 3  # by more words than these has a site's line there, with its name and date
_PARALLEL_GAP = 30  # words of a gap that count as lying in parallel
_LEAST_REPLACED = 6  # ordinary words of a gap that make it a passage of its own
_MOST_DROPPED = 3  # words counted of what one side of a gap has more
_SIGNS_A_WORD = 3  # of Chinese or Japanese
_AROUND = 9  # neighbouring ties, of which most must be shifted alike
_LARGEST_SHIFT = 25  # words

Places = NDArray[np.int64]
ByClass = tuple[int, int, int, int]  # ordinary words, numbers, names, words with an opposite


@dataclass(frozen=True)
class Alignment:
    """What became of the words of two texts that share word 3-grams."""

    exchanged: ByClass  # words replaced by their like,
    with_passages: ByClass  # the same with those of passages that gave way to others
    compared: ByClass  # words that stand opposite something
    swapped: int  # ordinary words replaced between two places where the texts agree
    parallel_new: float  # share of the new text in parallel with the old one, in [0, 1]
    parallel_old: float
    starts_alike: bool  # the new text opens as the old one, but for clutter


def align(new: Tokens, old: Tokens) -> Alignment:
    """Lay ``new`` beside ``old``."""
    if min(len(new), len(old)) < _WIDTH:
        return _NOTHING
    grams_new, grams_old = grams(new), grams(old)
    kept_new = _covered(np.flatnonzero(np.isin(grams_new, grams_old)), len(new))
    kept_old = _covered(np.flatnonzero(np.isin(grams_old, grams_new)), len(old))
    at_new, at_old = _ties(grams_new, grams_old)
    tied_new, tied_old = _covered(at_new, len(new)), _covered(at_old, len(old))
    exchanged, with_passages = _NONE, _NONE
    compared, swapped = _by_class(new[tied_new]), 0
    in_parallel = [int(np.count_nonzero(tied_new)), int(np.count_nonzero(tied_old))]
    for gap_new, gap_old in _gaps(at_new, at_old, len(new), len(old)):
        a, b = new[gap_new], old[gap_old]
        if max(len(a), len(b)) <= _PARALLEL_GAP:
            in_parallel[0] += len(a)
            in_parallel[1] += len(b)
        compared = _sum(compared, _by_class(a))
        changes, dropped = _exchanges(a, b, ~kept_new[gap_new], ~kept_old[gap_old])
        if gap_new.start and gap_new.stop < len(new):
            swapped += changes[ORDINARY]
        changes = _sum(changes, (dropped, 0, 0, 0))
        with_passages = _sum(with_passages, changes)
        exchanged = _sum(exchanged, _unless_replaced(changes))
    return Alignment(
        exchanged=exchanged,
        with_passages=with_passages,
        compared=compared,
        swapped=swapped,
        parallel_new=min(1.0, in_parallel[0] / len(new)),
        parallel_old=min(1.0, in_parallel[1] / len(old)),
        starts_alike=_starts_alike(at_new, at_old),
    )


def _starts_alike(at_new: Places, at_old: Places) -> bool:
    if not len(at_new):
        return False
    return int(at_old.min()) <= _LONGEST_END and int(at_new[0]) <= _LONGEST_CLUTTER


_NONE: ByClass = (0, 0, 0, 0)
_NOTHING = Alignment(_NONE, _NONE, _NONE, 0, 0.0, 0.0, False)


def _sum(a: ByClass, b: ByClass) -> ByClass:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


def _ties(new: Hashes, old: Hashes) -> tuple[Places, Places]:
    """Find the places of 3-grams that stand once in each text, in the order of the new one."""
    once_new, at_new = _once(new)
    once_old, at_old = _once(old)
    _, in_new, in_old = np.intersect1d(once_new, once_old, assume_unique=True, return_indices=True)
    places_new, places_old = at_new[in_new], at_old[in_old]
    order = np.argsort(places_new)
    kept = _in_line(places_old[order] - places_new[order])
    return places_new[order][kept], places_old[order][kept]


def _in_line(shifts: Places) -> NDArray[np.bool_]:
    """Say of each tie whether those around it are shifted about as much; others are by chance."""
    if not len(shifts):
        return np.empty(0, bool)
    if len(shifts) <= _AROUND:
        return np.asarray(np.abs(shifts - np.median(shifts)) <= _LARGEST_SHIFT)
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(shifts, _AROUND // 2, mode="edge"), _AROUND
    )
    usual = np.sort(around, axis=1)[:, _AROUND // 2]
    return np.asarray(np.abs(shifts - usual) <= _LARGEST_SHIFT)


def _once(hashes: Hashes) -> tuple[Hashes, Places]:
    distinct, first, counts = np.unique(hashes, return_index=True, return_counts=True)
    return distinct[counts == 1], first[counts == 1]


def _covered(places: Places, size: int) -> NDArray[np.bool_]:
    covered = np.zeros(size, bool)
    for offset in range(_WIDTH):
        covered[places + offset] = True
    return covered


def _gaps(at_new: Places, at_old: Places, new: int, old: int) -> list[tuple[slice, slice]]:
    """Find what stands between neighbouring ties in both texts."""
    if not len(at_new):
        return []
    found = []
    longest = _LONGEST_END if max(new, old) <= _SHORT else _SHORTEST_END
    if max(at_new[0], at_old[0]) <= longest:
        found.append((slice(0, int(at_new[0])), slice(0, int(at_old[0]))))
    step_new, step_old = np.diff(at_new), np.diff(at_old)
    near = (step_old > 0) & (step_new <= _LONGEST_GAP) & (step_old <= _LONGEST_GAP)
    for at in np.flatnonzero(near & ((step_new != 1) | (step_old != 1))).tolist():
        found.append(
            (
                slice(min(int(at_new[at]) + _WIDTH, int(at_new[at + 1])), int(at_new[at + 1])),
                slice(min(int(at_old[at]) + _WIDTH, int(at_old[at + 1])), int(at_old[at + 1])),
            )
        )
    end_new, end_old = int(at_new[-1]) + _WIDTH, int(at_old[-1]) + _WIDTH
    if max(new - end_new, old - end_old) <= longest:
        found.append((slice(end_new, new), slice(end_old, old)))
    return found


def _exchanges(
    a: Tokens, b: Tokens, changed_a: NDArray[np.bool_], changed_b: NDArray[np.bool_]
) -> tuple[ByClass, int]:
    """Count the words of each class that stand opposite another one of their class.

    What was only added or dropped is no exchange; a few ordinary words of it, counted apart, show
    that the text was edited, but a dropped passage is no more than that.
    """
    if len(a) == len(b):
        differ = ((a ^ b) > CLASS_MASK) & changed_a & changed_b
        kinds, others = classes(a[differ]), classes(b[differ])
        _, *facts = _counts(kinds[kinds == others])
        signs = int(np.count_nonzero(kinds == SIGN))
        ordinary = len(kinds) - sum(facts) - signs + _words(signs)
        return (ordinary, facts[0], facts[1], facts[2]), 0
    a, b = a[changed_a], b[changed_b]
    by_a, by_b = _by_class(_lacking(a, b)), _by_class(_lacking(b, a))
    ordinary, numbers, names, opposed = map(min, by_a, by_b)
    dropped = min(_MOST_DROPPED, abs(by_a[ORDINARY] - by_b[ORDINARY]))
    return (ordinary, numbers, names, opposed), dropped


def _unless_replaced(changes: ByClass) -> ByClass:
    """Count no facts where a passage gave way to another one, such as one site's teasers."""
    ordinary, *facts = changes
    if ordinary >= _LEAST_REPLACED and ordinary > sum(facts):
        return ordinary, 0, 0, 0
    return changes


def _lacking(a: Tokens, b: Tokens) -> Tokens:
    """Give the words of ``a`` that ``b`` does not hold, or holds less often."""
    left = Counter((b >> np.uint32(CLASS_BITS)).tolist())
    found = []
    for at, word in enumerate((a >> np.uint32(CLASS_BITS)).tolist()):
        left[word] -= 1
        if left[word] < 0:
            found.append(at)
    return a[found]


def _by_class(tokens: Tokens) -> ByClass:
    kinds = classes(tokens)
    ordinary, numbers, names, opposed = _counts(kinds)
    return ordinary + _words(int(np.count_nonzero(kinds == SIGN))), numbers, names, opposed


def _counts(kinds: NDArray[np.uint8]) -> ByClass:
    counted: list[int] = np.bincount(kinds, minlength=SIGN + 1).tolist()
    return counted[ORDINARY], counted[NUMBER], counted[NAME], counted[OPPOSED]


def _words(signs: int) -> int:
    return -(-signs // _SIGNS_A_WORD)
