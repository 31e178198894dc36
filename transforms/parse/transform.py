"""Wire parsing into the pipeline."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas import Document, Entry, Reading, Rejected, TakenBack
from transforms._shared.counts import count, timed
from transforms._shared.rejects import RejectError, rejected
from transforms.parse.document import parse_document
from transforms.parse.found import MAX_ENTRIES, Loss
from transforms.parse.reading import read, taken_back, unread

STAGE = "parse"


class Parsed(NamedTuple):
    entries: beam.PCollection[Entry | TakenBack]
    readings: beam.PCollection[Reading]
    rejected: beam.PCollection[Rejected]


@dataclass
class ParseEntries(beam.PTransform):
    """Find the entries in each document; what cannot be read leaves by ``rejected``.

    Of each document of a feed, ``readings`` has what was found in it. Items that a feed says were
    deleted come after its entries, as many as it may have entries; ``deleted`` counts all of them
    and ``deleted_unread`` those that do not come.

    Rejected, whole documents: ``undecodable``, ``empty``, ``too_large``, ``too_complex``,
    ``not_a_feed``, ``empty_feed``, ``not_a_news_sitemap``, ``entity_declarations``,
    ``invalid_json``, ``empty_list``, ``too_many_parts``, ``headers_too_large``, ``no_text``,
    ``unsupported``, ``parse_failed`` (a library gave up).
    Single items: ``empty_entry``, ``bad_item``, ``no_link``, ``no_title``, ``not_an_object``,
    ``no_article_fields``. Beside the entries of a feed that is not whole: ``truncated_feed``,
    ``malformed_feed``, ``too_many_entries``.

    No state is kept, and order and lateness do not matter.
    """

    max_entries: int = MAX_ENTRIES  # of one feed; the others are one dead letter

    def expand(self, documents: beam.PCollection[Document]) -> Parsed:
        parse = beam.FlatMap(_parse, self.max_entries)
        outputs = documents | "Parse" >> parse.with_outputs("readings", "rejected", main="entries")
        return Parsed(outputs.entries, outputs.readings, outputs.rejected)


def _parse(
    document: Document, max_entries: int
) -> Iterator[
    Entry
    | TakenBack
    | TaggedOutput[Literal["readings"], Reading]
    | TaggedOutput[Literal["rejected"], Rejected]
]:
    count(STAGE, "in")
    try:
        with timed(STAGE):
            found = parse_document(document, max_entries)
    except RejectError as error:
        yield from _refuse_all(document, error)
        return
    except Exception as error:  # one hostile document must not stop the others
        failure = RejectError("parse_failed", f"{type(error).__name__}: {error}", replayable=True)
        yield from _refuse_all(document, failure)
        return
    if document.feed_id:
        yield TaggedOutput("readings", read(document, found))
    for note in found.notes:
        count(STAGE, note)
    for loss in found.losses:
        yield _refuse(document, loss)
    for entry in found.entries:
        count(STAGE, "out")
        yield entry
    if found.deleted:
        count(STAGE, "deleted", found.deleted)
        count(STAGE, "deleted_unread", found.deleted - len(found.tombstones))
    yield from taken_back(document, found)


def _refuse_all(document: Document, error: RejectError) -> Iterator[TaggedOutput]:
    if document.feed_id:
        yield TaggedOutput("readings", unread(document, error))
    yield _refuse(document, Loss(document.key, error, document.content))


def _refuse(document: Document, loss: Loss) -> TaggedOutput:
    count(STAGE, f"rejected_{loss.error.reason}")
    letter = rejected(STAGE, loss.key, loss.error, document.received_at, loss.payload)
    return TaggedOutput("rejected", letter)
