"""Embed articles in a thread, while those before them are worked on."""

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import blake2b
from itertools import islice

from schemas import Article, EmbeddedArticle
from transforms.embed.batches import LITTLE_ENDIAN
from transforms.embed.encoder import Encoder
from transforms.embed.lead import CHARS_PER_TOKEN, lead_text

_BLOCK = 64  # texts given to the encoder at once: what the first article waits for
_AHEAD = 3  # blocks that are encoded or waiting to be taken

_Block = tuple[dict[bytes, bytes], float]  # vectors by key of the text, and seconds they took


def embed_ahead(
    articles: Sequence[Article], encoder: Encoder, max_tokens: int
) -> Iterator[tuple[EmbeddedArticle, float]]:
    """Embed articles in the order given; what encodes them works ahead of what takes them.

    The encoder leaves the interpreter free while it computes, so one process keeps every core
    busy. Equal texts are encoded once. The same articles in the same order give the same bytes.

    Yields:
        Each article, and the seconds of encoding since the last one: those of a block of texts
        come with the first article that waited for it.
    """
    most = CHARS_PER_TOKEN * max_tokens
    keys = [_key(lead_text(article, most)) for article in articles]
    uses = Counter(keys)
    first: dict[bytes, int] = {}
    for at, key in enumerate(keys):
        first.setdefault(key, at)
    texts = iter(first.items())
    vectors: dict[bytes, bytes] = {}
    waiting: deque[Future[_Block]] = deque()
    thread = ThreadPoolExecutor(1, "encoder")
    try:
        for article, key in zip(articles, keys):
            seconds = 0.0
            while key not in vectors:
                while len(waiting) < _AHEAD and (block := dict(islice(texts, _BLOCK))):
                    leads = {key: lead_text(articles[at], most) for key, at in block.items()}
                    waiting.append(thread.submit(_encode, leads, encoder))
                done, spent = waiting.popleft().result()
                vectors |= done
                seconds += spent
            yield EmbeddedArticle(article, vectors[key], encoder.model_id), seconds
            uses[key] -= 1
            if not uses[key]:
                del vectors[key]
    finally:
        thread.shutdown(cancel_futures=True)


def _key(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _encode(texts: dict[bytes, str], encoder: Encoder) -> _Block:
    started = time.perf_counter()
    vectors = encoder.encode(list(texts.values())).astype(LITTLE_ENDIAN)
    found = {key: vector.tobytes() for key, vector in zip(texts, vectors)}
    return found, time.perf_counter() - started
