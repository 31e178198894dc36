"""Decide whether one text is a copy of another, by the words they share.

False positives are the costlier error: a copy that is missed is one more article in its event, a
story that is wrongly called a copy disappears. So a verdict needs measured overlap, and numbers or
names that differ inside otherwise equal texts (results tables, weather, court lists) block it.
"""

from dataclasses import dataclass

import numpy as np

from schemas import DuplicateVerdict
from transforms._shared.words import Hashes, overlap
from transforms.dedupe.fingerprint import Fingerprint

NO_COPY = DuplicateVerdict(kind="none", of="", score=0.0, evidence="")

# Least share of word 3-grams by the length of the shorter text, in 3-grams. Changing one word in
# five leaves about half of the 3-grams; short texts share formulas, so they must agree more.
_NEAR_VERBATIM = ((120, 0.50), (60, 0.60), (30, 0.72), (12, 0.85), (0, 0.95))
_CONTAINED = ((60, 0.80), (30, 0.88), (12, 0.95))
_LEAST_HEADLINE_WORDS = 5  # "Morning briefing" names no story
_HEADLINE_DAYS = 2.0  # the same headline later is another story
_CONFLICT_SHARE = 0.12  # of the numbers or names of each text, found in neither the other
_LEAST_QUOTED_SHARE = 0.80


@dataclass(frozen=True)
class Overlap:
    """Shared word 3-grams of two texts, as a share of each."""

    of_new: float
    of_old: float


def measure(new: Fingerprint, old: Fingerprint) -> Overlap:
    """Measure how much of each text's 3-grams the other holds, in [0, 1]."""
    shared = overlap(new.shingles, old.shingles)
    return Overlap(shared / max(1, len(new.shingles)), shared / max(1, len(old.shingles)))


def _needed(steps: tuple[tuple[int, float], ...], shingles: int) -> float:
    return next((share for least, share in steps if shingles >= least), 2.0)


def _both_differ(new: Hashes, old: Hashes) -> bool:
    """Say whether each side has a noticeable share of items that the other lacks."""
    shared = overlap(new, old)
    new_only, old_only = len(new) - shared, len(old) - shared
    if not new_only or not old_only:
        return False
    return new_only / len(new) >= _CONFLICT_SHARE and old_only / len(old) >= _CONFLICT_SHARE


def conflict(new: Fingerprint, old: Fingerprint) -> str:
    """Name what contradicts a copy: numbers, names, or nothing ("")."""
    if _both_differ(new.numbers, old.numbers):
        return "numbers"
    if _both_differ(new.names, old.names):
        return "names"
    return ""


def _headlines(new: Fingerprint, old: Fingerprint) -> DuplicateVerdict:
    close = new.at is None or old.at is None or abs(new.at - old.at) <= _HEADLINE_DAYS * 86_400
    same = len(new.shingles) == len(old.shingles) and bool(np.all(new.shingles == old.shingles))
    if same and close and min(new.word_count, old.word_count) >= _LEAST_HEADLINE_WORDS:
        return DuplicateVerdict("exact_text", old.article_id, 1.0, "the headlines are equal")
    return NO_COPY


def compare(new: Fingerprint, old: Fingerprint) -> DuplicateVerdict:
    """Say whether ``new`` is a copy of ``old``, with the measured overlap.

    Returns:
        exact_text when the bodies are equal word for word; near_verbatim when each holds most of
        the other; contained when ``old`` holds nearly all of ``new``; else none, with evidence
        when the texts overlap in another way worth knowing.
    """
    if new.headline_only != old.headline_only:
        return NO_COPY
    if new.headline_only:
        return _headlines(new, old)
    both = measure(new, old)
    if both.of_new == 1.0 == both.of_old and new.word_count == old.word_count:
        return DuplicateVerdict("exact_text", old.article_id, 1.0, "the texts are equal")
    shorter = min(len(new.shingles), len(old.shingles))
    shares = f"{both.of_new:.3f} of its 3-grams in the original, {both.of_old:.3f} the other way"
    least, most = sorted((both.of_new, both.of_old))
    near = least >= _needed(_NEAR_VERBATIM, shorter)
    contained = both.of_new >= _needed(_CONTAINED, len(new.shingles))
    if near or contained:
        blocked = conflict(new, old)
        if blocked:
            return DuplicateVerdict(
                "none", "", 0.0, f"not a copy of {old.article_id}: {blocked} differ; {shares}"
            )
        if near:
            return DuplicateVerdict("near_verbatim", old.article_id, least, shares)
        return DuplicateVerdict("contained", old.article_id, most, shares)
    if both.of_old >= _needed(_CONTAINED, len(old.shingles)):
        return DuplicateVerdict(
            "none",
            "",
            0.0,
            f"contained: holds {both.of_old:.3f} of {old.article_id} and adds its own text",
        )
    return NO_COPY


def quoted_evidence(new: Fingerprint, old: Fingerprint) -> str:
    """Say whether one article's comment section re-posts the other article; "" when not."""
    if len(new.quoted) and len(old.shingles) and not old.headline_only:
        share = overlap(old.shingles, new.quoted) / len(old.shingles)
        if share >= _LEAST_QUOTED_SHARE:
            return f"contained: {share:.3f} of {old.article_id} is re-posted in its comments"
    if len(old.quoted) and len(new.shingles) and not new.headline_only:
        share = overlap(new.shingles, old.quoted) / len(new.shingles)
        if share >= _LEAST_QUOTED_SHARE:
            return f"contained: {share:.3f} of it is re-posted in the comments of {old.article_id}"
    return ""
