"""Turn compared articles into events, one at a time: join, open, merge, or move on."""

import math
import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np

from schemas import (
    Assignment,
    ChannelReading,
    ComparedArticle,
    EntityCount,
    EventState,
    Keyword,
    Left,
    Neighbour,
)
from schemas.ids import event_id
from transforms._shared.shards import WindowClock
from transforms.cluster.join_model import FEATURES, Decision, Features, JoinModel
from transforms.cluster.likeness import LIKENESS, Member, known_time, likeness, measure_article
from transforms.cluster.open_event import OpenEvent
from transforms.cluster.terms import DocumentFrequencies

_FORMAT = b"\x03"
_NEAR_DAYS = 3.0  # width of the time features, as in the published systems
_SAME_DAYS = 0.5  # closer gaps count as one: many dates are days, and bursts say little
_NAMED = 4  # distinct words of names from which a text is said to name what it is about
_KEYWORDS = 8
_ENTITIES = 10
_SURE = 0.5  # probability from which an article that joined one event belongs to another as well
_LEAST_VOTES = 2  # articles that must belong to two events before they are one,
_VOTING_SHARE = 0.5  # and at least this share of the smaller
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_AT = {name: FEATURES.index(name) for name in FEATURES}


@dataclass(frozen=True)
class Candidates:
    """The events an article may join, with their features, row by row."""

    events: tuple[str, ...]
    features: Features  # (n, len(FEATURES))


@dataclass(frozen=True)
class Move:
    """Articles that left one event for another after they were assigned."""

    article_ids: frozenset[str]
    to_event: str
    left: Left


