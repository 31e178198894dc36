"""Go on from an output: what a new run has to know of what earlier ones decided."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from schemas import (
    SCHEMA_VERSION,
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
    Sighting,
)
from schemas.event import MERGED
from schemas.ids import is_web_url
from schemas.tables import TABLES
from transforms._shared.shards import SHARDS_PER_WINDOW
from transforms.identify.seen import SeenIndex
from transforms.write.manifest import read_run
from transforms.write.output import local_folder
from transforms.write.parquet import EMPTY_FILE
from transforms.write.rounds import committed_files, letter_name

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
_STRUCTS = {"keywords": Keyword, "entities": EntityCount, "languages": LanguageCount,
            "breaking_reasons": BreakingReason}  # fmt: skip


@dataclass(frozen=True)
class Unusable:
    """A file in a table's folder that is passed over."""

    path: str  # relative to the output
    why: str


@dataclass(frozen=True)
class OutputSeeds:
    """What the output says of the last window; see ``Seeds``.

    Reads only files that count. What cannot be read is passed over and listed by ``unusable``.

    Args:
        output: folder with the tables.
        window_days: as of the run that is to go on.
        rounds: that counted when this was made, so that files added since are left alone.
    """

    output: str
    window_days: float
    rounds: int

    def load(self) -> tuple[int, int]:
        """Read everything at once; gives how many article revisions and open events there are.

        Without it each part is read when it is first asked for. Hold ``files_lock`` meanwhile.
        """
        _sightings(self)
        return len(_articles(self)), len(_open_events(self))

    def forget(self) -> None:
        """Free what is asked for only once, at the start."""
        for known in (_articles, _places, _event_now):
            known.cache_clear()

    def unusable(self) -> list[Unusable]:
        """List the files that are passed over: damaged, foreign or of another version."""
        return list(_scan(self).unusable)

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
        rows = [row for row in _articles(self) if row["event_id_now"] in open_events]
        for place, row in enumerate(rows):
            until = rows[place + 1]["sequence"] if place + 1 < len(rows) else None
            due = []
            while move is not None and (until is None or move.sequence < until):
                due.append(move)
                move = next(waiting, None)
            first = _history(places[row["article_id"], row["revision"]])[0]
            yield _decision(row, first, tuple(due), open_events)

    def event(self, event_id: str) -> Event | None:
        """See ``Seeds``; without its centroid."""
        row = _open_events(self).get(event_id)
        return _event(row) if row else None

    def latest_seen_at(self) -> datetime | None:
        """Say when the newest article was seen; None when there is none."""
        return max((row["first_seen_at"] for row in _articles(self)), default=None)

    def letters(self) -> set[str]:
        """Name the dead letters, see ``letter_name``."""
        columns = ("stage", "key", "reason", "payload_sha256", "first_failed_at")
        return {
            letter_name(*(row[name] for name in columns))
            for row in _rows(self, "dead_letters", columns)
        }


@dataclass(frozen=True)
class _Scan:
    usable: dict[str, tuple[str, ...]]  # paths by table
    unusable: tuple[Unusable, ...]


@lru_cache(maxsize=1)
def _scan(seeds: OutputSeeds) -> _Scan:
    """Sort the files of an output into those that count and can be read, and the others."""
    import pyarrow.parquet as pq

    folder = local_folder(seeds.output)
    run = read_run(seeds.output) or {"files": []}
    counted = set(committed_files(folder, {**run, "rounds": seeds.rounds}))
    usable: dict[str, list[str]] = defaultdict(list)
    unusable = []
    for table in TABLES:
        for path in sorted((folder / table.name).rglob("*")):
            name = path.relative_to(folder).as_posix()
            hidden = any(part.startswith(".") for part in Path(name).parts)
            if path.is_dir() or hidden or path.name == EMPTY_FILE:
                continue
            if name not in counted:
                unusable.append(Unusable(name, "not a file of a finished round"))
                continue
            try:
                with pq.ParquetFile(path) as file:
                    metadata = file.schema_arrow.metadata or {}
                    for _ in file.iter_batches():
                        pass
            except Exception as error:  # pyarrow meets damage with whatever it runs into
                unusable.append(Unusable(name, f"damaged: {_one_line(error)}"))
                continue
            version = metadata.get(b"schema_version", b"?").decode("utf-8", "replace")
            if version != SCHEMA_VERSION:
                unusable.append(Unusable(name, f"of schema version {version}"))
                continue
            usable[table.name].append(name)
    return _Scan({name: tuple(paths) for name, paths in usable.items()}, tuple(unusable))


