"""The queries of docs/tables.md, run as printed, against the demo and against golden files."""

import re
from pathlib import Path

import pytest

from schemas.questions import QUESTIONS

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "contract" / "golden"
PRINTED = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
(SESSION,) = re.findall(r"```python\n(.*?)```", PRINTED, flags=re.S)
QUERIES = dict(re.findall(r"### (.+?)\n.*?```sql\n(.*?)```", PRINTED, flags=re.S))


def open_session(output):
    """Run the printed Python with this output in place of the demo's."""
    assert "'out/demo'" in SESSION
    names = {}
    exec(SESSION.replace("out/demo", str(output)), names)  # noqa: S102 (our own document)
    return names["database"]


def rows(session, query):
    relation = session.sql(query)
    return [dict(zip(relation.columns, row)) for row in relation.fetchall()]


@pytest.fixture
def asked(demo, monkeypatch):
    """``asked(title, **variables)``: the demo's answer, with other examples than the printed."""
    monkeypatch.chdir(ROOT)
    session = open_session(demo.path)

    def ask(title, **variables):
        query = QUERIES[title]
        for name, value in variables.items():
            own = f"SET VARIABLE {name} = '{value}';"
            query, changed = re.subn(rf"SET VARIABLE {name} = .*?;", own, query, flags=re.S)
            assert changed == 1
        return rows(session, query)

    yield ask
    session.close()


def test_every_question_is_printed_with_its_query():
    assert list(QUERIES) == [question.title for question in QUESTIONS]


@pytest.mark.parametrize("title", QUERIES)
@pytest.mark.parametrize("version", sorted(path.name for path in GOLDEN.glob("v*")))
def test_golden_files_answer_every_question(version, title, monkeypatch):
    monkeypatch.chdir(ROOT)
    with open_session(GOLDEN / version) as session:
        assert len(rows(session, QUERIES[title])) > 0


def test_what_broke_is_of_the_last_hour_of_the_data(asked, demo):
    found = asked("What broke in the last hour?")
    newest = max(event["counts_as_of"] for event in demo.rows("events"))
    assert [row["title"] for row in found] == [
        "Not guilty verdict in Kestrel Falls footbridge trial",
        "Former rowing club treasurer jailed for four years",
    ]
    assert all((newest - row["breaking_since"]).total_seconds() < 3600 for row in found)
    assert all(row["publishers"] >= 3 and "surprise" in row["why"] for row in found)


def test_copies_come_with_their_original(asked):
    found = asked("Which are all copies of this article?")
    assert [row["dup_kind"] for row in found] == ["none", "contained", "exact_text"]
    assert len({row["publisher_family"] for row in found}) == 3
    assert all(row["dup_evidence"] for row in found[1:])


def test_copies_are_the_same_asked_with_any_of_them(asked):
    title = "Which are all copies of this article?"
    found = asked(title)
    for row in found:
        assert asked(title, article=row["article_id"]) == found


def test_an_article_without_copies_is_alone(asked, demo):
    copied = {row["dup_of"] for row in demo.rows("articles")}
    (alone, *_) = (
        row["article_id"]
        for row in demo.rows("articles")
        if row["dup_of"] is None and row["article_id"] not in copied
    )
    found = asked("Which are all copies of this article?", article=alone)
    assert [row["article_id"] for row in found] == [alone]


def test_events_of_a_publisher_are_those_its_articles_are_in(asked, demo):
    found = asked("Which events did this publisher report?", publisher="harbourpost.example")
    own = [r for r in demo.rows("articles") if r["publisher_family"] == "harbourpost.example"]
    assert {row["event_id"] for row in found} == {row["event_id"] for row in own}
    assert sum(row["articles"] for row in found) == len({row["article_id"] for row in own})
    (fire,) = (row for row in found if row["title"].startswith("Grain warehouse ablaze"))
    assert (fire["copies"], fire["minutes_behind"]) == (0, 0)


def test_the_example_publisher_has_several_events(asked):
    found = asked("Which events did this publisher report?")
    assert len(found) > 1
    assert all(row["minutes_behind"] is None or row["minutes_behind"] >= 0 for row in found)


def test_a_timeline_tells_of_every_article_and_change_in_order(asked):
    found = asked("What is the timeline of this event?")
    times = [row["moment"] for row in found]
    assert times == sorted(times)
    assert [row["what"] for row in found].count("article") == 11
    assert {"event created", "event breaking"} <= {row["what"] for row in found}
    first = found[0]
    assert (first["said"], first["by_whom"]) == (
        "Grain warehouse ablaze on Port Ellery docks",
        "harbourpost.example",
    )
    # the one dropped without a date
    assert [row["by_whom"] for row in found if not row["time_known"]] == ["unknown"]


def test_the_nearest_articles_are_of_the_same_event(asked):
    found = asked("Which articles are nearest to this one?")
    cosines = [row["cosine"] for row in found]
    assert cosines == sorted(cosines, reverse=True)
    assert len(found) == 10
    assert all(-1 <= cosine <= 1 for cosine in cosines)
    assert [row["same_event"] for row in found[:3]] == [True, True, False]


def test_nothing_of_the_demo_was_taken_back(asked, demo):
    assert demo.rows("article_notices") == []
    assert asked("What was corrected or taken back?") == []


def test_dead_letters_are_counted_by_reason(asked, demo):
    found = asked("What could not be read, and why?")
    letters = demo.rows("dead_letters")
    assert {row["reason"] for row in found} == {letter["reason"] for letter in letters}
    assert sum(row["letters"] for row in found) == len(letters)
    told = {(letter["key"], letter["error"]) for letter in letters}
    assert all((row["example"], row["error"]) in told for row in found)
