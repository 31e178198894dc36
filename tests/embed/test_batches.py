import hashlib
import random

import numpy as np
import pytest

from transforms.embed import batches
from transforms.embed.batches import bucket, embed_in_batches

WORDS = "bridge mill stream town noon flood road train".split()


class BatchEncoder:
    """Its vectors tell what else was in the batch, as the last bits of a real model's do."""

    dim = 2
    model_id = "batch@000000000000#2"

    def __init__(self):
        self.batches = []

    def encode(self, texts):
        self.batches.append(list(texts))
        digest = hashlib.sha256("|".join(texts).encode()).digest()
        angles = [digest[0] + row for row in range(len(texts))]
        return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], np.float32)


@pytest.fixture
def articles(make_article):
    rng = random.Random(7)
    return [
        make_article(
            article_id=f"id{number}",
            title=" ".join(rng.choices(WORDS, k=1 + number % 3)),
            description="",
            body="",
        )
        for number in range(50)
    ]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(batches, "_BLOCK", 4)


def embed(articles, encoder):
    return list(embed_in_batches(articles, encoder, max_tokens=128))


def test_vectors_do_not_depend_on_the_order_of_the_articles(articles) -> None:
    shuffled = random.Random(1).sample(articles, len(articles))
    assert embed(shuffled, BatchEncoder()) == embed(articles, BatchEncoder())


def test_every_article_gets_the_vector_of_its_own_text(articles, fake_encoder) -> None:
    found = {done.article.article_id: done for done in embed(articles, fake_encoder)}
    assert len(found) == len(articles)
    for article in articles:
        vector = np.frombuffer(found[article.article_id].embedding, "<f4")
        np.testing.assert_allclose(vector, fake_encoder.encode([article.title])[0], atol=1e-6)
        assert found[article.article_id].embedding_model == fake_encoder.model_id


def test_calls_are_full_sorted_by_length_and_without_equal_texts(articles) -> None:
    encoder = BatchEncoder()
    embed(articles, encoder)
    texts = [text for batch in encoder.batches for text in batch]
    assert [len(batch) for batch in encoder.batches[:-1]] == [4] * (len(encoder.batches) - 1)
    assert list(map(len, texts)) == sorted(map(len, texts))
    assert len(texts) == len(set(texts)) < len(articles)


def test_articles_come_as_their_call_is_done(articles) -> None:
    encoder = BatchEncoder()
    next(embed_in_batches(articles, encoder, max_tokens=128))
    assert len(encoder.batches) == 1


def test_nothing_gives_nothing(fake_encoder) -> None:
    assert embed([], fake_encoder) == []


def test_articles_spread_over_all_buckets(make_article) -> None:
    titles = [f"{number} bridges are closed" for number in range(1024)]
    buckets = [bucket(make_article(title=title), 128) for title in titles]
    assert {buckets.count(name) for name in set(buckets)} <= set(range(100, 160))
    assert len(set(buckets)) == 8


def test_articles_of_one_text_are_in_one_bucket(make_article) -> None:
    body = "The bridge over the mill stream is closed. " * 40
    one = make_article(article_id="a1", title="Bridge closed", body=f"{body}One end.")
    other = make_article(article_id="z9", title="Bridge closed", body=f"{body}Another end.")
    assert bucket(one, 128) == bucket(other, 128)


def test_broken_unicode_has_a_bucket(make_article) -> None:
    assert bucket(make_article(title="\ud800"), 128)
