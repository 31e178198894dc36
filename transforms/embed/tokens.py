"""Texts to batches of token numbers, without torch."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


class Batch(NamedTuple):
    """Texts that go through the model together, padded to the longest."""

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

    def batches(self, texts: Sequence[str], size: int) -> Iterator[Batch]:
        """Give all texts, shortest first, ``size`` at a time; which batches, the texts decide."""
        tokens = [found.ids for found in self._tokenizer.encode_batch_fast(texts)]
        order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            shape = len(rows), max(1, len(tokens[rows[-1]]))
            ids = np.full(shape, self._padding, np.int64)
            mask = np.zeros(shape, np.int64)
            for place, row in enumerate(rows):
                count = len(tokens[row])
                ids[place, :count] = tokens[row]
                mask[place, : count or 1] = 1  # of no tokens at all there would be no mean
            yield Batch(rows, ids, mask)
