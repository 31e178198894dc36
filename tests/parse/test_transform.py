import apache_beam as beam
import pytest
from apache_beam import typehints
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas import Entry, Rejected, TakenBack
from transforms._shared import counts
from transforms.parse import transform
from transforms.parse.transform import ParseEntries

ITEM = "<item><title>{}</title><link>https://a.example/{}</link></item>"


def test_entries_and_dead_letters_leave_by_their_own_outputs(make_document, rss):
    cut = rss(ITEM.format("A", 1) + ITEM.format("B", 2))[:-20]
    documents = [
        make_document(cut, "feed", key="cut"),
        make_document("<html>x", "feed", key="page"),
        make_document("Words.", key="text"),
    ]
    with Pipeline(runner="FnApiRunner") as pipeline:
        parsed = pipeline | beam.Create(documents) | ParseEntries()
        assert parsed.entries.element_type == typehints.Union[Entry, TakenBack]
        assert parsed.rejected.element_type is Rejected
        entries = parsed.entries | "Entries" >> beam.Map(lambda one: (one.key, one.title))
        letters = parsed.rejected | "Letters" >> beam.Map(
            lambda one: (one.stage, one.key, one.reason, one.replayable, one.payload)
        )
        assert_that(
            entries, equal_to([("cut#1", "A"), ("cut#2", "B"), ("text", "")]), label="CheckEntries"
        )
        assert_that(
            letters,
            equal_to(
                [
                    ("parse", "cut", "truncated_feed", True, cut.encode()),
                    ("parse", "page", "not_a_feed", False, b"<html>x"),
                ]
            ),
            label="CheckLetters",
        )


def test_the_limit_of_entries_is_an_argument(make_document, rss):
    documents = [make_document(rss(ITEM.format("A", 1) * 3), "feed")]
    with Pipeline(runner="FnApiRunner") as pipeline:
        parsed = pipeline | beam.Create(documents) | ParseEntries(max_entries=2)
        assert_that(parsed.entries | beam.combiners.Count.Globally(), equal_to([2]), label="Two")
        reasons = parsed.rejected | beam.Map(lambda one: one.reason)
        assert_that(reasons, equal_to(["too_many_entries"]), label="Reason")


def test_every_outcome_is_counted(make_document, rss):
    counts.reset()
    flawed = rss(ITEM.format("A &", 1) + "<item></item>")
    list(transform._parse(make_document(flawed, "feed"), 10))
    list(transform._parse(make_document("", "text"), 10))
    counted = {
        name: n
        for (stage, name), n in counts.snapshot().items()
        if stage == "parse" and name != counts.MICROSECONDS
    }
    assert counted == {
        "in": 2,
        "out": 1,
        "rejected_empty_entry": 1,
        "rejected_empty": 1,
        "repaired_references": 1,
    }


def test_a_library_that_gives_up_makes_one_dead_letter(make_document, monkeypatch):
    def give_up(document, max_entries):
        raise RecursionError("too deep")

    monkeypatch.setattr(transform, "parse_document", give_up)
    (output,) = transform._parse(make_document("x", key="a"), 10)
    assert (output.tag, output.value.key, output.value.reason) == ("rejected", "a", "parse_failed")
    assert output.value.error == "RecursionError: too deep"


def test_wiring_it_to_the_wrong_elements_fails_before_the_run():
    with (
        pytest.raises(beam.typehints.decorators.TypeCheckError),
        Pipeline(runner="FnApiRunner") as pipeline,
    ):
        pipeline | beam.Create([1, 2]) | ParseEntries()
