"""The title that speaks for an event: what the others say too, from the middle, and plain."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from transforms._shared.scripts import has_capitals
from transforms.cluster.likeness import TITLE
from transforms.cluster.noise import penalty
from transforms.cluster.packed_terms import Floats
from transforms.cluster.terms import mostly_capitalised
from transforms.cluster.voices import Voice, agreement, hashed_terms, voting

_SITE_MARK = re.compile(r"\s(?:[-–—|•·»]{1,2}|::)\s")
_MOST_SITE_WORDS = 5
_MOST_CHARS = 300  # of a title that is shown


@dataclass(frozen=True)
class Weights:
    """How much each of a title's qualities counts; chosen on the first half of four streams."""

    breadth: float = 0.7  # of what the others say, against how much else is said: recall
    agreed: float = 1.0  # wording shared with the others, as a share of the best
    near: float = 0.5  # cosine to the event's mean, below the greatest
    telling: float = 0.15  # names and numbers
    flawed: float = 0.8  # see ``noise.PENALTIES``
    tie: float = 0.05  # so little better is not better: the earlier title stays
    half_life: float = 48.0  # hours after which a title's voice is halved


WEIGHTS = Weights()


@dataclass(frozen=True)
class Headline:
    article_id: str
    title: str


def choose_headline(voices: Sequence[Voice], weights: Weights = WEIGHTS) -> Headline:
    """Choose the title of an event; it never has a word that no article has.

    Args:
        voices: at least one, in order of time.

    Returns:
        The earliest of the titles about as good as the best, so that it seldom changes. An event
        whose titles are all empty gets an empty one.
    """
    titles = [shown_title(voice.told.title, voice.told.family) for voice in voices]
    if len(voices) == 1:
        return Headline(voices[0].member.article_id, titles[0])
    graded = grade_titles(voices, titles, weights)
    good = np.flatnonzero(graded >= graded.max() - weights.tie)
    chosen = int(good[0])
    return Headline(voices[chosen].member.article_id, titles[chosen])


def grade_titles(voices: Sequence[Voice], titles: Sequence[str], weights: Weights) -> Floats:
    """Grade each title; more is better."""
    nearness = np.array([round(voice.nearness, 5) for voice in voices])
    agreed = _agreed(voices, titles, voting(voices, weights.half_life), weights.breadth)
    best = agreed.max()
    telling = np.array([_telling(title) for title in titles])
    flawed = np.array([penalty(title) for title in titles])
    empty = np.array([not any(map(str.isalnum, title)) for title in titles])
    graded = (
        weights.agreed * (agreed / best if best > 0.0 else agreed)
        + weights.near * (nearness - nearness.max())
        + weights.telling * telling
        - weights.flawed * flawed
    )
    return np.where(empty, -100.0, np.round(graded, 6))


def _agreed(
    voices: Sequence[Voice], titles: Sequence[str], votes: Floats, breadth: float
) -> Floats:
    """Measure the wording each title shares with the others: mean overlap by rarity, [0, 1]."""
    if len(voices) < 2:
        return np.zeros(len(voices))
    others = agreement(voices, TITLE, votes)
    shares = (votes / votes.sum()).tolist()
    shared = np.zeros(len(voices))
    for number, (voice, title) in enumerate(zip(voices, titles)):
        terms = hashed_terms(title)
        counted = frozenset(voice.member.terms.channel(TITLE).tolist())  # as it first read
        if mass := others.mass(terms):
            agreed = others.agreed(terms, shares[number], counted)
            shared[number] = agreed / ((1.0 - breadth) * mass + breadth * others.mean_mass)
    return shared


@lru_cache(maxsize=8192)
def _telling(title: str) -> float:
    """Say how much a title tells by what can be seen of it: names and numbers, [0, 1]."""
    words = title.split()
    number = any(map(str.isdecimal, title))
    if not has_capitals(title):
        return 0.5 + 0.5 * number
    inner = [word.lstrip("'\"“‘(") for word in words[1:]]
    capitals = 1 if mostly_capitalised(title) else sum(word[:1].isupper() for word in inner)
    return min(1.0, 0.25 * min(capitals, 3) + 0.25 * number)


def shown_title(title: str, family: str) -> str:
    """Give a title as it is shown: without the site's name at its end, and not without end."""
    marks = list(_SITE_MARK.finditer(title))
    if marks:
        last = title[marks[-1].end() :]
        if last.count(" ") < _MOST_SITE_WORDS and _is_site(last, family):
            title = title[: marks[-1].start()]
    if len(title) <= _MOST_CHARS:
        return title
    return (title[:_MOST_CHARS].rpartition(" ")[0] or title[:_MOST_CHARS]) + "…"


def _is_site(text: str, family: str) -> bool:
    """Say whether a text is the name in a publisher's domain: "Harbour Post" of harbourpost."""
    name = _squashed(text).removeprefix("the")
    label = _squashed(family.split(".")[0]).removeprefix("the")
    return len(name) > 1 and name in (label, _squashed(family))


def _squashed(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
