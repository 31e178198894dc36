import threading
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from transforms.embed import ahead
from transforms.embed.ahead import embed_ahead
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

    model_id, dim = "counting", 2

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
    assert [texts for _, texts in encoder.calls] == [64, 64, 22]


def test_articles_leave_in_the_order_they_came_with_their_own_vectors(articles) -> None:
    mixed = articles[::3] + articles[1::3] + articles[2::3]
    found = list(embed_ahead(mixed, Counting(), 128))
    assert [done.article.article_id for done, _ in found] == [a.article_id for a in mixed]
    for done, _ in found:
        length = np.frombuffer(done.embedding, "<f4")[0]
        assert length == len(f"{done.article.title}\n\n{done.article.body}".strip())


def test_seconds_come_once_for_each_block(articles) -> None:
    spent = [seconds for _, seconds in embed_ahead(articles, Counting(), 128)]
    texts = len({(article.title, article.body) for article in articles})
    assert len([s for s in spent if s > 0]) == -(-texts // ahead._BLOCK)


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
    assert len([next(taken) for _ in range(ahead._BLOCK)]) == ahead._BLOCK  # all different
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
