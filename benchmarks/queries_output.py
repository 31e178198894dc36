"""An output folder of any size with invented articles, made fast: rows come from numpy, not a run.

Bodies are one short line and there are no vectors: what reads this must cope without them.
"""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.tables import TABLES

DAYS = 60
PER_EVENT = 3  # articles, on average
FAMILIES = 3000
FEEDS = 2000
FIRST = int(datetime(2025, 1, 1, tzinfo=timezone.utc).timestamp())
_MICRO = 1_000_000
_ROWS_PER_FILE = 50_000
_STATES = np.array(["none", "none", "none", "candidate", "fading", "developing", "breaking"])


@dataclass
class Made:
    """What is in the folder, so that more can be added."""

    folder: Path
    rng: Any
    words: Any
    families: Any
    event_ids: Any
    rounds: int = 0
    files: list[str] = field(default_factory=list)


def make_output(folder: Path, articles: int, seed: int = 7) -> Made:
    """Write an output of ``articles`` articles as compacted days, and its run.json."""
    rng = np.random.default_rng(seed)
    events = max(articles // PER_EVENT, 1)
    made = Made(folder, rng, _words(rng), _families(rng), _ids(rng, events))
    start = FIRST + np.sort(rng.integers(0, DAYS * 86400, events))
    # A few large events, many small ones.
    weight = rng.pareto(1.3, events) + 0.05
    owner = np.sort(rng.choice(events, articles - events, p=weight / weight.sum()))
    owner = np.concatenate([np.arange(events), owner])
    at = start[owner] + (rng.exponential(20_000, articles) * (np.arange(articles) >= events))
    at = np.minimum(at, FIRST + DAYS * 86400 - 1).astype(np.int64)
    _write_articles(made, owner, at)
    _write_events(made, np.arange(events), start, owner, at, revision=1)
    _write_logs(made)
    _sign(made)
    return made


def add_round(made: Made, articles: int) -> None:
    """Write one more round: half of its articles open events, half join old ones."""
    made.rounds += 1
    new = articles // 2
    made.event_ids = np.concatenate([made.event_ids, _ids(made.rng, new)])
    total = len(made.event_ids)
    old = made.rng.integers(0, total - new, articles - new)
    owner = np.concatenate([np.arange(total - new, total), old])
    at = np.full(articles, FIRST + DAYS * 86400 + 60 * made.rounds, dtype=np.int64)
    _write_articles(made, owner, at)
    touched = np.unique(owner)
    _write_events(made, touched, np.full(total, at[0]), owner, at, revision=1 + made.rounds)
    _sign(made)


def _write_articles(made: Made, owner: Any, at: Any) -> None:
    rng, n = made.rng, len(owner)
    ids, events = _ids(rng, n), made.event_ids[owner]
    family = made.families[np.minimum(rng.zipf(1.3, n), FAMILIES) - 1]
    titles = _titles(made, n)
    copy = rng.random(n) < 0.15
    times = _times(at)
    evidence = _join("dense 0.", rng.integers(10, 99, n).astype(str), " terms 0.",
                     rng.integers(10, 99, n).astype(str), "; ahead of the next event")  # fmt: skip
    urls = _join("https://", family, "/news/", ids)
    rows = {
        "article_id": ids, "url": urls, "canonical_url": urls, "domain": family,
        "publisher_family": family, "title": titles, "body": titles,
        "language": np.where(rng.random(n) < 0.9, "en", "de"), "published_at": times,
        "published_at_source": "feed", "published_at_precision": "second",
        "published_at_flag": "ok", "first_seen_at": times, "event_time": times,
        "access_state": "open", "dup_kind": np.where(copy, "near_verbatim", "none"),
        "event_id": events, "event_score": 0.9, "event_evidence": evidence, "revision": 1,
        "input_kind": "rss", "word_count": 300,
    }  # fmt: skip
    _write(made, "articles", rows, at)
    _write(made, "event_articles", {
        "event_id": events, "article_id": ids, "joined_at": times, "revision": 1,
        "role": np.where(copy, "duplicate", "member"), "score": 0.9, "evidence": evidence,
        "sequence": np.arange(n) + made.rounds * 10_000_000, "threshold": 0.5,
    }, at)  # fmt: skip


def _write_events(made: Made, which: Any, start: Any, owner: Any, at: Any, revision: int) -> None:
    rng, n = made.rng, len(which)
    total = len(made.event_ids)
    counts = np.bincount(owner, minlength=total)[which]
    last = np.zeros(total, np.int64)
    np.maximum.at(last, owner, at)
    state = np.where(counts >= 3, _STATES[rng.integers(0, len(_STATES), n)], "none")
    begun, ids = start[which], made.event_ids[which]
    broke = np.where(state == "none", None, _times(begun).astype(object))
    terms = made.words[rng.integers(0, len(made.words), (n, 6))]
    titles = _titles(made, n)
    _write(made, "events", {
        "event_id": ids, "revision": revision, "status": "active", "merged_into": None,
        "title": titles,
        "summary": titles, "representative_article_id": ids,
        "keywords": [[{"term": t, "weight": 0.5} for t in row] for row in terms[:, :4].tolist()],
        "entities": [[{"text": t.title(), "count": 2} for t in row]
                     for row in terms[:, 4:].tolist()],
        "languages": [[{"code": "en", "count": 1}]] * n,
        "breaking_reasons": [[{"code": "families_60m", "value": 2.0, "threshold": 3.0,
                               "passed": False}]] * n,
        "first_seen_at": _times(begun), "last_seen_at": _times(last[which]),
        "updated_at": _times(last[which]), "counts_as_of": _times(last[which]),
        "article_count": counts, "unique_article_count": counts,
        "publisher_family_count": np.minimum(counts, 8), "breaking_state": state,
        "breaking_since": broke, "breaking_score": rng.random(n).astype(np.float32),
    }, begun)  # fmt: skip
    _write(made, "event_changes", {
        "id": _ids(rng, n), "source": "/newsevents", "specversion": "1.0", "subject": ids,
        "type": f"org.newsevents.event.{'created' if revision == 1 else 'updated'}",
        "time": _times(begun), "data": '{"revision": 1}',
    }, begun)  # fmt: skip


def _write_logs(made: Made) -> None:
    rng, n = made.rng, FEEDS * 10
    at = FIRST + rng.integers(0, DAYS * 86400, n)
    feed = rng.integers(0, FEEDS, n)
    _write(made, "fetch_log", {
        "feed_id": _join("feed", feed.astype(str)),
        "feed": _join("https://feed", feed.astype(str), ".example/rss"),
        "fetched_at": _times(at), "outcome": np.where(rng.random(n) < 0.1, "TEMP", "NEW"),
        "kept": 3, "failures": (rng.random(n) < 0.1).astype(np.int32), "next_at": _times(at + 900),
        "interval_seconds": 900.0, "interval_reason": "rhythm",
    }, at)  # fmt: skip
    letters = 10_000
    at = FIRST + rng.integers(0, DAYS * 86400, letters)
    _write(made, "dead_letters", {
        "stage": "parse", "key": _join("https://x.example/", _ids(rng, letters)),
        "reason": np.array(["empty", "not_a_feed", "binary"])[rng.integers(0, 3, letters)],
        "error": "The file is empty.", "first_failed_at": _times(at), "replayable": False,
    }, at)  # fmt: skip


def _write(made: Made, name: str, rows: dict[str, Any], at: Any) -> None:
    """Write one file a day and 50,000 rows; single values count for all rows."""
    table = next(one for one in TABLES if one.name == name)
    schema = table.arrow_schema(dim=1)
    rows = {**rows, "round": made.rounds, "schema_version": "bench"}
    fields = [schema.field(column) for column in rows]
    arrays = [_array(value, field.type, len(at)) for value, field in zip(rows.values(), fields)]
    whole = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    order = np.argsort(at, kind="stable")
    days = at[order] // 86400
    for day in np.unique(days):
        places = order[np.searchsorted(days, day) : np.searchsorted(days, day, side="right")]
        date = datetime.fromtimestamp(int(day) * 86400, timezone.utc).date()
        for start in range(0, len(places), _ROWS_PER_FILE):
            digest = made.rng.bytes(16).hex()
            prefix = f"{made.rounds:09d}-" if made.rounds else ""
            path = f"{name}/date={date}/part-{prefix}{digest}.parquet"
            target = made.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            part = whole.take(places[start : start + _ROWS_PER_FILE])
            pq.write_table(part, target, compression="zstd", row_group_size=10_000)
            if not made.rounds:
                made.files.append(path)


def _array(value: Any, kind: Any, n: int) -> Any:
    if value is None:
        return pa.nulls(n, kind)
    if isinstance(value, str | int | float | bool):
        return pa.array([value], kind).take(pa.array(np.zeros(n, np.int64)))
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        value = value.astype(object)
    return pa.array(value, kind)


def _sign(made: Made) -> None:
    run = {"files": made.files, "counts": {}, "versions": {}, "rounds": made.rounds}
    temporary = made.folder / "run.json.tmp"
    temporary.write_text(json.dumps(run), encoding="utf-8")
    temporary.replace(made.folder / "run.json")


def _times(seconds: Any) -> Any:
    return (np.asarray(seconds) * _MICRO).astype("datetime64[us]")


def _titles(made: Made, n: int) -> Any:
    picks = np.minimum(made.rng.zipf(1.15, (n, 8)), len(made.words)) - 1
    return np.array([" ".join(row) for row in made.words[picks].tolist()], dtype=object)


def _join(*parts: Any) -> Any:
    n = max(len(part) for part in parts if not isinstance(part, str))
    columns = [[part] * n if isinstance(part, str) else part.tolist() for part in parts]
    return np.array(["".join(row) for row in zip(*columns)], dtype=object)


def _ids(rng: Any, n: int) -> Any:
    text = base64.b32encode(rng.bytes(20 * n)).decode().lower()
    return np.array([text[i * 32 : i * 32 + 26] for i in range(n)], dtype=object)


def _words(rng: Any) -> Any:
    syllables = ["ba", "ko", "ri", "ten", "lu", "mar", "os", "vel", "din", "pha", "gro", "ish"]
    words = {"".join(rng.choice(syllables, rng.integers(2, 5))) for _ in range(30_000)}
    return np.array(sorted(words), dtype=object)[rng.permutation(len(words))]


def _families(rng: Any) -> Any:
    return np.array([f"{word}{n}.example" for n, word in
                     enumerate(rng.choice(_words(rng), FAMILIES))], dtype=object)  # fmt: skip
