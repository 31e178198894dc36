"""How quick the pages of ``pipelines.serve`` are when an output holds very many articles.

``python -m benchmarks.queries [--articles 1000000] [--json OUT]``. The output is invented (see
queries_output.py) and lies in a temporary folder. The application runs in this process; each page
is asked for often, with other words, events and offsets each time, and takes its time from the
first byte asked to the last one answered, without a network. Beside it stand two things DuckDB can
do with the same files and as many threads: a plain scan, which counts the columns that the page's
question needs, and the question itself, asked of the views in deploy/sql.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.queries_output import Made, add_round, make_output

SEED = 11
VIEWS = Path(__file__).parents[1] / "deploy" / "sql" / "duckdb_latest.sql"


@dataclass(frozen=True)
class Page:
    """One kind of request."""

    name: str
    address: Callable[[Any, Made], str]  # made with random numbers
    table: str
    columns: str  # that a plain scan has to look at
    question: str  # what the page asks, of the views in deploy/sql


@dataclass(frozen=True)
class Timed:
    """What one kind of request took, in milliseconds."""

    page: str
    p50_ms: float
    p95_ms: float
    bytes: int
    scan_p50_ms: float
    scan_p95_ms: float
    views_p50_ms: float


def _word(rng: Any, made: Made) -> str:
    return str(made.words[min(int(rng.zipf(1.3)), len(made.words)) - 1])


def _event(rng: Any, made: Made) -> str:
    return str(made.event_ids[rng.integers(len(made.event_ids))])


def _family(rng: Any, made: Made) -> str:
    return str(made.families[min(int(rng.zipf(1.3)), len(made.families)) - 1])


_EVENT_ROW = "event_id, title, breaking_state, breaking_since, last_seen_at, article_count"
_ARTICLE_ROW = "article_id, title, event_time"
_EVENTS = f"SELECT {_EVENT_ROW}, keywords, entities FROM events_latest WHERE status <> 'merged'"  # noqa: S608
_LATEST = f"{_EVENTS} ORDER BY last_seen_at DESC LIMIT 30"
_ARTICLES = f"SELECT {_ARTICLE_ROW} FROM articles_latest"  # noqa: S608
PAGES = (
    Page("breaking now", lambda rng, made: "/", "events", _EVENT_ROW,
         f"{_EVENTS} AND breaking_state IN ('breaking', 'developing') LIMIT 30"),
    Page("events, latest", lambda rng, made: f"/events?offset={rng.integers(10_000)}",
         "events", _EVENT_ROW, _LATEST),
    Page("events, largest", lambda rng, made: f"/events?sort=articles&offset={rng.integers(500)}",
         "events", _EVENT_ROW, f"{_EVENTS} ORDER BY article_count DESC LIMIT 30"),
    Page("events, two words", lambda rng, made: f"/events?q={_word(rng, made)}+{_word(rng, made)}",
         "events", f"{_EVENT_ROW}, keywords, entities",
         f"{_EVENTS} AND contains(lower(title), 'kogro') ORDER BY last_seen_at DESC LIMIT 30"),
    Page("events, publisher", lambda rng, made: f"/events?publisher={_family(rng, made)}",
         "articles", "event_id, publisher_family",
         f"{_EVENTS} AND event_id IN (SELECT event_id FROM articles_latest "  # noqa: S608
         "WHERE publisher_family = 'none') ORDER BY last_seen_at DESC LIMIT 30"),
    Page("events, one day, 3 articles",
         lambda rng, made: f"/events?min_articles=3&from=2025-02-{rng.integers(10, 28)}",
         "events", _EVENT_ROW,
         f"{_EVENTS} AND article_count >= 3 ORDER BY last_seen_at DESC LIMIT 30"),
    Page("an event", lambda rng, made: f"/events/{_event(rng, made)}", "articles",
         "article_id, event_id, title, url, publisher_family, event_time, event_evidence",
         "SELECT title, url, publisher_family, event_time, event_evidence FROM articles_latest "
         "WHERE event_id = (SELECT min(event_id) FROM events)"),
    Page("API, articles with a word", lambda rng, made: f"/api/v1/articles?q={_word(rng, made)}",
         "articles", _ARTICLE_ROW,
         f"{_ARTICLES} WHERE contains(lower(title), 'kogro') ORDER BY event_time DESC LIMIT 50"),
    Page("API, latest articles",
         lambda rng, made: f"/api/v1/articles?offset={rng.integers(10_000)}",
         "articles", _ARTICLE_ROW, f"{_ARTICLES} ORDER BY event_time DESC LIMIT 50"),
    Page("feeds", lambda rng, made: f"/feeds?offset={rng.integers(1000)}", "fetch_log",
         "feed_id, feed, fetched_at, outcome, failures",
         "SELECT feed_id, arg_max(outcome, fetched_at) FROM fetch_log GROUP BY feed_id"),
    Page("dead letters", lambda rng, made: f"/dead-letters?offset={rng.integers(5000)}",
         "dead_letters", "stage, reason, key, first_failed_at",
         "SELECT key, error FROM dead_letters ORDER BY first_failed_at DESC LIMIT 30"),
    Page("status", lambda rng, made: "/api/v1/status", "events", "event_id",
         "SELECT count(*) FROM events_latest"),
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queries", description=__doc__)
    parser.add_argument("--articles", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--asked", type=int, default=60, metavar="N", help="requests of each kind")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="that are added")
    parser.add_argument("--memory_mb", type=int, default=512, metavar="MB")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="for what is made, and kept")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args(argv)
    with _folder(options.folder) as folder:
        figures = measure(
            folder, options.articles, options.asked, options.rounds, options.memory_mb
        )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def measure(folder: Path, articles: int, asked: int, rounds: int, memory_mb: int) -> dict[str, Any]:
    """Make the output, ask, and give the figures; prints them as they come."""
    from starlette.testclient import TestClient

    from pipelines.serve.app import make_app
    from pipelines.serve.index import Index

    began = time.perf_counter()
    made = make_output(folder, articles)
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    print(f"{articles:,} articles in {size / 2**20:,.0f} MiB of Parquet, "
          f"made in {time.perf_counter() - began:.0f} s")  # fmt: skip
    _forget_peak()
    resident = _memory("VmRSS")
    index = Index(folder, memory_mb)
    began = time.perf_counter()
    index.refresh()
    started, peak = time.perf_counter() - began, _memory("VmHWM")
    on_disk = sum(path.stat().st_size for path in index.work.rglob("*") if path.is_file())
    print(f"start {started:.1f} s; index {on_disk / 2**20:,.0f} MiB on disk, "
          f"{memory_mb} MiB of buffers at most")  # fmt: skip
    print(f"{'page':30} {'p50':>8} {'p95':>8}   {'scan p50':>8} {'p95':>8}   {'views':>8}  (ms)")
    with TestClient(make_app(index, look_seconds=0), base_url="http://localhost") as client:
        timed = [_ask(client, page, made, folder, asked) for page in PAGES]
        rows = _take_up(index, made, rounds)
    figures = {
        "articles": articles, "events": len(made.event_ids), "parquet_bytes": size,
        "start_seconds": round(started, 2), "index_bytes": on_disk, "memory_mb": memory_mb,
        "resident_before_mb": resident, "resident_after_mb": _memory("VmRSS"),
        "resident_peak_mb": peak, "round_seconds": rows,
        "pages": [asdict(one) for one in timed],
    }  # fmt: skip
    print(f"one more round of 200 articles: {np.median(rows):.2f} s (worst {max(rows):.2f} s)")
    after = figures["resident_after_mb"]
    print(f"resident memory: {resident:,.0f} MiB before, {peak:,.0f} at most while the index was "
          f"built, {after:,.0f} at the end")  # fmt: skip
    return figures


def _ask(client: Any, page: Page, made: Made, folder: Path, asked: int) -> Timed:
    rng = np.random.default_rng(SEED)
    taken, size = [], 0
    for n in range(asked + 2):
        address = page.address(rng, made)
        began = time.perf_counter()
        answer = client.get(address)
        if n >= 2:  # the first ones warm up
            taken.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status_code}")
        size = max(size, len(answer.content))
    scans, views = _scan(folder, page)
    timed = Timed(
        page.name, *_percentiles(taken), size, *_percentiles(scans), _percentiles(views)[0]
    )
    print(f"{page.name:30} {timed.p50_ms:8.1f} {timed.p95_ms:8.1f}   {timed.scan_p50_ms:8.1f} "
          f"{timed.scan_p95_ms:8.1f}   {timed.views_p50_ms:8.1f}", flush=True)  # fmt: skip
    return timed


def _scan(folder: Path, page: Page) -> tuple[list[float], list[float]]:
    """Time a plain scan of the files for the same columns, and the question asked of the views."""
    import duckdb

    from pipelines.serve.index import THREADS

    connection = duckdb.connect(config={"threads": str(THREADS)})
    connection.execute(f"SET file_search_path = '{folder}'")  # ours
    connection.execute(VIEWS.read_text(encoding="utf-8"))
    for name in ("fetch_log", "dead_letters"):
        connection.execute(
            f"CREATE VIEW {name} AS FROM read_parquet('{name}/*/*.parquet', union_by_name = true)"
        )
    counted = ", ".join(f"count({column})" for column in page.columns.split(", "))
    files = f"read_parquet('{page.table}/*/*.parquet', union_by_name = true)"
    scans = _timed(connection, f"SELECT {counted} FROM {files}", 5)  # noqa: S608 - ours
    views = _timed(connection, page.question, 3)
    connection.close()
    return scans, views


def _timed(connection: Any, question: str, times: int) -> list[float]:
    taken = []
    for n in range(times + 1):
        began = time.perf_counter()
        connection.execute(question).fetchall()
        if n:  # the first one warms up
            taken.append((time.perf_counter() - began) * 1000)
    return taken


def _take_up(index: Any, made: Made, rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        add_round(made, 200)
        began = time.perf_counter()
        if not index.refresh() or index.state().round != made.rounds:
            raise RuntimeError("a round was not taken up")
        taken.append(round(time.perf_counter() - began, 3))
    return taken


def _percentiles(taken: list[float]) -> tuple[float, float]:
    p50, p95 = np.percentile(taken, [50, 95])
    return round(float(p50), 1), round(float(p95), 1)


def _memory(name: str) -> float:
    """Give what this process holds or held, in MiB; 0 where the system does not tell."""
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    line = next(line for line in text.splitlines() if line.startswith(name))
    return round(int(line.split()[1]) / 1024, 1)


def _forget_peak() -> None:
    """Let the highest memory begin anew: making the output is not what is measured."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="newsevents-queries-") as made:
        yield Path(made)


if __name__ == "__main__":
    sys.exit(main())