class EventIndex:
    """The open events of one partition.

    ``assign`` never searches: it judges the events of the neighbours that ``dedupe`` found,
    against each event's decayed centroid, its closest members, its founder and its latest, so
    that a chain of look-alike stories does not grow into one event. Copies follow their original
    and add no weight. When articles of one event keep belonging to another as well, the two are
    merged and the older lives on; ``moves`` tells who moved.

    State per original article: term weights and first sentences, about 7 KB; dropped when its
    event has been quiet for the window by the event clock. Undated events stay until a dated
    member joins.
    """

    def __init__(
        self,
        model: JoinModel,
        frequencies: DocumentFrequencies,
        embedding_model: str,
        window: timedelta = timedelta(days=7),
        threshold: float | None = None,
        cross_model: JoinModel | None = None,
    ) -> None:
        self._model = model
        self._threshold = model.threshold if threshold is None else threshold
        self._cross_model = cross_model
        self._frequencies = frequencies
        self._embedding_model = embedding_model
        self._clock = WindowClock(window)
        self._events: dict[str, OpenEvent] = {}
        self._event_of: dict[str, str] = {}  # article → event, copies included
        self._members: dict[str, Member] = {}
        self._votes: dict[tuple[str, str], int] = {}  # younger and older event → articles
        self._opened = 0
        self._last_sweep: float | None = None
        self._moves: list[Move] = []
        self._merged: list[EventState] = []

    def assign(self, compared: ComparedArticle) -> Assignment:
        """Put one article into an event: its original's, the best candidate's or a new one."""
        settled = self._settle(compared)
        if settled is not None:
            return settled
        member = measure_article(compared.embedded, self._frequencies)
        novelty = 1.0 - max((n.cosine for n in compared.neighbours), default=0.0)
        verdicts = list(self._verdicts(member, compared.neighbours))
        if not verdicts:
            name = self._open(compared, member, novelty, False)
            return Assignment(compared, name, "seed", 1.0, "no earlier event is near", False)
        verdict = max(verdicts, key=lambda verdict: (verdict.joins, verdict.probability))
        if not verdict.joins:
            name = self._open(compared, member, novelty, verdict.contested)
            return verdict.assignment(compared, name, "seed", 1.0)
        self._join(member, verdict.best, verdict.contested)
        name = self._vote(verdict) or verdict.best
        return verdict.assignment(compared, name, "member", verdict.probability)

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
        member = measure_article(compared.embedded, self._frequencies)
        candidates = self._candidates(member, self._open_neighbours(compared.neighbours))
        if event is None or event not in self._events:
            name = self._open(compared, member, 1.0, False)
            return Assignment(compared, name, "seed", 1.0, "labelled", False), candidates
        self._join(member, event, False)
        return Assignment(compared, event, "member", 1.0, "labelled", False), candidates

    def moves(self) -> list[Move]:
        """Give the articles that changed their event since the last call, in order."""
        moved, self._moves = self._moves, []
        return moved

    def _settle(self, compared: ComparedArticle) -> Assignment | None:
        """Let a new revision follow its article, and a copy its original."""
        article = compared.embedded.article
        at = known_time(article)
        self._clock.advance(at)
        if known := self._event_of.get(article.article_id):
            return self._follow(compared, known, at, "update", 1.0, "a new revision of a member")
        if original := self._event_of.get(compared.verdict.of):
            evidence = f"{compared.verdict.kind} of {compared.verdict.of}"
            score = compared.verdict.score
            return self._follow(compared, original, at, "duplicate", score, evidence)
        return None

    def _verdicts(self, member: Member, neighbours: tuple[Neighbour, ...]) -> Iterator["_Verdict"]:
        """Judge the events in the article's language, then, if asked for, those in others."""
        near = self._open_neighbours(neighbours)
        candidates = self._candidates(member, near)
        if candidates.events:
            yield self._judge(candidates, member, self._model)
        if self._cross_model is not None:
            met = set(candidates.events)
            others = [n for n in near if self._event_of[n.article_id] not in met]
            candidates = self._candidates(member, others, any_language=True)
            if candidates.events:
                yield self._judge(candidates, member, self._cross_model)

    def _open_neighbours(self, neighbours: tuple[Neighbour, ...]) -> list[Neighbour]:
        """Keep the originals whose event is still open."""
        return [
            n
            for n in neighbours
            if n.article_id in self._members
            and not self._clock.outside(self._events[self._event_of[n.article_id]].newest)
        ]

    def _candidates(
        self, member: Member, neighbours: list[Neighbour], any_language: bool = False
    ) -> Candidates:
        """Collect the events of the neighbours and measure each against the article."""
        grouped: dict[str, list[Member]] = {}
        for n in neighbours:
            old = self._members[n.article_id]
            if any_language or _may_meet(member, old):
                grouped.setdefault(self._event_of[n.article_id], []).append(old)
        if not grouped:
            return Candidates((), np.zeros((0, len(FEATURES))))
        containments = {n.article_id: n.containment for n in neighbours}
        judged = [self._events[name].judged(nearest) for name, nearest in grouped.items()]
        together = [old for members in judged for old in members]
        rows = likeness(member, together, [containments.get(o.article_id, 0.0) for o in together])
        ends = np.cumsum([len(members) for members in judged])
        features = [
            self._features(member, self._events[name], len(nearest), measured)
            for (name, nearest), measured in zip(grouped.items(), np.split(rows, ends[:-1]))
        ]
        return Candidates(tuple(grouped), np.array(features, np.float64))

    @staticmethod
    def _features(
        member: Member, event: OpenEvent, neighbours: int, measured: Features
    ) -> list[float]:
        best = measured.max(axis=0).tolist()
        size, brief = math.log1p(len(event.members)), float(member.brief)
        return [
            *best,
            *measured.mean(axis=0).tolist(),
            float(np.dot(member.vector, event.centroid())),
            *_time_features(member.at, event.oldest, event.newest),
            size,
            math.log1p(neighbours),
            brief,
            *(brief * best[LIKENESS.index(name)] for name in ("dense", "title", "lead")),
            brief * size,
        ]

    def _judge(self, candidates: Candidates, member: Member, model: JoinModel) -> "_Verdict":
        """Ask about the best candidate, and about the next as if the best were not there."""
        threshold = self._threshold if model is self._model else model.threshold
        decision = model.decision(candidates.features, member.vector)
        runner_up, chance = "", 0.0
        if decision.second is not None:
            others = np.delete(candidates.features, decision.best, axis=0)
            names = [*candidates.events[: decision.best], *candidates.events[decision.best + 1 :]]
            next_best = model.decision(others, member.vector)
            runner_up, chance = names[next_best.best], next_best.probability
        return _Verdict(
            candidates=candidates,
            decision=decision,
            second=runner_up,
            second_probability=chance,
            threshold=threshold,
            contested=abs(decision.probability - threshold) < model.contested_band,
            guard=self._guard(candidates, decision, member) if model is self._model else "",
        )

    def _guard(self, candidates: Candidates, decision: Decision, member: Member) -> str:
        """Name what forbids a join whatever its probability; "" when nothing does.

        Two texts that both name people and places, but none in common and no number either, tell
        of two things, however alike their wording.
        """
        row = candidates.features[decision.best]
        if row[_AT["names_best"]] or row[_AT["numbers_best"]]:
            return ""
        event = self._events[candidates.events[decision.best]]
        named = member.name_words >= _NAMED and any(
            old.name_words >= _NAMED for old in event.members
        )
        return "no name and no number in common" if named else ""

    def _vote(self, verdict: "_Verdict") -> str | None:
        """Count an article that belongs to two events; merge them when enough do.

        Returns:
            The surviving event when there was a merge.
        """
        if verdict.second_probability < max(_SURE, verdict.threshold):
            return None
        pair = sorted(
            (self._events[verdict.best], self._events[verdict.second]), key=lambda e: e.opened
        )
        older, younger = pair
        key = (younger.event_id, older.event_id)
        self._votes[key] = self._votes.get(key, 0) + 1
        smaller = min(len(older.members), len(younger.members))
        if self._votes[key] < max(_LEAST_VOTES, _VOTING_SHARE * smaller):
            return None
        self._merge(older, younger, self._votes[key])
        return older.event_id

    def _merge(self, older: OpenEvent, younger: OpenEvent, votes: int) -> None:
        """Let the older of two events take over the younger."""
        self._merged.append(self._state(younger, merged_into=older.event_id))
        left = Left(
            younger.event_id,
            _EPOCH + timedelta(seconds=self._now(younger)),
            f"merged: {votes} articles belonged to {older.event_id} as well",
        )
        self._moves.append(Move(frozenset(younger.article_ids), older.event_id, left))
        older.take_over(younger)
        del self._events[younger.event_id]
        for article in younger.article_ids:
            self._event_of[article] = older.event_id
        self._votes = {
            key: votes for key, votes in self._votes.items() if younger.event_id not in key
        }

    def _join(self, member: Member, event: str, contested: bool) -> None:
        """Add an article to an open event."""
        state = self._events[event]
        state.absorb(member)
        state.contested |= contested
        self._event_of[member.article_id] = event
        self._members[member.article_id] = member

    def states(self) -> Iterator[EventState]:
        """Describe every open event as it stands."""
        for name in self._events:
            yield self._state(self._events[name])

    def retired(self) -> Iterator[EventState]:
        """Give the last state of events that were merged away or left the window, once each.

        Looks for the latter only when the clock has moved a tenth of the window since the last
        look.
        """
        yield from self._merged
        self._merged = []
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
        if quiet:
            gone = set(quiet)
            self._votes = {k: n for k, n in self._votes.items() if not gone.intersection(k)}

    def to_bytes(self) -> bytes:
        """Store the open events; an index that gets them by ``restore`` decides alike.

        Take ``moves`` and ``retired`` first: they are not stored.
        """
        frequencies = (self._frequencies.stream, self._frequencies.stream_documents)
        places = (self._event_of, self._votes, self._opened)
        state = (self._events, *places, self._clock.now, self._last_sweep, frequencies)
        return _FORMAT + pickle.dumps(state, protocol=5)

    def restore(self, stored: bytes) -> None:
        """Become what ``to_bytes`` stored; model, background table and settings stay.

        Raises:
            ValueError: the bytes are of another format version.
        """
        if stored[:1] != _FORMAT:
            raise ValueError("event index of another format version: rebuild it from output")
        (
            self._events,
            self._event_of,
            self._votes,
            self._opened,
            now,
            self._last_sweep,
            (stream, documents),
        ) = pickle.loads(stored[1:])
        self._clock.advance(now)
        self._frequencies.stream, self._frequencies.stream_documents = stream, documents
        for event in self._events.values():
            self._members.update({member.article_id: member for member in event.members})

    def _open(
        self, compared: ComparedArticle, member: Member, novelty: float, contested: bool
    ) -> str:
        """Open an event with its first article; give its id."""
        name = event_id(member.article_id, compared.embedded.article.revision)
        self._opened += 1
        nothing = np.zeros(len(member.vector))
        self._events[name] = OpenEvent(name, self._opened, novelty, nothing)
        self._join(member, name, contested)
        return name

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

    def _state(self, event: OpenEvent, merged_into: str = "") -> EventState:
        centroid = event.centroid()
        cosines = [float(member.vector @ centroid) for member in event.members]
        medoid = event.members[int(np.argmax(np.round(cosines, 5)))]  # ties keep the older
        names = Counter(name for member in event.members for name in member.names)
        spoken = sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))
        status = "closed" if self._clock.outside(event.newest) else "active"
        return EventState(
            event_id=event.event_id,
            status="merged" if merged_into else status,
            merged_into=merged_into,
            representative_article_id=medoid.article_id,
            title=medoid.title,
            summary=medoid.summary,
            keywords=tuple(Keyword(*pair) for pair in event.keywords(_KEYWORDS)),
            entities=tuple(EntityCount(text, count) for text, count in spoken[:_ENTITIES]),
            cohesion_mean=sum(cosines) / len(cosines),
            cohesion_min=min(cosines),
            contested=event.contested,
            novelty=event.novelty,
            centroid=centroid.astype("<f4").tobytes(),
            embedding_model=self._embedding_model,
            clock=_EPOCH + timedelta(seconds=self._now(event)),
        )

    def _now(self, event: OpenEvent) -> float:
        """Give the event clock; before any dated article, the event's own time or 1970."""
        now = self._clock.now if self._clock.now is not None else event.newest
        return now or 0.0


