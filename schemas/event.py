"""Events, how articles belong to them, and what happened to them."""

from dataclasses import dataclass
from datetime import datetime

from schemas.verdict import ComparedArticle

EVENT_STATUSES = ("active", "merged", "closed")
BREAKING_STATES = ("none", "candidate", "breaking", "developing", "fading")
GRANULARITIES = ("event", "story")  # how much one event takes in; the first is the default
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
    representative_article_id: str
    title: str
    summary: str  # two sentences of the representative article
    keywords: tuple[Keyword, ...]
    entities: tuple[EntityCount, ...]
    cohesion_mean: float  # mean cosine of members to the centroid
    cohesion_min: float
    contested: bool  # some assignment was contested
    novelty: float  # 1 - highest cosine of the seed to an earlier event in the window
    centroid: bytes  # little-endian float32, unit norm
    embedding_model: str
    clock: datetime  # largest event time the partition had seen when this state was taken


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
    cohesion_mean: float
    cohesion_min: float
    contested: bool
    centroid: bytes
    embedding_model: str


@dataclass(frozen=True)
class EventChange:
    """Something that happened to an event, in the shape of a CloudEvent 1.0."""

    id: str  # hash of subject, type and time: the same on replay
    type: str  # org.newsevents.event.created, .breaking, .merged or .closed
    subject: str  # event_id
    time: datetime  # UTC, in event time
    data: str  # JSON object
