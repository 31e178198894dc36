"""What the counters of the stages say while a run goes on."""

from collections import Counter
from collections.abc import Mapping

Counts = Mapping[tuple[str, str], int]  # by (stage, name)

REFUSING = ("read", "parse", "extract", "normalise")  # the stages that refuse, in flow order
_REJECTED, _REPEATS, _SKIPPED = "rejected_", "repeats_", "skipped_"
_AGAIN = ("write", "again")  # what another stage rejected, and was told before


def since(counts: Counts, before: Counts) -> dict[tuple[str, str], int]:
    """Give what was counted since ``before``."""
    grown = {name: n - before.get(name, 0) for name, n in counts.items()}
    return {name: n for name, n in grown.items() if n > 0}


def rejects(counts: Counts, stage: str = "") -> Counter[str]:
    """Pick the rejects of a stage, or of all, by reason; an item counts each time it is refused."""
    picked: Counter[str] = Counter()
    for (of_stage, name), n in counts.items():
        if n and name.startswith(_REJECTED) and of_stage in REFUSING and stage in ("", of_stage):
            picked[name.removeprefix(_REJECTED)] += n
    return picked


def rejected_again(counts: Counts) -> int:
    """Count the rejects that were written as dead letters before on the same day."""
    return counts.get(_AGAIN, 0)


def handled(counts: Counts, stage: str) -> int:
    """Count what a stage was done with: passed on, skipped on purpose or rejected."""
    return counts.get((stage, "out"), 0) + sum(
        n for (of_stage, name), n in counts.items()
        if of_stage == stage and name.startswith((_REJECTED, _SKIPPED))
    )  # fmt: skip


def repeats(counts: Counts) -> int:
    """Count the items that said nothing new."""
    return sum(n for (stage, name), n in counts.items()
               if stage == "identify" and name.startswith(_REPEATS))  # fmt: skip


def work(counts: Counts) -> dict[tuple[str, str], int]:
    """Leave out what would be counted twice as rejected."""
    return {name: n for name, n in counts.items() if name != _AGAIN}


def unparsed(counts: Counts) -> int:
    """Count the documents that were read and wait to be parsed."""
    return max(0, counts.get(("read", "out"), 0) - counts.get(("parse", "in"), 0))


def unclustered(counts: Counts) -> int:
    """Count the articles that were parsed and are not in an event yet."""
    gone = rejects(counts, "extract").total() + rejects(counts, "normalise").total()
    done = repeats(counts) + gone + counts.get(("cluster", "out"), 0)
    return max(0, counts.get(("parse", "out"), 0) - done)
