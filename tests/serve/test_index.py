"""The index says what the views say of all files, however it came to know them."""

import importlib.util
import random
import threading
from pathlib import Path

import pytest

from pipelines import compact
from pipelines.report.tables import open_columns
from pipelines.serve.filters import ArticleQuery, EventQuery
from pipelines.serve.index import Index
from pipelines.serve.queries import Questions
from pipelines.serve.rows import COLUMNS

_SPEC = importlib.util.spec_from_file_location(
    "random_rounds", Path(__file__).with_name("random_rounds.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
add_random_round = _MODULE.add_random_round


@pytest.fixture
def made(output):
    """``made()``: the index of ``output``, closed at the end."""
    opened = []

    def make(**options):
        opened.append(Index(output.path, **options))
        opened[-1].refresh()
        return opened[-1]

    yield make
    for index in opened:
        index.close()


def told(index):
    """Everything the index knows, in one comparable piece."""
    with index.reading() as (connection, _):
        return {
            table: sorted(map(str, connection.sql(f"SELECT * FROM {table}").fetchall()))
            for table in ("article", "membership", "event", "change", "dead_letter", "feed")
        }


def by_the_views(output):
    """Where each article is, and what each event is part of, by the views over all files."""
    known = {
        "articles": ("article_id", "revision", "title", "event_id"),
        "events": ("event_id", "revision", "status", "merged_into", "title"),
        "event_articles": COLUMNS["event_articles"],
    }
    with open_columns(output.path, known, ("articles", "events")) as connection:
        return (
            sorted(
                connection.sql(
                    "SELECT article_id, revision, event_id FROM articles_latest"
                ).fetchall()
            ),
            sorted(connection.sql("SELECT event_id, survivor_id FROM event_survivors").fetchall()),
        )


def by_the_index(index):
    with index.reading() as (connection, _):
        return (
            sorted(connection.sql("SELECT article_id, revision, event_id FROM article").fetchall()),
            sorted(connection.sql("SELECT event_id, survivor_id FROM event").fetchall()),
        )


@pytest.mark.parametrize("seed", range(6))
def test_growing_with_the_rounds_and_beginning_anew_come_to_the_same(output, made, seed):
    rng = random.Random(seed)
    add_random_round(output, rng)
    grown = made()
    for _ in range(8):
        add_random_round(output, rng)
        assert grown.refresh()
        assert by_the_index(grown) == by_the_views(output)
    assert told(grown) == told(made())


def test_counts_of_an_event_are_those_of_its_articles(output, made):
    rng = random.Random(3)
    index = None
    for _ in range(6):
        add_random_round(output, rng)
        index = index or made()
        index.refresh()
    with index.reading() as (connection, _):
        strays = connection.sql(
            "SELECT event.event_id FROM event LEFT JOIN (SELECT event_id, count(*) AS n, "
            "count(event_time) AS timed FROM article GROUP BY event_id) AS found USING (event_id) "
            "WHERE articles_found <> coalesce(n, 0) OR len(minutes) <> coalesce(timed, 0)"
        ).fetchall()
    assert strays == []


def test_a_compaction_is_taken_for_what_it_is(output, made, monkeypatch):
    rng = random.Random(1)
    for _ in range(4):
        add_random_round(output, rng)
    index = made()
    before = told(index)
    assert compact.main(["--output", str(output.path)]) == 0
    monkeypatch.setattr(index, "_rebuild", None)  # nothing has to be read again
    assert index.refresh()
    assert told(index) == before
    add_random_round(output, rng)
    assert index.refresh()
    assert by_the_index(index) == by_the_views(output)


def test_rows_that_are_removed_are_gone(output, made):
    output.event("old"), output.article("a", "old")
    output.commit()
    output.event("new"), output.article("b", "new")
    output.commit()
    index = made()
    for path in output.path.glob("*/*/part-000000001-*"):
        path.unlink()
    assert index.refresh()
    with index.reading() as (connection, _):
        assert [r["event_id"] for r in Questions(connection).events(EventQuery()).rows()] == ["new"]


def test_a_damaged_file_is_named_and_passed_over(output, made):
    output.event("one"), output.article("a", "one")
    output.commit()
    index = made()
    output.event("two"), output.article("b", "two")
    output.commit()
    (damaged,) = output.path.glob("articles/*/part-000000002-*")
    damaged.write_bytes(b"PAR1 this is no file of ours PAR1")
    index.refresh()
    ((path, why),) = index.state().passed_over
    assert damaged.name in path
    assert "cannot be read" in why
    with index.reading() as (connection, _):
        ask = Questions(connection)
        assert ask.events(EventQuery()).total == 2
        assert ask.articles(ArticleQuery()).total == 1
    assert not index.refresh()


def test_an_answer_is_of_one_moment(output, made):
    output.event("one"), output.article("a", "one")
    output.commit()
    index = made()
    with index.reading() as (connection, state):
        before = Questions(connection).articles(ArticleQuery()).total
        output.article("b", "one")
        output.commit()
        index.refresh()
        assert Questions(connection).articles(ArticleQuery()).total == before == 1
        assert state.round == 1
    with index.reading() as (connection, state):
        assert (Questions(connection).articles(ArticleQuery()).total, state.round) == (2, 2)


def test_an_index_that_is_replaced_lives_as_long_as_it_is_read(output, made):
    output.event("one"), output.article("a", "one")
    output.commit()
    index = made()
    with index.reading() as (connection, _):
        for path in output.path.glob("articles/*/part-*"):
            path.unlink()
        index.refresh()
        assert Questions(connection).articles(ArticleQuery()).total == 1
    with index.reading() as (connection, _):
        assert Questions(connection).articles(ArticleQuery()).total == 0


def test_times_outside_the_calendar_and_numbers_that_are_none_become_null(output, made):
    output.event("one", breaking_score=float("nan"))
    output.article("a", "one", event_score=float("inf"))
    output.commit()
    with made().reading() as (connection, _):
        assert connection.sql("SELECT breaking_score FROM event").fetchall() == [(None,)]
        assert connection.sql("SELECT event_score FROM article").fetchall() == [(None,)]


def test_readers_meet_whole_rounds_while_a_run_adds_and_compacts(output, made):
    """Each round adds ten articles and one event; no other numbers may ever be seen."""
    for n in range(3):
        add_even_round(output, n)
    index = made()
    done, strange = threading.Event(), []

    def read():
        while not done.is_set():
            with index.reading() as (connection, state):
                ask = Questions(connection)
                seen = (ask.articles(ArticleQuery()).total, ask.events(EventQuery()).total,
                        state.round)  # fmt: skip
                if seen != (10 * state.round, state.round, state.round):
                    strange.append(seen)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for n in range(3, 15):
            add_even_round(output, n)
            if n % 4 == 0:
                assert compact.main(["--output", str(output.path)]) == 0
            index.refresh()
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert strange == []
    assert index.state().round == 15


def add_even_round(output, n):
    output.event(f"e{n}", n)
    for m in range(10):
        output.article(f"a{n}x{m}", f"e{n}", n)
    output.commit()
