"""Texts to unit vectors, by whatever takes batches of tokens."""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from transforms.embed.tokens import Numbers, Tokens

Vectors = NDArray[np.float32]
Forward = Callable[[Numbers, Numbers], Vectors]  # token numbers and mask to one row for each text

_TRIED = "The river rose.", "The river rose to the arches of the bridge, and on. " * 40


class TokenEncoder:
    """A model that is run on tokens: each different text once, texts of a length together.

    The same texts in the same call give the same bits on the same machine. Where ``steady`` is
    false another composition of a call may change the last bits, so callers that need equal bytes
    keep their calls fixed. Threads take turns, because one call uses all cores.
    """

    def __init__(
        self, model_id: str, dim: int, tokens: Tokens, forward: Forward, batch_size: int
    ) -> None:
        self.model_id = model_id
        self.dim = dim
        self._tokens = tokens
        self._forward = forward
        self._batch_size = batch_size
        self._turn = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Give one unit vector per text, in the order of the texts."""
        unique, rows = different(texts)
        vectors = np.empty((len(unique), self.dim), np.float32)
        with self._turn:
            for batch in self._tokens.batches(unique, self._batch_size):
                vectors[batch.rows] = self._forward(batch.ids, batch.mask)
        return unit_rows(vectors)[rows]

    @cached_property
    def steady(self) -> bool:
        """Whether a text gets the same bits in whatever company, found by trying.

        Padding keeps lengths apart. What is left is whether the library computes a row of few
        as it computes one of many, which it does not everywhere (a GPU may not).
        """
        with self._turn:
            return all(
                np.array_equal(self._forward(batch.ids, batch.mask)[[0] * many],
                               self._forward(batch.ids.repeat(many, 0), batch.mask.repeat(many, 0)))
                for batch in self._tokens.batches(_TRIED, 1)
                for many in (2, self._batch_size)
            )  # fmt: skip


def different(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """Give the different texts, as valid Unicode, and for each text the number of its own."""
    valid = [text.encode("utf-8", "replace").decode() for text in texts]  # no surrogates
    number = {text: place for place, text in enumerate(dict.fromkeys(valid))}
    return list(number), [number[text] for text in valid]


def unit_rows(vectors: Vectors) -> Vectors:
    """Scale every row to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
