"""Embed a group of articles in batches that depend on the group alone."""

import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from schemas import Article, EmbeddedArticle
from transforms.embed.encoder import Encoder
from transforms.embed.lead import CHARS_PER_TOKEN, lead_text

_BUCKETS = 8
_BLOCK = 256  # texts given to the encoder at once, which sorts them by their tokens
LITTLE_ENDIAN = "<f4"


def bucket(article: Article, max_tokens: int) -> str:
    """Say which group an article is embedded in: articles of equal text are in one.

    A group is large enough to sort by length.
    """
    text = lead_text(article, CHARS_PER_TOKEN * max_tokens)
    return str(zlib.crc32(text.encode("utf-8", "surrogatepass")) % _BUCKETS)


def embed_in_batches(
    articles: Iterable[Article], encoder: Encoder, max_tokens: int
) -> Iterator[EmbeddedArticle]:
    """Embed articles in an order, and with calls, that only the articles themselves decide.

    The last bits of a vector may depend on what else the encoder was called with: not every one is
    ``steady``. So the articles are sorted by length of their text, then by id and revision; equal
    texts are encoded once; and every 256 different texts make one call. The same articles in any
    order give the same bytes.

    Yields:
        The articles of each call as soon as it is done, shortest texts first.
    """
    ordered = sorted(
        ((lead_text(article, CHARS_PER_TOKEN * max_tokens), article) for article in articles),
        key=lambda pair: (len(pair[0]), pair[1].article_id, pair[1].revision, pair[1].key),
    )
    by_text: dict[str, list[Article]] = {}
    for text, article in ordered:
        by_text.setdefault(text, []).append(article)
    texts = list(by_text)
    for start in range(0, len(texts), _BLOCK):
        batch = texts[start : start + _BLOCK]
        vectors = np.asarray(encoder.encode(batch), dtype=LITTLE_ENDIAN)
        for text, vector in zip(batch, vectors):
            for article in by_text.pop(text):
                yield EmbeddedArticle(article, vector.tobytes(), encoder.model_id)
