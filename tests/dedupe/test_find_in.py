"""Looking hashes up in a table gives what looking at each of them gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms._shared.words import LETTER, WordPattern, distinct, find_in
from transforms.dedupe.fingerprint import MOST_TOKENS, fingerprint
from transforms.dedupe.probe import probe
from transforms.dedupe.sketch import Regained, Sketch, shares, shares_with_each, sketch
from transforms.dedupe.tokens import CLASS_BITS
from transforms.dedupe.verdict import measure, measure_each

# Many with the same last 16 bits, by which they are looked up.
hashes = st.integers(0, 5) | st.integers(0, 3).map(lambda high: high * 2**16 + 7)


def array(values):
    return np.array(list(values), np.uint32)


@given(known=st.sets(hashes), asked=st.lists(hashes, max_size=40))
def test_what_is_known_is_found_where_it_stands(known, asked):
    known = sorted(known)
    places, which = find_in(array(known), array(asked))
    found = sorted(zip(places.tolist(), which.tolist()))
    assert found == [(at, known.index(value)) for at, value in enumerate(asked) if value in known]


@pytest.mark.parametrize("size", [1999, 2001, 8192])
def test_a_long_text_is_looked_up_as_a_short_one(size):
    chooser = np.random.default_rng(size)
    known = distinct(chooser.integers(0, 2**32, size, dtype=np.uint32))
    asked = np.concatenate([known[::3], chooser.integers(0, 2**32, 500, dtype=np.uint32)])
    places, which = find_in(known, asked)
    assert (known[which] == asked[places]).all()
    assert sorted(places.tolist()) == np.flatnonzero(np.isin(asked, known)).tolist()


@given(values=st.lists(st.integers(0, 30)))
def test_distinct_hashes_ascend(values):
    assert distinct(array(values)).tolist() == sorted(set(values))


@given(new=st.sets(hashes), others=st.lists(st.sets(hashes), max_size=6), cut=st.booleans())
def test_shares_with_several_are_those_with_each(new, others, cut):
    new, others = (
        Sketch(array(sorted(new))),
        [Sketch(array(sorted(other)), 2**17 if cut else 2**32) for other in others],
    )
    assert shares_with_each(new, others) == [shares(new, other) for other in others]


texts = st.lists(st.integers(0, 12), min_size=3, max_size=40)


@given(new=st.lists(st.integers(0, 12), max_size=40), others=st.lists(texts, max_size=6))
def test_a_sketch_made_again_is_the_sketch_that_was_kept(new, others):
    new, others = sketch(tokens_of(new)), list(map(tokens_of, others))
    kept = [sketch(tokens) for tokens in others]
    regained = [Regained(tokens, len(one)) for tokens, one in zip(others, kept)]
    expected = [shares(new, one) for one in kept]
    assert [shares(new, one) for one in regained] == expected
    assert shares_with_each(new, regained) == expected
    mixed = [
        one if number % 2 else again for number, (one, again) in enumerate(zip(kept, regained))
    ]
    assert shares_with_each(new, mixed) == expected
    for one, again in zip(kept, regained):
        assert len(again) == len(one)
        assert again.below(2**30).tolist() == one.below(2**30).tolist()


def tokens_of(words):
    return array(words) << CLASS_BITS


@pytest.mark.parametrize("words", [1, 2, 3, 50, MOST_TOKENS, MOST_TOKENS + 1])
def test_what_is_kept_of_a_text_compares_as_the_whole(words, embed):
    body = " ".join(f"word{n * n % 9973}" for n in range(words))
    whole = fingerprint(embed("a", body))
    kept = whole.kept()
    assert (type(kept.grams) is Regained) == (3 <= words <= MOST_TOKENS)
    assert kept.grams.hashes.tolist() == whole.grams.hashes.tolist()
    assert measure(whole, kept) == measure(whole, whole) == measure_each(whole, [kept])[0]
    assert probe(kept).sampled.tolist() == probe(whole).sampled.tolist()


@pytest.mark.parametrize("text", ["Café 1,700 naïve", "हिन्दी में शब्द", "e\u0301te\u0301 2", ""])
def test_words_without_vowel_signs_are_found_by_a_quicker_pattern(text):
    pattern = WordPattern(rf"{LETTER}+")
    assert pattern.findall(text) == pattern._marked.findall(text)
