"""How much of what others wrote is kept in the tables (``--store_text``).

Articles are decided on with their whole text, which lives in memory for that. What leaves for the
tables is trimmed here, record by record, so that whatever is made of records (rows of any sink,
bodies of alerts) holds no more.

What every choice keeps is not the text, but was made of it: titles, addresses, dates, authors,
keywords, names, vectors and hashes. They can tell what a text is about, and of whom.
"""

import re
from dataclasses import replace
from typing import TypeVar

from schemas import Article, Assignment, Event, Reading, Rejected

FULL, LEAD, NONE = STORE_TEXT = ("full", "lead", "none")
LEAD_CHARS = 400  # of a body, and of a description, which may hold the whole text as well

_SENTENCE_END = re.compile(r"""[.!?…]["'”’»)\]]*(?=\s)|[。！？]["'”’»）」』]*""")
_LEAST_CHARS = 80  # of a lead that ends with a sentence; one that would be shorter is cut at a word
_QUOTING = ("parse_failed", "read_failed")  # a library's words, which may quote the item

Record = TypeVar("Record")


def keep_text(record: Record, store_text: str) -> Record:
    """Take from a record what the tables are not to hold.

    ``full`` keeps all. ``lead`` keeps at most ``LEAD_CHARS`` characters of the body and of the
    description. ``none`` keeps no body, no description and no summary of an event. Neither of the
    two keeps the payload of a dead letter, nor what a library said about it; its hash stays.

    Args:
        record: of any class that a row is made of.
        store_text: one of ``STORE_TEXT``.

    Raises:
        ValueError: it is another.
    """
    if store_text not in STORE_TEXT:
        raise ValueError(f"no way to store text: {store_text}")
    kept: object = record
    if store_text == FULL:
        return record
    if isinstance(record, Assignment):
        kept = _of_article(record, store_text)
    elif isinstance(record, Event) and store_text == NONE:
        kept = replace(record, summary="", summary_article_ids=())
    elif isinstance(record, Rejected):
        kept = replace(record, payload=b"", error=_without_quotes(record.reason, record.error))
    elif isinstance(record, Reading):
        kept = replace(record, error=_without_quotes(record.refused, record.error))
    return kept  # type: ignore[return-value]


def lead_of(text: str) -> str:
    """Give the beginning of a text: at most ``LEAD_CHARS`` characters, whole sentences if it can.

    A text that is not longer stays as it is.
    """
    if len(text) <= LEAD_CHARS:
        return text
    ends = [found.end() for found in _SENTENCE_END.finditer(text[: LEAD_CHARS + 1])]
    end = max((end for end in ends if _LEAST_CHARS <= end <= LEAD_CHARS), default=0)
    if end:
        return text[:end]
    words = text[: LEAD_CHARS + 1].rsplit(maxsplit=1)[0]
    return words if len(words) <= LEAD_CHARS else text[:LEAD_CHARS]


def _of_article(assignment: Assignment, store_text: str) -> Assignment:
    compared = assignment.compared
    article = _trimmed(compared.embedded.article, store_text)
    embedded = replace(compared.embedded, article=article)
    return replace(assignment, compared=replace(compared, embedded=embedded))


def _trimmed(article: Article, store_text: str) -> Article:
    if store_text == NONE:
        return replace(article, body="", description="", quoted="")
    return replace(
        article, body=lead_of(article.body), description=lead_of(article.description), quoted=""
    )


def _without_quotes(reason: str, error: str) -> str:
    return error.partition(": ")[0] if reason in _QUOTING else error
