import apache_beam as beam
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP

from transforms.extract import transform
from transforms.extract.transform import ExtractArticles

PAGE = "<html><title>T</title><body><p>" + "Water rose in the harbour. " * 20 + "</p></body></html>"


def _bundle(do_fn, *elements):
    do_fn.setup()
    do_fn.start_bundle()
    outputs = [out for one in elements for out in do_fn.process(one, MIN_TIMESTAMP, GlobalWindow())]
    return [*outputs, *do_fn.finish_bundle()]


def _read(pipeline, identified):
    return pipeline | beam.Create(identified) | ExtractArticles(pages_between_cleanups=2)


def test_each_entry_leaves_by_exactly_one_output(make_identified):
    identified = [
        make_identified(key="a", title="A headline", summary="<p>Words.</p>"),
        make_identified(key="b", content="<img>"),
        make_identified(key="c", title="C headline"),
    ]
    with Pipeline(runner="FnApiRunner") as pipeline:
        extracted = _read(pipeline, identified)
        titles = extracted.extractions | beam.Map(lambda one: (one.title, one.method))
        letters = extracted.rejected | beam.Map(
            lambda one: (one.stage, one.key, one.reason, one.payload)
        )
        assert_that(
            titles,
            equal_to([("A headline", "feed_summary"), ("C headline", "title_only")]),
            label="Titles",
        )
        assert_that(letters, equal_to([("extract", "b", "no_text", b"<img>")]), label="Letters")


def test_a_library_that_gives_up_makes_one_dead_letter(make_identified, monkeypatch):
    def give_up(identified):
        raise RecursionError("too deep")

    monkeypatch.setattr(transform, "extract_article", give_up)
    outputs = list(_bundle(transform._ExtractDoFn(0, 10), make_identified(key="a")))
    assert [(one.tag, one.value.reason, one.value.error) for one in outputs] == [
        ("rejected", "parse_failed", "RecursionError: too deep")
    ]


def test_memory_is_released_after_the_given_number_of_pages(make_identified, monkeypatch):
    released = []
    monkeypatch.setattr(transform, "release_memory", lambda: released.append(True))
    do_fn = transform._ExtractDoFn(0, 3)
    for _ in range(7):
        _bundle(do_fn, make_identified(title="T"))
        _bundle(do_fn, make_identified(content=PAGE, content_type="page"))
    assert len(released) == 2


def test_wiring_it_to_the_wrong_elements_fails_before_the_run():
    with (
        pytest.raises(beam.typehints.decorators.TypeCheckError),
        Pipeline(runner="FnApiRunner") as pipeline,
    ):
        pipeline | beam.Create([1, 2]) | ExtractArticles()
