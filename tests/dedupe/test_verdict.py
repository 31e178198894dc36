import pytest

from transforms.dedupe.fingerprint import fingerprint
from transforms.dedupe.verdict import compare, quoted_evidence


def verdict(new, old):
    return compare(fingerprint(new), fingerprint(old))


def test_same_body_under_another_headline_is_exact(embed, story):
    found = verdict(embed("b", story, title="Another headline"), embed("a", story))
    assert (found.kind, found.of, found.score) == ("exact_text", "a", 1.0)


def test_different_stories_are_no_copies(embed, story, other_story):
    assert verdict(embed("b", other_story), embed("a", story)).kind == "none"


def test_site_clutter_around_a_copy_is_near_verbatim(embed, story):
    cluttered = f"Our site in print and online. {story} More from our desk every morning by mail."
    found = verdict(embed("b", cluttered), embed("a", story))
    assert found.kind == "near_verbatim"
    assert found.score > 0.9


def test_reordered_sentences_are_near_verbatim(embed, story, sentences):
    shuffled = ". ".join(reversed(sentences(story)))
    assert verdict(embed("b", shuffled), embed("a", story)).kind == "near_verbatim"


@pytest.mark.parametrize("share", [0.05, 0.10, 0.15, 0.20])
def test_changed_words_leave_a_copy(embed, story, reword, share):
    assert verdict(embed("b", reword(story, share)), embed("a", story)).kind == "near_verbatim"


def test_a_cut_copy_is_contained(embed, story, sentences):
    cut = ". ".join(sentences(story)[:5])
    found = verdict(embed("b", cut), embed("a", story))
    assert (found.kind, found.of) == ("contained", "a")
    assert "0." in found.evidence


def test_a_longer_text_that_holds_an_earlier_one_keeps_its_own_story(
    embed, story, other_story, sentences
):
    short = ". ".join(sentences(story)[:6])
    found = verdict(embed("b", f"{other_story} {story}"), embed("a", short))
    assert found.kind == "none"
    assert found.evidence.startswith("contained: holds")


TABLE = (
    "Results of the county league on matchday {day}. {a} beat {b} by {x} goals to {y} in front of "
    "{n} spectators. The second match between {c} and {d} ended {z} to {w} after a late goal. The "
    "league table will be published on Monday after the committee has confirmed all the results "
    "and the referees have handed in their reports as the rules of the association require."
)


FIRST_DAY = {"day": 4, "a": "Alm", "b": "Brin", "c": "Corr", "d": "Dunmow"}
FIRST_SCORES = {"x": 3, "y": 1, "n": 1210, "z": 2, "w": 2}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"day": 5, "x": 0, "y": 4, "n": 988, "z": 1, "w": 5}, id="other numbers"),
        pytest.param({"a": "Esk", "b": "Fenn", "c": "Gorse", "d": "Hythe"}, id="other names"),
    ],
)
def test_a_template_with_other_facts_is_no_copy(embed, changes):
    facts = FIRST_DAY | FIRST_SCORES
    found = verdict(
        embed("b", TABLE.format(**(facts | changes))), embed("a", TABLE.format(**facts))
    )
    assert found.kind == "none"
    assert "differ" in found.evidence


def test_equal_headlines_without_text_are_exact_only_within_two_days(embed, make_article):
    def headline(name, day):
        at = make_article().event_time.replace(day=day)
        title = "Ellbrook cannery closed after boiler bursts"
        return embed(name, "", title=title, event_time=at, published_at=at)

    assert verdict(headline("b", 2), headline("a", 1)).kind == "exact_text"
    assert verdict(headline("b", 9), headline("a", 1)).kind == "none"


def test_a_headline_of_a_few_words_names_no_story(embed):
    first, second = (
        embed("a", "", title="Morning briefing"),
        embed("b", "", title="Morning briefing"),
    )
    assert verdict(second, first).kind == "none"


def test_a_story_re_posted_in_comments_is_evidence_on_either_side(embed, story, other_story):
    poster = fingerprint(embed("poster", other_story, quoted=f"1. Look at this! {story}"))
    posted = fingerprint(embed("posted", story))
    assert quoted_evidence(poster, posted) == (
        "contained: 1.000 of posted is re-posted in its comments"
    )
    assert quoted_evidence(posted, poster) == (
        "contained: 1.000 of it is re-posted in the comments of poster"
    )
    assert compare(poster, posted).kind == "none"
