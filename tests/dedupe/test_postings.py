from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dedupe import postings as module
from transforms.dedupe.postings import Postings

hashes = st.lists(st.integers(0, 40) | st.integers(2**32 - 3, 2**32 - 1), unique=True, max_size=12)


def array(values):
    return np.array(sorted(values), np.uint32)


@given(articles=st.lists(hashes, max_size=40), asked=hashes, common=st.integers(1, 6))
def test_a_tally_counts_what_each_article_shares(articles, asked, common):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_LOOSE", 25)  # so that there are blocks of several sizes
        index = Postings()
        for place, held in enumerate(articles):
            index.add(place, array(held))
    holders = Counter(value for held in articles for value in held)
    telling = {value for value in asked if holders[value] <= common}
    expected = {at: len(telling.intersection(held)) for at, held in enumerate(articles)}
    assert index.tally(array(asked), common) == {at: n for at, n in expected.items() if n}


def test_few_blocks_are_searched(monkeypatch):
    monkeypatch.setattr(module, "_MOST_LOOSE", 10)
    index = Postings()
    for place in range(3000):
        index.add(place, array([place, place + 1]))
    sizes = [len(places) for _, places in index._blocks]
    assert len(sizes) <= 10
    assert index.tally(array([5, 2999]), 5) == {4: 1, 5: 1, 2998: 1, 2999: 1}
