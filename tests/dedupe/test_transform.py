import apache_beam as beam
from apache_beam.testing.test_pipeline import TestPipeline as BeamTestPipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas import ComparedArticle
from transforms import CompareArticles
from transforms._shared.ordering import decision_order
from transforms.dedupe.duplicate_index import DuplicateIndex


def _verdict(compared: ComparedArticle) -> tuple[str, str, str]:
    article = compared.embedded.article
    return article.article_id, compared.verdict.kind, compared.verdict.of


def test_the_stage_equals_the_index_fed_in_decision_order(embed, make_article, story, reword):
    start = make_article().event_time
    articles = [
        embed("late", story, event_time=start.replace(hour=20)),
        embed("early", reword(story, 0.1), event_time=start.replace(hour=6)),
        embed("undated", story[:500], time_known=False),
    ]
    index = DuplicateIndex(64)
    ordered = sorted(articles, key=lambda item: decision_order(item.article))
    expected = [_verdict(index.assign(article)) for article in ordered]
    assert [row[0] for row in expected] == ["undated", "early", "late"]
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        compared = pipeline | beam.Create(articles, reshuffle=False) | CompareArticles(dim=64)
        assert_that(compared | beam.Map(_verdict), equal_to(expected))
