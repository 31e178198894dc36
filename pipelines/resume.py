"""Go on from an output: what a new run has to know of what earlier ones decided."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise
from typing import Any

from pipelines.stored_rows import StoredRows, Unusable, stored_rows
from schemas import (
    Article,
    Assignment,
    BreakingReason,
    ComparedArticle,
    Decision,
    DuplicateVerdict,
    EmbeddedArticle,
    EntityCount,
    Entry,
    Event,
    Keyword,
    LanguageCount,
    Move,
    Notice,
    Sighting,
)
from schemas.event import MERGED
from schemas.ids import event_id, is_web_url
from schemas.tables import TABLES
from transforms._shared.shards import SHARDS_PER_WINDOW
from transforms.identify.seen import SeenIndex
from transforms.read.feed_state import FeedState
from transforms.write.rounds import letter_name

Row = dict[str, Any]

_UNUSED = ("round", "schema_version")
_COLUMNS = {
    table.name: [column.name for column in table.columns if column.name not in _UNUSED]
    for table in TABLES
}
_PLACES = (
    "event_id", "article_id", "revision", "left_at", "role", "score", "evidence", "contested",
    "second_event_id", "votes", "sequence",
)  # fmt: skip
_ON_JOINING = ("role", "contested", "second_event_id", "votes", "score")
_VECTOR = "embedding"
_HAS_ITEMS = b'"items":'  # in the state of a feed
_STRUCTS = {"keywords": Keyword, "entities": EntityCount, "languages": LanguageCount,
            "breaking_reasons": BreakingReason}  # fmt: skip


@dataclass(frozen=True)
class OutputSeeds:
    """What the output says of the last window; see ``Seeds``.

    Reads only files that count. What cannot be read is passed over and listed by ``unusable``.

    Args:
        output: folder or dataset with the tables.
        window_days: as of the run that is to go on.
        rounds: that counted when this was made, so that files added since are left alone.
    """

    output: str
    window_days: float
    rounds: int

    @property
    def stored(self) -> StoredRows:
        """The rows that count."""
        return stored_rows(self.output, self.rounds, self.window_days)

    def load(self) -> tuple[int, int]:
        """Read everything at once; gives how many article revisions and open events there are.

        Without it each part is read when it is first asked for. Hold ``files_lock`` meanwhile.
        """
        _sightings(self)
        return len(_articles(self)), len(_open_events(self))

    def forget(self) -> None:
        """Free what is asked for only once, at the start."""
        for known in (_articles, _places, _homes, _written, _known):
            known.cache_clear()

    def unusable(self) -> list[Unusable]:
        """List the files that are passed over: damaged, foreign or of another version."""
        return list(self.stored.unusable())

    def sightings(self, identity_key: str) -> Iterator[Sighting]:
        """See ``Seeds``."""
        yield from _sightings(self).get(identity_key, ())

    def compared(self) -> Iterator[ComparedArticle]:
        """See ``Seeds``."""
        for row in _articles(self):
            yield _compared(row)

    def decisions(self) -> Iterator[Decision]:
        """See ``Seeds``."""
        open_events, places = _open_events(self), _places(self)
        moves = sorted(_moves(places), key=lambda move: (move.sequence, not move.merged))
        waiting = iter(moves)
        move = next(waiting, None)
        rows = [row for row in _articles(self) if row["home"] in open_events]
        for place, row in enumerate(rows):
            until = rows[place + 1]["sequence"] if place + 1 < len(rows) else None
            due = []
            while move is not None and (until is None or move.sequence < until):
                due.append(move)
                move = next(waiting, None)
            told = places.get((row["article_id"], row["revision"]))
            first = _history(told)[0] if told else _guessed_place(row)
            yield _decision(row, first, tuple(due), open_events)

    def notices(self) -> Iterator[Notice]:
        """See ``Seeds``; what stands in an output twice comes once."""
        there = {row["article_id"] for row in _articles(self)}
        found: dict[tuple[str, str], Notice] = {}
        for row in _rows(self, "article_notices", _COLUMNS["article_notices"]):
            if row["article_id"] in there:
                found.setdefault((row["article_id"], row["kind"]), Notice(**row))
        yield from sorted(found.values(), key=lambda n: (n.noticed_at, n.article_id, n.kind))

    def last_sequence(self) -> int:
        """See ``Seeds``."""
        return max(
            (
                row["sequence"]
                for table in ("articles", "event_articles")
                for row in _rows(self, table, ("sequence",))
            ),
            default=0,
        )

    def lost_articles(self, counted: int) -> int:
        """Say how many of the ``counted`` rows of articles are gone without having been removed."""
        there = sum(len(revisions) for revisions in _written(self).values())
        return self.stored.lost_articles(counted, there)

    def known(self) -> frozenset[str]:
        """See ``Seeds``."""
        return _known(self)

    def events(self) -> Iterator[Event]:
        """See ``Seeds``."""
        for row in _open_events(self).values():
            if row:
                yield event_of(row)

    def latest_seen_at(self) -> datetime | None:
        """Say when the newest article was seen; None when there is none."""
        return max((row["first_seen_at"] for row in _articles(self)), default=None)

    def feed_states(self) -> dict[str, FeedState]:
        """Say what is known of feeds, by feed id; one that cannot be read begins anew."""
        latest: dict[str, Row] = {}
        with_items: dict[str, tuple[datetime, bytes]] = {}
        for row in _rows(self, "fetch_log", ("feed_id", "fetched_at", "state")):
            name, at = row["feed_id"], row["fetched_at"]
            if name not in latest or at >= latest[name]["fetched_at"]:
                latest[name] = row
            if _HAS_ITEMS in row["state"] and at >= with_items.get(name, (at, b""))[0]:
                with_items[name] = (at, row["state"])
        states = {}
        for name, row in latest.items():
            with suppress(ValueError):
                full = with_items.get(name)
                items = FeedState.from_bytes(full[1]).items if full else b""
                states[name] = FeedState.from_bytes(row["state"], items)
        return states

    def letters(self) -> set[str]:
        """Name the dead letters, see ``letter_name``."""
        columns = ("stage", "key", "reason", "payload_sha256", "first_failed_at")
        return {
            letter_name(*(row[name] for name in columns))
            for row in _rows(self, "dead_letters", columns)
        }


def _rows(seeds: OutputSeeds, table: str, columns: Sequence[str]) -> Iterator[Row]:
    """Read columns of a table."""
    plain = [name for name in columns if name != _VECTOR]
    for batch in seeds.stored.batches(table, columns):
        rows = batch.select(plain).to_pylist()
        vectors = batch.column(_VECTOR).flatten().to_numpy() if _VECTOR in columns else None
        for place, row in enumerate(rows):
            if vectors is not None:
                dim = len(vectors) // len(rows)
                own = vectors[place * dim : (place + 1) * dim]
                row[_VECTOR] = own.astype("<f4").tobytes()
            yield {key: _plain(value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


@lru_cache(maxsize=1)
def _places(seeds: OutputSeeds) -> dict[tuple[str, int], list[Row]]:
    """Collect the rows that say where each article revision is and was."""
    places: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in _rows(seeds, "event_articles", _PLACES):
        places[row["article_id"], row["revision"]].append(row)
    return places


def _history(rows: Iterable[Row]) -> list[Row]:
    """Put the rows of one article revision in order: the events it left, then where it is.

    One decision may put an article into an event and merge that away: then it has two rows of
    one ``sequence`` that do not say when it left, and the event that it left came first.
    """
    unique = {(r["event_id"], r["sequence"], r["left_at"] is None): r for r in rows}.values()
    left = sorted((r for r in unique if r["left_at"]), key=lambda r: int(r["sequence"]))
    gone = {(r["event_id"], r["sequence"]) for r in left}

    def order(row: Row) -> tuple[int, bool]:
        return int(row["sequence"]), (row["event_id"], row["sequence"]) not in gone

    here = sorted((r for r in unique if not r["left_at"]), key=order)
    if not left or not here:
        return [*left, *here[-1:]]
    first = here[0] if order(here[0]) < (int(left[0]["sequence"]), True) else left[0]
    joined = {name: first[name] for name in _ON_JOINING}
    return [left[0] | joined, *left[1:], here[-1]]


@lru_cache(maxsize=1)
def _homes(seeds: OutputSeeds) -> dict[tuple[str, int], str]:
    """Say in which event each article revision is now.

    Rows say where the last revision went; those before it that were in the same event went along.
    """
    by_article: dict[str, list[tuple[int, list[Row]]]] = defaultdict(list)
    for (article, revision), rows in _places(seeds).items():
        by_article[article].append((revision, _history(rows)))
    homes: dict[tuple[str, int], str] = {}
    for article, revisions in by_article.items():
        later: tuple[str, str] | None = None  # where the next revision began, and where it is
        for revision, history in sorted(revisions, key=lambda found: found[0], reverse=True):
            home = history[-1]["event_id"]
            if later is not None and later[0] == home:
                home = later[1]
            homes[article, revision] = home
            later = (history[0]["event_id"], home)
    return homes


@lru_cache(maxsize=1)
def _open_events(seeds: OutputSeeds) -> dict[str, Row]:
    """Give the last revision of each event that was open, by id."""
    columns = [name for name in _COLUMNS["events"] if name != "centroid"]
    latest: dict[str, Row] = {}
    for row in _rows(seeds, "events", columns):
        known = latest.get(row["event_id"])
        if known is None or row["revision"] > known["revision"]:
            latest[row["event_id"]] = row
    found = {name: row for name, row in latest.items() if row["status"] == "active"}
    for name in set(_homes(seeds).values()) - latest.keys():
        found[name] = {}  # its row was lost
    return found


def _kept(seeds: OutputSeeds) -> dict[tuple[str, int], int]:
    """Choose the article revisions still of use: in the window, or in an open event."""
    columns = ["article_id", "revision", "event_id", "event_time", "time_known", "sequence"]
    rows = list(_rows(seeds, "articles", columns))
    clock = max((row["event_time"] for row in rows if row["time_known"]), default=None)
    window = timedelta(days=seeds.window_days) * (1 + 1 / SHARDS_PER_WINDOW)
    homes, events = _homes(seeds), _open_events(seeds)
    kept: dict[tuple[str, int], int] = {}
    for row in rows:
        name = (row["article_id"], row["revision"])
        in_window = not row["time_known"] or clock is None or row["event_time"] >= clock - window
        if in_window or homes.get(name, row["event_id"]) in events:
            kept[name] = max(kept.get(name, 0), row["sequence"])
    return kept


@lru_cache(maxsize=1)
def _articles(seeds: OutputSeeds) -> list[Row]:
    """Give the rows of articles still of use, in the order of decisions."""
    kept, homes = _kept(seeds), _homes(seeds)
    found: dict[tuple[str, int], Row] = {}
    for row in _rows(seeds, "articles", _COLUMNS["articles"]):
        name = (row["article_id"], row["revision"])
        # A row can be there twice: in a compacted file, and in one it was made of.
        if kept.get(name) == row["sequence"]:
            row["home"] = homes.get(name, row["event_id"])
            found[name] = row
    return [found[name] for name in sorted(found, key=lambda n: (found[n]["sequence"], n))]


@lru_cache(maxsize=1)
def _written(seeds: OutputSeeds) -> dict[str, set[int]]:
    """Give the revisions of each article that have a row."""
    written: dict[str, set[int]] = defaultdict(set)
    for row in _rows(seeds, "articles", ("article_id", "revision")):
        written[row["article_id"]].add(row["revision"])
    return written


@lru_cache(maxsize=1)
def _sightings(seeds: OutputSeeds) -> dict[str, list[Sighting]]:
    """Give the last sighting of each article by identity key, oldest first.

    Where the row of a revision was lost, a sighting of it does not count, so that it comes again
    if it is still offered; where it was removed because it was old, the sighting counts. Where the
    sightings of an article were lost, its rows stand in for them.
    """
    written, stored = _written(seeds), seeds.stored
    latest: dict[str, tuple[Any, ...]] = {}
    for row in _rows(seeds, "sightings", (*_COLUMNS["sightings"], "round")):
        name, revision = row["article_id"], row["revision"]
        if stored.is_lost(name, revision, written):
            continue
        found = (row["round"], revision, row["seen_at"], len(row["state"]), row)
        if name not in latest or found[:4] >= latest[name][:4]:
            latest[name] = found
    by_key: dict[str, list[Sighting]] = defaultdict(list)
    for *_, row in sorted(latest.values(), key=lambda found: (*found[:3], found[4]["article_id"])):
        sighting = Sighting(**{field.name: row[field.name] for field in fields(Sighting)})
        by_key[sighting.identity_key].append(sighting)
    for sighting in _rebuilt(row for row in _articles(seeds) if row["article_id"] not in latest):
        by_key[sighting.identity_key].append(sighting)
    return by_key


@lru_cache(maxsize=1)
def _known(seeds: OutputSeeds) -> frozenset[str]:
    """Name the articles that have rows, but no sighting that counts."""
    sighted = {s.article_id for found in _sightings(seeds).values() for s in found}
    return frozenset(_written(seeds).keys() - sighted)


def _rebuilt(rows: Iterable[Row]) -> Iterator[Sighting]:
    """Tell from articles what was seen of them; those without a web address cannot be told."""
    index = SeenIndex(None)
    for row in rows:
        if is_web_url(row["canonical_url"]):
            index.identify(
                Entry(
                    key=row["url"], input_kind=row["input_kind"], url=row["url"], guid="",
                    feed_url=row["feed_url"] or "", source_name="", source_url="",
                    origin_publisher="", title=row["title"], summary=row["description"] or "",
                    content=row["body"] or "", content_type="text", authors=(), image_url="",
                    language="", published="", published_source="",
                    received_at=row["first_seen_at"],
                )
            )  # fmt: skip
    yield from index.changes()


def _moves(places: dict[tuple[str, int], list[Row]]) -> list[Move]:
    """Put together which articles changed events at one decision."""
    moved: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for (article, _), rows in places.items():
        history = _history(rows)
        for left, following in pairwise(history):
            name = (left["sequence"], left["event_id"], following["event_id"], left["evidence"],
                    left["left_at"])  # fmt: skip
            moved[name].add(article)
    return [
        Move(frozenset(articles), before, after, at, reason, 1.0, reason.startswith(MERGED), place)
        for (place, before, after, reason, at), articles in moved.items()
    ]


def _guessed_place(row: Row) -> Row:
    """Say how an article came into its event when the rows about that were lost."""
    opened = row["event_id"] == event_id(row["article_id"], row["revision"])
    follows = "update" if row["revision"] > 1 else "duplicate"
    copied = row["revision"] > 1 or row["dup_kind"] != "none"
    return {
        "event_id": row["event_id"],
        "role": "seed" if opened else follows if copied else "member",
        "score": row["event_score"],
        "contested": False,
        "second_event_id": "",
        "votes": False,
    }


def _decision(row: Row, first: Row, moves: tuple[Move, ...], events: dict[str, Row]) -> Decision:
    assignment = Assignment(
        compared=_compared(row),
        event_id=first["event_id"],
        role=first["role"],
        score=first["score"],
        evidence="",
        contested=first["contested"],
        second_event_id=first["second_event_id"] or "",
        votes=first["votes"],
        sequence=row["sequence"],
        usual_rate=row["usual_rate"],
        usual_rate_hours=row["usual_rate_hours"],
        novelty=row["novelty"],
        own_text=row["own_text"],
    )
    novelty = events.get(first["event_id"], {}).get("novelty", 1.0)
    return Decision(assignment, moves, round(novelty, 4))


def _compared(row: Row) -> ComparedArticle:
    values: Row = {}
    for field in fields(Article):
        value = row.get(field.name)
        values[field.name] = "" if value is None and field.name != "published_at" else value
    values |= {"key": row["url"], "quoted": "", "authors": tuple(row["authors"])}
    article = Article(**values)
    verdict = DuplicateVerdict(
        row["dup_kind"], row["dup_of"] or "", row["dup_score"] or 0.0, row["dup_evidence"] or ""
    )
    return ComparedArticle(
        EmbeddedArticle(article, row[_VECTOR], row["embedding_model"]), verdict, ()
    )


def event_of(row: Row) -> Event:
    """Make an event of its row, without its centroid."""
    values: Row = {field.name: row.get(field.name) for field in fields(Event)}
    for name, record in _STRUCTS.items():
        values[name] = tuple(record(**item) for item in row[name])
    for name in ("merged_into", "summary", "alert_id"):
        values[name] = values[name] or ""
    values["summary_article_ids"] = tuple(row["summary_article_ids"])
    return Event(**values | {"centroid": b""})
