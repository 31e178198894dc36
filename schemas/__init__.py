"""The records that flow between stages and the contracts of the tables.

Imports neither Beam nor any other folder of this project.
"""

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
from schemas.reject import Rejected, Repeat
from schemas.verdict import ComparedArticle, DuplicateVerdict, Neighbour

SCHEMA_VERSION = "2"  # raised when a table's columns or their meaning change

__all__ = [
    "SCHEMA_VERSION",
    "Article",
    "Assignment",
    "BreakingReason",
    "ChannelReading",
    "ComparedArticle",
    "Decision",
    "Document",
    "DuplicateVerdict",
    "EmbeddedArticle",
    "EntityCount",
    "Entry",
    "Event",
    "EventChange",
    "EventState",
    "Extraction",
    "Identified",
    "Keyword",
    "LanguageCount",
    "Left",
    "Mention",
    "Move",
    "Moved",
    "Neighbour",
    "Rejected",
    "Repeat",
    "Sighting",
]
