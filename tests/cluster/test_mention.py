import pytest

from schemas import ComparedArticle, DuplicateVerdict
from transforms.cluster.mention import mention_of

ORIGINAL = DuplicateVerdict("none", "", 0.0, "")
COPY = DuplicateVerdict("near_verbatim", "a0", 0.9, "")


@pytest.mark.parametrize(
    ("changes", "timely"),
    [
        ({}, True),
        ({"published_at_precision": "day"}, False),
        ({"time_known": False}, False),
        ({"published_at": None}, False),
        ({"backfill": True}, False),
    ],
)
def test_only_a_minute_told_as_it_happened_is_timely(make_embedded, make_article, changes, timely):
    at = make_article().event_time
    embedded = make_embedded(**{"published_at": at, "event_time": at} | changes)
    assert mention_of(ComparedArticle(embedded, ORIGINAL, ()), "member").timely is timely


def test_a_copy_adds_no_voice_and_no_words(make_embedded):
    told = mention_of(ComparedArticle(make_embedded(), COPY, ()), "duplicate")
    assert (told.unique, told.title, told.sentences) == (False, "", ())
    told = mention_of(ComparedArticle(make_embedded(title="Quay shut"), ORIGINAL, ()), "update")
    assert (told.unique, told.title) == (False, "Quay shut")
