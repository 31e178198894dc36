"""Let a stream of articles come in feeds for a long time, and see that nothing grows or gets lost.

    make soak STREAM=FILE.jsonl.gz [MINUTES=35] [RATE=4]

A local server offers the stream in feeds, sped up: each article appears at its turn, dated then.
The command under test runs beside it as users start it, with a window of a few minutes, so that
the window is full long before the end; the output is compacted meanwhile. Measured are its
resident memory and the time of its rounds; in the end every article that a feed offered has to
be in the tables exactly once.
"""

import argparse
import gzip
import json
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FEEDS = 30
SHOWN = 40  # newest articles that a feed offers
POLL_SECONDS = 5.0
WINDOW_MINUTES = 8.0
COMPACT_SECONDS = 240.0
SAMPLE_SECONDS = 5.0
MOST_GROWTH = 1.1  # of the medians of the last quarter over those of the third


@dataclass
class Feeds:
    """The stream as feeds on the loopback address."""

    articles: list[dict[str, Any]]
    rate: float  # articles a second
    started: float = field(default_factory=time.time)
    offered: set[str] = field(default_factory=set)  # addresses that somebody fetched

    def feed(self, number: int) -> bytes:
        """Give a feed as it is now."""
        appeared = min(len(self.articles), int((time.time() - self.started) * self.rate))
        places = range(appeared - 1 - (appeared - 1 - number) % FEEDS, -1, -FEEDS)[:SHOWN]
        items = "".join(self._item(number, place) for place in places if place % FEEDS == number)
        return (
            f"<?xml version='1.0'?><rss version='2.0'><channel><title>Feed {number}</title>"
            f"<link>https://paper{number}.example/</link>{items}</channel></rss>"
        ).encode()

    def _item(self, number: int, place: int) -> str:
        article = self.articles[place]
        at = datetime.fromtimestamp(self.started + place / self.rate, timezone.utc)
        link = f"https://paper{number}.example/{place}"
        self.offered.add(link)
        return (
            f"<item><title>{escape(article['title'])}</title><link>{link}</link>"
            f"<pubDate>{format_datetime(at)}</pubDate>"
            f"<description>{escape(article['text'])}</description></item>"
        )

    def serve(self) -> ThreadingHTTPServer:
        """Start to answer; shut the result down in the end."""
        feeds = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = feeds.feed(int(self.path.strip("/")))
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@dataclass(frozen=True)
class Sample:
    """What was measured at one moment."""

    minutes: float
    megabytes: float  # resident
    round_seconds: float  # of the last round
    articles: float


def main(argv: list[str] | None = None) -> int:
    """Run the soak; 0 when everything held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stream", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("out/soak"))
    parser.add_argument("--minutes", type=float, default=35.0)
    parser.add_argument("--rate", type=float, default=4.0, help="articles a second")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    with gzip.open(options.stream, "rt", encoding="utf-8") as lines:
        articles = [json.loads(line) for line in lines]
    feeds = Feeds(articles, options.rate)
    server = feeds.serve()
    try:
        samples, code = _run(feeds, server.server_address[1], options)
    finally:
        server.shutdown()
        server.server_close()
    result = _judge(samples, code, feeds, options.output)
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 1 if result["wrong"] else 0


def _run(feeds: Feeds, port: int, options: argparse.Namespace) -> tuple[list[Sample], int]:
    options.output.mkdir(parents=True, exist_ok=True)
    listed = options.output / "feeds.txt"
    listed.write_text("".join(f"http://127.0.0.1:{port}/{n}\n" for n in range(FEEDS)))
    metrics = _free_port()
    command = [
        sys.executable, "-m", "pipelines.detect_events", "--feeds", str(listed),
        "--output", str(options.output), "--streaming", "--overwrite", "--no-report",
        "--poll_seconds", str(POLL_SECONDS), "--window_days", str(WINDOW_MINUTES / 1440),
        "--metrics_port", str(metrics), "--allow_private_hosts",
    ]  # fmt: skip
    feeds.started = time.time()
    samples: list[Sample] = []
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as run:
        compacted = time.time()
        while run.poll() is None and time.time() - feeds.started < options.minutes * 60:
            time.sleep(SAMPLE_SECONDS)
            sample = _sample(run.pid, metrics, feeds.started)
            if sample is not None:
                samples.append(sample)
                if len(samples) % 24 == 0:
                    print(sample, file=sys.stderr, flush=True)
            if time.time() - compacted > COMPACT_SECONDS:
                compacted = time.time()
                _compact(options.output)
        run.send_signal(signal.SIGTERM)
        return samples, run.wait(timeout=120)


def _compact(output: Path) -> None:
    command = [sys.executable, "-m", "pipelines.compact", "--output", str(output)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def _sample(pid: int, port: int, started: float) -> Sample | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None  # not up yet
    values = dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return Sample(
        minutes=round((time.time() - started) / 60, 2),
        megabytes=round(int(resident.split()[1]) / 1024, 1),
        round_seconds=float(values.get("newsevents_round_seconds", "nan")),
        articles=float(values.get('newsevents_rows_total{table="articles"}', 0)),
    )


def _judge(samples: list[Sample], code: int, feeds: Feeds, output: Path) -> dict[str, Any]:
    import duckdb

    end = samples[-1].minutes
    quarters = [[s for s in samples if n / 4 <= s.minutes / end <= (n + 1) / 4] for n in range(4)]
    memory = [round(statistics.median(s.megabytes for s in quarter), 1) for quarter in quarters]
    pace = [round(statistics.median(s.round_seconds for s in quarter), 3) for quarter in quarters]
    articles = duckdb.read_parquet(f"{output}/articles/*/*.parquet")
    written = dict(articles.aggregate("url, count(*)").fetchall())
    counts = json.loads((output / "run.json").read_text())["counts"]
    parts = ("articles", "repeats", "rejected", "rejected_again")
    wrong = []
    if code != 0:
        wrong.append(f"the run ended with {code}")
    if lost := feeds.offered - written.keys():
        wrong.append(f"{len(lost)} articles that were offered are not in the tables: {min(lost)}")
    if twice := [url for url, n in written.items() if n > 1]:
        wrong.append(f"{len(twice)} articles are there more than once: {min(twice)}")
    if counts["read"] != sum(counts[part] for part in parts):
        wrong.append("the counts do not add up")
    for what, medians in (("memory", memory), ("time of a round", pace)):
        if medians[3] > MOST_GROWTH * medians[2]:
            wrong.append(f"{what} grew from {medians[2]} to {medians[3]} in the last quarter")
    return {
        "minutes": end,
        "articles": counts["articles"],
        "events": counts["events"],
        "repeats": counts["repeats"],
        "memory_mb_by_quarter": memory,
        "round_seconds_by_quarter": pace,
        "files": sum(1 for _ in output.glob("*/date=*/*.parquet")),
        "wrong": wrong,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
