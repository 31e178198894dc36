import time

import numpy as np
import pytest

from transforms.dedupe.tokens import NAME, NUMBER, ORDINARY, SIGN, classes, grams, read_tokens


def kinds(text):
    return classes(read_tokens(text)).tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,700 men", "1700 men"),
        ("the 12th package", "the 12 package"),
        ("２０２６ begins", "2026 begins"),
        ("the mayor’s car", "the mayor's car"),
        ("Straße", "STRASSE"),
    ],
)
def test_words_are_compared_by_what_they_mean(one, other):
    assert (read_tokens(one) >> 2).tolist() == (read_tokens(other) >> 2).tolist()


@pytest.mark.parametrize(
    "one, other", [("10:30", "10:31"), ("1.5", "15"), ("3:1", "1:3"), ("12th", "13th")]
)
def test_different_numbers_are_different_words(one, other):
    assert read_tokens(one)[0] != read_tokens(other)[0]


@pytest.mark.parametrize(
    "text",
    ["at 7", "on Monday", "am Dienstag", "le mardi", "el miércoles", "two", "zwölf", "в марта"],
)
def test_what_counts_or_dates_is_a_number(text):
    assert kinds(text)[-1] == NUMBER


def test_a_word_that_opens_a_sentence_is_no_name():
    assert kinds("Later, Marta Quill spoke. Nobody heard.") == [
        ORDINARY, NAME, NAME, ORDINARY, ORDINARY, ORDINARY,
    ]  # fmt: skip


def test_a_name_stays_one_where_it_opens_a_sentence():
    assert kinds("It was Quill. Quill spoke.")[2:4] == [NAME, NAME]


def test_an_abbreviation_ends_no_sentence():
    assert kinds("It was Mr. Quill")[-1] == NAME


def test_other_alphabets_have_names_too():
    assert kinds("вчера Анна Петрова сказала") == [ORDINARY, NAME, NAME, ORDINARY]


def test_capitals_throughout_mark_no_names():
    assert set(kinds("MAYOR VISITS BRIDGE IN HARROWICK AFTER REPAIRS")) == {ORDINARY}


def test_signs_of_chinese_and_japanese_are_words():
    assert len(read_tokens("市议会批准预算")) == 7
    assert kinds("第十二轮") == [SIGN, NUMBER, NUMBER, SIGN]
    assert kinds("第12轮GDP") == [SIGN, NUMBER, SIGN, NAME]


@pytest.mark.parametrize("text", ["", " \n", "...", "!?", "\u200b", "\ud800"])
def test_texts_without_words(text):
    assert len(read_tokens(text)) == 0
    assert len(grams(read_tokens(text))) == 0


def test_a_text_of_one_or_two_words_has_one_gram():
    assert len(grams(read_tokens("Fire"))) == 1
    assert len(grams(read_tokens("Fire out"))) == 1


def test_a_million_characters_take_seconds_at_most():
    started = time.process_time()
    tokens = read_tokens("Storm closes bridge in Harrowick at 10:30. " * 25_000)
    assert len(np.unique(grams(tokens))) == 7
    assert time.process_time() - started < 10


def test_words_keep_their_vowel_signs():
    assert len(read_tokens("हैरोविक पुल बंद")) == 3
