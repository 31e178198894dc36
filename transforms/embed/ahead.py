"""Embed articles in a thread, while those before them are worked on."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from schemas import Article, EmbeddedArticle
from transforms.embed.batches import embed_in_batches
from transforms.embed.encoder import Encoder

_BLOCK = 64  # articles given to the encoder at once: what the first one waits for
_AHEAD = 3  # blocks that are encoded or waiting to be taken

_Block = tuple[list[EmbeddedArticle], float]  # in the order given, and seconds it took


def embed_ahead(
    articles: Sequence[Article], encoder: Encoder, max_tokens: int
) -> Iterator[tuple[EmbeddedArticle, float]]:
    """Embed articles in the order given; what encodes them works ahead of what takes them.

    The encoder leaves the interpreter free while it computes, so one process keeps every core
    busy. The same articles in the same order give the same bytes.

    Yields:
        Each article, and the seconds of encoding since the last one: those of a block of articles
        come with its first.
    """
    blocks = (articles[at : at + _BLOCK] for at in range(0, len(articles), _BLOCK))
    with ThreadPoolExecutor(1, "encoder") as thread:
        waiting: deque[Future[_Block]] = deque()
        try:
            while True:
                while len(waiting) < _AHEAD and (block := next(blocks, None)):
                    waiting.append(thread.submit(_embed, block, encoder, max_tokens))
                if not waiting:
                    return
                embedded, seconds = waiting.popleft().result()
                for done in embedded:
                    yield done, seconds
                    seconds = 0.0
        finally:
            for future in waiting:
                future.cancel()


def _embed(block: Sequence[Article], encoder: Encoder, max_tokens: int) -> _Block:
    started = time.perf_counter()
    done = {id(one.article): one for one in embed_in_batches(block, encoder, max_tokens)}
    return [done[id(article)] for article in block], time.perf_counter() - started
