"""Texts as arrays of code points, to tell letters from what stands between them all at once."""

import re

import numpy as np
from numpy.typing import NDArray

CODES = 0x20000  # that a table knows: the scripts in use and the emoji
_SHORT = 200  # characters; fewer are searched sooner than they are put into an array
_SPACE = np.uint32(ord(" "))

Codes = NDArray[np.uint32]
Kinds = NDArray[np.uint8]


def character_table(*kinds: tuple[str, int]) -> Kinds:
    """Give the kind of every character below ``CODES``; the last that fits counts, else it is 0.

    Args:
        kinds: pattern of one character, and what it is then. Takes a few milliseconds each, so a
            table is to be made once.
    """
    table = np.zeros(CODES, np.uint8)
    every = "".join(map(chr, range(CODES)))
    for pattern, kind in kinds:
        for run in re.finditer(rf"(?:{pattern})+", every):
            table[run.start() : run.end()] = kind
    return table


def code_points(text: str) -> Codes | None:
    """Give the characters of a text.

    None where a search is as good: in a short text, and where a table lacks one of them.
    """
    if len(text) < _SHORT:
        return None
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    return None if int(codes.max()) >= CODES else codes


def spaced(codes: Codes, kept: NDArray[np.bool_]) -> str:
    """Give the text with a space for each run of characters that are not kept."""
    ends = np.zeros(len(codes), bool)  # first characters of such runs
    ends[1:] = kept[:-1] & ~kept[1:]
    left = np.where(kept, codes, _SPACE)[kept | ends]
    return left.tobytes().decode("utf-32-le", "surrogatepass")
