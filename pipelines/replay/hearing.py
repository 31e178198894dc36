"""What became of items that were tried again, told by their keys."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import apache_beam as beam

from pipelines.flow import REJECTING, Detected
from schemas import Assignment, Rejected, Repeat

SUCCEEDED, KNOWN = "succeeded", "known already"
FAILED_AGAIN, NOTHING_CAME = "failed again", "brought nothing"


@dataclass
class Hearing:
    """Notes which of the ``wanted`` keys came out of the pipeline, and as what.

    A key stands for itself and for its parts: a feed for its items.
    """

    wanted: frozenset[str]
    heard: dict[str, set[str]] = field(default_factory=dict)  # outcomes by key
    of_parts: dict[str, set[str]] = field(default_factory=dict)  # and those of parts

    def note(self, key: str, outcome: str) -> None:
        """Take note of what came out under ``key``."""
        source = key.partition("#")[0]
        if key in self.wanted:
            self.heard.setdefault(key, set()).add(outcome)
        if source != key and source in self.wanted:
            self.of_parts.setdefault(source, set()).add(outcome)

    def outcome(self, key: str) -> str:
        """Say what became of one of the wanted keys; of a whole, the best of its parts."""
        own = self.heard.get(key, set())
        if FAILED_AGAIN in own:
            return FAILED_AGAIN
        found = own | self.of_parts.get(key, set())
        return next((o for o in (SUCCEEDED, KNOWN, FAILED_AGAIN) if o in found), NOTHING_CAME)


_open: dict[str, Hearing] = {}


def begin_hearing(name: str, wanted: Iterable[str]) -> Hearing:
    """Let the workers of this process find a new ``Hearing`` by a name."""
    _open[name] = Hearing(frozenset(wanted))
    return _open[name]


def end_hearing(name: str) -> None:
    """Forget what ``begin_hearing`` made."""
    _open.pop(name, None)


def hear(detected: Detected, name: str) -> None:
    """Note what comes out of the pipeline in the ``Hearing`` of that name."""
    heard = {"Articles": detected.assignments, "Repeats": detected.repeats}
    heard |= {f"Rejected{stage}": part for stage, part in zip(REJECTING, detected.rejected)}
    for label, records in heard.items():
        _ = records | f"Hear{label}" >> beam.Map(_note, name)


def _note(record: Assignment | Repeat | Rejected, name: str) -> None:
    hearing = _open[name]
    if isinstance(record, Assignment):
        hearing.note(record.compared.embedded.article.key, SUCCEEDED)
    elif isinstance(record, Repeat):
        hearing.note(record.key, KNOWN)
    else:
        hearing.note(record.key, FAILED_AGAIN)
