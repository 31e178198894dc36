"""Two sentences of an event's articles: what happened, and what more the others agree on."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from transforms.cluster.likeness import LEAD
from transforms.cluster.packed_terms import Floats
from transforms.cluster.sentences import is_whole
from transforms.cluster.voices import Agreement, Terms, Voice, agreement, hashed_terms, voting

_MOST_ARTICLES = 16  # whose sentences are weighed: those nearest to the middle
_UNKNOWN_LANGUAGE = "und"

# Words that open a sentence which points back to one before it, by language.
_POINTING_BACK = {
    "en": "he she it they his her its their this that these those but and or so also however then "
    "there still meanwhile instead yet i we you our my",
    "de": "er sie es sein seine ihr ihre dies diese dieser dieses aber und doch auch dabei zudem",
    "fr": "il elle ils elles ce cet cette ces mais et son sa leur",
    "es": "él ella ellos ellas esto este esta pero y su sus además",
    "it": "lui lei loro questo questa ma e suo sua",
    "pt": "ele ela eles elas isto este esta mas e seu sua",
    "nl": "hij zij ze het dit deze maar en zijn haar",
}
_POINTERS = {language: frozenset(line.split()) for language, line in _POINTING_BACK.items()}
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_LABELLED = re.compile(r"[^\s:,]+(?: [^\s:,]+){0,3}: ")  # "Why it matters: "


@dataclass(frozen=True)
class Weights:
    """How much each quality of a sentence counts; chosen on the first half of four streams."""

    titled: float = 0.3  # share of the title that a first sentence says
    near: float = 0.3  # cosine of its article to the event's mean, below the greatest
    headline: float = 0.05  # it is from the article whose title stands above
    later: float = 0.08  # for each sentence before it in its article
    vague: float = 0.4  # points back to what is not quoted, asks or is only said by somebody
    broken: float = 0.5  # has no end
    long: float = 0.15  # for each hundred characters beyond what is read at a glance
    repeated: float = 1.2  # share of a second sentence that the first has said
    half_life: float = 48.0  # hours after which an article's voice is halved


WEIGHTS = Weights()
_GLANCE = 160  # characters
_MOST_REPEATED = 0.6  # of a second sentence: rather none than the first one again


@dataclass(frozen=True)
class Quoted:
    """One sentence and the article it stands in."""

    article_id: str
    sentence: str


@dataclass(frozen=True)
class _Candidate:
    voice: Voice
    place: int  # among the sentences kept of its article
    sentence: str
    terms: Terms
    held: frozenset[int]  # terms counted for its article


@dataclass(frozen=True)
class _Scale:
    """What the articles agree on, and how much there is to a sentence of theirs."""

    common: Agreement
    votes: Mapping[str, float]  # share of each article
    mean_mass: float

    def worth(self, candidate: _Candidate, terms: Terms) -> float:
        """Measure how much of some terms of a sentence the other articles say, for its length."""
        own = self.votes[candidate.voice.member.article_id]
        agreed = self.common.agreed(terms, own, candidate.held)
        return 2.0 * agreed / (self.common.mass(terms) + self.mean_mass)


def summarise(
    voices: Sequence[Voice], speaker: str, title: str, weights: Weights = WEIGHTS
) -> tuple[Quoted, ...]:
    """Quote two sentences: the lead that most agree with, then the most that it left out.

    Args:
        voices: at least one, in order of time.
        speaker: article_id of the title; sentences are in the language of that article.
        title: stands above; the second sentence is to tell more than it.

    Returns:
        At most two, fewer when there is nothing to quote or the second would repeat the first.
    """
    language = next(v.told.language for v in voices if v.member.article_id == speaker)
    candidates = _candidates(voices, speaker, language)
    if not candidates:
        return ()
    votes = voting(voices, weights.half_life)
    common = agreement(voices, LEAD, votes)
    votes = votes / votes.sum()
    scale = _Scale(
        common,
        dict(zip((voice.member.article_id for voice in voices), votes.tolist())),
        sum(common.mass(c.terms) for c in candidates) / len(candidates) or 1.0,
    )
    nearest = max(c.voice.nearness for c in candidates)
    merits = np.array([_merit(c, speaker, nearest, weights) for c in candidates])
    worth = np.array([scale.worth(c, c.terms) for c in candidates])
    titled = np.array([_covered(common, hashed_terms(title), c.terms) for c in candidates])
    vague = np.array([_is_vague(c.sentence, language) for c in candidates])
    leads = worth / (worth.max() or 1.0) + weights.titled * titled + merits - weights.vague * vague
    first = candidates[int(np.argmax(np.round(leads, 6)))]
    more = _second(candidates, first, title, scale, merits, weights)
    chosen = (first,) if more is None else (first, more)
    return tuple(Quoted(c.voice.member.article_id, c.sentence) for c in chosen)


def _second(
    candidates: Sequence[_Candidate],
    first: _Candidate,
    title: str,
    scale: "_Scale",
    merits: Floats,
    weights: Weights,
) -> _Candidate | None:
    language = first.voice.told.language
    said = frozenset((*first.terms, *hashed_terms(title)))
    repeated = np.array([_covered(scale.common, c.terms, first.terms) for c in candidates])
    added = np.array(
        [scale.worth(c, tuple(t for t in c.terms if t not in said)) for c in candidates]
    )
    grade = added / (added.max() or 1.0) + merits - weights.repeated * repeated
    for number, candidate in enumerate(candidates):
        follows = candidate.voice is first.voice and candidate.place == first.place + 1
        grade[number] -= weights.vague * (not follows and _is_vague(candidate.sentence, language))
        unfit = not is_whole(candidate.sentence) or repeated[number] > _MOST_REPEATED
        if unfit or candidate is first or candidate.sentence == first.sentence:
            grade[number] = -np.inf
    best = int(np.argmax(np.round(grade, 6)))
    return candidates[best] if np.isfinite(grade[best]) else None


def _candidates(voices: Sequence[Voice], speaker: str, language: str) -> list[_Candidate]:
    """Collect the sentences of the articles nearest to the middle, the speaker among them."""
    fitting = [v for v in voices if v.told.language in (language, _UNKNOWN_LANGUAGE)]
    fitting.sort(key=lambda v: (v.member.article_id != speaker, -round(v.nearness, 5), v.time))
    chosen = sorted(fitting[:_MOST_ARTICLES], key=lambda voice: voice.time)
    candidates = []
    for voice in chosen:
        held = frozenset(voice.member.terms.channel(LEAD).tolist())
        for place, sentence in enumerate(voice.told.sentences):
            candidates.append(_Candidate(voice, place, sentence, hashed_terms(sentence), held))
    return candidates


def _covered(common: Agreement, terms: Terms, by: Terms) -> float:
    """Give the share of a text's terms, by rarity, that another has as well."""
    other = frozenset(by)
    both = tuple(term for term in terms if term in other)
    return common.mass(both) / (common.mass(terms) or 1.0)


def _merit(candidate: _Candidate, speaker: str, nearest: float, weights: Weights) -> float:
    voice = candidate.voice
    return (
        weights.near * (round(voice.nearness, 5) - round(nearest, 5))
        + weights.headline * (voice.member.article_id == speaker)
        - weights.later * candidate.place
        - weights.broken * (not is_whole(candidate.sentence))
        - weights.long * max(0, len(candidate.sentence) - _GLANCE) / 100.0
    )


def _is_vague(sentence: str, language: str) -> bool:
    """Say whether a sentence needs another one, asks, or is only what somebody said."""
    first = _FIRST_WORD.search(sentence)
    pointers = _POINTERS.get(language, _POINTERS["en"])
    if first is not None and first.group().casefold() in pointers:
        return True
    if _LABELLED.match(sentence) or sentence[0] in '"“«„':
        return True
    return sentence.count("“") != sentence.count("”") or sentence.rstrip('"”’»').endswith("?")
