"""Texts to batches of token numbers, without torch."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


_STEP = 16  # a text is padded to a multiple of so many tokens


class Batch(NamedTuple):
    """Texts that go through the model together, padded to one length."""

    rows: list[int]  # where the texts stand in what was given
    ids: Numbers  # (texts, tokens)
    mask: Numbers  # the same shape: 1 for a token, 0 for padding


class Tokens:
    """Cuts texts into a model's tokens.

    Args:
        stored: the tokeniser, as the library ``tokenizers`` stores it.
        padding: number of the token that fills up.
        most: tokens of a text that are kept, those that mark its ends included.
    """

    def __init__(self, stored: str, padding: int, most: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_str(stored)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(most)
        self._padding = padding
        self._most = most

    def batches(self, texts: Sequence[str], size: int) -> Iterator[Batch]:
        """Give all texts, shortest first, at most ``size`` at a time.

        A text is padded to a length that it alone decides, with others of the same: that is why
        its vector does not depend on what else is encoded, where a library computes row by row.
        """
        tokens = self._cut(texts)
        rows_of: dict[int, list[int]] = {}
        for row, found in enumerate(tokens):
            rows_of.setdefault(self._padded(len(found)), []).append(row)
        for length, rows in sorted(rows_of.items()):
            for start in range(0, len(rows), size):
                yield self._batch(tokens, rows[start : start + size], length)

    def together(self, texts: Sequence[str]) -> Batch:
        """Give all texts in one batch, padded to the longest."""
        tokens = self._cut(texts)
        return self._batch(tokens, range(len(tokens)), max(1, *map(len, tokens)))

    def _cut(self, texts: Sequence[str]) -> list[list[int]]:
        return [found.ids for found in self._tokenizer.encode_batch_fast(texts)]

    def _padded(self, tokens: int) -> int:
        return min(max(1, -(-tokens // _STEP)) * _STEP, self._most)

    def _batch(self, tokens: list[list[int]], rows: Sequence[int], length: int) -> Batch:
        ids = np.full((len(rows), length), self._padding, np.int64)
        mask = np.zeros((len(rows), length), np.int64)
        for place, row in enumerate(rows):
            count = len(tokens[row])
            ids[place, :count] = tokens[row]
            mask[place, : count or 1] = 1  # of no tokens at all there would be no mean
        return Batch(list(rows), ids, mask)
