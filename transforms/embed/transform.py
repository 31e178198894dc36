"""Give every article its vector."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.utils.windowed_value import WindowedValue
from numpy.typing import NDArray

from schemas import Article, EmbeddedArticle, Notice
from transforms._shared.counts import count, timed
from transforms._shared.notices import around
from transforms._shared.ordering import decision_order
from transforms.embed.backends import AUTO, FP32
from transforms.embed.batches import bucket, embed_in_batches
from transforms.embed.encoder import BATCH_SIZE, MAX_TOKENS, Encoder, load_encoder
from transforms.embed.model import DEFAULT_MODEL
from transforms.embed.recent import RecentVectors


@dataclass
class EmbedArticles(beam.PTransform):
    """Embed title and lead of each article: unit vectors as little-endian float32.

    Nothing is rejected and nothing is kept between elements. The model is loaded once per
    process; call ``resolve_model`` before the run, so that a missing or wrong one is reported
    in one line.

    Bounded: the articles are grouped by their text and embedded in fixed batches, so that the
    bytes do not depend on how the engine cuts or spreads the work. Unbounded: each bundle is
    embedded when it ends and leaves in the order in which later stages decide; the elements keep
    their times and windows; a text that came a while ago is not encoded again. A ``Notice``
    passes, after the articles of its bundle.
    """

    model: str = DEFAULT_MODEL
    max_tokens: int = MAX_TOKENS  # word pieces of each text
    batch_size: int = BATCH_SIZE  # texts per forward pass
    bounded: bool = True
    backend: str = AUTO  # what runs the model: see ``choose``
    precision: str = FP32  # in which numbers
    encoder_factory: Callable[[], Encoder] | None = None  # instead of ``model``

    def expand(
        self, articles: beam.PCollection[Article | Notice]
    ) -> beam.PCollection[EmbeddedArticle | Notice]:
        settings = (self.factory(processes_of(articles.pipeline)), self.max_tokens)
        if not self.bounded:
            return articles | "Embed" >> beam.ParDo(_EmbedBundle(*settings))
        return around(
            articles,
            Article,
            lambda items: (
                items
                | "KeyByBucket" >> beam.Map(_keyed, self.max_tokens)
                | "GroupByBucket" >> beam.GroupByKey()
                | "Embed" >> beam.ParDo(_EmbedGroup(*settings))
            ),
        )

    def factory(self, processes: int) -> Callable[[], Encoder]:
        """Give what loads the encoder, in a process of which so many share the machine."""
        return self.encoder_factory or _ModelFactory(
            self.model, self.max_tokens, self.batch_size, self.backend, self.precision, processes
        )


def processes_of(pipeline: beam.Pipeline) -> int:
    """Say how many processes of this machine share its cores; 0: one for each."""
    options = pipeline.options.view_as(DirectOptions)
    return options.direct_num_workers if options.direct_running_mode == "multi_processing" else 1


@dataclass(frozen=True)
class _ModelFactory:
    model: str
    max_tokens: int
    batch_size: int
    backend: str
    precision: str
    processes: int

    def __call__(self) -> Encoder:
        return load_encoder(
            self.model,
            self.max_tokens,
            self.batch_size,
            self.backend,
            self.precision,
            self.processes,
        )


# Of the encoders of this process, by their id: they stay, because these hold them.
_recent: dict[int, RecentVectors] = {}


def _keyed(article: Article, max_tokens: int) -> tuple[str, Article]:
    return bucket(article, max_tokens), article


class _Timed(Encoder):
    """An encoder whose working time is counted."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.model_id = encoder.model_id
        self.dim = encoder.dim

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with timed("embed"):
            return self._encoder.encode(texts)


class _Embed(beam.DoFn):
    def __init__(self, encoder_factory: Callable[[], Encoder], max_tokens: int) -> None:
        self._encoder_factory = encoder_factory
        self._max_tokens = max_tokens

    def setup(self) -> None:
        self._encoder = self._encoder_factory()

    def _embedded(self, articles: Iterable[Article]) -> Iterator[EmbeddedArticle]:
        encoder = _Timed(self._encoder)
        for done in embed_in_batches(articles, encoder, self._max_tokens):
            count("embed", "out")
            yield done


class _EmbedGroup(_Embed):
    def process(self, keyed: tuple[str, Iterable[Article]]) -> Iterator[EmbeddedArticle]:
        articles = list(keyed[1])
        count("embed", "in", len(articles))
        yield from self._embedded(articles)


class _EmbedBundle(_Embed):
    def setup(self) -> None:
        super().setup()
        self._encoder = _recent.setdefault(id(self._encoder), RecentVectors(self._encoder))

    def start_bundle(self) -> None:
        self._held: list[tuple[Article, Any, Any]] = []
        self._notices: list[WindowedValue] = []

    def process(
        self,
        article: Article | Notice,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[EmbeddedArticle | Notice]:
        if isinstance(article, Notice):
            self._notices.append(WindowedValue(article, timestamp, [window]))
            return iter(())
        count("embed", "in")
        self._held.append((article, timestamp, window))
        return iter(())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        # By the object, not by what it holds: equal articles can differ in time.
        places: dict[int, list[tuple[Any, Any]]] = {}
        for article, timestamp, window in self._held:
            places.setdefault(id(article), []).append((timestamp, window))
        embedded = self._embedded(article for article, _, _ in self._held)
        for done in sorted(embedded, key=lambda done: decision_order(done.article)):
            timestamp, window = places[id(done.article)].pop()
            yield WindowedValue(done, timestamp, [window])
        yield from self._notices
        self._held, self._notices = [], []
