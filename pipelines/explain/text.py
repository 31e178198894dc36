"""An explanation as aligned lines of plain text, at most 100 columns wide."""

from collections.abc import Iterator
from dataclasses import replace

from rich.cells import cell_len

from pipelines.explain.channels import meaning
from pipelines.explain.layout import (
    ABSENT,
    WIDTH,
    at,
    brief,
    cut,
    fit,
    fold,
    labelled,
    number,
    signed,
)
from pipelines.explain.records import (
    ArticleWhy,
    Candidate,
    CopyCheck,
    Decision,
    EventName,
    EventWhy,
    Member,
    Noticed,
)
from pipelines.report.wording import clean_line, duplicate_kind, notice_note

_OLD = "written by an older version: no channels kept"
_SHORT = 8  # characters of an id where there is little room; enough to ask for it
_TITLE = 30  # columns of a title in a list
_LONGEST = 1000  # characters shown of any one text
_FOLLOWERS = ("duplicate", "update")  # no event is measured for these


def article_lines(why: ArticleWhy) -> Iterator[str]:
    """Say why an article is in its event."""
    decision = why.decision
    yield from fold(_title(why.title))
    yield from labelled("article", f"{_id(why.article_id)}, revision {why.revision}")
    yield from labelled("source", _source(why))
    yield from labelled("address", clean_line(why.url, _LONGEST))
    yield from labelled("time", _when(why))
    yield from labelled("event", *_event(decision.event))
    yield from labelled("role", clean_line(decision.role, 40) or ABSENT)
    yield ""
    yield from fold(_history(why))
    yield from _doubts(decision)
    yield from _candidates(decision)
    yield from _channels(decision)
    yield ""
    yield from labelled("evidence", clean_line(decision.evidence, _LONGEST) or ABSENT)
    yield from labelled("copy check", _checked(why.copy))
    for noticed in why.notices:
        yield from labelled("notice", _noticed(noticed))
    for later in why.later:
        yield from labelled("later", f"{at(later.at)}, revision {later.revision} followed")
    for left in why.left:
        yield from labelled("before", f"in {_named(left.event)}", _leaving(left))


def event_lines(why: EventWhy) -> Iterator[str]:
    """Say which articles an event holds, and why each."""
    yield from fold(_title(why.event.title))
    yield from labelled("event", *_event(why.event)[1:])
    yield from labelled("articles", _counts(why))
    yield from labelled("time", f"{at(why.first_seen_at)} to {at(why.last_seen_at)}")
    history = "; ".join(f"{clean_line(one.kind, 20)} {at(one.at)}" for one in why.changes)
    yield from labelled("history", history or ABSENT)
    if why.contested:
        yield from labelled("contested", "yes: some decision lay close to the threshold")
    for noticed in why.notices:
        yield from labelled("notice", f"{_title(noticed.title)} ({_id(noticed.article_id)})",
                            _noticed(noticed))  # fmt: skip
    yield from _members(why.members)
    yield from _copies(why.copies)
    yield from _left(why.left)
    yield from _absorbed(why)


def _noticed(noticed: Noticed) -> str:
    said = notice_note(clean_line(noticed.kind, 40))
    return f"{said} {at(noticed.at)}: {clean_line(noticed.evidence, _LONGEST)}"


def _history(why: ArticleWhy) -> str:
    """Say why the article is where it is, and first how it came where it was before."""
    if not why.left or why.decision.left_at is not None:
        return _verdict(why.decision)
    at_first = _verdict(replace(why.decision, role=why.left[0].role))
    return f"{at_first} Then it came to the event it is in, see below."


def _verdict(decision: Decision) -> str:
    """Say in one sentence why the article is where it is."""
    if decision.left_at is not None:
        return f"Left this event {at(decision.left_at)}."
    match decision.role:
        case "duplicate":
            return "Joined its event with the article it copies, see the copy check."
        case "update":
            return "Stayed in its event: a changed text of an article that was there."
        case "seed":
            return _opening(decision)
        case _:
            return _joining(decision)


