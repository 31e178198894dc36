"""Wire normalisation into the pipeline."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas import Article, Extraction, Notice, Rejected
from transforms._shared.counts import count, timed
from transforms._shared.rejects import RejectError, rejected
from transforms._shared.shards import WINDOW_DAYS
from transforms.normalise.article import normalise_article
from transforms.normalise.language import load_detector

STAGE = "normalise"


class Normalised(NamedTuple):
    articles: beam.PCollection[Article | Notice]
    rejected: beam.PCollection[Rejected]


@dataclass
class NormaliseArticles(beam.PTransform):
    """Bring addresses, dates, languages, publishers and texts into one form.

    Rejected: ``no_text`` (nothing readable is left of the headline), ``parse_failed`` (a library
    gave up on a malformed value). What an article says of itself, that it was corrected or taken
    back, and that its page is gone, are its ``notices``; a ``Notice`` that comes passes. No state
    is kept, and order and lateness do not matter.
    """

    bounded: bool = True  # stored input: a publication date is trusted however long ago it was;
    window_days: float = WINDOW_DAYS  # else when it lies no longer back than this
    as_of: datetime | None = None  # UTC, the time of the run: nothing stored is newer

    def expand(self, extractions: beam.PCollection[Extraction | Notice]) -> Normalised:
        max_delay = None if self.bounded else timedelta(days=self.window_days)
        normalise = beam.ParDo(_NormaliseDoFn(max_delay, self.as_of))
        outputs = extractions | "Normalise" >> normalise.with_outputs("rejected", main="articles")
        return Normalised(outputs.articles, outputs.rejected)


class _NormaliseDoFn(beam.DoFn):
    def __init__(self, max_delay: timedelta | None, as_of: datetime | None) -> None:
        self._max_delay = max_delay
        self._as_of = as_of

    def setup(self) -> None:
        self._languages = load_detector()

    def process(self, extraction: Extraction | Notice) -> Iterator[Article | Notice]:
        if isinstance(extraction, Notice):
            yield extraction
            return
        count(STAGE, "in")
        try:
            with timed(STAGE):
                article = normalise_article(
                    extraction, self._languages, max_delay=self._max_delay, as_of=self._as_of
                )
        except RejectError as error:
            yield _refuse(extraction, error)
        except Exception as error:  # one hostile value must not stop the others
            reason = f"{type(error).__name__}: {error}"
            yield _refuse(extraction, RejectError("parse_failed", reason, replayable=True))
        else:
            count(STAGE, "out")
            yield article


def _refuse(extraction: Extraction, error: RejectError) -> TaggedOutput:
    count(STAGE, f"rejected_{error.reason}")
    entry = extraction.identified.entry
    payload = f"{extraction.title}\n\n{extraction.body}".encode("utf-8", "replace")
    letter = rejected(STAGE, entry.key, error, entry.received_at, payload)
    return TaggedOutput("rejected", letter)
