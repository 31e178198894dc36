"""Events, how articles belong to them, and what happened to them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.notice import Notice
from schemas.verdict import ComparedArticle

EVENT_STATUSES = ("active", "merged", "closed")
BREAKING_STATES = ("none", "candidate", "breaking", "developing", "fading")
SILENCES = (timedelta(hours=1), timedelta(hours=3), timedelta(hours=24))  # that change the state
GRANULARITIES = ("event", "story")  # how much one event takes in; the first is the default
MERGED = "merged: "  # opens the reason of a move that took an event as a whole
GUARDED = ", whatever the probability"  # in the evidence of a decision that a guard took
ROLES = ("seed", "member", "duplicate", "update")


@dataclass(frozen=True)
class ChannelReading:
    """One measured likeness of an article to the two best candidate events."""

    name: str
    best: float  # to the event it joined or stayed apart from
    second: float  # to the next best; 0.0 when there was none


@dataclass(frozen=True)
class Left:
    """An event an article was in before: it was merged away, or the article moved on."""

    event_id: str
    at: datetime  # event clock when it left
    reason: str  # what turned
    merged: bool  # the event went as a whole
    score: float  # what the article's assignment to it had
    sequence: int = 0  # of the decision that turned it


@dataclass(frozen=True)
class Assignment:
    """The decision that put one article into one event."""

    compared: ComparedArticle
    event_id: str
    role: str  # one of ROLES
    score: float  # calibrated probability that the article belongs; 1.0 for a seed
    evidence: str  # channels, values and the margin to the second-best event
    contested: bool  # the probability lay close to the decision threshold
    threshold: float = 0.0  # least probability to join when this was decided; 0.0 if not asked
    best_event_id: str = ""  # the candidate that was judged, joined or not; "" when none was
    best_score: float = 0.0  # probability that it belongs to that one
    second_event_id: str = ""  # the candidate that came next; "" when there was none
    second_score: float = 0.0  # probability that it belongs there, had the best not been
    channels: tuple[ChannelReading, ...] = ()  # what was measured, in the order of the model
    earlier: tuple[Left, ...] = ()  # events it was in before, oldest first
    sequence: int = 0  # place in the order of decisions, from 1
    votes: bool = False  # it belongs to the second event as well, which speaks for a merge
    usual_rate: float = 0.0  # see Mention
    usual_rate_hours: float = 0.0
    novelty: float = 1.0
    own_text: bool = True


@dataclass(frozen=True)
class Moved:
    """One article revision that went from one event to another after it was written."""

    article_id: str
    revision: int
    from_event: str
    to_event: str
    joined_at: datetime  # event time of the article
    at: datetime  # event clock when it moved
    role: str
    reason: str
    score: float
    sequence: int  # of the decision that moved it


@dataclass(frozen=True, slots=True)
class Mention:
    """One article revision of an event, as far as the event's row depends on it."""

    article_id: str
    revision: int
    at: datetime  # event time
    dated: bool  # the event time is known
    published_at: datetime | None
    timely: bool  # its time is known to the minute, and it came as it happened
    family: str
    role: str
    unique: bool  # neither a copy nor a changed text, nor mostly the words of another article
    usual_rate: float  # articles an hour that are usual for its family then
    usual_rate_hours: float  # of looking at the family that this rests on
    novelty: float  # 1 less the cosine of the nearest article that was in another event
    language: str
    title: str  # "" for a copy
    sentences: tuple[str, ...]  # its first ones worth quoting, at most three; none for a copy


@dataclass(frozen=True)
class Move:
    """Articles that left one event for another after they were assigned."""

    article_ids: frozenset[str]
    from_event: str
    to_event: str
    at: datetime  # event clock
    reason: str
    score: float  # probability that the one asked about belongs there
    merged: bool  # the event went as a whole; the one asked about belonged to both
    sequence: int  # of the decision that turned it
    mentions: tuple[Mention, ...] = ()  # of those that moved, copies and revisions included

    def apply(self, assignment: Assignment) -> Assignment:
        """Let an assignment of one of the articles say where it is now, and where it was."""
        if assignment.event_id != self.from_event:
            return assignment
        left = Left(
            self.from_event, self.at, self.reason, self.merged, assignment.score, self.sequence
        )
        moved = replace(assignment, event_id=self.to_event, earlier=(*assignment.earlier, left))
        if assignment.role not in ("seed", "member"):
            return moved
        score = min(assignment.score, self.score) if self.merged else self.score
        return replace(moved, score=score, evidence=f"moved here: {self.reason}")

    def records(self) -> Iterator[Moved]:
        """Give a record for each article revision that moved."""
        for told in self.mentions:
            yield Moved(
                article_id=told.article_id,
                revision=told.revision,
                from_event=self.from_event,
                to_event=self.to_event,
                joined_at=told.at,
                at=self.at,
                role=told.role,
                reason=self.reason,
                score=self.score,
                sequence=self.sequence,
            )


