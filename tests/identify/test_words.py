import unicodedata

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms._shared.words import _WORD, distinct, shingle_hashes, words

TELLING = "ab59_.,:'’-– \n\u00e9ß²\u0301\u0915\u093f中あ٣\U0001f600\U00020001\ud800\x1c\u2028\xa0"


def searched(text):
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold().replace("’", "'"))


@settings(deadline=None, max_examples=500)
@given(st.text(TELLING, max_size=40))
def test_a_long_text_has_the_words_that_a_search_finds(text):
    long = (text + " ") * 200  # a short one is searched
    assert words(long) == searched(long)
    assert words(text) == searched(text)


def test_numbers_and_quotes_inside_of_words_stay_in_a_long_text():
    text = "The 1,700 o'clock 3.5bn rock'n'roll 'quoted' end. 12:30, a.b " * 10
    assert words(text)[:11] == [
        "the", "1,700", "o'clock", "3.5", "bn", "rock'n", "roll", "quoted", "end", "12:30", "a",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 50)))
def test_distinct_hashes_are_what_numpy_finds(values):
    hashes = np.array(values, np.uint32)
    assert np.array_equal(distinct(hashes), np.unique(hashes))


def test_shingles_do_not_depend_on_what_was_hashed_before():
    tokens = words("The harbour of Ostenby was closed on Sunday after the storm.")
    first = shingle_hashes(tokens).tolist()
    assert shingle_hashes(tokens).tolist() == first
    assert len(first) == len(tokens) - 2
