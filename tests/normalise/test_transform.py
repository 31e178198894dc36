from datetime import datetime, timezone

import apache_beam as beam
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to

from transforms.normalise import transform
from transforms.normalise.transform import NormaliseArticles


def test_each_extraction_leaves_by_exactly_one_output(make_extraction):
    extractions = [
        make_extraction(key="a", title="Bridge closes for two years after the flood"),
        make_extraction(key="b", title="\u200b", body="Words."),
    ]
    with Pipeline(runner="FnApiRunner") as pipeline:
        normalised = pipeline | beam.Create(extractions) | NormaliseArticles()
        articles = normalised.articles | beam.Map(lambda one: (one.key, one.language))
        letters = normalised.rejected | beam.Map(lambda one: (one.stage, one.key, one.reason))
        assert_that(articles, equal_to([("a", "en")]), label="Articles")
        assert_that(letters, equal_to([("normalise", "b", "no_text")]), label="Letters")


@pytest.mark.parametrize(("bounded", "year"), [(True, 2014), (False, 2026)])
def test_an_old_date_counts_only_in_a_bounded_run(make_extraction, bounded, year):
    old = make_extraction(published="2014-06-12T13:05:00Z", published_source="feed")
    with Pipeline(runner="FnApiRunner") as pipeline:
        normalised = pipeline | beam.Create([old]) | NormaliseArticles(bounded=bounded)
        years = normalised.articles | beam.Map(lambda one: one.event_time.year)
        assert_that(years, equal_to([year]))


def test_a_library_that_gives_up_makes_one_dead_letter(make_extraction, monkeypatch):
    def give_up(*args, **kwargs):
        raise OverflowError("too far")

    monkeypatch.setattr(transform, "normalise_article", give_up)
    do_fn = transform._NormaliseDoFn(True, None)
    do_fn.setup()
    outputs = list(do_fn.process(make_extraction(key="a")))
    assert [(one.tag, one.value.reason, one.value.error) for one in outputs] == [
        ("rejected", "parse_failed", "OverflowError: too far")
    ]


def test_the_time_of_the_run_is_an_argument(make_extraction):
    dated = {"published": "2026-03-05T10:00:00Z", "published_source": "json_ld"}
    page = make_extraction(key="file:///in/a.html", input_kind="html", feed_url="", **dated)
    as_of = datetime(2026, 3, 6, tzinfo=timezone.utc)
    with Pipeline(runner="FnApiRunner") as pipeline:
        normalised = pipeline | beam.Create([page]) | NormaliseArticles(as_of=as_of)
        flags = normalised.articles | beam.Map(lambda one: one.published_at_flag)
        assert_that(flags, equal_to(["ok"]))
