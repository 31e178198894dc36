"""The story in a plain text, freed from what was scraped along with it."""

import re
from typing import NamedTuple

from transforms.extract.clutter import drop_clutter, is_edge_clutter
from transforms.extract.comments import split_comments
from transforms.extract.paragraphs import (
    MAX_TITLE_CHARS,
    collapse,
    cut_title,
    drop_repeated_title,
    is_headline,
    join_paragraphs,
    to_paragraphs,
)

_LINE_BREAK = re.compile(r"\r\n?|[\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# An address, a crumb trail or a date may stand above a headline, but is none.
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_CRUMBS = re.compile(r"[^>»›|]{1,40}(?: [>»›|] [^>»›|]{1,40}){2,8}")
_DATE_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_DATE_WORDS = frozenset(
    "published posted updated submitted created date on at am pm a p m h um uhr et est edt gmt utc"
    " bst cet cest de del le la il st nd rd th veröffentlicht publié publicado aktualisiert".split()
)
_MONTHS_AND_DAYS = frozenset(  # by their first three letters
    "jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu fri sat sun"
    " mär mai okt dez die mit don fre sam son fév fev avr jui aoû déc lun mer jeu ven dim"
    " ene abr ago set dic mié jue sáb dom gen mag giu lug ott".split()
)
_HEADLINE_SEARCH_LINES = 4  # of what may stand above a headline


class Story(NamedTuple):
    """What a text says, and what its readers said."""

    title: str  # "" only when the text holds nothing at all
    body: str  # paragraphs parted by one empty line
    quoted: str  # the comments, in the same form; "" when none


def read_story(text: str, title: str = "") -> Story:
    """Split a text into headline, story and comments, and drop the site's clutter.

    Args:
        text: plain text with any line breaks.
        title: the headline when it is known; then no line of the text is taken for it, and
            only its exact repetition is dropped from the body.
    """
    lines = _LINE_BREAK.split(text)
    own, comments = split_comments(lines)
    paragraphs = drop_clutter(to_paragraphs(own))
    known = collapse(title)
    if known:
        paragraphs = drop_repeated_title(known, paragraphs, loosely=False)
    else:
        known, paragraphs = _take_headline(paragraphs)
    return Story(
        title=known,
        body=join_paragraphs(drop_clutter(paragraphs)),
        quoted=join_paragraphs(to_paragraphs(comments)),
    )


def _stands_above_headline(line: str) -> bool:
    if len(line) > MAX_TITLE_CHARS:
        return False
    return bool(_ADDRESS.fullmatch(line) or _CRUMBS.fullmatch(line)) or _is_date_line(line)


def _is_date_line(line: str) -> bool:
    tokens = _DATE_TOKEN.findall(line.casefold())
    if sum(token.isdigit() for token in tokens) < 2:
        return False
    return all(
        token.isdigit() or token in _DATE_WORDS or token[:3] in _MONTHS_AND_DAYS for token in tokens
    )


def _take_headline(paragraphs: list[str]) -> tuple[str, list[str]]:
    """Return the headline and the paragraphs without it."""
    for at, line in enumerate(paragraphs[:_HEADLINE_SEARCH_LINES]):
        if _stands_above_headline(line) or is_edge_clutter(line):
            continue
        if not is_headline(line):
            break
        rest = paragraphs[:at] + paragraphs[at + 1 :]
        return line, drop_repeated_title(line, rest, loosely=True)
    return cut_title(" ".join(paragraphs)[:1000]), paragraphs
