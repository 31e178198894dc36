import pytest

from transforms.dedupe.sketch import MOST_HASHES, shares, sketch
from transforms.dedupe.tokens import read_tokens


def numbered(first, last):
    return sketch(read_tokens(" ".join(f"word{n}" for n in range(first, last))))


def test_a_short_text_keeps_all_its_grams():
    assert len(numbered(0, 1000)) == 998


def test_a_long_text_keeps_a_bounded_sample():
    assert len(numbered(0, 100_000)) == MOST_HASHES


def test_shares_of_sampled_texts_are_near_the_true_ones():
    whole, half = numbered(0, 60_000), numbered(0, 30_000)
    of_half, of_whole = shares(half, whole)
    assert of_half == 1.0
    assert of_whole == pytest.approx(0.5, abs=0.03)


def test_nothing_shares_nothing():
    assert shares(numbered(0, 0), numbered(0, 9)) == (0.0, 0.0)