@dataclass(frozen=True)
class _Verdict:
    """What the model said about an article, kept for people to follow."""

    candidates: Candidates
    decision: Decision
    second: str
    second_probability: float
    threshold: float
    contested: bool
    guard: str

    @property
    def best(self) -> str:
        return self.candidates.events[self.decision.best]

    @property
    def probability(self) -> float:
        return self.decision.probability

    @property
    def joins(self) -> bool:
        return self.probability >= self.threshold and not self.guard

    def assignment(
        self, compared: ComparedArticle, event: str, role: str, score: float
    ) -> Assignment:
        """Make the record of the decision, with what it rested on."""
        return Assignment(
            compared=compared,
            event_id=event,
            role=role,
            score=score,
            evidence=self._evidence(),
            contested=self.contested,
            threshold=self.threshold,
            best_event_id=self.best,
            best_score=self.probability,
            second_event_id=self.second,
            second_score=self.second_probability,
            channels=self._readings(),
        )

    def _readings(self) -> tuple[ChannelReading, ...]:
        rows = self.candidates.features
        best = rows[self.decision.best]
        second = (
            rows[self.candidates.events.index(self.second)] if self.second else np.zeros(len(best))
        )
        return tuple(
            ChannelReading(name, float(best[_AT[name]]), float(second[_AT[name]]))
            for name in _SHOWN
        )

    def _evidence(self) -> str:
        """Write what the decision rested on, for people."""
        row = self.candidates.features[self.decision.best]
        brief = ("dense_best", "lead_best", "names_best", "numbers_best", "title_best")
        channels = ", ".join(f"{name} {row[_AT[name]]:.2f}" for name in brief)
        alone = math.isinf(self.decision.margin)
        margin = "no other candidate" if alone else f"{self.decision.margin:.2f}"
        side = "joins" if self.joins else "stays apart from"
        return (
            f"{side} {self.best}: probability {self.probability:.2f} (needs {self.threshold:.2f}); "
            f"{channels}; margin {margin}{f'; guard: {self.guard}' if self.guard else ''}"
        )


# What explain shows of a decision.
_SHOWN = (
    *(f"{name}_best" for name in LIKENESS),
    "dense_mean", "full_mean", "names_mean", "dense_centroid",
    "near_newest", "near_oldest", "gap_unknown", "log_gap", "log_size",
)  # fmt: skip


def _may_meet(new: Member, old: Member) -> bool:
    """Say whether two articles are in one language, as far as that is certain."""
    return not new.language or not old.language or new.language == old.language


def _time_features(at: float | None, oldest: float | None, newest: float | None) -> list[float]:
    """Measure closeness in time; an unknown gap is said to be unknown, never taken as zero."""
    if at is None or oldest is None or newest is None:
        return [0.0, 0.0, 1.0, 0.0, 0.0]
    after = max(_SAME_DAYS, (at - newest) / 86_400, (oldest - at) / 86_400)  # outside its span
    since = max(_SAME_DAYS, abs(at - oldest) / 86_400)
    return [
        math.exp(-((after / _NEAR_DAYS) ** 2) / 2),
        math.exp(-((since / _NEAR_DAYS) ** 2) / 2),
        0.0,
        math.log1p(after),
        float(after <= _SAME_DAYS),
    ]
