import pytest

from transforms.cluster.likeness import LIKENESS, likeness, measure_article
from transforms.cluster.terms import DocumentFrequencies


@pytest.fixture
def measured(make_embedded):
    frequencies = DocumentFrequencies({}, 1000)

    def measure(**changes):
        return measure_article(make_embedded(**changes), frequencies)

    return measure


def compare(new, old, containment=0.0):
    (row,) = likeness(new, [old], [containment])
    return dict(zip(LIKENESS, row.tolist()))


BODY = "Mayor Odell Finch closed the Mill Lane bridge in Harrowick at 10:30 after 12 cracks."


def test_an_article_is_wholly_like_itself(measured):
    one = measured(title="Bridge closed", body=BODY)
    found = compare(one, measured(article_id="b", title="Bridge closed", body=BODY), 1.0)
    for name in ("lead", "full", "title", "names", "numbers"):
        assert found[name] == pytest.approx(1.0, abs=0.01)
    for name in ("names_of_new", "names_of_old", "numbers_of_new", "numbers_of_old"):
        assert found[name] == pytest.approx(1.0)
    assert found["containment"] == 1.0
    assert found["spans"] > 0 and found["rare_spans"] > 0


def test_texts_without_a_common_word_share_nothing(measured):
    other = measured(title="Regatta won", body="Rowers from Quellbach took gold, 7 lengths ahead.")
    found = compare(measured(title="Bridge closed", body=BODY), other)
    assert found["names"] == found["numbers"] == found["rare_names"] == found["spans"] == 0.0


def test_a_share_is_of_its_own_side(measured):
    short = measured(title="Finch speaks", body="It was said that Odell Finch spoke.")
    found = compare(measured(title="Bridge closed", body=BODY), short)
    assert 0.0 < found["names_of_new"] < found["names_of_old"] <= 1.0


def test_empty_articles_are_measured_without_error(measured):
    empty = measured(title="", body="", description="")
    assert compare(empty, empty)["full"] == 0.0


def test_the_language_counts_only_when_it_is_certain(measured):
    assert measured(language="de", language_confidence=0.9).language == "de"
    assert measured(language="de", language_confidence=0.5).language == ""
