from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam import typehints
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline as BeamTestPipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas import ComparedArticle, Notice
from transforms import CompareArticles
from transforms._shared.counts import MICROSECONDS
from transforms._shared.ordering import decision_order
from transforms.dedupe.duplicate_index import DuplicateIndex


def _comparable(compared):
    article = compared.embedded.article
    return article.article_id, compared.verdict, compared.neighbours


@pytest.fixture
def articles(embed, make_article, story, reword):
    start = make_article().event_time
    return [
        embed("late", story, event_time=start.replace(hour=20)),
        embed("early", reword(story, 0.1), event_time=start.replace(hour=6)),
        embed("undated", story[:500], time_known=False),
    ]


@pytest.fixture
def expected(articles):
    index = DuplicateIndex(64)
    ordered = sorted(articles, key=lambda item: decision_order(item.article))
    return [_comparable(index.assign(article)) for article in ordered]


@pytest.fixture
def compare_articles(articles):
    """``compare_articles(expected, **fields)``: check the stage and give its counters."""

    def run(expected, **fields):
        pipeline = BeamTestPipeline(runner="FnApiRunner")
        with pipeline:
            compared = (
                pipeline
                | beam.Create(articles, reshuffle=False)
                | CompareArticles(dim=64, **fields)
            )
            assert_that(compared | beam.Map(_comparable), equal_to(expected))
        found = pipeline.result.metrics().query(MetricsFilter().with_namespace("dedupe"))
        return {counter.key.metric.name: counter.committed for counter in found["counters"]}

    return run


@pytest.mark.parametrize("partitions", [1, 2, 16])
def test_the_stage_equals_the_index_fed_in_decision_order(expected, compare_articles, partitions):
    assert [row[0] for row in expected] == ["undated", "early", "late"]
    counters = compare_articles(expected, partitions=partitions)
    assert counters.pop(MICROSECONDS) > 0
    assert counters == {"in": 3, "out": 3, "near_verbatim": 1}


def test_no_article_is_compared_with_none(compare_articles, articles):
    articles.clear()
    assert compare_articles([], partitions=4) == {}


def test_steps_of_the_search_take_and_give_what_their_neighbours_do(articles):
    pipeline = beam.Pipeline(runner="FnApiRunner")
    compared = pipeline | beam.Create(articles) | CompareArticles(dim=64, partitions=3)
    assert compared.element_type == typehints.Union[ComparedArticle, Notice]


def test_parts_of_the_search_run_in_worker_processes(articles, expected, monkeypatch):
    def describe(compared):
        return repr((compared.embedded.article.article_id, compared.verdict, compared.neighbours))

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    options = PipelineOptions(
        runner="FnApiRunner", direct_running_mode="multi_processing", direct_num_workers=2
    )
    with beam.Pipeline(options=options) as pipeline:
        compared = pipeline | beam.Create(articles) | CompareArticles(dim=64, partitions=3)
        described = compared | beam.Map(describe).with_output_types(str)
        assert_that(described, equal_to([repr(row) for row in expected]))
