import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.extract.clutter import fold_line
from transforms.extract.plain_text import read_story

BODY = "The council voted on Monday.\n\nFerries will run every ten minutes, it said."


def test_the_first_line_is_the_title_and_leaves_the_body():
    story = read_story(f"Bridge closes\n\n{BODY}")
    assert (story.title, story.body, story.quoted) == ("Bridge closes", BODY, "")


@pytest.mark.parametrize(
    "above",
    ["https://town.example/bridge", "2 March 2026, 10:15", "Home > News > City", "Print\nShare"],
)
def test_what_stands_above_a_headline_is_not_the_title(above):
    assert read_story(f"{above}\nBridge closes\n\n{BODY}").title == "Bridge closes"


def test_a_headline_with_a_year_is_a_title():
    assert read_story(f"Elections 2026 in 12 towns\n\n{BODY}").title == "Elections 2026 in 12 towns"


def test_without_a_headline_the_title_is_cut_and_the_body_keeps_everything():
    text = "The council voted on Monday to close the bridge, and nobody objected. " * 5
    story = read_story(f"{text}\n\n{BODY}")
    assert text.startswith(story.title)
    assert 100 < len(story.title) <= 160
    assert story.body == f"{text.strip()}\n\n{BODY}"


def test_a_lone_headline_has_no_body():
    assert read_story("Bridge closes\n")[:2] == ("Bridge closes", "")


@pytest.mark.parametrize("text", ["", " \n\t\n", "Share\nTweet\n0"], ids=["empty", "blank", "bar"])
def test_a_text_without_words_of_its_own_yields_nothing(text):
    assert read_story(text) == ("", "", "")


def test_clutter_and_comments_leave_the_body():
    story = read_story(
        f"Bridge closes\n\n0\n\nShare on Facebook\n\n{BODY}\n\nContinue reading…\n\n"
        "It was built in 1911, and twice repaired since, the last time after the great flood.\n\n"
        "Before You Go\n\n2 thoughts on “Bridge closes”\n\n1. Good.\n\n   He is right.\n\n2. Bad."
    )
    assert story.body == (
        f"{BODY}\n\nIt was built in 1911, and twice repaired since, the last time after the great"
        " flood."
    )
    assert story.quoted.startswith("2 thoughts on")
    assert story.quoted.endswith("1. Good.\n\nHe is right.\n\n2. Bad.")


def test_indented_quotations_inside_a_story_stay():
    text = (
        f"Bridge closes\n\n{BODY}\n\n    “We had no choice,” the Example Agency quotes her.\n\nEnd."
    )
    assert "“We had no choice,” the Example Agency quotes her." in read_story(text).body


def test_a_known_title_leaves_the_first_line_in_the_body():
    story = read_story(f"Short lead\n\n{BODY}", "Bridge closes")
    assert (story.title, story.body) == ("Bridge closes", f"Short lead\n\n{BODY}")


def test_a_known_title_is_not_repeated():
    assert read_story(f"Bridge closes\n\n{BODY}", "Bridge Closes").body == BODY


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.text(alphabet="abc déß一。.,'\"0", max_size=80), max_size=12))
def test_a_story_with_a_known_title_keeps_its_order_and_form(lines):
    text = "\n".join(lines)
    body = read_story(text, "Known").body
    assert not re.search(r"\n{3,}|(?<!\n)\n(?!\n)|  |\A\s|\s\Z", body)
    remaining = iter(text.split())
    assert all(word in remaining for word in body.split())


DROPPED = Path(__file__).parents[2].parent / "shared" / "samples" / "dropped"


@pytest.fixture(scope="module")
def dropped():
    files = sorted(DROPPED.glob("*.txt"))
    if len(files) < 5:
        pytest.skip("the five sample files of dropped texts are not on this machine")
    return [read_story(path.read_text("utf-8")) for path in files]


def test_sample_comments_that_repost_another_story_are_quoted_not_body(dropped):
    reposted = fold_line(dropped[0].body.split("\n\n")[0])
    assert reposted in fold_line(dropped[1].quoted)
    assert reposted not in fold_line(dropped[1].body)
    assert len(dropped[1].quoted) > len(dropped[0].body) > 5_000
    assert all(not story.quoted for at, story in enumerate(dropped) if at != 1)


def test_sample_texts_end_with_their_own_last_sentence(dropped):
    assert all(re.search(r"[.!?]['\"”]?$", story.body) for story in dropped)
    assert all(0 < len(story.title) <= 160 for story in dropped)


def test_sample_headline_repeated_in_other_words_is_dropped(dropped):
    assert len(dropped[3].body.split("\n\n")[0]) > 150
