"""What the page of one event shows, put together from the index."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.report import wording
from pipelines.report.page import Target
from pipelines.report.timeline import make_axis
from pipelines.report.view import ArticleView, Dot, EventView, articles_by_event, make_event, moment
from pipelines.serve.drawing import Row, draw_publishers
from pipelines.serve.queries import Questions

MOST_ARTICLES = 500  # in full; the rest is in the files to take away
MOST_CHANGES = 100


@dataclass(frozen=True)
class Told:
    """An article with the copies of it."""

    article: ArticleView
    copies: tuple[ArticleView, ...]


@dataclass(frozen=True)
class Happened:
    """A line of the event's history."""

    at: datetime
    words: str
    other: str  # event it happened to, when that was another one
    other_title: str


@dataclass(frozen=True)
class EventPage:
    event: EventView
    told: tuple[Told, ...]  # in time order
    history: tuple[Happened, ...]  # the newest first
    publishers: tuple[Row, ...]
    publisher_count: int
    span: tuple[datetime, datetime] | None  # of the picture; strays stick to its ends
    summary_from: tuple[ArticleView, ...]
    noticed: tuple[ArticleView, ...]  # that were corrected or taken back
    targets: dict[str, Target]


def load_event_page(ask: Questions, event_id: str) -> EventPage | None:
    """Load the page of an event that stands for itself; None when there is none."""
    row = ask.event(event_id)
    if row is None:
        return None
    summary_ids = [one for one in row.pop("summary_article_ids") if one]
    rows = ask.event_articles(event_id, MOST_ARTICLES)
    articles = articles_by_event(rows).get(event_id, ())
    absorbed = ask.absorbed(event_id)
    dots = tuple(Dot(a.event_time, False) for a in articles if a.event_time is not None)
    event = make_event(row, articles, dots, (), tuple(absorbed))
    axis = make_axis([event]) if dots else None
    of = {article.article_id: article for article in articles}
    return EventPage(
        event=event,
        told=fold_copies(articles),
        history=_history(ask, event_id, absorbed),
        publishers=tuple(draw_publishers(articles, axis)) if axis else (),
        publisher_count=len({wording.publisher(article) for article in articles}),
        span=(axis.first, axis.last) if axis else None,
        summary_from=tuple(of[one] for one in summary_ids if one in of),
        noticed=tuple(article for article in articles if article.notice),
        targets=_targets(ask, event_id, articles),
    )


def fold_copies(articles: tuple[ArticleView, ...]) -> tuple[Told, ...]:
    """Put copies under what they are copies of, as far as that is among the articles.

    A copy of a copy goes under the first original; a circle of copies folds nothing.
    """
    of = {article.article_id: article for article in articles}
    under: dict[str, list[ArticleView]] = {}
    alone: list[ArticleView] = []
    for article in articles:
        root = _root(article, of)
        if root == article.article_id:
            alone.append(article)
        else:
            under.setdefault(root, []).append(article)
    return tuple(Told(one, tuple(under.get(one.article_id, ()))) for one in alone)


def _root(article: ArticleView, of: dict[str, ArticleView]) -> str:
    seen = {article.article_id}
    at = article
    while at.dup_kind != "none" and at.dup_of in of:
        at = of[at.dup_of]
        if at.article_id in seen:
            return article.article_id
        seen.add(at.article_id)
    return at.article_id


def _history(ask: Questions, event_id: str, absorbed: list[str]) -> tuple[Happened, ...]:
    rows = ask.changes([event_id, *absorbed], MOST_CHANGES)
    titles = ask.titles([row["subject"] for row in rows if row["subject"] != event_id])
    return tuple(
        Happened(row["time"], change_words(row), *_other(row, event_id, titles))
        for row in rows
        if row["time"] is not None
    )


def _other(row: dict[str, Any], event_id: str, titles: dict[str, Any]) -> tuple[str, str]:
    subject = row["subject"] or ""
    return ("", "") if subject == event_id else (subject, titles.get(subject, ("", ""))[1])


def change_words(row: dict[str, Any]) -> str:
    """Say what happened."""
    kind = str(row["type"] or "").rpartition(".")[2]
    return wording.change_note(kind) if kind != "updated" else "updated"


def _targets(ask: Questions, event_id: str, articles: tuple[ArticleView, ...]) -> dict[str, Target]:
    """Give what the ids in the evidence lead to: articles on this page, events on theirs."""
    here = {a.article_id: Target(f"a{n}", a.title) for n, a in enumerate(articles)}
    named = {
        part
        for article in articles
        for text in (article.evidence, article.dup_evidence)
        for part, is_id in wording.pieces(text)
        if is_id and part not in here and part != event_id
    }
    titles = ask.titles(sorted(named))
    return here | {
        one: Target("", title, f"/events/{survivor}") for one, (survivor, title) in titles.items()
    }


def breaking_view(row: dict[str, Any]) -> EventView:
    """Make the view of a row of a list, for the macros that the report's page shares."""
    times = ("first_published_at", "first_seen_at", "last_seen_at", "counts_as_of",
             "breaking_since")  # fmt: skip
    plain = {**row, **{name: _micros(row[name]) for name in times}}
    for name in ("title", "summary", "representative_article_id", "status"):
        plain[name] = plain[name] or ""
    for name in ("duplicate_count", "publisher_family_count", "source_diversity",
                 "breaking_score", "cohesion_mean", "cohesion_min", "revision"):  # fmt: skip
        plain[name] = plain[name] or 0
    plain["article_count"] = plain["articles_found"] or plain["article_count"] or 0
    plain["contested"] = bool(plain["contested"])
    return make_event(plain, (), (), (), ())


def _micros(at: datetime | None) -> int | None:
    if at is None:
        return None
    zero = moment(0)
    assert zero is not None
    span = at - zero
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
