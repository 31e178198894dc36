import pytest

from transforms.cluster.terms import (
    DocumentFrequencies,
    background_frequencies,
    extract_terms,
    name_spans,
    weigh,
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The mayor Odell Finch spoke.", ["Odell Finch"]),
        ("Marta Quill closed Mill Lane.", ["Marta Quill", "Mill Lane"]),
        ("Later the smoke cleared.", []),
        ("They met the Bank of Harrowick there.", ["Bank of Harrowick"]),
        ("die Brücke in Birkenrode", ["Brücke", "Birkenrode"]),
        ("震源は沖合です。", []),
        ("A crash on the A9 at Q, leaders of the G7 said.", ["A9", "G7"]),
    ],
)
def test_names_are_capitalised_spans_inside_sentences(text, names):
    assert name_spans(text) == names


def test_a_headline_in_title_case_names_nothing_by_its_capitals(make_article):
    article = make_article(title="Fire Crews Fight Blaze All Night", body="Crews fought on.")
    assert extract_terms(article).names == ()


def test_plurals_and_possessives_meet_their_stem(make_article):
    one = extract_terms(make_article(title="Town's barges", body=""))
    two = extract_terms(make_article(title="towns barge", body=""))
    assert one.bags["title"] == two.bags["title"]


def test_numbers_are_terms_without_their_separators(make_article):
    article = make_article(title="1,700 march", body="At 10:30 some 1700 people set out.")
    assert extract_terms(article).bags["numbers"] == {"1700": 2, "10:30": 1}


def test_rare_terms_weigh_more_than_common_ones():
    frequencies = DocumentFrequencies({"said": 900, "cannery": 3}, 1000)
    assert frequencies.idf("cannery") > frequencies.idf("said") >= 0


def test_the_stream_teaches_what_is_common_this_week():
    frequencies = DocumentFrequencies({}, 10)
    before = frequencies.idf("election")
    for _ in range(200):
        frequencies.learn(["election", "other"])
    assert frequencies.idf("election") < before


def test_vectors_have_unit_length():
    vector = weigh({"cannery": 2, "boiler": 1}, {"cannery": 4.6, "boiler": 2.0})
    assert sum(weight**2 for weight in vector.values()) == pytest.approx(1.0)
    assert weigh({}, {}) == {}


def test_the_shipped_table_knows_common_words():
    frequencies = background_frequencies()
    assert frequencies.idf("the") < 1.0 < frequencies.idf("railway") < frequencies.idf("xqzv")