def _rows(seeds: OutputSeeds, table: str, columns: Sequence[str], part: str = "") -> Iterator[Row]:
    """Read columns of the files of a table, of those that have ``part`` in their path."""
    import pyarrow.parquet as pq

    folder = local_folder(seeds.output)
    plain = [name for name in columns if name != _VECTOR]
    for name in _scan(seeds).usable.get(table, ()):
        with pq.ParquetFile(folder / name) as file:
            for batch in file.iter_batches(columns=list(columns)):
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


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


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
def _event_now(seeds: OutputSeeds) -> dict[str, str]:
    """Say in which event each article is, by its last revision."""
    now: dict[str, tuple[int, str]] = {}
    for (article, _), rows in _places(seeds).items():
        history = _history(rows)
        if history[-1]["left_at"] is None:
            found = (history[-1]["sequence"], history[-1]["event_id"])
            now[article] = max(now.get(article, found), found)
    return {article: event for article, (_, event) in now.items()}


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
    for name in set(_event_now(seeds).values()) - latest.keys():
        found[name] = {}  # its row was lost
    return found


def _kept(seeds: OutputSeeds) -> dict[tuple[str, int], int]:
    """Choose the article revisions still of use: in the window, or in an open event."""
    columns = ["article_id", "revision", "event_id", "event_time", "time_known", "sequence"]
    rows = list(_rows(seeds, "articles", columns))
    clock = max((row["event_time"] for row in rows if row["time_known"]), default=None)
    window = timedelta(days=seeds.window_days) * (1 + 1 / SHARDS_PER_WINDOW)
    now, events = _event_now(seeds), _open_events(seeds)
    kept = {}
    for row in rows:
        in_window = not row["time_known"] or clock is None or row["event_time"] >= clock - window
        if in_window or now.get(row["article_id"], row["event_id"]) in events:
            kept[row["article_id"], row["revision"]] = row["sequence"]
    return kept


@lru_cache(maxsize=1)
def _articles(seeds: OutputSeeds) -> list[Row]:
    """Give the rows of articles still of use, in the order of decisions."""
    kept, now = _kept(seeds), _event_now(seeds)
    by_sequence = {}
    for row in _rows(seeds, "articles", _COLUMNS["articles"]):
        # A row can be there twice: in a compacted file, and in one it was made of.
        if kept.get((row["article_id"], row["revision"])) == row["sequence"]:
            row["event_id_now"] = now.get(row["article_id"], row["event_id"])
            by_sequence[row["sequence"]] = row
    return [by_sequence[sequence] for sequence in sorted(by_sequence)]


@lru_cache(maxsize=1)
def _sightings(seeds: OutputSeeds) -> dict[str, list[Sighting]]:
    """Give the last sighting of each article by identity key, oldest first.

    Where the rows of an article were lost, its sightings do not count, so that it comes again if
    it is still offered; where its sightings were lost, its rows stand in for them.
    """
    columns = ["article_id", "first_seen_at"]
    written: dict[str, datetime] = {
        row["article_id"]: row["first_seen_at"] for row in _rows(seeds, "articles", columns)
    }
    since = min(written.values(), default=None)
    latest: dict[str, tuple[Any, ...]] = {}
    first: dict[str, datetime] = {}
    for row in _rows(seeds, "sightings", _COLUMNS["sightings"]):
        name, found = row["article_id"], (row["seen_at"], row["revision"], len(row["state"]), row)
        first[name] = min(first.get(name, row["seen_at"]), row["seen_at"])
        if name not in latest or found[:3] >= latest[name][:3]:
            latest[name] = found
    by_key: dict[str, list[Sighting]] = defaultdict(list)
    for *_, row in sorted(latest.values(), key=lambda found: (found[0], found[3]["article_id"])):
        name = row["article_id"]
        if name in written or since is None or first[name] < since:
            sighting = Sighting(**{field.name: row[field.name] for field in fields(Sighting)})
            by_key[sighting.identity_key].append(sighting)
    for sighting in _rebuilt(row for row in _articles(seeds) if row["article_id"] not in latest):
        by_key[sighting.identity_key].append(sighting)
    return by_key


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


def _event(row: Row) -> Event:
    values: Row = {field.name: row.get(field.name) for field in fields(Event)}
    for name, record in _STRUCTS.items():
        values[name] = tuple(record(**item) for item in row[name])
    for name in ("merged_into", "summary"):
        values[name] = values[name] or ""
    values["summary_article_ids"] = tuple(row["summary_article_ids"])
    return Event(**values | {"centroid": b""})
