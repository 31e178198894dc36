"""How alike two articles are, channel by channel: what the join model judges by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas import Article, EmbeddedArticle
from transforms._shared.shards import seconds
from transforms._shared.words import words
from transforms.cluster.terms import (
    CHANNELS,
    DocumentFrequencies,
    Vector,
    extract_terms,
    first_sentences,
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
_MAX_SPANS = 60
_SURE_LANGUAGE = 0.8


@dataclass(frozen=True)
class Member:
    """What is kept of an original article while its event lives."""

    article_id: str
    at: float | None  # event time in seconds since 1970; None when unknown
    vector: NDArray[np.float32]
    weights: Mapping[str, Vector]
    masses: Mapping[str, float]  # sum of the weights of a channel
    spans: frozenset[str]  # names of several words, casefolded
    names: tuple[str, ...]
    title: str
    summary: str
    brief: bool  # hardly more than a headline: every channel then says the same few words
    language: str  # ISO 639-1; "" when not certain


@dataclass(frozen=True)
class Arrival:
    """An article being placed: what will be kept of it, and how rare its terms are just now."""

    member: Member
    rarity: Mapping[str, float]


def measure_article(embedded: EmbeddedArticle, frequencies: DocumentFrequencies) -> Arrival:
    """Count an article's terms in the stream and weigh them by their rarity so far."""
    article = embedded.article
    terms = extract_terms(article)
    seen = {*terms.bags["full"], *terms.bags["names"], *terms.bags["numbers"]}
    frequencies.learn(seen)
    weights = {channel: weigh(terms.bags[channel], frequencies) for channel in CHANNELS}
    member = Member(
        article_id=article.article_id,
        at=known_time(article),
        vector=np.frombuffer(embedded.embedding, "<f4"),
        weights=weights,
        masses={channel: sum(weights[channel].values()) for channel in CHANNELS},
        spans=frozenset([name.casefold() for name in terms.names if " " in name][:_MAX_SPANS]),
        names=terms.names[:40],
        title=article.title,
        summary=first_sentences(article.body or article.description),
        brief=terms.bags["full"].total() < _BRIEF_WORDS,
        language=article.language if article.language_confidence >= _SURE_LANGUAGE else "",
    )
    return Arrival(member, {term: frequencies.idf(term) for term in seen})


def known_time(article: Article) -> float | None:
    """Give the event time in seconds since 1970, or None when the date is not known."""
    return seconds(article.event_time) if article.time_known else None


def likeness(new: Arrival, old: Member, containment: float) -> list[float]:
    """Measure a new article against an earlier one.

    Args:
        containment: share of the new text's word 3-grams found in the old one, [0, 1].

    Returns:
        One value per name in ``LIKENESS``: cosines; sums of the rarity of shared terms; the share
        of each side's names and numbers that the other has.
    """
    row = [float(new.member.vector @ old.vector)]
    rare = []
    shares = []
    for channel in CHANNELS:
        own, other = new.member.weights[channel], old.weights[channel]
        shared = _shared(own, other)
        row.append(sum(own[term] * other[term] for term in shared))
        rare.append(sum(new.rarity.get(term, 0.0) for term in shared) / _RARE_UNIT)
        if channel in ("names", "numbers"):
            shares.append(_share(own, shared, new.member.masses[channel]))
            shares.append(_share(other, shared, old.masses[channel]))
    spans = sorted(new.member.spans & old.spans)
    rarest = sum(
        max((new.rarity.get(stem(word), 0.0) for word in words(span)), default=0.0)
        for span in spans
    )
    return [*row, *rare, math.log1p(len(spans)), rarest / _RARE_UNIT, *shares, containment]


def _shared(a: Vector, b: Vector) -> list[str]:
    """Find the common terms, in an order that does not differ from process to process."""
    small, large = (a, b) if len(a) <= len(b) else (b, a)
    return [term for term in small if term in large]


def _share(weights: Vector, shared: list[str], mass: float) -> float:
    return sum(weights[term] for term in shared) / mass if mass else 0.0
