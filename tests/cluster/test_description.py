"""What is told of an event: quoted, bounded, and the same for the same articles."""

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FIRE = [
    {
        "title": "Cannery fire in Harrowick kills three",
        "body": "A fire at the Harrowick cannery killed three workers on Tuesday. "
        "The building had no sprinklers, the fire service said.",
    },
    {
        "title": "Three dead in Harrowick cannery fire",
        "body": "Sign up for our newsletter to read more.\n\n"
        "Three workers died in a fire at the cannery in Harrowick on Tuesday. "
        "Mayor Marta Quill announced three days of mourning in Harrowick.",
    },
    {
        "title": "Mourning after cannery fire in Harrowick",
        "body": "Harrowick mayor Marta Quill announced three days of mourning. "
        "Three workers died in the fire at the cannery on Tuesday.",
    },
]


def test_a_summary_says_what_happened_and_then_what_more_is_agreed_on(described):
    told = described(FIRE)
    first, second = told.summary
    assert "fire" in first.sentence
    assert "mourning" in second.sentence
    bodies = {f"a{number}": article["body"] for number, article in enumerate(FIRE)}
    for quoted in told.summary:
        assert quoted.sentence in bodies[quoted.article_id]


def test_one_bearer_is_named_once(described):
    named = {name.text: name.count for name in described(FIRE).entities}
    assert named["Marta Quill"] == 2
    assert "Quill" not in named
    assert "Mayor Marta Quill" not in named


def test_the_second_sentence_does_not_repeat_the_first(described):
    same = "A fire at the Harrowick cannery killed three workers on Tuesday."
    articles = [{"title": f"Cannery fire, report {n}", "body": same} for n in range(3)]
    assert [quoted.sentence for quoted in described(articles).summary] == [same]


def test_an_event_of_headlines_has_no_summary(described):
    assert described([{"title": "Quay shut", "description": ""}]).summary == ()


def test_sentences_are_in_the_language_of_the_title(described):
    english = [{**article, "language": "en"} for article in FIRE]
    german = {
        "title": "Brand in Konservenfabrik", "language": "de",
        "body": "Ein Brand in der Konservenfabrik von Harrowick hat drei Menschen getötet. "
        "Die Bürgermeisterin Marta Quill sprach von drei Tagen der Trauer.",
    }  # fmt: skip
    told = described([german, *english])
    assert {quoted.article_id for quoted in told.summary} <= {"a1", "a2", "a3"}


def test_a_new_revision_speaks_as_it_reads_now(make_event, described):
    articles = [FIRE[0], {**FIRE[0], "article_id": "a0", "revision": 2, "title": "Four dead"}]
    assert described(articles[:1]).title == FIRE[0]["title"]
    assert described([*articles]).title == "Four dead"


def test_a_large_event_is_described_by_a_bounded_number_of_articles(described):
    def seconds(size):
        articles = [
            {**FIRE[n % 3], "article_id": f"n{n}", "title": f"{FIRE[n % 3]['title']} {n}"}
            for n in range(size)
        ]
        described(articles)  # words are hashed
        began = time.perf_counter()
        told = described(articles)
        assert len(told.summary) == 2
        return time.perf_counter() - began

    assert seconds(600) < 60 * seconds(60)  # with the measuring of the articles, linear


ODD = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="ا؟بת\u202e\u200f ", max_size=40),
    st.text(alphabet="\x00\x01\x1b\n\r\t\u2028a", max_size=40),
    st.sampled_from(["", " ", "?", "…", "A" * 10_000, "? " * 5_000, "(" * 5_000, "a-" * 4_000]),
    st.sampled_from(["“" * 3_000, "1 " * 5_000, "。" * 4_000, "- " * 4_000, "A.B." * 2_000]),
)


@settings(
    max_examples=120, deadline=5_000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(ODD, ODD), min_size=1, max_size=6))
def test_any_titles_and_texts_are_described_alike_each_time(described, texts):
    articles = [{"title": title, "body": body, "description": ""} for title, body in texts]
    told = described(articles)
    assert described(articles) == told
    assert told.article_id in {f"a{n}" for n in range(len(articles))}
    assert len(told.title) <= 301
    assert len(told.summary) <= 2
    for quoted in told.summary:
        assert len(quoted.sentence) <= 301
        assert "\n" not in quoted.sentence
