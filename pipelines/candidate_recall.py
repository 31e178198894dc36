"""How often the right event was on offer: what no decision on joining can make good."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from schemas import Assignment
from transforms._shared.shards import WINDOW, WindowClock, seconds


def candidate_recall(
    labelled: Iterable[tuple[Assignment, str]], window: timedelta = WINDOW
) -> float | None:
    """Give the share of articles that could have been put right, given what ``dedupe`` handed on.

    Counted are the articles whose label is open: an earlier article has it, and the newest dated
    one of these lies in the window. Found is such an article when the label is that of a
    neighbour, or of a copy of that neighbour. A copy has one candidate, its original, and a new
    revision has one, the article's earlier text: nobody else is asked.

    Args:
        labelled: each assignment with the label of its article, in decision order.
        window: how long an event stays open.

    Returns:
        The share in [0, 1]; None when no article's label was open.
    """
    clock = WindowClock(window)
    newest: dict[str, float | None] = {}  # per label; None: no article of it is dated
    speaks_for: dict[str, set[str]] = defaultdict(set)  # article → its labels and its copies'
    due = found = 0
    for assignment, label in labelled:
        article = assignment.compared.embedded.article
        at = seconds(article.event_time) if article.time_known else None
        clock.advance(at)
        if label in newest and not clock.outside(newest[label]):
            due += 1
            found += any(label in speaks_for[name] for name in _candidates(assignment))
        newest[label] = at if at is not None else newest.get(label)
        speaks_for[article.article_id].add(label)
        if assignment.role == "duplicate":
            speaks_for[assignment.compared.verdict.of].add(label)
    return found / due if due else None


def _candidates(assignment: Assignment) -> list[str]:
    compared = assignment.compared
    if assignment.role == "update":
        return [compared.embedded.article.article_id]
    if assignment.role == "duplicate":
        return [compared.verdict.of]
    return [*(neighbour.article_id for neighbour in compared.neighbours), *compared.further.split()]
