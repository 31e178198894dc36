"""Copies of articles of which a table kept the beginning only, or nothing but hashes."""

import pytest

from schemas import ComparedArticle, DuplicateVerdict
from transforms.dedupe.duplicate_index import DuplicateIndex
from transforms.dedupe.fingerprint import fingerprint
from transforms.dedupe.verdict import compare

NO_COPY = DuplicateVerdict("none", "", 0.0, "")


@pytest.fixture
def stored(embed):
    """``stored(id, body, kept)``: an article as a run that goes on finds it."""

    def make(article_id, body, kept, **changes):
        whole = embed(article_id, body, **changes)
        changes |= {"content_hash": whole.article.content_hash, "trimmed": kept != body}
        article = type(whole.article)(**vars(whole.article) | changes | {"body": kept})
        return type(whole)(article, whole.embedding, whole.embedding_model)

    return make


@pytest.fixture
def index():
    return DuplicateIndex(64)


def verdict_after(index, old, new):
    index.replay(ComparedArticle(old, NO_COPY, ()))
    return index.assign(new).verdict


@pytest.mark.parametrize("words", [0, 40])
def test_the_same_title_and_text_are_an_exact_copy(words, index, stored, embed, story):
    kept = " ".join(story.split()[:words])
    old = stored("a", story, kept, title="Boiler bursts at cannery")
    found = verdict_after(index, old, embed("b", story, title="Boiler bursts at cannery"))
    assert (found.kind, found.of, found.score) == ("exact_text", "a", 1.0)
    assert "hash" in found.evidence


@pytest.mark.parametrize("words", [0, 40])
def test_the_same_text_under_another_title_is_not_recognised(words, index, stored, embed, story):
    old = stored("a", story, " ".join(story.split()[:words]))
    assert verdict_after(index, old, embed("b", story)).kind == "none"


def test_a_text_that_the_kept_lead_holds_is_contained(index, stored, embed, story):
    words = story.split()
    old = stored("a", story, " ".join(words[:70]))
    found = verdict_after(index, old, embed("b", " ".join(words[:66])))
    assert (found.kind, found.of) == ("contained", "a")


def test_a_text_that_holds_the_kept_lead_is_no_copy_for_that(
    index, stored, embed, story, other_story, sentences
):
    lead = ". ".join(sentences(story)[:3])
    old = stored("a", story, lead)
    assert verdict_after(index, old, embed("b", f"{lead}. {other_story}")).kind == "none"


def test_a_bare_headline_is_no_copy_of_an_article_whose_text_was_not_kept(stored, embed, story):
    title = "Boiler bursts at the Ellbrook cannery"
    old = fingerprint(stored("a", story, "", title=title))
    assert not old.headline_only
    assert compare(fingerprint(embed("b", "", title=title)), old).kind == "none"


def test_articles_without_kept_text_are_not_all_the_same(index, stored, embed, story, other_story):
    index.replay(ComparedArticle(stored("a", story, ""), NO_COPY, ()))
    index.replay(ComparedArticle(stored("b", other_story, ""), NO_COPY, ()))
    assert index.assign(embed("c", other_story, title="Headline of b")).verdict.of == "b"
