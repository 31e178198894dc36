"""Fill a window of articles: by deciding on each, or by repeating what was decided on few.

Deciding on 100,000 articles takes most of an hour, and of those only the last few hundred are
timed. Yet a repeat of a story (see repeats.py) stands to the other stories of its repeat as the
story stands to those of the stream. So the stories are decided on once, through the same calls as
in the pipeline; every repeat is then put in as the pipeline takes up a window that it finds in its
output (``replay``): measured and added as ever, with the verdict and the event that its story had,
but not searched for and not judged.

What that leaves out: events and copies across repeats. ``benchmarks.window --fill decided``
decides on every article, to see what it matters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from benchmarks.repeats import Story, Stream, Vectors
from schemas import (
    Assignment,
    ComparedArticle,
    Decision,
    DuplicateVerdict,
    EmbeddedArticle,
    Move,
)
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import load_join_model
from transforms.cluster.terms import background_frequencies
from transforms.dedupe.duplicate_index import DuplicateIndex

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
LAST_DECIDED = 100  # articles decided on at the end of a fill, before anything is timed


@dataclass(frozen=True)
class Decided:
    """What became of one story, told by the places of others in the stream."""

    kind: str  # of its verdict
    original: int  # the story it is a copy of; itself when it is none
    seed: int  # the story that opened its event


class Window:
    """A window's two indexes as the pipeline makes them, and the clock of its stream."""

    def __init__(self, size: int, days: float, dim: int, embedding_model: str) -> None:
        window = timedelta(days=days)
        self._step = window / size
        self.dedupe = DuplicateIndex(dim, window)
        self.cluster = EventIndex(
            load_join_model(embedding_model), background_frequencies(), embedding_model, window
        )

    def at(self, number: int) -> datetime:
        """Give the time of an article; ``size`` of them last as long as the window."""
        return START + self._step * number

    def decide(self, embedded: EmbeddedArticle) -> tuple[ComparedArticle, Assignment, list[Move]]:
        """Take the next article as the pipeline does."""
        compared = self.dedupe.assign(embedded)
        return compared, *self.assign(compared)

    def assign(self, compared: ComparedArticle) -> tuple[Assignment, list[Move]]:
        """Put a compared article into an event, and close what is over."""
        assignment = self.cluster.assign(compared)
        for _ in self.cluster.retired():
            pass
        return assignment, self.cluster.moves()

    def repeat(self, compared: ComparedArticle, event: str, role: str) -> None:
        """Take the next article as the pipeline takes up what it decided in an earlier run."""
        self.dedupe.replay(compared)
        assignment = Assignment(compared, event, role, 1.0, "", False)
        self.cluster.replay(Decision(assignment, (), 1.0, ()))


def decide_once(
    stories: Sequence[Story], vectors: Vectors, days: float, embedding_model: str
) -> list[Decided]:
    """Decide on every story of the stream, spread over one window; events as at the end."""
    stream = Stream(stories, vectors, len(stories), 0)
    window = Window(len(stories), days, vectors.shape[1], embedding_model)
    place_of: dict[str, int] = {}
    event_of: dict[str, str] = {}
    opened: dict[str, int] = {}
    verdicts: list[DuplicateVerdict] = []
    for number in range(len(stories)):
        embedded = stream.get(number, window.at(number))
        name = embedded.article.article_id
        place_of[name] = number
        compared, assignment, moves = window.decide(embedded)
        verdicts.append(compared.verdict)
        event_of[name] = assignment.event_id
        opened.setdefault(assignment.event_id, number)
        for move in moves:
            event_of.update(dict.fromkeys(move.article_ids, move.to_event))
    return [
        Decided(verdict.kind, place_of.get(verdict.of, number), opened[event_of[name]])
        for (name, number), verdict in zip(place_of.items(), verdicts)
    ]


class Put(NamedTuple):
    """An article in the window and what became of it."""

    embedded: EmbeddedArticle
    kind: str  # of its verdict
    role: str


def fill(
    window: Window, stream: Stream, size: int, decided: Sequence[Decided] = ()
) -> Iterator[Put]:
    """Put in the first ``size`` articles; without ``decided`` each is decided on."""
    repeated = max(0, size - LAST_DECIDED) if decided else 0
    copies, events = Copies(stream, decided), set()
    for number in range(size):
        embedded = stream.get(number, window.at(number))
        if number >= repeated:
            compared, assignment, _ = window.decide(embedded)
            yield Put(embedded, compared.verdict.kind, assignment.role)
            continue
        verdict, event = copies.as_decided(*stream.where(number))
        role = "duplicate" if verdict.of else "member" if event in events else "seed"
        events.add(event)
        window.repeat(ComparedArticle(embedded, verdict, (), ""), event, role)
        yield Put(embedded, verdict.kind, role)


class Copies:
    """Tells what was decided on a story to each of its repeats."""

    def __init__(self, stream: Stream, decided: Sequence[Decided]) -> None:
        self._stream = stream
        self._decided = decided
        self._there: set[tuple[int, int]] = set()

    def as_decided(self, repeat: int, place: int) -> tuple[DuplicateVerdict, str]:
        """Give verdict and event of the repeat of a story."""
        self._there.add((repeat, place))
        what = self._decided[place]
        event = f"event of {self._stream.name(repeat, what.seed)}"
        # A repeat may begin between an original and its copy, which then is none.
        if what.original == place or (repeat, what.original) not in self._there:
            return DuplicateVerdict("none", "", 0.0, ""), event
        original = self._stream.name(repeat, what.original)
        return DuplicateVerdict(what.kind, original, 1.0, ""), event
