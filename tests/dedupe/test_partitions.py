"""A search in parts and one book decide as one index does."""

import pickle
import random
from datetime import timedelta

import numpy as np
import pytest

from transforms._shared.ordering import decision_order, home_partition
from transforms.dedupe.duplicate_index import CandidateIndex, DuplicateIndex
from transforms.dedupe.fingerprint import fingerprint
from transforms.dedupe.probe import Findings, merge, probe, shared_words
from transforms.dedupe.transform import MERGED, fetched_of_each
from transforms.dedupe.verdict_book import VerdictBook

DIM = 64
WINDOW = timedelta(days=7)
WANTED, FURTHER = 8, 12
PARTS = (2, 5, 16)


class Parts:
    """What the pipeline does with several partitions, without Beam."""

    def __init__(self, partitions, wanted=WANTED, further=FURTHER):
        fetched = fetched_of_each(wanted + further, partitions)
        self.searches = [CandidateIndex(DIM, WINDOW, fetched) for _ in range(partitions)]
        self.book = VerdictBook(WINDOW, wanted, further)
        self.merged = MERGED + wanted + further
        self.next = 0

    def assign(self, embedded):
        new = fingerprint(embedded)
        asked = probe(new)
        found = [pickle.loads(pickle.dumps(search.find(asked))) for search in self.searches]
        self.searches[home_partition(new.article_id, len(self.searches))].add(self.next, asked)
        compared = self.book.settle(self.next, embedded, new, merge(found, self.merged))
        self.next += 1
        return compared


def reworded(text, mixed, share):
    words = text.split()
    for at in mixed.sample(range(len(words)), int(share * len(words))):
        words[at] = f"word{mixed.randrange(500)}"
    return " ".join(words)


@pytest.fixture
def stream(embed, make_article):
    """``stream(seed)``: stories, copies and copies of copies, over three windows of time."""
    start = make_article().event_time

    def fresh(mixed):
        return " ".join(f"word{mixed.randrange(500)}" for _ in range(mixed.choice((15, 90, 200))))

    def another(earlier, mixed):
        text = mixed.choice(earlier[-25:])
        kind = mixed.randrange(5)
        if kind == 0:
            return text
        if kind == 1:
            return reworded(text, mixed, mixed.choice((0.03, 0.1, 0.3)))
        if kind == 2:
            return " ".join(text.split()[: 60 + mixed.randrange(60)])
        if kind == 3:
            return f"{fresh(mixed)} {text}"
        return fresh(mixed)

    def make(seed, size=150, days=21.0):
        mixed = random.Random(seed)
        vectors = np.random.default_rng(seed).normal(size=(12, DIM))
        texts, made = [fresh(mixed)], []
        for number in range(size):
            texts.append(another(texts, mixed))
            vector = vectors[mixed.randrange(12)] + mixed.choice((0, 0, 0.3)) * mixed.random()
            revised = made and mixed.random() < 0.1
            same = mixed.choice(made).article if revised else None
            changes = {
                "event_time": start + timedelta(days=days * mixed.random()),
                "time_known": mixed.random() > 0.15,
                "quoted": mixed.choice(texts[-10:]) if mixed.random() < 0.1 else "",
                "revision": number + 2 if same else 1,
            }
            made.append(
                embed(
                    same.article_id if same else f"{mixed.getrandbits(64):016x}",
                    "" if mixed.random() < 0.1 else texts[-1],
                    title=mixed.choice(texts[-10:]),
                    embedding=vector / np.linalg.norm(vector),
                    **changes,
                )
            )
        return sorted(made, key=lambda item: decision_order(item.article))

    return make


@pytest.mark.parametrize("seed", range(4))
def test_any_number_of_partitions_gives_what_one_index_gives(stream, seed):
    articles = stream(seed)
    index = DuplicateIndex(DIM, WINDOW, WANTED, FURTHER)
    expected = [index.assign(article) for article in articles]
    assert 20 < sum(compared.verdict.kind != "none" for compared in expected) < len(articles) - 20
    for partitions in (1, *PARTS):
        parts = Parts(partitions)
        assert [parts.assign(article) for article in articles] == expected
        assert len(parts.book) == len(index)


