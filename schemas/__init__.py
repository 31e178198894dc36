"""The records that flow between stages and the contracts of the tables.

Imports neither Beam nor any other folder of this project.
"""

from schemas.alert import Alert
from schemas.article import Article, EmbeddedArticle, Extraction
from schemas.document import Document
from schemas.entry import Entry, Identified, Sighting
from schemas.event import (
    Assignment,
    BreakingReason,
    ChannelReading,
    Decision,
    EntityCount,
    Event,
    EventChange,
    EventState,
    Keyword,
    LanguageCount,
    Left,
    Mention,
    Move,
    Moved,
)
from schemas.feed import Attempt, Dropped, Fetch, Reading
from schemas.notice import Notice, TakenBack
from schemas.page import Page
from schemas.reject import Rejected, Repeat
from schemas.verdict import ComparedArticle, DuplicateVerdict, Neighbour

SCHEMA_VERSION = "3"  # raised when a table's columns or their meaning change

__all__ = [
    "SCHEMA_VERSION",
    "Alert",
    "Article",
    "Assignment",
    "Attempt",
    "BreakingReason",
    "ChannelReading",
    "ComparedArticle",
    "Decision",
    "Document",
    "Dropped",
    "DuplicateVerdict",
    "EmbeddedArticle",
    "EntityCount",
    "Entry",
    "Event",
    "EventChange",
    "EventState",
    "Extraction",
    "Fetch",
    "Identified",
    "Keyword",
    "LanguageCount",
    "Left",
    "Mention",
    "Move",
    "Moved",
    "Neighbour",
    "Notice",
    "Page",
    "Reading",
    "Rejected",
    "Repeat",
    "Sighting",
    "TakenBack",
]
