import pytest

from transforms.extract.paragraphs import (
    MAX_TITLE_CHARS,
    cut_title,
    drop_repeated_title,
    is_headline,
    to_paragraphs,
)


def test_hard_wrapped_lines_become_one_paragraph():
    lines = [
        "The council voted on Monday to close the old bridge for two",
        "years, after engineers had found cracks in three of its five",
        "piers.",
        "",
        "Ferries will run.",
    ]
    assert to_paragraphs(lines) == [" ".join(lines[:3]), "Ferries will run."]


def test_lines_a_person_ended_stay_apart():
    lines = ["By Ann Miller", "2 March 2026", "The council voted on Monday to close the bridge."]
    assert to_paragraphs(lines) == lines


def test_empty_lines_and_indentation_vanish():
    assert to_paragraphs(["", "   One \t two", "", "", "\u00a0three"]) == ["One two", "three"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Bridge closes for two years", True),
        ("Will the bridge ever open again?", True),
        ("Bridge to close, says mayor of Washington, D.C.", True),
        ("And then there were none...", True),
        ("The bridge closed on Monday.", False),
        ("“The bridge is closed.”", False),
        ("12345", False),
        ("word " * 50, False),
    ],
)
def test_a_headline_is_short_and_no_statement(line, expected):
    assert is_headline(line) is expected


def test_a_cut_title_ends_at_a_word():
    text = "bridge " * 60
    title = cut_title(text)
    assert len(title) <= MAX_TITLE_CHARS
    assert set(title.split()) == {"bridge"}


def test_a_title_without_spaces_is_cut_all_the_same():
    assert len(cut_title("橋" * 500)) == MAX_TITLE_CHARS


TITLE = "Old bridge and new ferry could both close"


@pytest.mark.parametrize(
    ("line", "exactly", "loosely"),
    [
        (TITLE.upper(), True, True),
        ("Bridge and new ferry could close", False, True),
        ("Bridge and new ferry could close.", False, False),
        ("Ferry and bridge could both close", False, False),
        ("Old bridge", False, False),
    ],
    ids=["same words", "shortened", "sentence", "other order", "too short"],
)
def test_a_repeated_headline_is_dropped(line, exactly, loosely):
    rest = ["The council voted."]
    assert (drop_repeated_title(TITLE, [line, *rest], loosely=False) == rest) is exactly
    assert (drop_repeated_title(TITLE, [line, *rest], loosely=True) == rest) is loosely


def test_a_headline_quoted_further_down_stays():
    lines = ["one", "two", "three", TITLE]
    assert drop_repeated_title(TITLE, lines, loosely=True) == lines
