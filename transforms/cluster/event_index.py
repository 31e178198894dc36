"""Turn compared articles into events, one at a time: join, or open a new event."""

import math
import pickle
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from schemas import (
    Article,
    Assignment,
    ComparedArticle,
    EntityCount,
    EventState,
    Keyword,
    Neighbour,
)
from schemas.ids import event_id
from transforms._shared.shards import WindowClock, seconds
from transforms.cluster.join_model import FEATURES, Decision, Features, JoinModel
from transforms.cluster.terms import (
    CHANNELS,
    DocumentFrequencies,
    Vector,
    cosine,
    extract_terms,
    first_sentences,
    weigh,
)

_FORMAT = b"\x01"
_DECAY_DAYS = 4.0  # a member's weight in the centroid falls to 1/e after this gap
_NEAR_DAYS = 3.0  # width of the time features, as in the published systems
_MAX_TERMS = 400  # per channel of a centroid; the lightest are dropped beyond twice this
_BRIEF_WORDS = 30  # title and text together
_KEYWORDS = 8
_ENTITIES = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass
class _Member:
    """What is kept of an original article while its event lives."""

    article_id: str
    at: float | None
    vector: NDArray[np.float32]
    weights: dict[str, Vector]
    names: tuple[str, ...]
    title: str
    summary: str
    brief: bool  # hardly more than a headline: every channel then says the same few words


@dataclass
class _OpenEvent:
    """The running sums of one event."""

    event_id: str
    dense: NDArray[np.float64]
    sums: dict[str, dict[str, float]]
    novelty: float
    members: list[_Member] = field(default_factory=list)
    article_ids: set[str] = field(default_factory=set)
    name_holders: Counter[str] = field(default_factory=Counter)
    number_holders: Counter[str] = field(default_factory=Counter)
    oldest: float | None = None
    newest: float | None = None
    contested: bool = False

    def touch(self, at: float | None) -> None:
        """Stretch the event's span to include ``at``."""
        if at is not None:
            self.oldest = at if self.oldest is None else min(self.oldest, at)
            self.newest = at if self.newest is None else max(self.newest, at)

    def absorb(self, member: _Member) -> None:
        """Add an original to the sums, fading what came long before it."""
        if member.at is not None and self.newest is not None and member.at > self.newest:
            fade = math.exp(-(member.at - self.newest) / (_DECAY_DAYS * 86_400))
            self.dense *= fade
            for channel in CHANNELS:
                self.sums[channel] = {t: w * fade for t, w in self.sums[channel].items()}
        self.dense += member.vector
        for channel in CHANNELS:
            total = self.sums[channel]
            for term, weight in member.weights[channel].items():
                total[term] = total.get(term, 0.0) + weight
            if len(total) > 2 * _MAX_TERMS:
                self.sums[channel] = dict(
                    sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))[:_MAX_TERMS]
                )
        self.name_holders.update(member.weights["names"].keys())
        self.number_holders.update(member.weights["numbers"].keys())
        self.members.append(member)
        self.article_ids.add(member.article_id)
        self.touch(member.at)

    def centroid(self) -> NDArray[np.float32]:
        """Give the unit mean vector."""
        norm = float(np.linalg.norm(self.dense))
        return (self.dense / norm if norm else self.dense).astype(np.float32)


@dataclass(frozen=True)
class Candidates:
    """The events an article may join, with their features, row by row."""

    events: tuple[str, ...]
    features: Features  # (n, len(FEATURES))


