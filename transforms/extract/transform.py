"""Wire extraction into the pipeline."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas import Extraction, Identified, Notice, Rejected
from transforms._shared.counts import count, timed
from transforms._shared.rejects import RejectError, rejected
from transforms.extract.extraction import extract_article, has_page
from transforms.extract.page import quiet_libraries, release_memory

STAGE = "extract"


class Extracted(NamedTuple):
    extractions: beam.PCollection[Extraction | Notice]
    rejected: beam.PCollection[Rejected]


@dataclass
class ExtractArticles(beam.PTransform):
    """Free each entry's text from its page, its markup and its site's clutter.

    Rejected: ``no_text`` (neither text nor headline), ``parse_failed`` (a library gave up on a
    malformed page). A ``Notice`` passes. No state is kept, and order and lateness do not matter.
    """

    pages_between_cleanups: int = 500  # the parsing libraries' caches are emptied after so many

    def expand(self, entries: beam.PCollection[Identified | Notice]) -> Extracted:
        extract = beam.ParDo(_ExtractDoFn(self.pages_between_cleanups))
        outputs = entries | "Extract" >> extract.with_outputs("rejected", main="extractions")
        return Extracted(outputs.extractions, outputs.rejected)


class _ExtractDoFn(beam.DoFn):
    def __init__(self, pages_between_cleanups: int) -> None:
        self._pages_between_cleanups = pages_between_cleanups
        self._pages = 0

    def setup(self) -> None:
        quiet_libraries()

    def process(self, identified: Identified | Notice) -> Iterator[Extraction | Notice]:
        if isinstance(identified, Notice):
            yield identified
            return
        count(STAGE, "in")
        if has_page(identified):
            self._pages += 1
            if self._pages % self._pages_between_cleanups == 0:
                release_memory()
        try:
            with timed(STAGE):
                extraction = extract_article(identified)
        except RejectError as error:
            yield _refuse(identified, error)
        except Exception as error:  # one hostile page must not stop the others
            reason = f"{type(error).__name__}: {error}"
            yield _refuse(identified, RejectError("parse_failed", reason, replayable=True))
        else:
            count(STAGE, "out")
            yield extraction


def _refuse(identified: Identified, error: RejectError) -> TaggedOutput:
    count(STAGE, f"rejected_{error.reason}")
    entry = identified.entry
    payload = (entry.content or entry.summary).encode("utf-8", "replace")
    letter = rejected(STAGE, entry.key, error, entry.received_at, payload)
    return TaggedOutput("rejected", letter)
