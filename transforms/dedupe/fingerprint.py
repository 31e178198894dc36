"""What is kept of an article to recognise its copies: sketches and vector, never its text."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas import EmbeddedArticle
from transforms._shared.shards import seconds
from transforms._shared.words import Hashes, shingle_hashes, word_hash, words

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<=[\w,;:)’'”\"] )[^\W\d_]*[A-Z\u00c0-\u00de][^\W\d_]+")
_LEAST_QUOTED_WORDS = 60  # a shorter comment section cannot re-post an article


@dataclass(frozen=True)
class Fingerprint:
    """One article as the duplicate index keeps it."""

    article_id: str
    title: str
    publisher_family: str
    at: float | None  # event time, seconds since 1970; None when unknown
    content_hash: str  # of title and body
    word_count: int
    headline_only: bool
    shingles: Hashes  # of the body; of the title when there is no body
    numbers: Hashes  # distinct numbers, hashed
    names: Hashes  # distinct capitalised words inside sentences, hashed
    quoted: Hashes  # shingles of comments and texts re-posted in them; often empty
    vector: NDArray[np.float32]  # unit norm


def _hashed(found: set[str]) -> Hashes:
    return np.array(sorted(word_hash(item) & 0xFFFFFFFF for item in found), np.uint32)


def numbers_of(text: str) -> set[str]:
    """Collect the numbers of a text; 1,700 and 1700 are one, 12th and 12 too."""
    return {found.replace(",", "") for found in _NUMBER.findall(text)}


def names_of(text: str) -> set[str]:
    """Collect capitalised words that do not open a sentence, casefolded."""
    return {name.casefold() for name in _NAME.findall(text)}


def fingerprint(embedded: EmbeddedArticle) -> Fingerprint:
    """Reduce an article to what copies are recognised by."""
    article = embedded.article
    text = article.body or article.title
    tokens = words(text)
    quoted = words(article.quoted) if article.quoted else []
    return Fingerprint(
        article_id=article.article_id,
        title=article.title,
        publisher_family=article.publisher_family,
        at=seconds(article.event_time) if article.time_known else None,
        content_hash=article.content_hash,
        word_count=len(tokens),
        headline_only=not article.body,
        shingles=shingle_hashes(tokens),
        numbers=_hashed(numbers_of(text)),
        names=_hashed(names_of(text)),
        quoted=shingle_hashes(quoted if len(quoted) >= _LEAST_QUOTED_WORDS else []),
        vector=np.frombuffer(embedded.embedding, "<f4"),
    )
