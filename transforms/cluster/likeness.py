"""How alike two articles are, channel by channel: what the join model judges by."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from schemas import Article, EmbeddedArticle
from transforms._shared.scripts import is_latin
from transforms._shared.shards import seconds
from transforms._shared.vectors import cosines
from transforms._shared.words import COUNTING, words
from transforms.cluster.languages import common_words
from transforms.cluster.packed_terms import Floats, PackedTerms, pack, shared_terms
from transforms.cluster.terms import (
    CHANNELS,
    DocumentFrequencies,
    extract_terms,
    stem,
    weigh,
)

LIKENESS = (
    "dense", "lead", "full", "title", "names", "numbers",
    "rare_lead", "rare_full", "rare_title", "rare_names", "rare_numbers", "spans", "rare_spans",
    "names_of_new", "names_of_old", "numbers_of_new", "numbers_of_old", "containment",
)  # fmt: skip
_RARE_UNIT = 20.0  # a sum of rarities is divided by it, to lie near one
_BRIEF_WORDS = 30  # title and text together
_COMMON_RARITY = 0.5  # of a word that most texts of the language hold
_MAX_SPANS = 60
_MAX_NAMES = 40
_MAX_KEYWORDS = 20
_SURE_LANGUAGE = 0.8
LEAD, FULL, TITLE, _NAMES, _NUMBERS = map(
    CHANNELS.index, ("lead", "full", "title", "names", "numbers")
)
_NO_NAMES = np.empty(0, np.uint32)
_SPANS = len(CHANNELS)  # names of several words are packed behind the channels


@dataclass(frozen=True, slots=True)
class Member:
    """What is kept of an original article while its event lives: about 3.5 KB as stored."""

    article_id: str
    at: float | None  # event time in seconds since 1970; None when unknown
    vector: NDArray[np.float32]
    terms: PackedTerms  # of each channel, then names of several words
    keywords: tuple[str, ...]  # its heaviest terms
    keyword_weights: NDArray[np.float32]
    names: tuple[str, ...]  # as written
    named: bool  # whether it says whom or what it is about, as far as that can be told
    brief: bool  # hardly more than a headline: every channel then says the same few words
    latin: bool  # whether it is in Latin letters: the default model reads no others
    language: str  # ISO 639-1; "" when not certain


def measure_article(embedded: EmbeddedArticle, frequencies: DocumentFrequencies) -> Member:
    """Count an article's terms in the stream and weigh them by their rarity so far."""
    article = embedded.article
    terms = extract_terms(article)
    seen = {*terms.bags["full"], *terms.bags["names"], *terms.bags["numbers"]}
    frequencies.learn(seen)
    language = article.language if article.language_confidence >= _SURE_LANGUAGE else ""
    common = common_words(language)
    rarity = frequencies.idfs(seen) | dict.fromkeys(common & seen, _COMMON_RARITY)
    weights = [weigh(terms.bags[channel], rarity) for channel in CHANNELS]
    spans = [name.casefold() for name in terms.names if " " in name][:_MAX_SPANS]
    rarity |= {
        span: max((rarity.get(stem(word), 0.0) for word in words(span)), default=0.0)
        for span in spans
    }
    lead = weights[LEAD]
    heaviest = sorted(lead.items(), key=lambda pair: (-pair[1], pair[0]))[:_MAX_KEYWORDS]
    return Member(
        article_id=article.article_id,
        at=known_time(article),
        vector=np.frombuffer(embedded.embedding, "<f4"),
        terms=pack([*weights, dict.fromkeys(spans, 1.0)], rarity),
        keywords=tuple(sys.intern(term) for term, _ in heaviest),
        keyword_weights=np.array([weight for _, weight in heaviest], np.float32),
        names=tuple(sys.intern(name) for name in terms.names if not _dates(name))[:_MAX_NAMES],
        named=terms.capitals and bool(terms.bags["names"]),
        brief=terms.bags["full"].total() < _BRIEF_WORDS,
        latin=is_latin(f"{article.title} {article.body or article.description}"),
        language=language,
    )


@lru_cache(maxsize=20_000)
def _dates(name: str) -> bool:
    return COUNTING.issuperset(words(name))


def known_time(article: Article) -> float | None:
    """Give the event time in seconds since 1970, or None when the date is not known."""
    return seconds(article.event_time) if article.time_known else None


def name_others(new: Member, old: Sequence[Member]) -> bool:
    """Say whether the titles on both sides name somebody, and the other side none of them.

    "Magnitude 5.8 earthquake shakes Oruma" and "Magnitude 6.1 earthquake shakes Kalvik" do when
    neither text mentions the place of the other.
    """
    titled = [member for member in old if member.named]
    theirs = [names for member in titled if len(names := _title_names(member))]
    ours = _title_names(new) if new.named else _NO_NAMES
    if not len(ours) or not theirs:
        return False
    said = np.concatenate([member.terms.channel(FULL) for member in old])
    return not (
        np.isin(ours, said).any() or np.isin(np.concatenate(theirs), new.terms.channel(FULL)).any()
    )


def _title_names(member: Member) -> NDArray[np.uint32]:
    title, names = member.terms.channel(TITLE), member.terms.channel(_NAMES)
    return np.intersect1d(title, names, assume_unique=True)


def likeness(new: Member, old: Sequence[Member], containment: Sequence[float]) -> Floats:
    """Measure a new article against earlier ones.

    Args:
        old: at least one.
        containment: share of the new text's word 3-grams found in each, [0, 1].

    Returns:
        A row for each, and a column per name in ``LIKENESS``: cosines; sums of the rarity of
        shared terms; the share of each side's names and numbers that the other has.
    """
    shared = shared_terms(new.terms, [other.terms for other in old])
    dense = cosines(new.vector, [other.vector for other in old])
    return np.column_stack(
        [
            dense,
            shared.product[:, :_SPANS],
            shared.rarity[:, :_SPANS] / _RARE_UNIT,
            np.log1p(shared.count[:, _SPANS]),
            shared.rarity[:, _SPANS] / _RARE_UNIT,
            shared.of_new[:, _NAMES],
            shared.of_old[:, _NAMES],
            shared.of_new[:, _NUMBERS],
            shared.of_old[:, _NUMBERS],
            containment,
        ]
    )
