"""Lines of plain text as paragraphs, and what a title may look like."""

import re
from itertools import pairwise

from transforms.extract.clutter import fold_line

MAX_TITLE_CHARS = 160
_WRAP_MIN_CHARS, _WRAP_MAX_CHARS = 45, 100  # widths at which people and mailers wrap lines
_STATEMENT_END = re.compile(r"(?<!\.\.)[.。।]['\"”’»)\]]*$")
_INITIALS_END = re.compile(r"\b(?:\w\.){1,4}$|\b(?:Inc|Co|Corp|Ltd|Jr|Sr|St|No|vs)\.$")
_LAST_WORD = re.compile(r"\s+\S*$")


def collapse(text: str) -> str:
    """Return ``text`` as one line with single spaces."""
    return " ".join(text.split())


def to_paragraphs(lines: list[str]) -> list[str]:
    """Make paragraphs of lines: empty lines part them, hard-wrapped lines are joined again."""
    paragraphs: list[str] = []
    block: list[str] = []
    for line in [*lines, ""]:
        flat = collapse(line)
        if flat:
            block.append(flat)
        elif block:
            paragraphs.extend([" ".join(block)] if _is_wrapped(block) else block)
            block = []
    return paragraphs


def join_paragraphs(paragraphs: list[str]) -> str:
    """Return the paragraphs parted by exactly one empty line."""
    return "\n\n".join(paragraphs)


def _is_wrapped(block: list[str]) -> bool:
    """Say whether a machine broke one paragraph into these lines.

    Every line but the last must be of wrapping width, and the next line's first word must not
    have fitted any more; lines a person ended on purpose fail one of the two.
    """
    width = max(map(len, block))
    if len(block) < 2 or width > _WRAP_MAX_CHARS:
        return False
    return all(
        len(line) >= _WRAP_MIN_CHARS and len(line) + 1 + len(after.split(" ", 1)[0]) > width
        for line, after in pairwise(block)
    )


def is_headline(line: str) -> bool:
    """Say whether a line can stand as a title: short, and not a sentence with a full stop."""
    if len(line) > MAX_TITLE_CHARS or not any(c.isalpha() for c in line):
        return False
    return not ends_statement(line)


def ends_statement(line: str) -> bool:
    """Say whether a line ends in a full stop that is not part of an abbreviation."""
    return bool(_STATEMENT_END.search(line)) and not _INITIALS_END.search(line)


def cut_title(text: str) -> str:
    """Return the beginning of ``text`` as a title of at most 160 characters, cut at a word."""
    flat = collapse(text)
    if len(flat) <= MAX_TITLE_CHARS:
        return flat
    cut = flat[:MAX_TITLE_CHARS]
    if flat[MAX_TITLE_CHARS] != " ":
        cut = _LAST_WORD.sub("", cut)
    return cut.rstrip(" ,;:-–—")


def drop_repeated_title(title: str, paragraphs: list[str], *, loosely: bool) -> list[str]:
    """Return the paragraphs without the headline said again among the first three.

    Args:
        loosely: also drop a shortened repetition: at least four words, three fifths of the
            title's, in the title's order, and not a sentence. Otherwise only the same words.
    """
    words = fold_line(title).split()
    return [
        line
        for at, line in enumerate(paragraphs)
        if at >= 3 or not _repeats(words, line, loosely=loosely)
    ]


def _repeats(title_words: list[str], line: str, *, loosely: bool) -> bool:
    if len(line) > 2 * MAX_TITLE_CHARS:
        return False
    line_words = fold_line(line).split()
    if line_words == title_words:
        return bool(line_words)
    enough = len(line_words) >= max(4, 0.6 * len(title_words))
    if not loosely or not enough or ends_statement(line):
        return False
    remaining = iter(title_words)
    return all(word in remaining for word in line_words)
