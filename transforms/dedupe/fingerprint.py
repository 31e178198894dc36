"""What is kept of an article to recognise its copies: sketches and vector, never its text."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from schemas import EmbeddedArticle
from transforms._shared.scripts import has_capitals
from transforms._shared.shards import seconds
from transforms.dedupe.sketch import AnySketch, Regained, Sketch, sketch
from transforms.dedupe.tokens import CLASS_BITS, WIDTH, Tokens, read_tokens

MOST_TOKENS = 4096  # kept in order, to lay two texts side by side; one news text in 100 is longer
_LEAST_QUOTED_WORDS = 60  # a shorter comment section cannot re-post an article
_NOTHING = Sketch(np.empty(0, np.uint32))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One article as it is compared; see ``kept`` for what the duplicate index holds of it."""

    article_id: str
    at: float | None  # event time, seconds since 1970; None when unknown
    text_hash: bytes  # of all the words in order: equal for equal texts
    word_count: int
    headline_only: bool
    capitals: bool  # whether its script has any, to mark names by
    tokens: Tokens  # of the body, its first words; of the title when there is no body
    grams: AnySketch  # of the same text, whole
    quoted: Sketch  # of comments and texts re-posted in them; often empty
    vector: NDArray[np.float32]  # unit norm
    content_hash: str  # of title and body, as the article says
    trimmed: bool  # what is above was not made of the whole body, but of what is stored of it

    def kept(self) -> "Fingerprint":
        """Give what is held of it in the window: about 6 KB at 800 words, at most 60 KB."""
        if WIDTH <= self.word_count <= MOST_TOKENS:  # all the words are here
            return replace(self, grams=Regained(self.tokens, len(self.grams)))
        return self


def fingerprint(embedded: EmbeddedArticle) -> Fingerprint:
    """Reduce an article to what copies are recognised by."""
    article = embedded.article
    text = article.body or ("" if article.trimmed else article.title)
    tokens = read_tokens(text)
    words = (tokens >> np.uint32(CLASS_BITS)).tobytes()
    return Fingerprint(
        article_id=article.article_id,
        at=seconds(article.event_time) if article.time_known else None,
        text_hash=hashlib.blake2b(words, digest_size=16).digest(),
        word_count=len(tokens),
        headline_only=not article.body and not article.trimmed,
        capitals=has_capitals(text),
        tokens=tokens[:MOST_TOKENS].copy(),
        grams=sketch(tokens),
        quoted=_quoted(article.quoted),
        vector=np.frombuffer(embedded.embedding, "<f4"),
        content_hash=article.content_hash,
        trimmed=article.trimmed,
    )


def _quoted(text: str) -> Sketch:
    tokens = read_tokens(text)
    return sketch(tokens) if len(tokens) >= _LEAST_QUOTED_WORDS else _NOTHING
