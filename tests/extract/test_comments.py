import pytest

from transforms.extract.comments import split_comments

STORY = [
    "The council voted to close the old bridge for two years.",
    "",
    "Engineers had found cracks in three of its five piers, a spokeswoman for the city said.",
    "",
    "Ferries will run every ten minutes.",
]

SECTIONS = {
    "numbered": ["3 thoughts on “Bridge closes”", "1. About time.", "2. Shame on them.", "3. No."],
    "numbered with one lost": ["Comments (3)", "  1. About time.", "  3. Shame."],
    "signed and dated": [
        "2 Comments",
        "Ann Miller says:",
        "March 3, 2026 at 5:07 pm",
        "About time.",
        "Reply",
    ],
    "ages": [
        "Join the discussion",
        "ann",
        "2 hours ago",
        "About time.",
        "bob",
        "3 hours ago",
        "No.",
    ],
    "names take turns": [
        "Responses to “Bridge closes”",
        "Ann Miller",
        "About time that they did something, it was dangerous.",
        "Bob",
        "And who pays for all those ferries? We do.",
    ],
    "german": ["2 Kommentare", "Anna schrieb:", "Endlich.", "Otto schrieb:", "Schade."],
    "two headings": ["Leave a Reply", "2 Responses to Bridge closes", "1. Good.", "2. Bad."],
}


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS.keys())
def test_a_comment_section_is_cut_with_its_heading(section):
    assert split_comments([*STORY, "", *section]) == ([*STORY, ""], section)


NOT_SECTIONS = {
    "heading without evidence": ["3 comments", "The mayor made three remarks on the matter today."],
    "comments in a sentence": ["He refused to answer 3 comments on the bridge.", "1. a", "2. b"],
    "list without heading": ["What happens now:", "1. The bridge closes.", "2. Ferries run."],
    "list that does not start at 1": ["Comments", "1914. A war.", "1939. Another war."],
}


@pytest.mark.parametrize("tail", NOT_SECTIONS.values(), ids=NOT_SECTIONS.keys())
def test_an_article_that_only_mentions_comments_is_not_beheaded(tail):
    lines = [*STORY, *tail, *STORY]
    assert split_comments(lines) == (lines, [])


def test_a_heading_before_any_story_cuts_nothing():
    lines = ["2 Comments", "1. First!", "2. Second!"]
    assert split_comments(lines) == (lines, [])


def test_an_empty_form_at_the_end_is_dropped_and_quotes_nothing():
    form = ["Leave a Reply", "Your email address will not be published.", "Name *", "Comment"]
    assert split_comments([*STORY, *form]) == (STORY, [])
