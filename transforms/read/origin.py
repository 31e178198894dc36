"""Where some bytes came from and how much of them is taken."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Limits:
    """How much is taken before an input counts as hostile."""

    max_file_bytes: int = 512 * 1024 * 1024  # of a file, before and after decompression
    max_item_bytes: int = 32 * 1024 * 1024  # of one document, line or record


@dataclass(frozen=True)
class Origin:
    """What the documents made of some bytes will say of themselves."""

    key: str
    url: str
    received_at: datetime
    content_type: str = ""
    charset: str = ""
    feed_id: str = ""
    backfill: bool = False  # see schemas.Document


@dataclass(frozen=True)
class Skipped:
    """A part of a container that is no article by its nature; ``why`` names the counter."""

    why: str
