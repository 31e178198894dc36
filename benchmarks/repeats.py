"""As many stories as asked for, made of few: repeats of a stream that are no copies of it.

A repeat must be neither a copy nor another language, so each repeat has its own fixed exchange of
words and of vector directions:

* Every word outside the ``_KEPT_WORDS`` most frequent is exchanged for another of the same form
  (capitals, digits) and of about the same frequency, throughout the repeat. So two copies stay
  copies, and the mix of copies, lengths and rare words is that of the stream; a story and its
  repeat share hardly more than runs of common words.
* Every vector is turned part of the way in a direction fixed for the repeat and made unit again
  (``_TURN``: cosine of about 0.9 with the first); cosines within a repeat stay about the same.
* Repeats are spread over the window: a story and its repeats do not stand side by side.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from benchmarks.near_duplicates import article
from benchmarks.near_duplicates_set import REAL, Document
from schemas import EmbeddedArticle

_KEPT_WORDS = 100  # the most frequent, four words in ten of a text
_ALIKE = 64  # words of one form and about one frequency that are exchanged among themselves
_TURN = 0.5  # length of what is added to a unit vector
_WORD = re.compile(r"\w+")

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Story:
    """One article of the stream."""

    title: str
    text: str


@dataclass(frozen=True)
class Repeat:
    """One pass over the stories, with the exchange that makes it a stream of its own."""

    number: int
    exchange: dict[str, str]
    turn: Vectors | None  # (dim, dim), orthogonal

    def text(self, text: str) -> str:
        """Exchange the words of a text."""
        if not self.number:
            return text
        exchange = self.exchange
        return _WORD.sub(lambda found: exchange.get(found[0], found[0]), text)

    def vector(self, vector: Vectors) -> Vectors:
        """Turn a unit vector."""
        if self.turn is None:
            return vector
        turned = vector + np.float32(_TURN) * (self.turn @ vector)
        return np.asarray(turned / np.linalg.norm(turned), np.float32)


class Stream:
    """As many articles as asked for, made of the stories and their repeats."""

    def __init__(self, stories: Sequence[Story], vectors: Vectors, size: int, seed: int) -> None:
        self._stories = stories
        self._vectors = vectors
        self._repeats = make_repeats(stories, vectors.shape[1], -(-size // len(stories)), seed)

    def name(self, repeat: int, place: int) -> str:
        """Name the article made of a story in a repeat."""
        return f"r{repeat}-{place}"

    def where(self, number: int) -> tuple[int, int]:
        """Say which repeat of which story stands at a place of the stream."""
        repeats, stories = len(self._repeats), len(self._stories)
        repeat = number % repeats
        return repeat, (number // repeats + repeat * stories // repeats) % stories

    def get(self, number: int, at: datetime) -> EmbeddedArticle:
        """Make the article at a place of the stream."""
        turn, place = self.where(number)
        repeat, story = self._repeats[turn], self._stories[place]
        title, text = repeat.text(story.title), repeat.text(story.text)
        document = Document(self.name(turn, place), title, text, "", REAL, "")
        vector = repeat.vector(self._vectors[place])
        return EmbeddedArticle(article(document, at), vector.astype("<f4").tobytes(), "m")


def make_repeats(stories: Sequence[Story], dim: int, count: int, seed: int) -> list[Repeat]:
    """Draw the exchange of each repeat; the first is the stream as it is."""
    frequency: Counter[str] = Counter()
    for story in stories if count > 1 else ():
        frequency.update(_WORD.findall(f"{story.title}\n{story.text}"))
    common = {word for word, _ in frequency.most_common(_KEPT_WORDS)}
    forms: dict[str, list[str]] = {}
    for word in sorted(frequency.keys() - common, key=lambda word: (-frequency[word], word)):
        forms.setdefault(_form(word), []).append(word)
    repeats = [Repeat(0, {}, None)]
    for number in range(1, count):
        rng = random.Random(f"{seed}/{number}")
        exchange: dict[str, str] = {}
        for alike in forms.values():
            for first in range(0, len(alike), _ALIKE):
                block = alike[first : first + _ALIKE]
                exchange.update(zip(block, rng.sample(block, len(block))))
        normal = np.random.default_rng([seed, number]).standard_normal((dim, dim))
        repeats.append(Repeat(number, exchange, np.linalg.qr(normal)[0].astype(np.float32)))
    return repeats


def _form(word: str) -> str:
    if word[0].isdigit():
        return f"digits {len(word)}"
    return "lower" if word == word.lower() else "capital" if word[0].isupper() else "mixed"
