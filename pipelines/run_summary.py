"""The counts of a run, and whether they add up."""

from typing import Any

from transforms._shared.counts import MICROSECONDS


def counts_of(counters: dict[tuple[str, str], int]) -> dict[str, Any]:
    """Arrange the counters of a run.

    Args:
        counters: by (stage, name).

    Returns:
        read, articles, repeats, rejected, rejected_again (items, which add up), events (without
        those merged into others), rejected_by_reason, and every counter by stage. ``read`` is
        counted where items come in, the others where they leave.
    """
    stages: dict[str, dict[str, int]] = {}
    for (stage, name), value in sorted(counters.items()):
        if name != MICROSECONDS:
            stages.setdefault(stage, {})[name] = value

    def rejects(stage: str) -> int:
        return sum(n for name, n in stages.get(stage, {}).items() if name.startswith("rejected_"))

    reasons: dict[str, int] = {}
    for of_stage in stages.values():
        for name, value in of_stage.items():
            if name.startswith("rejected_"):
                reason = name.removeprefix("rejected_")
                reasons[reason] = reasons.get(reason, 0) + value
    repeats = sum(
        n for name, n in stages.get("identify", {}).items() if name.startswith("repeats_")
    )
    write, score = stages.get("write", {}), stages.get("score", {})
    refused = {n: v for n, v in write.items() if n.startswith("refused_")}  # rows, by table
    lost = refused.pop("refused_articles", 0)  # only of these is each an item
    return {
        "read": rejects("read") + rejects("parse") + stages.get("parse", {}).get("out", 0),
        "articles": write.get("rows_articles", 0) - lost,
        "repeats": repeats,
        "rejected": write.get("rows_dead_letters", 0) - sum(refused.values()),
        "rejected_again": write.get("again", 0),
        "events": score.get("opened", 0) - score.get("merged", 0),
        "rejected_by_reason": dict(sorted(reasons.items())),
        "stages": stages,
    }


def stage_seconds(counters: dict[tuple[str, str], int]) -> dict[str, float]:
    """Give the seconds that each timed stage worked, summed over workers."""
    return {
        stage: round(value / 1e6, 3)
        for (stage, name), value in sorted(counters.items())
        if name == MICROSECONDS
    }


def sums_hold(counts: dict[str, Any]) -> bool:
    """Check that every item read is an article row, a repeat or a dead letter."""
    parts = ("articles", "repeats", "rejected", "rejected_again")
    accounted: int = sum(counts[part] for part in parts)
    return bool(counts["read"] == accounted)


def summary_line(counts: dict[str, Any], seconds: float) -> str:
    """Say in one line what a run did."""
    reasons = counts["rejected_by_reason"]
    named = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
    both = "both: " if counts["rejected_again"] and counts["rejected"] else ""
    why = f" ({both}{named})" if reasons else ""
    again = f" + {counts['rejected_again']:,} rejected again" if counts["rejected_again"] else ""
    return (
        f"{_of(counts['read'], 'item')} read = {_of(counts['articles'], 'article')} + "
        f"{_of(counts['repeats'], 'repeat')} + {counts['rejected']:,} rejected{again}{why}; "
        f"{_of(counts['events'], 'event')}; {seconds:.1f} s"
    )


def _of(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"
