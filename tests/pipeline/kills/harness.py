"""Kill a run at random moments, again and again, and compare what it wrote with an unkilled one.

Alerts go to a desk on this machine: each that was planned has to come, at least once and with the
same bytes, revisions in order, and nothing else; and of the events that an unkilled run tells of.

    python tests/pipeline/kills/harness.py --stories FILE.jsonl --folder DIR --kills 50 --seed 1

Prints one JSON object; exits with 1 and says what differs when anything does. A run is a forked
child, so that libraries load once.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
sys.path.insert(0, str(Path(__file__).parent))

from alert_receiver import AlertReceiver, sinks_of
from scripted_feeds import ScriptedFeed, script

MOMENTS = (
    "fetch",
    "embed",
    "decide",
    "stage",
    "rename",
    "sign",
    "signed",
    "whenever",
    "resume",
    "start",
    "post",
    "posted",
    "settle",
)
_FIRST_ROUND = 2  # commits until one round went through: the first is before any
LONGEST_RUN = 120.0  # seconds; a run that takes longer hangs


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stories", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--most", type=int, help="stories taken of the file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--moments", nargs="+", choices=MOMENTS, default=MOMENTS)
    options = parser.parse_args()
    preload()
    chooser = random.Random(options.seed)
    start = datetime.now(timezone.utc) - timedelta(hours=7)  # late ones, of 8 hours, break nothing
    stories = script(options.stories)[: options.most]
    feed = ScriptedFeed(stories, start)
    receiver = AlertReceiver()
    died: Counter[str] = Counter()
    differences: list[str] = []
    try:
        whole = options.folder / "whole"
        receiver.write_sinks(whole)
        run(feed, whole, None, chooser)
        expected, alerts = tables(whole), receiver.told(whole)
        differences += receiver.faults(whole)
        for life in range(options.kills):
            killed = options.folder / f"killed{life}"
            feed.appeared = 0
            receiver.write_sinks(killed)
            until_finished(feed, killed, died, options, chooser)
            differences += compare(expected, tables(killed)) + receiver.faults(killed)
            differences += compare({"alerts": alerts}, {"alerts": receiver.told(killed)})
            if differences or died.total() >= options.kills:
                break
    finally:
        feed.close()
        receiver.close()
    found = {"kills": dict(died), "stories": len(stories), "differences": differences}
    print(json.dumps(found | receiver.counts))
    return 1 if differences else 0


def until_finished(
    feed: ScriptedFeed,
    output: Path,
    died: Counter[str],
    options: argparse.Namespace,
    chooser: random.Random,
) -> None:
    """Kill run after run until the script is over, then let one come to its end."""
    known: set[tuple[str, int, str]] = set()
    while died.total() < options.kills and not feed.finished:
        moment = chooser.choice(options.moments)
        died[moment] += run(feed, output, moment, chooser)
        now = committed(output)
        if not known <= now:
            raise SystemExit(f"lost after a kill in {moment}: {sorted(known - now)[:3]}")
        known = now
    run(feed, output, None, chooser)


def preload() -> None:
    """Import what takes long, and start no thread."""
    from pipelines.console import quiet_libraries

    quiet_libraries()
    import apache_beam
    import duckdb
    import faiss
    import sentence_transformers
    import torch

    import pipelines.detect_events
    import pipelines.stream

    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    assert apache_beam and duckdb and sentence_transformers and pipelines


def run(feed: ScriptedFeed, output: Path, moment: str | None, chooser: random.Random) -> int:
    """Run until the script is over, or until the moment it dies at; 1 when it was killed."""
    seed, before = chooser.random(), feed.appeared
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = _child(feed.url, output, moment, random.Random(seed))
        finally:
            os._exit(code)
    began, stopped = time.monotonic(), False
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        # Once it fetches, it knows what to do with a signal.
        if moment is None and not stopped and feed.finished and feed.appeared > before:
            os.kill(child, signal.SIGTERM)
            stopped = True
        if time.monotonic() - began > LONGEST_RUN:
            os.kill(child, signal.SIGKILL)
            raise SystemExit(f"a run hangs ({moment})")
        time.sleep(0.02)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return 1
    if os.waitstatus_to_exitcode(status) != 0 or moment is not None:
        raise SystemExit(f"a run ended with {os.waitstatus_to_exitcode(status)} ({moment})")
    return 0


def _child(url: str, output: Path, moment: str | None, chooser: random.Random) -> int:
    output.mkdir(parents=True, exist_ok=True)
    log = os.open(output.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if moment is not None:
        die_at(moment, chooser)
    from pipelines.alerts.retrying import Retries

    Retries.pause = lambda *_, **__: 0.05  # type: ignore[method-assign]
    from pipelines.detect_events import main as detect

    return detect(
        ["--feeds", url, "--output", str(output), "--streaming", "--resume",
         "--poll_seconds", "0.05", "--no-report", "--allow_private_hosts",
         "--alerts", str(sinks_of(output))]
    )  # fmt: skip


def die_at(moment: str, chooser: random.Random) -> None:
    """Arrange for this process to be killed in the middle of something."""
    import pipelines.resume
    import transforms.write.output
    import transforms.write.rounds
    from pipelines.alerts.desk import AlertDesk
    from transforms._shared.web.fetch import HttpFetcher
    from transforms.cluster.event_index import EventIndex
    from transforms.embed.encoder import Encoder, load_encoder

    assert Encoder and load_encoder
    if moment == "whenever":
        delay = chooser.uniform(0.2, 4.0)
        threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return
    import transforms.embed.transform as embedding

    rounds = transforms.write.rounds
    owner, name, most = {
        "fetch": (HttpFetcher, "fetch", 8),
        "embed": (embedding, "embed_in_batches", 5),
        "decide": (EventIndex, "assign", 12),
        "stage": (rounds, "write_durably", 25),
        "rename": (rounds.os, "replace", 25),
        "sign": (rounds.FolderStore, "sign", 6),
        "signed": (rounds.FolderStore, "sign", 6),
        "start": (rounds, "remove_mark", 1),
        "resume": (pipelines.resume.OutputSeeds, "load", 1),
        "post": (HttpFetcher, "post", 4),
        "posted": (HttpFetcher, "post", 4),
        "settle": (AlertDesk, "settle", 8),
    }[moment]
    original, left = getattr(owner, name), chooser.randint(1, most)

    def counted(*args: object, **kwargs: object) -> object:
        nonlocal left
        left -= 1
        if left <= 0 and moment not in ("signed", "posted"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)
    # What it waits for may not come, for instance when nothing is left to write. A round has to
    # end first: killed before, again and again, a run on a busy machine would find ever more of
    # the script in the first answer of its feed, which breaks nothing.
    commit, commits = rounds.Rounds.commit, 0

    def committed_round(self: object) -> object:
        nonlocal commits
        result = commit(self)
        commits += 1
        if commits == _FIRST_ROUND:
            threading.Timer(6.0, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return result

    rounds.Rounds.commit = committed_round


def committed(output: Path) -> set[tuple[str, int, str]]:
    """Read which article revisions count, with the event each was put in."""
    import pyarrow.parquet as pq

    from transforms.write.manifest import read_run
    from transforms.write.rounds import committed_files

    run = read_run(str(output))
    if run is None:
        return set()
    found = []
    for path in committed_files(output, run):
        if path.startswith("articles/") and not path.endswith("part-empty.parquet"):
            columns = ["article_id", "revision", "event_id"]
            rows = pq.read_table(output / path, columns=columns, partitioning=None).to_pylist()
            found += [tuple(row[name] for name in columns) for row in rows]
    if len({row[:2] for row in found}) < len(found):
        raise SystemExit("an article revision was written twice")
    return set(found)


QUERIES = {
    "articles": "SELECT article_id, revision, title, event_id, dup_kind, dup_of, event_time "
    "FROM articles_latest",
    "events": "SELECT event_id, status, merged_into, title, article_count, duplicate_count, "
    "publisher_family_count, first_seen_at, last_seen_at, representative_article_id, contested "
    "FROM events_latest",
    "event_articles": "SELECT event_id, article_id, role FROM event_articles_latest",
    "created": "SELECT subject, count(*) FROM read_parquet('event_changes/*/*.parquet') "
    "WHERE type = 'org.newsevents.event.created' GROUP BY subject",
    "doubles": "SELECT event_id, revision, count(*) FROM read_parquet('events/*/*.parquet') "
    "GROUP BY ALL HAVING count(*) > 1",
    "notices": "SELECT article_id, kind, count(*) FROM "
    "read_parquet('article_notices/*/*.parquet') GROUP BY ALL",
    "changes": "SELECT id, count(*) FROM read_parquet('event_changes/*/*.parquet') "
    "GROUP BY ALL HAVING count(*) > 1",
}


def tables(output: Path) -> dict[str, list[tuple[object, ...]]]:
    """Read the latest rows, sorted."""
    import duckdb

    sql = (Path(__file__).parents[3] / "deploy/sql/duckdb_latest.sql").read_text()
    with duckdb.connect() as database:
        database.execute(f"SET file_search_path = '{output}'")
        database.execute("SET TimeZone = 'UTC'")
        database.execute(sql)
        return {
            name: sorted(database.execute(query).fetchall(), key=repr)
            for name, query in QUERIES.items()
        }


def compare(
    expected: dict[str, list[tuple[object, ...]]], found: dict[str, list[tuple[object, ...]]]
) -> list[str]:
    """Name what differs, a few rows of each table."""
    differences = []
    for name, rows in expected.items():
        if name in ("doubles", "changes") and found[name]:
            differences.append(f"{name}: {found[name][:3]}")
        lacking, added = set(rows) - set(found[name]), set(found[name]) - set(rows)
        differences += [f"{name}: lacks {row}" for row in sorted(lacking, key=repr)[:3]]
        differences += [f"{name}: adds {row}" for row in sorted(added, key=repr)[:3]]
    return differences


if __name__ == "__main__":
    sys.exit(main())