def _joining(decision: Decision) -> str:
    score, threshold = decision.score, decision.threshold
    if score is None or threshold is None:
        return f"Joined its event: probability {number(score)}."
    if score < threshold:
        said = f"probability {number(score)} is below the {number(threshold)} needed"
        return f"Joined its event although its {said}; the evidence says why."
    return f"Joined its event: probability {number(score)}, {number(threshold)} needed."


def _opening(decision: Decision) -> str:
    best, threshold = decision.best, decision.threshold
    if decision.channels is None:
        return "Opened its own event; the evidence says why."
    if best is None or best.score is None or threshold is None:
        return "Opened its own event because no earlier event was near."
    numbers = f"probability {number(best.score)}, {number(threshold)} needed"
    if best.score >= threshold:
        return f"Opened its own event although one was near ({numbers}): a guard forbade it."
    return f"Opened its own event because the nearest was not near enough: {numbers}."


def _doubts(decision: Decision) -> Iterator[str]:
    if decision.contested:
        yield "Contested: the probability lay close to the threshold."
    if decision.channels is None and decision.role not in _FOLLOWERS:
        yield f"{_OLD[0].upper()}{_OLD[1:]}."


def _candidates(decision: Decision) -> Iterator[str]:
    """Name the best event, unless it is the article's own, and the second."""
    best, second = decision.best, decision.second
    if best is not None and best.event.event_id != decision.event.event_id:
        yield from labelled("nearest", *_candidate(best))
    if second is not None:
        lead = f"; the best leads by {number(decision.margin)}"
        yield from labelled("second best", *_candidate(second, lead))
    elif best is not None:
        yield from labelled("second best", "none: no other event was near")


def _candidate(candidate: Candidate, more: str = "") -> tuple[str, str]:
    return _named(candidate.event), f"probability {number(candidate.score)}{more}"


def _channels(decision: Decision) -> Iterator[str]:
    readings = decision.by_difference()
    if not readings:
        return
    names = [clean_line(one.name, 40) for one in readings]
    width = max(7, *map(cell_len, names))
    yield ""
    yield f"  {fit('channel', width)}{'best':>10}{'second':>10}{'difference':>13}   measures"
    for name, one in zip(names, readings):
        second, difference = ABSENT, ABSENT
        if decision.second is not None:
            second, difference = number(one.second), signed(one.best - one.second)
        numbers = f"{number(one.best):>10}{second:>10}{difference:>13}"
        yield f"  {fit(name, width)}{numbers}   {cut(meaning(one.name), 43)}".rstrip()
    yield from fold(
        "  Each is the greatest value over the members compared, unless it is a mean. It has its "
        "own scale: a larger difference need not have weighed more.",
        "  ",
    )


def _members(members: tuple[Member, ...]) -> Iterator[str]:
    if not members:
        return
    yield from _section(f"Members ({len(members):,}): seed first, then by time")
    yield f"  {'article':<9}{'time':<12}{'role':<8}{'score':>5}{'margin':>8}   title and evidence"
    for one in members:
        decision = one.decision
        role = fit(clean_line(decision.role, 8) or ABSENT, 7)
        mark = "?" if decision.contested else " "
        yield _row(
            one,
            f"{role} {number(decision.score):>5}{signed(decision.margin):>8} {mark}",
            _strongest(decision),
        )
    if any(one.decision.contested for one in members):
        yield "  ? contested: the probability lay close to the threshold"
    if any(one.decision.channels is None for one in members):
        yield f"  {_OLD}"


def _copies(copies: tuple[Member, ...]) -> Iterator[str]:
    if not copies:
        return
    yield from _section(f"Copies ({len(copies):,})")
    for one in copies:
        check = one.copy
        overlap = f"{_short(check.kind, 13)} {number(check.score):>5}"
        yield _row(one, overlap, f"of {_short(check.of)}; {clean_line(check.evidence, 100)}")


