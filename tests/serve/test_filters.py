"""What may be asked, and what SQL it becomes."""

import pytest
from pydantic import ValidationError

from pipelines.serve.filters import (
    ArticleQuery,
    EventQuery,
    LetterQuery,
    article_where,
    event_where,
    letter_where,
    plain,
)

EVIL = "x'; DROP TABLE event; --"


def test_values_are_bound_and_never_part_of_the_sql():
    for where in (
        event_where(EventQuery(q=EVIL, publisher=EVIL)),
        article_where(ArticleQuery(q=EVIL, publisher=EVIL)),
        letter_where(LetterQuery(q=EVIL)),
    ):
        assert "DROP" not in str(where).upper().replace("DROPPED", "")
        assert "'" not in str(where).replace("'none'", "")
        assert where.params


def test_no_filter_asks_only_for_events_that_stand_for_themselves():
    where = event_where(EventQuery())
    assert str(where) == "own"
    assert where.params == {}


def test_each_word_is_asked_for_without_case_and_accents():
    where = event_where(EventQuery(q="Östenby  FLOOD"))
    assert where.params == {"word0": "ostenby", "word1": "flood"}


def test_words_beyond_the_eighth_are_left_out():
    assert len(event_where(EventQuery(q="a b c d e f g h i j")).params) == 8


@pytest.mark.parametrize(
    ("text", "said"), [("Ça Va", "ca va"), ("İstanbul", "istanbul"), ("ÉCOLE", "ecole")]
)
def test_plain_text_has_neither_case_nor_accents(text, said):
    assert plain(text) == said


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0}, {"limit": 201}, {"offset": -1}, {"offset": 10_001}, {"state": "loud"},
        {"sort": "title; DROP"}, {"from": "yesterday"}, {"from": "2026-13-01"},
        {"to": "0001-01-01T00:00+14:00"}, {"language": "EN"}, {"q": ""}, {"q": "x" * 201},
        {"min_articles": -1}, {"colour": "red"},
    ],
    ids=str,
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        EventQuery.model_validate(wrong)


def test_a_time_without_a_zone_is_utc():
    where = event_where(EventQuery.model_validate({"from": "2026-03-02T10:00", "to": "2026-03-03"}))
    assert where.params["from"].isoformat() == "2026-03-02T10:00:00+00:00"
    assert where.params["to"].isoformat() == "2026-03-03T00:00:00+00:00"
