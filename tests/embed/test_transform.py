import random
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pytest
from apache_beam import typehints
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, TimestampedValue

from schemas import Article, EmbeddedArticle, Notice
from transforms import EmbedArticles
from transforms._shared import counts
from transforms.embed.batches import bucket, embed_in_batches
from transforms.embed.encoder import load_encoder
from transforms.embed.model import DEFAULT_MODEL
from transforms.embed.recent import RecentVectors
from transforms.embed.transform import _EmbedBundle, processes_of

WORDS = "bridge mill stream town noon flood road train council rain".split()


@pytest.fixture
def articles(make_article):
    rng = random.Random(7)
    return [
        make_article(
            article_id=f"{rng.choice('abcdefghij')}{number}",
            title=" ".join(rng.choices(WORDS, k=4)),
            body=" ".join(rng.choices(WORDS, k=1 + number % 40)),
        )
        for number in range(60)
    ]


def at_times(article: Article, times: dict[str, int]) -> Article:
    return TimestampedValue(article, times[article.article_id])


def by_bucket(articles, encoder):
    """Embed without Beam."""
    groups = {}
    for article in articles:
        groups.setdefault(bucket(article, 128), []).append(article)
    return [
        done
        for group in groups.values()
        for done in embed_in_batches(group, encoder, max_tokens=128)
    ]


@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "shuffled"])
def test_bounded_stage_equals_the_core_for_any_order(articles, fake_encoder, shuffled) -> None:
    given = random.Random(1).sample(articles, len(articles)) if shuffled else articles
    with Pipeline(runner="FnApiRunner") as pipeline:
        embed = EmbedArticles(encoder_factory=lambda: fake_encoder)
        found = pipeline | beam.Create(given) | embed
        assert found.element_type == typehints.Union[EmbeddedArticle, Notice]
        assert_that(found, equal_to(by_bucket(articles, fake_encoder)))


def test_unbounded_stage_keeps_times_and_windows(articles, fake_encoder) -> None:
    def place(done, timestamp=beam.DoFn.TimestampParam, window=beam.DoFn.WindowParam):
        return done.article.article_id, int(timestamp), int(window.start)

    with Pipeline(runner="FnApiRunner") as pipeline:
        embed = EmbedArticles(bounded=False, encoder_factory=lambda: fake_encoder)
        times = {article.article_id: 60 * n for n, article in enumerate(articles)}
        stamped = pipeline | beam.Create(articles) | beam.Map(at_times, times)
        windowed = stamped | beam.WindowInto(FixedWindows(600))
        places = windowed | embed | beam.Map(place)
        expected = [(a.article_id, 60 * n, 600 * (n // 10)) for n, a in enumerate(articles)]
        assert_that(places, equal_to(expected), reify_windows=False)


def test_equal_articles_of_different_times_both_pass(make_article, fake_encoder) -> None:
    article = make_article()

    def twice(article: Article) -> Iterator[Article]:
        yield from (TimestampedValue(article, at) for at in (5, 9))

    with Pipeline(runner="FnApiRunner") as pipeline:
        embed = EmbedArticles(bounded=False, encoder_factory=lambda: fake_encoder)
        times = (
            pipeline
            | beam.Create([article])
            | beam.FlatMap(twice)
            | embed
            | beam.Map(lambda done, timestamp=beam.DoFn.TimestampParam: int(timestamp))
        )
        assert_that(times, equal_to([5, 9]))


def test_counts_add_up(articles, fake_encoder) -> None:
    counts.reset()
    with Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create(articles) | EmbedArticles(encoder_factory=lambda: fake_encoder)
    counted = {
        name: n
        for (stage, name), n in counts.snapshot().items()
        if stage == "embed" and name != counts.MICROSECONDS
    }
    counts.reset()
    assert counted == {"in": 60, "out": 60}


def test_default_model_embeds_as_plain_sentence_transformers_do(articles) -> None:
    from transforms.embed.lead import lead_text

    encoder = load_encoder(DEFAULT_MODEL)
    some = articles[:8]
    vectors = {done.article.article_id: done.embedding for done in by_bucket(some, encoder)}
    expected = encoder.encode([lead_text(article) for article in some])
    for article, vector in zip(some, expected):
        found = np.frombuffer(vectors[article.article_id], "<f4")
        np.testing.assert_allclose(found, vector, atol=1e-5)


@pytest.mark.slow
def test_worker_processes_give_the_same_bytes_as_one_process(articles, tmp_path) -> None:
    expected = by_bucket(articles, load_encoder(DEFAULT_MODEL))
    options = beam.options.pipeline_options.PipelineOptions(
        direct_running_mode="multi_processing", direct_num_workers=2
    )

    def row(done):
        return f"{done.article.article_id} {done.embedding.hex()} {done.embedding_model}"

    with beam.Pipeline("FnApiRunner", options=options) as pipeline:
        _ = (
            pipeline
            | beam.Create(articles)
            | beam.Reshuffle()
            | EmbedArticles()
            | beam.Map(row)
            | beam.io.WriteToText(str(tmp_path / "rows"))
        )
    rows = [line for path in tmp_path.glob("rows*") for line in path.read_text().splitlines()]
    assert sorted(rows) == sorted(map(row, expected))


def test_bundles_of_a_run_that_goes_on_share_what_was_encoded(fake_encoder) -> None:
    bundles = [_EmbedBundle(lambda: fake_encoder, 128) for _ in range(2)]
    for bundle in bundles:
        bundle.setup()
    assert isinstance(bundles[0]._encoder, RecentVectors)
    assert bundles[0]._encoder is bundles[1]._encoder


def test_worker_processes_are_told_how_many_they_are() -> None:
    def processes(*flags: str) -> int:
        with beam.Pipeline(options=beam.options.pipeline_options.PipelineOptions(flags)) as pipe:
            return processes_of(pipe)

    assert processes() == 1
    assert processes("--direct_running_mode=multi_threading", "--direct_num_workers=4") == 1
    assert processes("--direct_running_mode=multi_processing", "--direct_num_workers=4") == 4
    assert processes("--direct_running_mode=multi_processing", "--direct_num_workers=0") == 0
