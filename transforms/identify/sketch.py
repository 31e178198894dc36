"""Small samples of sets, good enough to tell a corrected comma from a rewritten story."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

MAX_HASHES = 64  # per sketch: 256 bytes
_HASH_BYTES = 4
_COMPLETE = (1 << 32) - 1  # reach of a sketch that left nothing out


@dataclass(frozen=True)
class Sketch:
    """The smallest 32-bit hashes of a set; a set of up to ``MAX_HASHES`` is kept whole."""

    hashes: tuple[int, ...]  # ascending
    complete: bool  # nothing of the set was left out

    @property
    def reach(self) -> int:
        """Largest hash up to which this sketch knows every member of its set."""
        return _COMPLETE if self.complete else self.hashes[-1]

    def share_in(self, other: "Sketch") -> float:
        """Estimate which share of this set ``other`` holds, from the hashes both know about.

        1.0 for an empty set. 0.0 when the other sketch reaches too little to tell: then the sets
        are to be taken as different.
        """
        if not self.hashes:
            return 1.0
        reach = min(self.reach, other.reach)
        known = [value for value in self.hashes if value <= reach]
        if not known:
            return 0.0
        theirs = set(other.hashes)
        return sum(value in theirs for value in known) / len(known)

    def to_bytes(self) -> bytes:
        return struct.pack(f">?{len(self.hashes)}I", self.complete, *self.hashes)

    @staticmethod
    def from_bytes(data: bytes) -> "Sketch":
        complete, *hashes = struct.unpack(f">?{(len(data) - 1) // _HASH_BYTES}I", data)
        return Sketch(tuple(hashes), complete)


def sketch(hashes: Iterable[int]) -> Sketch:
    """Sample a set given by the 32-bit hashes of its members, in any order."""
    ascending = sorted(set(hashes))
    return Sketch(tuple(ascending[:MAX_HASHES]), len(ascending) <= MAX_HASHES)
