"""Decide whether one text is a copy of another, by the words they share.

False positives are the costlier error: a copy that is missed is one more article in its event, a
story that is wrongly called a copy disappears. So a verdict needs measured overlap, and numbers or
names that were exchanged inside otherwise equal texts (results tables, weather, court lists) block
it. An editor who changes words hits names and numbers as often as others; a template changes
little else, and that is how the two are told apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from schemas import DuplicateVerdict
from transforms.dedupe.alignment import Alignment, align
from transforms.dedupe.fingerprint import Fingerprint
from transforms.dedupe.sketch import shares, shares_with_each
from transforms.dedupe.tokens import NAME, NUMBER, OPPOSED, ORDINARY

NO_COPY = DuplicateVerdict(kind="none", of="", score=0.0, evidence="")

# Least share of word 3-grams by the length of the shorter text, in 3-grams. Changing one word in
# five leaves about half of the 3-grams; short texts share formulas, so they must agree more.
_NEAR_VERBATIM = ((120, 0.50), (60, 0.60), (30, 0.72), (12, 0.85), (0, 0.95))
_CONTAINED = ((60, 0.80), (30, 0.88), (12, 0.95))
_LEAST_LAID = 60  # 3-grams of texts that may share less, if they lie in parallel nearly throughout
_LEAST_LAID_SHARE = 0.33
_LEAST_PARALLEL = 0.70  # of both texts
_LEAST_PARALLEL_CUT = 0.85  # of the new text alone
_MOST_EDITED = 0.30  # of the ordinary words that stand opposite something
_LEAST_CUT_SHARE = 0.60  # of a text that opens as the original does and goes on with clutter
_LEAST_HEADLINE_WORDS = 5  # "Morning briefing" names no story
_HEADLINE_DAYS = 2.0  # the same headline later is another story
_LEAST_QUOTED_SHARE = 0.80
_FACTS = {NUMBER: "numbers", NAME: "names", OPPOSED: "opposites"}
_CHANCE = 2e-2  # that an editor hits so many facts: below it the facts were exchanged on purpose


@dataclass(frozen=True)
class Overlap:
    """Shared word 3-grams of two texts, as a share of each."""

    of_new: float
    of_old: float


def measure(new: Fingerprint, old: Fingerprint) -> Overlap:
    """Measure how much of each text's 3-grams the other holds, in [0, 1]."""
    return Overlap(*shares(new.grams, old.grams))


def measure_each(new: Fingerprint, others: Sequence[Fingerprint]) -> list[Overlap]:
    """Measure the overlap with each of several texts."""
    return [Overlap(*both) for both in shares_with_each(new.grams, [o.grams for o in others])]


def _needed(steps: tuple[tuple[int, float], ...], shingles: int) -> float:
    return next((share for least, share in steps if shingles >= least), 2.0)


def conflict(found: Alignment, capitals: bool, edited: bool = False) -> str:
    """Name what contradicts a copy: numbers, names, opposites, words, or nothing ("").

    Facts of all kinds are weighed together. Where no capital marks a name, any word exchanged
    between places where the texts agree may be one.

    Args:
        capitals: whether one of the texts is in a script that has them.
        edited: the texts share little word for word, so what gave way is no site's clutter but
            part of them.
    """
    exchanged = found.with_passages if edited else found.exchanged
    changed = exchanged[ORDINARY]
    rate = (changed + 0.5) / (found.compared[ORDINARY] + 1)
    if edited and rate > _MOST_EDITED:
        return "words"
    if found.swapped and not capitals:
        return "words"
    count, of = (
        sum(exchanged[kind] for kind in _FACTS),
        sum(found.compared[kind] for kind in _FACTS),
    )
    if count and (count >= changed or _tail(count, of, rate) < _CHANCE):
        return " and ".join(name for kind, name in _FACTS.items() if exchanged[kind])
    return ""


def _tail(least: int, of: int, rate: float) -> float:
    """Give the chance of ``least`` or more hits in ``of`` tries."""
    rate = min(rate, 0.999)
    if least > of:
        return 0.0
    term = of * math.log1p(-rate)  # logarithm of the chance of no hit
    below = 0.0
    for hits in range(least):
        below += math.exp(term)
        term += math.log((of - hits) / (hits + 1)) + math.log(rate) - math.log1p(-rate)
    return max(0.0, 1.0 - below)


def _headlines(new: Fingerprint, old: Fingerprint) -> DuplicateVerdict:
    close = new.at is None or old.at is None or abs(new.at - old.at) <= _HEADLINE_DAYS * 86_400
    same = new.text_hash == old.text_hash
    if same and close and min(new.word_count, old.word_count) >= _LEAST_HEADLINE_WORDS:
        return DuplicateVerdict("exact_text", old.article_id, 1.0, "the headlines are equal")
    return NO_COPY


