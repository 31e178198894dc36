"""Embed a group of articles in batches that depend on the group alone."""

from collections.abc import Iterable, Iterator

import numpy as np

from schemas import Article, EmbeddedArticle
from transforms.embed.encoder import Encoder
from transforms.embed.lead import CHARS_PER_TOKEN, lead_text

_BUCKETS = 8
_LITTLE_ENDIAN = "<f4"


def bucket(article: Article) -> str:
    """Say which group an article is embedded in; a group is large enough to sort by length."""
    return str(sum(article.article_id[:2].encode("utf-8", "surrogatepass")) % _BUCKETS)


def embed_in_batches(
    articles: Iterable[Article], encoder: Encoder, max_tokens: int, batch_size: int
) -> Iterator[EmbeddedArticle]:
    """Embed articles in an order, and with batches, that only the articles themselves decide.

    The last bits of a vector depend on what else is in its batch. So the articles are sorted by
    length of their text, then by id and revision; equal texts are encoded once; and every
    ``batch_size`` different texts make one batch. The same articles in any order give the same
    bytes.

    Yields:
        The articles of each batch as soon as it is encoded, shortest texts first.
    """
    ordered = sorted(
        ((lead_text(article, CHARS_PER_TOKEN * max_tokens), article) for article in articles),
        key=lambda pair: (len(pair[0]), pair[1].article_id, pair[1].revision, pair[1].key),
    )
    by_text: dict[str, list[Article]] = {}
    for text, article in ordered:
        by_text.setdefault(text, []).append(article)
    texts = list(by_text)
    for start in range(0, len(texts), batch_size):
        batch = texts[start : start + batch_size]
        vectors = np.asarray(encoder.encode(batch), dtype=_LITTLE_ENDIAN)
        for text, vector in zip(batch, vectors):
            for article in by_text.pop(text):
                yield EmbeddedArticle(article, vector.tobytes(), encoder.model_id)
