"""What a round brought, counted, and in one line."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.report.wording import clean_line

if TYPE_CHECKING:
    from transforms.write.rounds import Round

_REASON_CHARS = 40


@dataclass(frozen=True)
class Tally:
    """The figures of one round."""

    number: int
    articles: int = 0
    copies: int = 0
    changed: int = 0  # texts of articles that were told before
    opened: int = 0  # events
    updated: int = 0
    merged: int = 0
    closed: int = 0
    broke: int = 0
    repeats: int = 0
    rejected: Counter[str] = field(default_factory=Counter)  # by reason, not told before

    def news(self) -> bool:
        """Say whether the round is worth a line."""
        events = self.opened + self.updated + self.merged + self.closed
        return bool(self.articles or events or self.rejected)


def tally(ended: "Round", repeats: int) -> Tally:
    """Count what a round added; each event once, however often it was revised."""
    articles = ended.records.get("articles", [])
    events = ended.records.get("events", [])
    opened = {event.event_id for event in events if event.revision == 1}
    of_status = {
        status: {event.event_id for event in events if event.status == status}
        for status in ("active", "merged", "closed")
    }
    gone = of_status["merged"] | of_status["closed"]
    changes = ended.records.get("event_changes", [])
    return Tally(
        number=ended.number,
        articles=len(articles),
        copies=sum(a.compared.verdict.kind != "none" for a in articles),
        changed=sum(a.compared.embedded.article.revision > 1 for a in articles),
        opened=len(opened),
        updated=len(of_status["active"] - opened - gone),
        merged=len(of_status["merged"]),
        closed=len(of_status["closed"]),
        broke=len({c.subject for c in changes if c.type.endswith(".breaking")}),
        repeats=repeats,
        rejected=Counter(letter.reason for letter in ended.records.get("dead_letters", [])),
    )


def round_line(told: Tally, seconds: float | None) -> str:
    """Say in one line what a round brought; zeros are left out."""
    parts = [
        _articles(told),
        ", ".join(
            text
            for n, text in (
                (told.opened, f"{told.opened:,} new event{'s' * (told.opened != 1)}"),
                (told.updated, f"{told.updated:,} updated"),
                (told.merged, f"{told.merged:,} merged"),
                (told.closed, f"{told.closed:,} closed"),
                (told.broke, f"{told.broke:,} breaking"),
            )
            if n
        ),
    ]
    ends = [
        ", ".join(part for part in parts if part),
        f"{told.repeats:,} repeat{'s' * (told.repeats != 1)}" if told.repeats else "",
        f"{told.rejected.total():,} rejected ({reasons(told.rejected)})" if told.rejected else "",
        f"{seconds:.1f} s" if seconds is not None else "",
    ]
    return f"round {told.number}: {'; '.join(end for end in ends if end)}"


def _articles(told: Tally) -> str:
    if not told.articles:
        return ""
    kinds = (
        (told.copies, f"{told.copies:,} {'copies' if told.copies != 1 else 'copy'}"),
        (told.changed, f"{told.changed:,} changed"),
    )
    notes = ", ".join(text for n, text in kinds if n)
    which = f"{told.articles:,} article{'s' * (told.articles != 1)}"
    return f"{which} ({notes})" if notes else which


def reasons(rejected: Mapping[str, int]) -> str:
    """Name reasons, the most frequent first; with their numbers when there are several."""
    named = by_frequency(rejected)
    return named[0][0] if len(named) == 1 else ", ".join(f"{n:,} {reason}" for reason, n in named)


def by_frequency(rejected: Mapping[str, int]) -> list[tuple[str, int]]:
    """Order reasons, the most frequent first, and make them fit to be shown."""
    ordered = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
    return [(clean_line(reason, _REASON_CHARS), n) for reason, n in ordered]
