import pytest

from transforms.cluster.keywords import choose_keywords
from transforms.cluster.names import bare_name, count_names


@pytest.mark.parametrize(
    ("articles", "counted"),
    [
        ([["Marta Quill", "Quill"], ["Quill"], ["Marta Quill"]], [("Marta Quill", 3)]),
        ([["President Marta Quill"], ["Mr. Quill"], ["Marta Quill’s"]], [("Marta Quill", 3)]),
        ([["Quill"], ["Quill Administration"]], [("Quill", 1), ("Quill Administration", 1)]),
        ([["Marta Quill"], ["Odell Quill"], ["Quill"]],
         [("Marta Quill", 1), ("Odell Quill", 1), ("Quill", 1)]),
        ([["Marta Quill"], ["Marta Quill"], ["Odell Quill"], ["Quill"]],
         [("Marta Quill", 3), ("Odell Quill", 1)]),
        ([["Quill"]] * 9 + [["Malvina Quill"]], [("Quill", 9), ("Malvina Quill", 1)]),
        ([["Harrowick"], ["City of Harrowick"]], [("City of Harrowick", 1), ("Harrowick", 1)]),
        ([["Finch"], ["FINCH"], ["FINCH"]], [("Finch", 3)]),
        ([["Monday", "May"], ["January"]], []),
        ([], []),
    ],
)  # fmt: skip
def test_a_bearer_is_counted_once_by_the_articles_that_name_it(articles, counted):
    assert count_names(articles, 10) == counted


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("The Harbour Post", "Harbour Post"),
        ("Foreign Minister Odell Finch", "Odell Finch"),
        ("Kessaria Gov. Marta Quill", "Marta Quill"),
        ("Attorney General Odell Finch", "Odell Finch"),
        ("General Assembly", "General Assembly"),
        ("Secretary General", "Secretary General"),
        ("Secretary of State", "Secretary of State"),
        ("New Harrowick", "New Harrowick"),
        ("Monday Quill", "Quill"),
        ("Kremlin-backed", "Kremlin"),
        ("U.S", "U.S."),
        ("Jan", ""),
        ("President", ""),
        ("I’m", ""),
        ("", ""),
    ],
)
def test_a_name_is_freed_of_titles_and_dates(name, bare):
    assert bare_name(name) == bare


def test_forms_of_a_word_are_one_keyword_in_the_form_the_articles_write():
    weighed = [("strike", 0.9, 3), ("striking", 0.8, 3), ("texa", 0.7, 3), ("ferry", 0.6, 3)]
    texts = ["Ferry strike in Texas", "Texas ferries on strike"]
    chosen = choose_keywords(weighed, [], texts, 8)
    assert [term for term, _ in chosen] == ["strike", "texas", "ferry"]


def test_names_numbers_and_words_of_one_article_leave_room_for_others():
    names = [(name, 0.9, 3) for name in ("quill", "finch", "odell", "marta")]
    weighed = [*names, ("240", 0.8, 3), ("unjust", 0.7, 1), ("quake", 0.3, 3), ("toll", 0.2, 2)]
    chosen = choose_keywords(weighed, ["Marta Quill", "Odell Finch"], [], 4)
    assert [term for term, _ in chosen] == ["finch", "quill", "quake", "toll"]


def test_what_was_put_off_fills_the_room_that_is_left():
    weighed = [("240", 0.8, 3), ("unjust", 0.7, 1), ("quake", 0.3, 3), ("x", 0.2, 3)]
    assert [term for term, _ in choose_keywords(weighed, [], [], 8)] == ["240", "unjust", "quake"]