class EventIndex:
    """The open events of one partition.

    ``assign`` never searches: it judges the events of the neighbours that ``dedupe`` found,
    against each event's decayed centroid *and* its closest members, so that a chain of look-alike
    stories does not grow into one event. Copies follow their original and add no weight.

    State per event: sums of vectors and term weights (at most 800 terms a channel), and per
    original article its term weights and first sentences, about 8 KB; dropped when the event has
    been quiet for the window by the event clock. Undated events stay until a dated member joins.
    """

    def __init__(
        self,
        model: JoinModel,
        frequencies: DocumentFrequencies,
        embedding_model: str,
        window: timedelta = timedelta(days=7),
    ) -> None:
        self._model = model
        self._frequencies = frequencies
        self._embedding_model = embedding_model
        self._clock = WindowClock(window)
        self._events: dict[str, _OpenEvent] = {}
        self._event_of: dict[str, str] = {}  # article → event, copies included
        self._members: dict[str, _Member] = {}
        self._last_sweep: float | None = None

    def assign(self, compared: ComparedArticle) -> Assignment:
        """Put one article into an event: its original's, the best candidate's or a new one."""
        settled = self._settle(compared)
        if settled is not None:
            return settled
        member = self._measure(compared)
        candidates = self._candidates(member, compared.neighbours)
        novelty = 1.0 - max((n.cosine for n in compared.neighbours), default=0.0)
        if not candidates.events:
            return self._open(compared, member, novelty, "no earlier event is near", False)
        decision = self._model.decision(candidates.features)
        row = candidates.features[decision.best]
        best = candidates.events[decision.best]
        contested = abs(decision.probability - self._model.threshold) < self._model.contested_band
        evidence = _evidence(best, decision, row, self._model.threshold)
        if decision.probability < self._model.threshold:
            return self._open(compared, member, novelty, evidence, contested)
        return self._join(compared, member, best, decision.probability, evidence, contested)

    def place(
        self, compared: ComparedArticle, event: str | None
    ) -> tuple[Assignment, Candidates | None]:
        """Put an article where a label says: into ``event`` while it is open, else a new one.

        Training replays a labelled stream this way. Copies and revisions follow their article
        as always.

        Returns:
            The assignment, and the candidates the model would have been asked about.
        """
        settled = self._settle(compared)
        if settled is not None:
            return settled, None
        member = self._measure(compared)
        candidates = self._candidates(member, compared.neighbours)
        if event is None or event not in self._events:
            return self._open(compared, member, 1.0, "labelled", False), candidates
        return self._join(compared, member, event, 1.0, "labelled", False), candidates

    def _settle(self, compared: ComparedArticle) -> Assignment | None:
        """Let a new revision follow its article, and a copy its original."""
        article = compared.embedded.article
        at = _known_time(article)
        self._clock.advance(at)
        if known := self._event_of.get(article.article_id):
            return self._follow(compared, known, at, "update", 1.0, "a new revision of a member")
        if original := self._event_of.get(compared.verdict.of):
            evidence = f"{compared.verdict.kind} of {compared.verdict.of}"
            score = compared.verdict.score
            return self._follow(compared, original, at, "duplicate", score, evidence)
        return None

    def _candidates(self, member: _Member, neighbours: tuple[Neighbour, ...]) -> Candidates:
        """Collect the open events of the neighbours and measure each against the article."""
        grouped: dict[str, list[Neighbour]] = {}
        for neighbour in neighbours:
            event = self._event_of.get(neighbour.article_id)
            if event is not None and not self._clock.outside(self._events[event].newest):
                grouped.setdefault(event, []).append(neighbour)
        rows = [self._features(member, self._events[name], grouped[name]) for name in grouped]
        shape = (len(rows), len(FEATURES))
        return Candidates(tuple(grouped), np.array(rows, np.float64).reshape(shape))

    def _join(
        self,
        compared: ComparedArticle,
        member: _Member,
        event: str,
        probability: float,
        evidence: str,
        contested: bool,
    ) -> Assignment:
        """Add an article to an open event."""
        state = self._events[event]
        state.absorb(member)
        state.contested |= contested
        self._remember(member, event)
        return Assignment(compared, event, "member", probability, evidence, contested)

    def states(self) -> Iterator[EventState]:
        """Describe every open event as it stands."""
        for name in self._events:
            yield self._state(self._events[name])

    def expire(self) -> Iterator[EventState]:
        """Close the events that left the window and give their last state.

        Looks only when the clock has moved a tenth of the window since the last look.
        """
        now = self._clock.now
        if now is None:
            return
        if (
            self._last_sweep is not None
            and now - self._last_sweep < self._clock.window_seconds / 10
        ):
            return
        self._last_sweep = now
        quiet = [n for n, event in self._events.items() if self._clock.outside(event.newest)]
        for name in quiet:
            event = self._events[name]
            yield self._state(event)
            del self._events[name]
            for article in event.article_ids:
                self._event_of.pop(article, None)
                self._members.pop(article, None)

    def to_bytes(self) -> bytes:
        """Store the open events; ``from_bytes`` gives an index that decides alike."""
        frequencies = (self._frequencies.stream, self._frequencies.stream_documents)
        state = (self._events, self._event_of, self._clock.now, self._last_sweep, frequencies)
        return _FORMAT + pickle.dumps(state, protocol=5)

    @classmethod
    def from_bytes(
        cls,
        stored: bytes,
        model: JoinModel,
        frequencies: DocumentFrequencies,
        embedding_model: str,
        window: timedelta = timedelta(days=7),
    ) -> "EventIndex":
        """Restore what ``to_bytes`` stored; the model and the background table come again.

        Raises:
            ValueError: the bytes are of another format version.
        """
        if stored[:1] != _FORMAT:
            raise ValueError("event index of another format version: rebuild it from output")
        index = cls(model, frequencies, embedding_model, window)
        events, event_of, now, last_sweep, (stream, documents) = pickle.loads(stored[1:])
        index._events, index._event_of, index._last_sweep = events, event_of, last_sweep
        index._clock.advance(now)
        frequencies.stream, frequencies.stream_documents = stream, documents
        for event in events.values():
            index._members.update({member.article_id: member for member in event.members})
        return index

    def _measure(self, compared: ComparedArticle) -> _Member:
        """Weigh an article's terms by their rarity so far, and count them."""
        article = compared.embedded.article
        terms = extract_terms(article)
        self._frequencies.learn([*terms.bags["full"], *terms.bags["names"], *terms.bags["numbers"]])
        return _Member(
            article_id=article.article_id,
            at=_known_time(article),
            vector=np.frombuffer(compared.embedded.embedding, "<f4"),
            weights={
                channel: weigh(terms.bags[channel], self._frequencies) for channel in CHANNELS
            },
            names=terms.names[:40],
            title=article.title,
            summary=first_sentences(article.body or article.description),
            brief=terms.bags["full"].total() < _BRIEF_WORDS,
        )

    def _features(
        self, member: _Member, event: _OpenEvent, neighbours: list[Neighbour]
    ) -> list[float]:
        row: list[float] = [
            float(member.vector @ event.centroid()),
            max(neighbour.cosine for neighbour in neighbours),
        ]
        near = [m for n in neighbours if (m := self._members.get(n.article_id))]
        for channel in CHANNELS:
            own = member.weights[channel]
            total = event.sums[channel]
            norm = math.sqrt(sum(weight * weight for weight in total.values())) or 1.0
            row.append(cosine(own, total) / norm)
            row.append(max((cosine(own, other.weights[channel]) for other in near), default=0.0))
        size = len(event.members)
        row.append(self._rare(member.weights["names"], event.name_holders, size) / 20.0)
        row.append(self._rare(member.weights["numbers"], event.number_holders, size) / 20.0)
        row.append(max(neighbour.containment for neighbour in neighbours))
        row += _time_features(member.at, event.oldest, event.newest)
        row.append(math.log1p(size))
        brief = float(member.brief)
        row += [brief, brief * row[1], brief * row[3], brief * row[-1]]
        return row

    def _rare(self, own: Mapping[str, float], holders: Counter[str], size: int) -> float:
        """Sum the rarity of shared terms, each by the share of members that hold it."""
        idf = self._frequencies.idf
        return sum(idf(term) * holders[term] / size for term in own if term in holders)

    def _open(
        self,
        compared: ComparedArticle,
        member: _Member,
        novelty: float,
        evidence: str,
        contested: bool,
    ) -> Assignment:
        name = event_id(member.article_id, compared.embedded.article.revision)
        event = _OpenEvent(
            event_id=name,
            dense=np.zeros(len(member.vector), np.float64),
            sums={channel: {} for channel in CHANNELS},
            novelty=novelty,
            contested=contested,
        )
        event.absorb(member)
        self._events[name] = event
        self._remember(member, name)
        return Assignment(compared, name, "seed", 1.0, evidence, contested)

    def _follow(
        self,
        compared: ComparedArticle,
        event: str,
        at: float | None,
        role: str,
        score: float,
        evidence: str,
    ) -> Assignment:
        """Put a copy or a new revision where it belongs, without changing the event's sums."""
        article = compared.embedded.article
        self._event_of[article.article_id] = event
        self._events[event].article_ids.add(article.article_id)
        self._events[event].touch(at)
        return Assignment(compared, event, role, score, evidence, False)

    def _remember(self, member: _Member, event: str) -> None:
        self._event_of[member.article_id] = event
        self._members[member.article_id] = member

    def _state(self, event: _OpenEvent) -> EventState:
        centroid = event.centroid()
        cosines = [float(member.vector @ centroid) for member in event.members]
        medoid = event.members[int(np.argmax(np.round(cosines, 5)))]  # ties keep the older
        heaviest = sorted(event.sums["lead"].items(), key=lambda pair: (-pair[1], pair[0]))
        names = Counter(name for member in event.members for name in member.names)
        spoken = sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))
        now = self._clock.now if self._clock.now is not None else event.newest
        return EventState(
            event_id=event.event_id,
            status="closed" if self._clock.outside(event.newest) else "active",
            merged_into="",
            representative_article_id=medoid.article_id,
            title=medoid.title,
            summary=medoid.summary,
            keywords=tuple(
                Keyword(term, weight / len(event.members)) for term, weight in heaviest[:_KEYWORDS]
            ),
            entities=tuple(EntityCount(text, count) for text, count in spoken[:_ENTITIES]),
            cohesion_mean=sum(cosines) / len(cosines),
            cohesion_min=min(cosines),
            contested=event.contested,
            novelty=event.novelty,
            centroid=centroid.astype("<f4").tobytes(),
            embedding_model=self._embedding_model,
            clock=_EPOCH + timedelta(seconds=now or 0.0),
        )