def _left(left: tuple[Member, ...]) -> Iterator[str]:
    if not left:
        return
    yield from _section(f"Left ({len(left):,})")
    for one in left:
        left_at = brief(one.decision.left_at)
        yield _row(one, f"left {left_at}", clean_line(one.decision.evidence, 100))


def _absorbed(why: EventWhy) -> Iterator[str]:
    if not why.absorbed:
        return
    yield from _section(f"Merged into this one ({len(why.absorbed):,})")
    for one in why.absorbed:
        when = f", {at(one.at)}" if one.at else ""
        yield from fold(f"  {_named(one.event)}{when}", "    ")


def _row(member: Member, numbers: str, evidence: str) -> str:
    """Write one article in one line: its id, time, numbers, title and evidence."""
    start = f"  {_short(member.article_id, 9)}{brief(member.decision.at):<12}{numbers} "
    title = fit(_title(member.title), _TITLE)
    return cut(f"{start}{title}  {evidence}", WIDTH).rstrip()


def _strongest(decision: Decision) -> str:
    """Name the channel that spoke most for joining; where none is kept, quote the evidence."""
    if decision.role == "seed" and decision.best is not None:
        return f"nearest: {number(decision.best.score)}"
    evidence = clean_line(decision.evidence, 200)
    readings = decision.by_difference()
    if not readings:
        return evidence if decision.channels is not None else _after(evidence, ";")
    top = readings[0]
    value = top.best - top.second if decision.second else top.best
    return f"{clean_line(top.name, 40)} {signed(value) if decision.second else number(value)}"


def _after(text: str, mark: str) -> str:
    head, _, tail = text.partition(mark)
    return tail.strip() or head


def _section(heading: str) -> Iterator[str]:
    yield ""
    yield heading


def _event(event: EventName) -> tuple[str, ...]:
    ids = f"{_id(event.event_id)}, {clean_line(event.status, 20) or 'not in the tables'}"
    lines = (_title(event.title), ids)
    if not event.survivor_id:
        return lines
    return (*lines, f"now part of {_title(event.survivor_title)} ({_id(event.survivor_id)})")


def _named(event: EventName) -> str:
    return f"{_title(event.title)} ({_id(event.event_id)})"


def _counts(why: EventWhy) -> str:
    copies = f", {why.duplicate_count:,} of them copies" if why.duplicate_count else ""
    return f"{why.article_count:,}{copies}; publishers: {why.publisher_family_count:,}"


def _source(why: ArticleWhy) -> str:
    name, family = clean_line(why.source_name, 80), clean_line(why.publisher_family, 80)
    return f"{name} ({family})" if name and family and name != family else name or family


def _when(why: ArticleWhy) -> str:
    origin = clean_line(why.published_at_source, 20)
    known = why.published_at is not None and why.published_at == why.at
    return f"{at(why.at)}, {f'published (from {origin})' if known else 'first seen'}"


def _checked(copy: CopyCheck) -> str:
    """Say what comparing the article with earlier ones found."""
    evidence = clean_line(copy.evidence, _LONGEST)
    if copy.kind == "none":
        return evidence or "no copy of an earlier article"
    of = f"{_title(copy.of_title)} ({_id(copy.of)})"
    said = f"{duplicate_kind(copy.kind)} {of}, overlap {number(copy.score)}"
    return f"{said}; {evidence}" if evidence else said


def _leaving(decision: Decision) -> str:
    return f"until {at(decision.left_at)}: {clean_line(decision.evidence, _LONGEST)}"


def _title(text: str) -> str:
    return clean_line(text, 300) or "(no title)"


def _id(text: str) -> str:
    return clean_line(text, 60) or ABSENT


def _short(text: str, width: int = _SHORT) -> str:
    shown = clean_line(text, 60) if width > _SHORT + 1 else clean_line(text, 60)[:_SHORT]
    return fit(shown, width)
