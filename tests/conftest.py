"""Small real stand-ins that several stages' tests share."""

import hashlib
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest

from schemas import Article, EmbeddedArticle

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)

_ARTICLE = Article(
    key="file:///in/1.txt",
    article_id="aaaa",
    revision=1,
    url="https://www.news.example/bridge?utm_source=rss",
    canonical_url="https://news.example/bridge",
    source_name="The Example",
    domain="news.example",
    publisher_family="news.example",
    origin_publisher="",
    feed_url="https://news.example/feed",
    input_kind="rss",
    title="Old bridge closed",
    description="The old bridge is closed.",
    body="The old bridge is closed since noon.\n\nTraffic goes round by the mill.",
    quoted="",
    authors=("Ann Example",),
    image_url="",
    language="en",
    language_confidence=0.99,
    word_count=13,
    published_at=NOON,
    published_at_source="feed",
    published_at_precision="second",
    published_at_flag="ok",
    first_seen_at=NOON,
    event_time=NOON,
    time_known=True,
    extraction_method="feed_content",
    access_state="open",
    content_hash="0" * 64,
)


class HashingEncoder:
    """A bag of hashed words as unit vector: texts with the same words are close."""

    dim = 64
    model_id = "hashing@000000000000#64"

    def encode(self, texts):
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(vectors, texts):
            for word in text.lower().split() or [""]:
                digest = hashlib.sha256(word.encode()).digest()
                row[digest[0] % self.dim] += 1.0 if digest[1] % 2 else -1.0
                row[digest[2] % self.dim] += 0.5  # so that no text sums up to nothing
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def fake_encoder():
    """An encoder that needs no model."""
    return HashingEncoder()


@pytest.fixture
def make_article():
    """``make_article(**changes)``: a complete article with some fields changed."""
    return lambda **changes: replace(_ARTICLE, **changes)


@pytest.fixture
def make_embedded(make_article):
    """``make_embedded(**changes)``: the same with the ``HashingEncoder``'s vector of its title.

    ``embedding`` gives another vector, as bytes or as numbers.
    """

    def make(embedding=None, embedding_model=HashingEncoder.model_id, **changes):
        article = make_article(**changes)
        if embedding is None:
            embedding = HashingEncoder().encode([article.title])[0]
        if not isinstance(embedding, bytes):
            embedding = np.asarray(embedding, "<f4").tobytes()
        return EmbeddedArticle(article, embedding, embedding_model)

    return make
