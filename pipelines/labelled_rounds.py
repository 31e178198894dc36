"""A labelled stream as it would have come: round by round, in order of time or shaken up."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from pipelines.labelled import read_lines
from schemas import Document, Fetch, Reading, Repeat
from transforms._shared.rejects import RejectError
from transforms.extract.extraction import extract_article
from transforms.identify.seen import SeenIndex
from transforms.normalise.article import normalise_article
from transforms.normalise.language import LanguageDetector
from transforms.parse.document import parse_document
from transforms.read.feed_book import FeedHealth
from transforms.read.files import file_uri, modified

ROUND = timedelta(hours=1)  # of the stream's own time
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def labelled_rounds(
    path: str, shuffle: timedelta, seed: int, as_of: datetime
) -> list[list[Document]]:
    """Cut a labelled stream into rounds.

    Args:
        path: JSON Lines.
        shuffle: each dated item comes up to this much later than it was published, as ``seed``
            decides; items without a date come first.
        as_of: time of the run.
    """
    chooser, languages = random.Random(seed), LanguageDetector()
    received_at, uri = modified(path), file_uri(path)
    slices: dict[int, list[Document]] = {}
    for number, line in read_lines(path):
        document = Document(
            key=f"{uri}#L{number}", url=uri, kind="json", input_kind="jsonl",
            content=line.strip().encode("utf-8", "surrogatepass"), charset="",
            received_at=received_at,
        )  # fmt: skip
        at = _event_time(document, languages, as_of)
        place = -1 if at is None else (at + chooser.random() * shuffle - _EPOCH) // ROUND
        slices.setdefault(place, []).append(document)
    return [slices[place] for place in sorted(slices)]


@dataclass
class LabelledRounds:
    """Gives one slice of the stream as each round; stands where a poller would."""

    slices: list[list[Document]]
    unsettled: bool = False
    missing: set[str] = field(default_factory=set)
    _next: int = field(default=0)

    def round(self) -> Iterator[Document]:
        """Give the next slice; nothing after the last."""
        documents = self.slices[self._next] if self._next < len(self.slices) else []
        self._next += 1
        yield from documents

    def settle(self, readings: list[Reading]) -> list[Fetch]:
        """There is nothing to judge."""
        return []

    def health(self) -> list[FeedHealth]:
        """There are no feeds."""
        return []


def _event_time(
    document: Document, languages: LanguageDetector, as_of: datetime
) -> datetime | None:
    """Give the time at which the article of a line will count; None when that is not known."""
    try:
        entry = parse_document(document, 1).entries[0]
        decided = SeenIndex(None).identify(entry)
        if isinstance(decided, Repeat):
            return None
        extraction = extract_article(decided)
        article = normalise_article(extraction, languages, max_delay=None, as_of=as_of)
    except (RejectError, IndexError):
        return None  # the flow says what is wrong with it
    return article.event_time if article.time_known else None
