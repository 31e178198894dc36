"""Embed articles in a thread, while those before or after them are worked on."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import MappingProxyType

from schemas import Article, EmbeddedArticle
from transforms.embed.batches import LITTLE_ENDIAN
from transforms.embed.encoder import Encoder
from transforms.embed.lead import CHARS_PER_TOKEN, lead_text, text_key

_BLOCK = 64  # texts given to the encoder at once: what the first article waits for
_LEAST = 16  # the same of the first and the last: cores are idle before the one, after the other
_AHEAD = 3  # blocks that are encoded or waiting to be taken
_MOST_EARLY = 8_192  # vectors that are kept until their articles are decided on: 12 MiB

_Block = tuple[dict[bytes, bytes], float]  # vectors by key of the text, and seconds they took


class EarlyVectors:
    """Vectors of articles as they come: what there is time for until all have come.

    Which articles that is depends on the machine, so it is done with a steady encoder only: then
    a vector has the same bytes as one that is made later. An encoder that fails is not tried again.

    Args:
        load: gives the encoder; called in the thread that encodes.
        max_tokens: word pieces read of each text.
    """

    def __init__(self, load: Callable[[], Encoder], max_tokens: int) -> None:
        self._load = load
        self._most = CHARS_PER_TOKEN * max_tokens
        self._texts: dict[bytes, str] = {}  # of the block that is being filled
        self._begun: set[bytes] = set()
        self._blocks: list[Future[_Block]] = []
        self._thread = ThreadPoolExecutor(1, "encoder")
        self._over = False

    def add(self, article: Article) -> None:
        """Take an article, unless enough of them wait already."""
        if self._over or len(self._begun) >= _MOST_EARLY:
            return
        waiting = sum(not block.done() for block in self._blocks[-_AHEAD:])  # one after another
        if waiting >= _AHEAD:
            return
        text = lead_text(article, self._most)
        key = text_key(text)
        if key not in self._begun:
            self._begun.add(key)
            self._texts[key] = text
        if len(self._texts) >= (_BLOCK if waiting else _LEAST):
            self._blocks.append(self._thread.submit(self._encode, self._texts))
            self._texts = {}

    def _encode(self, texts: dict[bytes, str]) -> _Block:
        if self._over:
            return {}, 0.0
        done: _Block = {}, 0.0
        try:
            encoder = self._load()
            if encoder.steady:
                done = _encode(texts, encoder)
        finally:
            self._over = not done[0]
        return done

    def close(self) -> _Block:
        """Wait for the block that is being encoded, leave out the others, give what there is.

        Raises:
            Exception: whatever kept the encoder from being loaded or from encoding.
        """
        started = [block for block in self._blocks if not block.cancel()]
        self._thread.shutdown()
        done = [block.result() for block in started]
        vectors = {key: vector for found, _ in done for key, vector in found.items()}
        return vectors, sum(seconds for _, seconds in done)


def embed_ahead(
    articles: Sequence[Article],
    encoder: Encoder,
    max_tokens: int,
    early: Mapping[bytes, bytes] = MappingProxyType({}),
) -> Iterator[tuple[EmbeddedArticle, float]]:
    """Embed articles in the order given; what encodes them works ahead of what takes them.

    The encoder leaves the interpreter free while it computes, so one process keeps every core
    busy. Equal texts are encoded once. The same articles in the same order give the same bytes.

    Args:
        early: vectors that ``EarlyVectors`` made of some of them.

    Yields:
        Each article, and the seconds of encoding since the last one: those of a block of texts
        come with the first article that waited for it.
    """
    most = CHARS_PER_TOKEN * max_tokens
    keys = [text_key(lead_text(article, most)) for article in articles]
    uses = Counter(keys)
    vectors = dict(early)
    first: dict[bytes, int] = {}
    for at, key in enumerate(keys):
        if key not in vectors:
            first.setdefault(key, at)
    texts, left = iter(first.items()), len(first)
    waiting: deque[Future[_Block]] = deque()
    thread = ThreadPoolExecutor(1, "encoder")
    try:
        for article, key in zip(articles, keys):
            seconds = 0.0
            while True:
                while len(waiting) < _AHEAD and left:
                    block = dict(islice(texts, max(_LEAST, min(_BLOCK, left // _AHEAD))))
                    left -= len(block)
                    leads = {key: lead_text(articles[at], most) for key, at in block.items()}
                    waiting.append(thread.submit(_encode, leads, encoder))
                if key in vectors:
                    break
                done, spent = waiting.popleft().result()
                vectors |= done
                seconds += spent
            yield EmbeddedArticle(article, vectors[key], encoder.model_id), seconds
            uses[key] -= 1
            if not uses[key]:
                del vectors[key]
    finally:
        thread.shutdown(cancel_futures=True)


def _encode(texts: dict[bytes, str], encoder: Encoder) -> _Block:
    started = time.perf_counter()
    vectors = encoder.encode(list(texts.values())).astype(LITTLE_ENDIAN)
    found = {key: vector.tobytes() for key, vector in zip(texts, vectors)}
    return found, time.perf_counter() - started
