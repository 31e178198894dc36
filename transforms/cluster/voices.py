"""The articles an event is described from, and how much each of their words is agreed on."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from schemas import Mention
from transforms._shared.words import word_hash, words
from transforms.cluster.languages import split_signs
from transforms.cluster.likeness import Member
from transforms.cluster.open_event import OpenEvent
from transforms.cluster.packed_terms import Floats
from transforms.cluster.terms import stem

MOST_VOICES = 48  # articles that are listened to: half the latest, the rest the most central
_GROWN = 1.25  # an event is listened to anew when it has grown so much; each time when small

Terms = tuple[int, ...]  # hashes, ascending


@dataclass(frozen=True)
class Voice:
    """One original article of an event, as it reads now."""

    member: Member
    told: Mention
    nearness: float  # cosine to the event's decayed mean

    @property
    def time(self) -> tuple[bool, float, str]:
        """Sort by time; what has no date comes last."""
        at = self.member.at
        return at is None, at or 0.0, self.member.article_id


class Agreement:
    """The terms of one channel over several articles: how rare each is and who has it."""

    def __init__(self, held: Mapping[int, tuple[float, float]]) -> None:
        self._held = held  # rarity, and share of the articles that hold the term
        self.mean_mass = sum(rarity * share for rarity, share in held.values())

    def mass(self, terms: Terms) -> float:
        """Sum up how rare the terms are; what nobody has counts nothing."""
        return sum(self._held[term][0] for term in terms if term in self._held)

    def agreed(self, terms: Terms, own: float, mine: Set[int]) -> float:
        """Sum up how rare the terms are, each by the share of the other articles that have it.

        Args:
            own: share that the terms' own article has in all.
            mine: terms that are counted for that article.
        """
        total = 0.0
        for term in terms:
            if term in self._held:
                rarity, share = self._held[term]
                total += rarity * max(0.0, share - own if term in mine else share)
        return total / max(1.0 - own, 1e-6)


def voices_of(event: OpenEvent, cosines: Sequence[float]) -> list[Voice]:
    """Choose the originals an event is described from, in order of time.

    Those that came since the event last grew by a quarter are not asked yet: its title then
    changes with the logarithm of its size, and is still a function of its members alone.

    Args:
        cosines: of each member to the event's mean.
    """
    latest = {told.article_id: told for told in event.mentions if told.role != "duplicate"}
    asked = event.members[: _last_look(len(event.members))]
    known = [n for n, member in enumerate(asked) if member.article_id in latest]
    if len(known) > MOST_VOICES:
        recent = known[-MOST_VOICES // 2 :]
        others = sorted(known[: -MOST_VOICES // 2], key=lambda n: (-round(cosines[n], 5), n))
        known = [*others[: MOST_VOICES - len(recent)], *recent]
    chosen = (
        Voice(event.members[n], latest[event.members[n].article_id], cosines[n]) for n in known
    )
    return sorted(chosen, key=lambda voice: voice.time)


def _last_look(members: int) -> int:
    """Give the size at which an event of so many members was last listened to."""
    look = 1
    while (following := max(look + 1, int(look * _GROWN))) <= members:
        look = following
    return look


def voting(voices: Sequence[Voice], half_life: float) -> Floats:
    """Weigh each article by its age in hours: what the latest say is what is known."""
    times = [voice.member.at for voice in voices]
    latest = max((at for at in times if at is not None), default=0.0)
    ages = np.array([latest - at if at is not None else 0.0 for at in times])
    return np.maximum(0.5 ** (ages / (3600.0 * half_life)), 1e-6)


def agreement(voices: Sequence[Voice], channel: int, weights: Floats) -> Agreement:
    """Count by weight who has which term of a channel."""
    spans = [voice.member.terms.span(channel) for voice in voices]
    terms = np.concatenate([v.member.terms.hashes[span] for v, span in zip(voices, spans)])
    rarities = np.concatenate([v.member.terms.rarities[span] for v, span in zip(voices, spans)])
    votes = np.repeat(weights, [span.stop - span.start for span in spans])
    unique, first, place = np.unique(terms, return_index=True, return_inverse=True)
    shares = np.bincount(place, votes, len(unique)) / weights.sum()
    known = zip(rarities[first].tolist(), shares.tolist())
    return Agreement(dict(zip(unique.tolist(), known)))


@lru_cache(maxsize=8192)
def hashed_terms(text: str) -> Terms:
    """Hash the distinct terms of a text as ``pack`` does, in ascending order."""
    return tuple(sorted({word_hash(term) & 0xFFFFFFFF for term in split_terms(text)}))


def split_terms(text: str) -> list[str]:
    """Split a text into terms as ``extract_terms`` does."""
    return [stem(word) for word in split_signs(words(text))]
