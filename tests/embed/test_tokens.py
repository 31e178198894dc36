import numpy as np
import pytest

from transforms.embed.model import DEFAULT_MODEL, resolve_model
from transforms.embed.tokens import Tokens

WORDS = "the river rose to the arches of the bridge and fell again ".split()


@pytest.fixture(scope="module")
def stored():
    return (resolve_model(DEFAULT_MODEL).folder / "tokenizer.json").read_text(encoding="utf-8")


def texts():
    return [" ".join((WORDS * 20)[:number]) for number in (0, 1, 14, 15, 40, 100, 126, 127, 200)]


@pytest.mark.parametrize(("most", "lengths"), [
    (128, [16, 16, 16, 32, 48, 112, 128, 128, 128]),
    (40, [16, 16, 16, 32, 40, 40, 40, 40, 40]),
    (8, [8] * 9),
])  # fmt: skip
def test_a_text_is_padded_to_a_length_that_it_alone_decides(stored, most, lengths) -> None:
    tokens = Tokens(stored, 0, most)
    (alone,) = zip(*(tokens.batches([text], 16) for text in texts()))
    assert [batch.ids.shape[1] for batch in alone] == lengths
    found = {}
    for batch in tokens.batches(texts(), 2):
        found |= {row: pair for row, *pair in zip(batch.rows, batch.ids, batch.mask)}
    assert sorted(found) == list(range(len(texts())))
    for row, batch in enumerate(alone):
        np.testing.assert_array_equal(found[row], [batch.ids[0], batch.mask[0]])


def test_batches_are_no_larger_than_asked_and_the_shortest_come_first(stored) -> None:
    batches = list(Tokens(stored, 0, 128).batches(texts() * 5, 4))
    assert max(len(batch.rows) for batch in batches) == 4
    lengths = [batch.ids.shape[1] for batch in batches]
    assert lengths == sorted(lengths)


def test_together_they_are_padded_to_the_longest(stored) -> None:
    batch = Tokens(stored, 7, 128).together(texts()[:5])
    assert batch.ids.shape == (5, 42)
    assert batch.rows == [0, 1, 2, 3, 4]
    assert (batch.ids[0, 2:] == 7).all() and batch.mask[0].sum() == 2