def _known_time(article: Article) -> float | None:
    return seconds(article.event_time) if article.time_known else None


def _time_features(at: float | None, oldest: float | None, newest: float | None) -> list[float]:
    """Measure closeness in time; an unknown gap is said to be unknown, never taken as zero."""
    if at is None or oldest is None or newest is None:
        return [0.0, 0.0, 1.0, 0.0]
    after = max(0.0, at - newest, oldest - at) / 86_400  # days outside the event's span
    since = abs(at - oldest) / 86_400
    return [
        math.exp(-((after / _NEAR_DAYS) ** 2) / 2),
        math.exp(-((since / _NEAR_DAYS) ** 2) / 2),
        0.0,
        math.log1p(after),
    ]


def _evidence(event: str, decision: Decision, row: Features, threshold: float) -> str:
    """Write what the decision rested on, for people."""
    shown = ("dense_best", "lead_best", "names_best", "numbers_best", "title_best")
    channels = ", ".join(f"{name} {row[FEATURES.index(name)]:.2f}" for name in shown)
    margin = "no other candidate" if math.isinf(decision.margin) else f"{decision.margin:.2f}"
    side = "joins" if decision.probability >= threshold else "stays apart from"
    return (
        f"{side} {event}: probability {decision.probability:.2f} (needs {threshold:.2f}); "
        f"{channels}; margin {margin}"
    )
