import threading
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from transforms.embed import ahead
from transforms.embed.ahead import EarlyVectors, embed_ahead
from transforms.embed.encoder import load_encoder
from transforms.embed.model import DEFAULT_MODEL


@pytest.fixture
def articles(make_article):
    start = datetime(2026, 5, 1, tzinfo=timezone.utc)
    return [
        make_article(
            article_id=f"a{number}",
            title=f"Report {number} from the bridge",
            body="The river rose again. " * (1 + number % 7),
            published_at=start + timedelta(minutes=number),
        )
        for number in range(200)
    ]


class Counting:
    """Gives each text its length, and remembers what it was called with."""

    model_id, dim, steady = "counting", 2, True

    def __init__(self, fail_at=None) -> None:
        self.calls = []
        self._fail_at = fail_at

    def encode(self, texts):
        self.calls.append((threading.current_thread().name, len(texts)))
        if len(self.calls) == self._fail_at:
            raise ValueError("no vectors today")
        return np.array([[len(text), 0] for text in texts], np.float32)


def test_a_text_is_encoded_once_however_often_it_comes(make_article) -> None:
    articles = [
        make_article(
            article_id=f"a{number}", title=f"Report {number % 150}", body="The river rose."
        )
        for number in range(600)
    ]
    encoder = Counting()
    found = list(embed_ahead(articles, encoder, 128))
    assert [done.article.article_id for done, _ in found] == [a.article_id for a in articles]
    assert [texts for _, texts in encoder.calls] == [50, 33, 22, 16, 16, 13]


def test_articles_leave_in_the_order_they_came_with_their_own_vectors(articles) -> None:
    mixed = articles[::3] + articles[1::3] + articles[2::3]
    found = list(embed_ahead(mixed, Counting(), 128))
    assert [done.article.article_id for done, _ in found] == [a.article_id for a in mixed]
    for done, _ in found:
        length = np.frombuffer(done.embedding, "<f4")[0]
        assert length == len(f"{done.article.title}\n\n{done.article.body}".strip())


def test_seconds_come_once_for_each_block(articles) -> None:
    spent = [seconds for _, seconds in embed_ahead(articles, Counting(), 128)]
    assert len([s for s in spent if s > 0]) == 7  # of 64, 45, 30, 20, 16, 16 and 9 texts


def test_encoding_stays_a_few_blocks_ahead_of_what_is_taken(articles) -> None:
    encoder = Counting()
    taken = embed_ahead(articles, encoder, 128)
    next(taken)
    taken.close()
    assert 1 <= len(encoder.calls) <= ahead._AHEAD
    assert all(name.startswith("encoder") for name, _ in encoder.calls)
    assert not [t for t in threading.enumerate() if t.name.startswith("encoder")]


def test_an_encoder_that_fails_ends_it_with_its_own_error(articles) -> None:
    taken = embed_ahead(articles, Counting(fail_at=2), 128)
    for _ in range(64):  # all different
        next(taken)
    with pytest.raises(ValueError, match="no vectors today"):
        next(taken)
    assert not [t for t in threading.enumerate() if t.name.startswith("encoder")]


def test_nothing_is_embedded_of_nothing() -> None:
    encoder = Counting()
    assert list(embed_ahead([], encoder, 128)) == []
    assert encoder.calls == []


def test_the_same_articles_give_the_same_bytes(articles) -> None:
    encoder = load_encoder(DEFAULT_MODEL)
    first, second = (
        [done.embedding for done, _ in embed_ahead(articles[:80], encoder, 128)] for _ in "ab"
    )
    assert first == second


def early_vectors(articles, encoder):
    early = EarlyVectors(lambda: encoder, 128)
    for article in articles:
        early.add(article)
    return early


def test_early_vectors_are_those_that_would_be_made_later(articles) -> None:
    encoder = load_encoder(DEFAULT_MODEL)
    later = list(embed_ahead(articles, encoder, 128))
    early = early_vectors(articles[::-1], encoder)
    early._blocks[0].result()
    vectors, seconds = early.close()
    assert len(vectors) >= ahead._LEAST and seconds > 0
    again = list(embed_ahead(articles, encoder, 128, vectors))
    assert [done.embedding for done, _ in again] == [done.embedding for done, _ in later]


def test_what_has_an_early_vector_is_not_encoded_again(articles) -> None:
    encoder = Counting()
    early = early_vectors(articles, encoder)
    for block in early._blocks:
        block.result()
    vectors, _ = early.close()
    assert len(vectors) == sum(texts for _, texts in encoder.calls)
    list(embed_ahead(articles, encoder, 128, vectors))
    assert sum(texts for _, texts in encoder.calls) == len(articles)


def test_what_has_no_early_vector_is_begun_before_it_is_waited_for(articles) -> None:
    first = early_vectors(articles[:16], Counting())
    first._blocks[0].result()
    vectors, _ = first.close()
    begun, encoder = threading.Event(), Counting()
    encode = encoder.encode
    encoder.encode = lambda texts: (begun.set(), encode(texts))[1]
    taken = embed_ahead(articles, encoder, 128, vectors)
    next(taken)  # has its vector
    assert begun.wait(10)
    taken.close()


def test_an_encoder_that_is_not_steady_is_not_called_early(articles) -> None:
    encoder = Counting()
    encoder.steady = False
    early = early_vectors(articles[:100], encoder)
    early._blocks[-1].result()
    blocks = len(early._blocks)
    for article in articles[100:]:
        early.add(article)
    assert len(early._blocks) == blocks
    assert early.close() == ({}, 0.0)
    assert encoder.calls == []


def test_no_more_vectors_are_made_early_than_are_to_be_kept(articles, monkeypatch) -> None:
    monkeypatch.setattr(ahead, "_MOST_EARLY", 100)
    encoder = Counting()
    early = EarlyVectors(lambda: encoder, 128)
    for article in articles:
        early.add(article)
        if early._blocks:
            early._blocks[-1].result()
    assert 64 <= len(early.close()[0]) <= 100


def test_few_articles_are_left_for_later_and_the_encoder_is_not_even_loaded(articles) -> None:
    early = EarlyVectors(lambda: pytest.fail("loaded"), 128)
    for article in articles[: ahead._LEAST - 1]:
        early.add(article)
    assert early.close() == ({}, 0.0)


def test_early_vectors_wait_for_no_more_than_the_block_that_is_begun(make_article) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Counting):
        def encode(self, texts):
            begun.set()
            assert go_on.wait(20)
            return super().encode(texts)

    encoder = Slow()
    several = (make_article(article_id=f"a{n}", title=f"Report {n}") for n in range(1_000))
    early = early_vectors(several, encoder)
    assert begun.wait(20)
    threading.Timer(0.2, go_on.set).start()
    vectors, _ = early.close()
    assert len(vectors) == ahead._LEAST and len(encoder.calls) == 1
    assert not [t for t in threading.enumerate() if t.name.startswith("encoder")]


def test_an_encoder_that_fails_early_is_not_tried_again_and_ends_it_with_its_own_error(
    articles,
) -> None:
    encoder = Counting(fail_at=1)
    early = early_vectors(articles[:100], encoder)
    early._blocks[-1].exception()
    for article in articles[100:]:
        early.add(article)
    assert len(encoder.calls) == 1
    with pytest.raises(ValueError, match="no vectors today"):
        early.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("encoder")]
