"""Very many feeds in one round: how long it takes, and what those that hang do to the others.

``python -m benchmarks.feeds [--feeds 2000] [--hanging 20] [--json OUT]``. The feeds are served by
another process on this machine, so that only asking, reading and judging them are measured;
embedding and clustering are not part of it. A share of the feeds changes before each round.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from schemas import Document
from transforms._shared.web.fetch import HttpFetcher
from transforms.parse.document import parse_document
from transforms.parse.found import MAX_ENTRIES
from transforms.parse.reading import read
from transforms.read.feed import Feed
from transforms.read.feed_book import FeedBook
from transforms.read.feed_state import Policy
from transforms.read.origin import Limits
from transforms.read.poller import Poller
from transforms.read.reader import Reader

ITEMS = 30
CHANGING = 0.1  # share of the feeds that has something new in each round
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Round:
    """What one round took."""

    seconds: float
    cpu_seconds: float
    answers: int
    not_modified: int
    items_new: int
    last_answer_seconds: float  # since the round began


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feeds", description=__doc__)
    parser.add_argument("--feeds", type=int, default=2000, metavar="N")
    parser.add_argument("--hanging", type=int, default=20, metavar="N", help="feeds that hang")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args(argv)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(theirs, options.hanging), daemon=True
    )
    server.start()
    port = ours.recv()
    try:
        result = _measure(port, options)
    finally:
        server.terminate()
    text = json.dumps(result, indent=2)
    print(text)
    if options.json:
        options.json.write_text(f"{text}\n", encoding="utf-8")
    return 0


def _measure(port: int, options: argparse.Namespace) -> dict[str, object]:
    urls = [f"http://127.0.0.1:{port}/{number}" for number in range(options.feeds)]
    feeds = [Feed(address=url, url=url) for url in urls]
    reader = Reader(HttpFetcher(TIMEOUT_SECONDS, allow_private=True), _now, Limits(), stored=False)
    poller = Poller(reader, FeedBook(feeds, Policy()), (), _now, every=True)
    rounds = [_round(poller, number) for number in range(options.rounds)]
    later = rounds[1:] or rounds
    return {
        "feeds": options.feeds,
        "hanging": options.hanging,
        "first_round": asdict(rounds[0]),
        "later_rounds_seconds": round(median(r.seconds for r in later), 2),
        "later_rounds_cpu_share": round(median(r.cpu_seconds / r.seconds for r in later), 2),
        "feeds_per_second": round(median(r.answers / r.last_answer_seconds for r in later)),
        "most_under_way": poller.most_under_way,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "rounds": [asdict(r) for r in rounds],
    }


def _round(poller: Poller, number: int) -> Round:
    cpu, began = time.process_time(), time.perf_counter()
    last, readings = began, []
    for item in poller.round():
        last = time.perf_counter()
        if isinstance(item, Document):
            readings.append(read(item, parse_document(item, MAX_ENTRIES)))
    fetches = poller.settle(readings)
    outcomes = [fetch.outcome for fetch in fetches]
    return Round(
        seconds=round(time.perf_counter() - began, 2),
        cpu_seconds=round(time.process_time() - cpu, 2),
        answers=len(fetches),
        not_modified=outcomes.count("NOT_MODIFIED"),
        items_new=sum(fetch.kept for fetch in fetches),
        last_answer_seconds=round(last - began, 2),
    )


def _serve(ready: Connection, hanging: int) -> None:
    asked: dict[str, int] = {}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        name = request.split(" ")[1].strip("/")
        if int(name) < hanging:
            await asyncio.sleep(3600)
        turn = asked[name] = asked.get(name, -1) + 1
        step = turn if int(name) % int(1 / CHANGING) == 0 else 0
        mark = f'"{step}"'
        if f"If-None-Match: {mark}" in request:
            writer.write(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")
        else:
            body = _feed(name, step)
            head = f"HTTP/1.1 200 OK\r\nETag: {mark}\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def _feed(name: str, step: int) -> bytes:
    noon = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
    items = "".join(
        f"<item><title>Story {n} of paper {name}</title><link>https://p{name}.example/{n}</link>"
        f"<pubDate>{noon + timedelta(minutes=n):%a, %d %b %Y %H:%M:%S} GMT</pubDate>"
        f"<description>{'The council met about the bridge and the mill. ' * 6}</description></item>"
        for n in range(step, step + ITEMS)
    )
    head = f"<rss version='2.0'><channel><title>Paper {name}</title>"
    return f"{head}<link>https://p{name}.example/</link>{items}</channel></rss>".encode()


def _now() -> datetime:
    return datetime.now(timezone.utc)


if __name__ == "__main__":
    sys.exit(main())