def compare(new: Fingerprint, old: Fingerprint, both: Overlap | None = None) -> DuplicateVerdict:
    """Say whether ``new`` is a copy of ``old``, with the measured overlap.

    Args:
        new: the article in question.
        old: an earlier one.
        both: their overlap, if already measured.

    Returns:
        exact_text when the bodies are equal word for word (of an article of which the body was not
        stored: when title and body are, by their hash); near_verbatim when each holds most of
        the other; contained when ``old`` holds nearly all of ``new``; else none, with evidence
        when the texts overlap in another way worth knowing.
    """
    if new.headline_only != old.headline_only or not new.word_count:
        return NO_COPY
    if new.headline_only:
        return _headlines(new, old)
    if new.text_hash == old.text_hash:
        return DuplicateVerdict("exact_text", old.article_id, 1.0, "the texts are equal")
    both = both or measure(new, old)
    if old.trimmed:
        return _of_trimmed(new, old, both)
    if max(both.of_new, both.of_old) < _LEAST_LAID_SHARE:
        return NO_COPY
    shorter = min(len(new.grams), len(old.grams))
    near = min(both.of_new, both.of_old) >= _needed(_NEAR_VERBATIM, shorter)
    contained = both.of_new >= _needed(_CONTAINED, len(new.grams))
    if not near and not contained and not _worth_laying(both, shorter):
        return _holding(old, both)
    laid, capitals = align(new.tokens, old.tokens), new.capitals or old.capitals
    if near or contained:
        return _copy(old, both, conflict(laid, capitals), near)
    near, contained = _edited(laid, both)
    if not near and not contained:
        return _holding(old, both)
    return _copy(old, both, conflict(laid, capitals, edited=True), near)


def _of_trimmed(new: Fingerprint, old: Fingerprint, both: Overlap) -> DuplicateVerdict:
    """Compare with an article of which only the beginning is known, or nothing but hashes.

    What the known part holds is a copy of it; that a text holds the known part says nothing.
    """
    if new.content_hash == old.content_hash:
        evidence = "title and text are equal, by their hash: its text is not stored"
        return DuplicateVerdict("exact_text", old.article_id, 1.0, evidence)
    if both.of_new < _needed(_CONTAINED, len(new.grams)):
        return NO_COPY
    blocked = conflict(align(new.tokens, old.tokens), new.capitals or old.capitals)
    return _copy(old, both, blocked, near=False)


def _worth_laying(both: Overlap, shorter: int) -> bool:
    return shorter >= _LEAST_LAID and both.of_new >= _LEAST_LAID_SHARE


def _edited(laid: Alignment, both: Overlap) -> tuple[bool, bool]:
    """Say whether texts that share fewer 3-grams are an edited copy, or an edited and cut one."""
    near = min(laid.parallel_new, laid.parallel_old) >= _LEAST_PARALLEL
    cut = laid.starts_alike and both.of_new >= _LEAST_CUT_SHARE
    return near, cut or laid.parallel_new >= _LEAST_PARALLEL_CUT


def _copy(old: Fingerprint, both: Overlap, blocked: str, near: bool) -> DuplicateVerdict:
    shared = _shared(both)
    if blocked:
        evidence = f"not a copy of {old.article_id}: {blocked} differ; {shared}"
        return DuplicateVerdict("none", "", 0.0, evidence)
    least, most = sorted((both.of_new, both.of_old))
    if near:
        return DuplicateVerdict("near_verbatim", old.article_id, least, shared)
    return DuplicateVerdict("contained", old.article_id, most, shared)


def _shared(both: Overlap) -> str:
    return f"{both.of_new:.3f} of its 3-grams in the original, {both.of_old:.3f} the other way"


def _holding(old: Fingerprint, both: Overlap) -> DuplicateVerdict:
    if both.of_old < _needed(_CONTAINED, len(old.grams)):
        return NO_COPY
    evidence = f"contained: holds {both.of_old:.3f} of {old.article_id} and adds its own text"
    return DuplicateVerdict("none", "", 0.0, evidence)


def quoted_evidence(new: Fingerprint, old: Fingerprint) -> str:
    """Say whether one article's comment section re-posts the other article; "" when not."""
    if len(new.quoted) and len(old.grams) and not old.headline_only:
        share = shares(old.grams, new.quoted)[0]
        if share >= _LEAST_QUOTED_SHARE:
            return f"contained: {share:.3f} of {old.article_id} is re-posted in its comments"
    if len(old.quoted) and len(new.grams) and not new.headline_only:
        share = shares(new.grams, old.quoted)[0]
        if share >= _LEAST_QUOTED_SHARE:
            return f"contained: {share:.3f} of it is re-posted in the comments of {old.article_id}"
    return ""
