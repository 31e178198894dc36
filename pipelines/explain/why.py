"""The rows of the tables put together: what explains an article or an event."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from pipelines.explain.records import (
    Absorbed,
    ArticleWhy,
    Candidate,
    Change,
    CopyCheck,
    Decision,
    EventName,
    EventWhy,
    Member,
    Noticed,
)
from pipelines.explain.stored import Row, Stored
from schemas import ChannelReading

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def explain_article(stored: Stored, article_id: str) -> ArticleWhy:
    """Put together why the article, which the tables hold, is in its event."""
    revisions = stored.articles([article_id])[article_id]
    latest = revisions[-1]
    rows = sorted(stored.memberships("article_id", article_id), key=lambda row: row["revision"])
    rows = rows or [_membership_of(latest)]
    names = _Names(stored, _event_ids(rows))
    left = [names.decision(row) for row in rows if row["left_at"] is not None]
    decisions = [names.decision(row) for row in rows if row["left_at"] is None] or left[-1:]
    chosen = [one for one in decisions if one.role != "update"] or decisions[:1]
    copied = next((r for r in revisions if r["revision"] == chosen[-1].revision), latest)
    return ArticleWhy(
        article_id=article_id,
        revision=latest["revision"],
        title=latest["title"],
        url=latest["url"],
        source_name=latest["source_name"],
        publisher_family=latest["publisher_family"],
        at=_moment(latest["event_time"]),
        published_at=_moment(latest["published_at"]),
        published_at_source=latest["published_at_source"],
        decision=chosen[-1],
        later=tuple(one for one in decisions if one.revision > chosen[-1].revision),
        left=tuple(left),
        copy=_copy_check(copied, stored.articles([copied["dup_of"]])),
        notices=_noticed(stored, {article_id: latest["title"]}),
    )


def explain_event(stored: Stored, event_id: str) -> EventWhy:
    """Put together which articles the event, which the tables hold, has and why."""
    row = stored.events([event_id])[event_id]
    rows = stored.memberships("event_id", event_id)
    names = _Names(stored, {event_id, *_event_ids(rows)})
    absorbed = names.absorbed_by(event_id)
    members = _members(stored, rows, names)
    changes = stored.changes([event_id, *absorbed])
    return EventWhy(
        event=names.name(event_id),
        revision=row["revision"],
        first_seen_at=_moment(row["first_seen_at"]),
        last_seen_at=_moment(row["last_seen_at"]),
        article_count=row["article_count"],
        duplicate_count=row["duplicate_count"],
        publisher_family_count=row["publisher_family_count"],
        contested=row["contested"],
        members=tuple(m for m in members if not _is_left(m) and m.decision.role != "duplicate"),
        copies=tuple(m for m in members if not _is_left(m) and m.decision.role == "duplicate"),
        left=tuple(m for m in members if _is_left(m)),
        absorbed=tuple(Absorbed(names.name(one), _merged_at(changes, one)) for one in absorbed),
        changes=tuple(
            Change(str(one["kind"]), _moment(one["time"]))
            for one in changes
            if one["subject"] == event_id
        ),
        notices=_noticed(stored, {m.article_id: m.title for m in members if not _is_left(m)}),
    )


def _noticed(stored: Stored, titles: Mapping[str, str]) -> tuple[Noticed, ...]:
    return tuple(
        Noticed(
            row["article_id"],
            titles[row["article_id"]],
            row["kind"],
            _moment(row["noticed_at"]),
            row["evidence"],
        )
        for row in stored.notices(titles)
    )


class _Names:
    """The events that a set of decisions names."""

    def __init__(self, stored: Stored, ids: Iterable[str]) -> None:
        self._stored = stored
        self._merged_into = stored.merges()
        wanted = set(ids)
        self._rows = stored.events(wanted | {self._survivor(one) for one in wanted})

    def name(self, event_id: str) -> EventName:
        """Name an event, and the one it went into."""
        row = self._row(event_id)
        survivor = self._survivor(event_id)
        title = self._row(survivor).get("title", "") if survivor else ""
        return EventName(event_id, row.get("title", ""), row.get("status", ""), survivor, title)

    def absorbed_by(self, event_id: str) -> list[str]:
        """Name the events that went into this one, also by way of others."""
        return sorted(one for one in self._merged_into if self._survivor(one) == event_id)

    def decision(self, row: Row) -> Decision:
        """Read one row of event_articles."""
        asked = row["best_event_id"] != ""
        readings = row["channels"]
        return Decision(
            revision=row["revision"],
            at=_moment(row["joined_at"]),
            left_at=_moment(row["left_at"]),
            event=self.name(row["event_id"]),
            role=row["role"],
            score=row["score"],
            evidence=row["evidence"],
            contested=row["contested"],
            threshold=row["threshold"] if asked else None,
            best=self._candidate(row["best_event_id"], row["best_score"]),
            second=self._candidate(row["second_event_id"], row["second_score"]),
            channels=None if readings is None else tuple(_reading(one) for one in readings if one),
        )

    def _candidate(self, event_id: str, score: float | None) -> Candidate | None:
        return Candidate(self.name(event_id), score) if event_id else None

    def _row(self, event_id: str) -> Row:
        if event_id not in self._rows:
            self._rows[event_id] = self._stored.events([event_id]).get(event_id, {})
        return self._rows[event_id]

    def _survivor(self, event_id: str) -> str:
        """Follow the merges of an event to the last; "" when it was not merged, or in a circle."""
        seen, at = {event_id}, self._merged_into.get(event_id, "")
        while at in self._merged_into and at not in seen:
            seen.add(at)
            at = self._merged_into[at]
        return "" if at in seen else at


def _event_ids(rows: Iterable[Row]) -> set[str]:
    columns = ("event_id", "best_event_id", "second_event_id")
    return {row[column] for row in rows for column in columns} - {""}


def _members(stored: Stored, rows: list[Row], names: _Names) -> list[Member]:
    articles = stored.articles(row["article_id"] for row in rows)
    originals = stored.articles(one["dup_of"] for found in articles.values() for one in found)
    return [_member(row, articles, originals, names) for row in rows]


def _member(
    row: Row, articles: dict[str, list[Row]], originals: dict[str, list[Row]], names: _Names
) -> Member:
    revisions = articles.get(row["article_id"], [])
    exact = [one for one in revisions if one["revision"] == row["revision"]]
    article = (exact or revisions or [{}])[-1]
    return Member(
        article_id=row["article_id"],
        title=article.get("title", ""),
        decision=names.decision(row),
        copy=_copy_check(article, originals),
    )


def _copy_check(article: Row, originals: dict[str, list[Row]]) -> CopyCheck:
    original = originals.get(article.get("dup_of", ""), [{}])[-1]
    return CopyCheck(
        kind=article.get("dup_kind", "none"),
        of=article.get("dup_of", ""),
        of_title=original.get("title", ""),
        score=article.get("dup_score"),
        evidence=article.get("dup_evidence", ""),
    )


def _membership_of(article: Row) -> Row:
    """Give the row that event_articles lacks, as far as the article's own row tells."""
    return {
        "event_id": article["event_id"],
        "revision": article["revision"],
        "joined_at": article["event_time"],
        "role": "",
        "score": article["event_score"],
        "evidence": article["event_evidence"],
        "best_event_id": "",
        "second_event_id": "",
    } | dict.fromkeys(
        ("left_at", "contested", "threshold", "best_score", "second_score", "channels")
    )


def _reading(row: Row) -> ChannelReading:
    best, second = (math.nan if row[k] is None else row[k] for k in ("best", "second"))
    return ChannelReading(row["name"] or "", best, second)


def _merged_at(changes: list[Row], event_id: str) -> datetime | None:
    at = [c["time"] for c in changes if c["subject"] == event_id and c["kind"] == "merged"]
    return _moment(at[-1]) if at else None


def _is_left(member: Member) -> bool:
    return member.decision.left_at is not None


def _moment(micros: int | None) -> datetime | None:
    try:
        return None if micros is None else _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
