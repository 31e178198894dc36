"""What is left of a record's text when not all of it is to be stored."""

from dataclasses import replace

import pytest

from schemas import Reading
from schemas.tables import TABLES
from transforms.write.rows import ROW_SOURCES
from transforms.write.stored_text import FULL, LEAD, LEAD_CHARS, NONE, keep_text, lead_of

SENTENCE = "The ferry ran aground off Skerra Island at noon and all its passengers were taken off. "


@pytest.fixture
def assignment(make_record):
    record = make_record("articles")
    article = replace(
        record.compared.embedded.article, body=SENTENCE * 40, description=SENTENCE * 9
    )
    embedded = replace(record.compared.embedded, article=article)
    return replace(record, compared=replace(record.compared, embedded=embedded))


def row(table, record, store_text):
    return ROW_SOURCES[table].row(keep_text(record, store_text))


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_full_leaves_every_record_as_it_is(table, make_record):
    record = make_record(table)
    assert keep_text(record, FULL) is record


def test_lead_keeps_whole_sentences_of_the_beginning(assignment):
    found = row("articles", assignment, LEAD)
    for name in ("body", "description"):
        assert found[name] == (SENTENCE * 4).strip()
        assert len(found[name]) <= LEAD_CHARS


def test_none_keeps_neither_body_nor_description(assignment):
    found = row("articles", assignment, NONE)
    assert found["body"] is None
    assert found["description"] is None


@pytest.mark.parametrize("store_text", [LEAD, NONE])
def test_what_was_measured_of_the_text_stays(store_text, assignment):
    whole, found = row("articles", assignment, FULL), row("articles", assignment, store_text)
    differing = {name for name in whole if name != "embedding" and whole[name] != found[name]}
    assert differing == {"body", "description"}
    assert found["embedding"].tolist() == whole["embedding"].tolist()


def test_only_none_drops_the_summary_of_an_event(make_record):
    event = make_record("events")
    assert keep_text(event, LEAD) is event
    found = row("events", event, NONE)
    assert (found["summary"], found["summary_article_ids"]) == (None, [])
    assert found["title"] == event.title


@pytest.mark.parametrize("store_text", [LEAD, NONE])
def test_a_dead_letter_keeps_its_hash_and_no_payload(store_text, make_record):
    letter = make_record("dead_letters")
    found = row("dead_letters", letter, store_text)
    assert found["payload"] == b""
    assert found["payload_sha256"] == letter.payload_sha256
    assert (found["error"], found["replayable"]) == (letter.error, letter.replayable)


def test_a_library_that_quotes_the_item_is_cut_short(make_record):
    letter = make_record("dead_letters", reason="parse_failed", error="ValueError: in 'A secret'")
    reading = Reading("f", (), (), "parse_failed", "ValueError: in 'A secret'", None, 0)
    assert keep_text(letter, NONE).error == keep_text(reading, NONE).error == "ValueError"
    assert keep_text(letter, FULL).error == "ValueError: in 'A secret'"


@pytest.mark.parametrize("table", ["sightings", "event_changes", "fetch_log", "alerts"])
def test_other_records_hold_no_text_to_take(table, make_record):
    record = make_record(table)
    assert keep_text(record, NONE) is record


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Short.", "Short."),
        ("x" * LEAD_CHARS, "x" * LEAD_CHARS),
        ("x" * 1000, "x" * LEAD_CHARS),
        ("word " * 200, ("word " * 80).strip()),
        ("Yes. " + "word " * 200, "Yes. " + ("word " * 79).strip()),
        ("港で火事があった。" * 60, "港で火事があった。" * 44),
        ("a" * 399 + ". b", "a" * 399 + "."),
        ("a" * 400 + ". b", "a" * 400),
    ],
    ids=["short", "exact", "no break", "no sentence", "tiny sentence", "signs", "edge", "beyond"],
)
def test_a_lead_ends_where_a_sentence_or_a_word_does(text, kept):
    assert lead_of(text) == kept
    assert lead_of(kept) == kept


def test_another_way_to_store_text_is_refused(make_record):
    with pytest.raises(ValueError, match="some"):
        keep_text(make_record("events"), "some")
