import pytest

from schemas import ComparedArticle, DuplicateVerdict
from transforms.cluster.mention import mention_of

ORIGINAL = DuplicateVerdict("none", "", 0.0, "")
COPY = DuplicateVerdict("near_verbatim", "a0", 0.9, "")


@pytest.mark.parametrize(
    ("changes", "precise"),
    [
        ({}, True),
        ({"published_at_precision": "day"}, False),
        ({"time_known": False}, False),
        ({"published_at": None}, False),
    ],
)
def test_only_a_published_minute_counts_as_precise(make_embedded, make_article, changes, precise):
    at = make_article().event_time
    embedded = make_embedded(**{"published_at": at, "event_time": at} | changes)
    assert mention_of(ComparedArticle(embedded, ORIGINAL, ()), "member").precise is precise


def test_a_copy_adds_no_voice_and_no_words(make_embedded):
    told = mention_of(ComparedArticle(make_embedded(), COPY, ()), "duplicate")
    assert (told.unique, told.title, told.sentences) == (False, "", ())
    told = mention_of(ComparedArticle(make_embedded(title="Quay shut"), ORIGINAL, ()), "update")
    assert (told.unique, told.title) == (False, "Quay shut")
