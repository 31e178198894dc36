import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from transforms.embed.model import DEFAULT_MODEL, resolve_model
from transforms.embed.tokens import Tokens
from transforms.embed.units import TokenEncoder


@pytest.fixture(scope="module")
def tokens():
    stored = (resolve_model(DEFAULT_MODEL).folder / "tokenizer.json").read_text(encoding="utf-8")
    return Tokens(stored, 0, 128)


def sums(ids, mask):
    return np.stack([(ids * mask).sum(axis=1), mask.sum(axis=1)], axis=1).astype(np.float32)


def depending_on_rows(ids, mask):
    return sums(ids, mask) + (len(ids) > 2)


def depending_on_place(ids, mask):
    return sums(ids, mask) + np.arange(len(ids))[:, None]


@pytest.mark.parametrize(
    ("forward", "steady"), [(sums, True), (depending_on_rows, False), (depending_on_place, False)]
)
def test_steady_is_what_gives_a_row_the_same_bits_among_others(tokens, forward, steady) -> None:
    assert TokenEncoder("m", 2, tokens, forward, 16).steady is steady


def test_only_one_call_at_a_time_reaches_the_library(tokens) -> None:
    inside = threading.Lock()

    def forward(ids, mask):
        assert inside.acquire(blocking=False), "called by two threads at once"
        time.sleep(0.01)
        inside.release()
        return sums(ids, mask)

    encoder = TokenEncoder("m", 2, tokens, forward, 16)
    with ThreadPoolExecutor(2) as threads:
        encoding = threads.submit(lambda: [encoder.encode(["a bridge"]) for _ in range(10)])
        assert threads.submit(lambda: encoder.steady).result()
        encoding.result()