def test_late_articles_are_compared_alike(stream):
    articles = random.Random(3).sample(stream(8), 150)
    index, parts = DuplicateIndex(DIM, WINDOW, WANTED, FURTHER), Parts(5)
    for article in articles:
        assert parts.assign(article) == index.assign(article)


@pytest.mark.parametrize("partitions", PARTS)
def test_a_story_copied_more_often_than_is_fetched_keeps_its_one_original(
    embed, story, other_story, partitions
):
    mixed = random.Random(partitions)
    parts, index = Parts(partitions), DuplicateIndex(DIM, WINDOW, WANTED, FURTHER)
    second = reworded(story, mixed, 0.08)  # nearer to later copies than the original is
    texts = [story, other_story]
    texts += [f"{reworded(second, mixed, 0.02)} Report {number}." for number in range(150)]
    for number, text in enumerate(texts):
        article = embed(f"article{number}", text)
        compared, expected = parts.assign(article), index.assign(article)
        assert compared.verdict == expected.verdict
        assert compared.verdict.of == ("article0" if number > 1 else "")
        assert {n.article_id for n in compared.neighbours} >= {"article0"} - {
            article.article.article_id
        }
    assert len(parts.book) == 2


def test_words_of_more_articles_than_count_as_boilerplate_decide_no_copy(embed, make_article):
    # A partition sees its share of them only, so it may propose what one index passes over.
    mixed = random.Random(5)
    notice = " ".join(f"notice{number}" for number in range(40))
    index, parts = DuplicateIndex(DIM, WINDOW, WANTED, FURTHER), Parts(5)
    for number in range(230):
        own = " ".join(f"own{mixed.randrange(9999)}" for _ in range(60))
        vector = np.random.default_rng(number).normal(size=DIM)
        article = embed(f"n{number}", f"{own} {notice}", embedding=vector / np.linalg.norm(vector))
        assert parts.assign(article).verdict == index.assign(article).verdict


def test_undated_articles_and_their_copies_are_bounded(embed, story):
    book = VerdictBook(max_undated=10)
    for number in range(100):
        text = story if number % 2 else f"Notice {number} about street {number * 7} and a yard."
        new = embed(f"u{number}", text, time_known=False)
        book.settle(number, new, fingerprint(new), Findings())
    assert len(book) <= 10


def test_a_search_holds_a_bounded_number_of_undated_articles(embed):
    search = CandidateIndex(DIM, max_undated=10)
    for number in range(60):
        search.add(number, probe(fingerprint(embed(f"u{number}", "", time_known=False))))
    assert len(search) <= 10


@pytest.mark.parametrize("seed", range(3))
def test_an_index_that_repeats_what_was_compared_decides_alike(stream, seed):
    articles = stream(seed)
    index, again = (DuplicateIndex(DIM, WINDOW, WANTED, FURTHER) for _ in range(2))
    for article in articles[:150]:
        again.replay(index.assign(article))
    for article in articles[150:]:
        assert again.assign(article) == index.assign(article)


def test_two_articles_share_what_the_search_says(stream):
    search = CandidateIndex(DIM, timedelta(days=400), fetched=1000)
    earlier = {}
    for number, article in enumerate(stream(4)):
        asked = probe(fingerprint(article))
        found = {at: -share for share, _, at in search.find(asked).by_words}
        assert found == {
            at: share for at, old in earlier.items() if (share := shared_words(asked, old))
        }
        search.add(number, asked)
        earlier[number] = asked


def test_articles_are_spread_evenly_and_the_same_way_everywhere():
    homes = [home_partition(f"article {number}", 16) for number in range(1600)]
    counts = np.bincount(homes, minlength=16)
    assert 60 < counts.min() <= counts.max() < 140
    assert homes[:4] == [0, 10, 12, 0]