@dataclass(frozen=True)
class Decision:
    """What was decided when an article came, so that another process can go on from it."""

    assignment: Assignment  # as it was then, before any move
    moves: tuple[Move, ...]  # who changed events because of it, in order
    novelty: float  # of its event, see EventState
    closed: tuple[str, ...] = ()  # events that were closed because the clock moved on


@dataclass(frozen=True)
class Keyword:
    term: str
    weight: float


@dataclass(frozen=True)
class EntityCount:
    text: str
    count: int  # articles that name it


@dataclass(frozen=True)
class LanguageCount:
    code: str
    count: int


@dataclass(frozen=True)
class BreakingReason:
    """One term of the breaking score: what was measured, and what it had to reach."""

    code: str
    value: float
    threshold: float
    passed: bool


@dataclass(frozen=True)
class EventState:
    """What ``cluster`` knows of an event; ``score`` adds counts and the breaking state."""

    event_id: str
    status: str  # one of EVENT_STATUSES
    merged_into: str  # event_id of the survivor; "" unless merged
    title: str  # of the representative article, as it reads now
    representative_article_id: str
    summary: tuple[str, ...]  # at most two sentences
    summary_article_ids: tuple[str, ...]  # the article of each sentence
    keywords: tuple[Keyword, ...]
    entities: tuple[EntityCount, ...]
    cohesion_mean: float  # mean cosine of members to the centroid
    cohesion_min: float
    contested: bool  # some assignment was contested
    novelty: float  # 1 - highest cosine of the seed to an earlier event in the window
    centroid: bytes  # little-endian float32, unit norm
    embedding_model: str
    clock: datetime  # largest event time the partition had seen when this state was taken
    mentions: tuple[Mention, ...]  # its articles, in the order they joined; at least one
    sequence: int = 0  # of the last decision when this state was taken
    notices: tuple[Notice, ...] = ()  # of its articles, in order of time
    news: tuple[Notice, ...] = ()  # those of them that no state told of before


@dataclass(frozen=True)
class Event:
    """One row of the events table: an event as it stood at ``counts_as_of``."""

    event_id: str
    revision: int
    status: str
    merged_into: str
    title: str
    summary: str
    summary_article_ids: tuple[str, ...]
    representative_article_id: str
    keywords: tuple[Keyword, ...]
    entities: tuple[EntityCount, ...]
    languages: tuple[LanguageCount, ...]
    first_published_at: datetime | None
    first_seen_at: datetime  # earliest event time of its articles
    last_seen_at: datetime  # latest event time of its articles
    updated_at: datetime
    article_count: int
    unique_article_count: int
    duplicate_count: int
    publisher_family_count: int
    source_diversity: float  # entropy of articles over families, normalised to [0, 1]
    articles_15m: int
    articles_60m: int
    families_60m: int
    counts_as_of: datetime
    breaking_state: str
    breaking_since: datetime | None
    breaking_score: float  # [0, 1]
    breaking_reasons: tuple[BreakingReason, ...]
    alert_id: str  # event_id of the event that broke: this one, or one merged into it; ""
    cohesion_mean: float
    cohesion_min: float
    contested: bool
    novelty: float
    centroid: bytes
    embedding_model: str
    correction_count: int = 0  # articles that were corrected
    retraction_count: int = 0  # articles that were taken back or are gone


@dataclass(frozen=True)
class EventChange:
    """Something that happened to an event, in the shape of a CloudEvent 1.0."""

    id: str  # hash of subject, type and time: the same on replay
    type: str  # org.newsevents.event.created, .updated, .breaking, .corrected, .retracted,
    # .merged or .closed
    subject: str  # event_id
    time: datetime  # UTC, in event time
    data: str  # JSON object
