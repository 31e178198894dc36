"""Measure what one more article costs, and how much memory the window takes, as the window fills.

    python -m benchmarks.window --stream FILE [--sizes 5000,20000,100000] [--json OUT]

FILE is JSON Lines, also gzipped, with ``title`` and ``text`` of real stories in English in order
of time. For each size a process of its own fills one window of ``--days`` days evenly, through the
same calls as the pipeline, then times the next ``--measured`` articles (at most a tenth of the
size, so that none leaves the window meanwhile).

A stream shorter than the window is repeated, as repeats.py says, and the window is filled by
repeating what was decided on the stream alone, as filling.py says (``--fill decided`` decides on
every article, which takes much longer).

What this does not show: vocabulary grows with a real stream and does not here, and a story has as
many relatives as there are repeats, so events are larger at larger sizes, as they are in a stream
of more publishers.

Columns: CPU milliseconds per article of ``dedupe`` (one assign) and ``cluster`` (one assign, and
closing events), mean, median and 90th percentile; ``x`` is the sum of both means over that of the
first size; GB is resident memory after garbage collection less what the process held before the
first article; recall is the share of the 24 originals nearest by exact cosine that the index gave
as neighbours by vector.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.filling import Window, fill
from benchmarks.repeats import Stream, Vectors
from benchmarks.window_task import Task, add_options, alone, prepared, report_sizes, resident_bytes
from schemas import EmbeddedArticle

_NEAREST = 24  # originals that should be among the neighbours
FILLS = ("repeated", "decided")


def measure(task: Task) -> dict[str, Any]:
    """Fill a window and time the articles after it."""
    stories, vectors = task.read()
    decided = task.read_decided() if task.size > len(stories) else []
    total = task.size + min(task.measured, max(1, task.size // 10))  # fewer than leave the window
    stream = Stream(stories, vectors, total, task.seed)
    window = Window(task.size, task.days, vectors.shape[1], task.embedding_model)
    exact = _Exact(total, vectors.shape[1])
    before = resident_bytes()
    kinds: Counter[str] = Counter()
    roles: Counter[str] = Counter()
    started = time.perf_counter()
    for put in fill(window, stream, task.size, decided):
        kinds[put.kind] += 1
        roles[put.role] += 1
        if put.kind == "none":
            exact.add(put.embedded)
    filled = time.perf_counter() - started
    held = resident_bytes() - before
    ms, recalls = _measure_next(window, stream, range(task.size, total), exact)
    return {
        "size": task.size,
        "measured": len(ms),
        "fill": "repeated" if decided else "decided",
        "fill_seconds": filled,
        "dedupe_ms": _summary(ms[:, 0]),
        "cluster_ms": _summary(ms[:, 1]),
        "both_ms": _summary(ms.sum(axis=1)),
        "bytes": held,
        "bytes_per_article": held / task.size,
        "neighbour_recall": float(np.mean(recalls)),
        "least_neighbour_recall": float(np.min(recalls)),
        "verdicts": dict(kinds),
        "roles": dict(roles),
    }


def _measure_next(
    window: Window, stream: Stream, numbers: range, exact: "_Exact"
) -> tuple[NDArray[np.float64], list[float]]:
    """Give CPU milliseconds of dedupe and cluster for each next article, and the recalls."""
    spent: list[tuple[float, float]] = []
    recalls: list[float] = []
    for number in numbers:
        embedded = stream.get(number, window.at(number))
        t0 = time.process_time()
        compared = window.dedupe.assign(embedded)
        t1 = time.process_time()
        window.assign(compared)
        t2 = time.process_time()
        spent.append((t1 - t0, t2 - t1))
        by_vector = {n.article_id for n in compared.neighbours if n.via != "sketch"}
        recalls.append(exact.recall(np.frombuffer(embedded.embedding, "<f4"), by_vector))
        if compared.verdict.kind == "none":
            exact.add(embedded)
    return np.array(spent) * 1000, recalls


class _Exact:
    """The vectors of all originals, searched one by one."""

    def __init__(self, most: int, dim: int) -> None:
        self._vectors = np.ones((most, dim), np.float32)  # touched: part of memory before
        self._names = [""] * most
        self._count = 0

    def add(self, embedded: EmbeddedArticle) -> None:
        self._vectors[self._count] = np.frombuffer(embedded.embedding, "<f4")
        self._names[self._count] = embedded.article.article_id
        self._count += 1

    def recall(self, vector: Vectors, found: set[str]) -> float:
        """Give the share of the nearest that was found; as near as the last counts as nearest."""
        cosines = self._vectors[: self._count] @ vector
        wanted = min(_NEAREST, self._count)
        if not wanted:
            return 1.0
        worst = np.partition(cosines, -wanted)[-wanted] - 1e-6
        near = {self._names[at] for at in np.flatnonzero(cosines >= worst)}
        return min(1.0, len(near & found) / wanted)


def _summary(ms: NDArray[np.float64]) -> dict[str, float]:
    return {
        "mean": float(ms.mean()),
        "median": float(np.median(ms)),
        "p90": float(np.percentile(ms, 90)),
    }


def main(argv: list[str] | None = None) -> int:
    options = parse_options(argv)
    return report_sizes(measure_sizes(options), _print, options.json)


def measure_sizes(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure the sizes asked for, each in a process of its own."""

    def decide(stories: int) -> bool:
        return bool(options.fill == "repeated" and max(options.sizes) > stories)

    with prepared(options, decide) as task:
        for size in options.sizes:
            yield alone(measure, replace(task, size=size))


def _print(row: dict[str, Any], first: dict[str, Any]) -> None:
    if row is first:
        print(f"{'articles':>9}{'dedupe ms':>11}{'p50':>7}{'p90':>7}{'cluster ms':>12}{'p50':>7}"
              f"{'p90':>7}{'x':>7}{'GB':>7}{'KB each':>9}{'recall':>9}{'copies':>8}"
              f"{'events':>8}")  # fmt: skip
    dedupe, cluster = row["dedupe_ms"], row["cluster_ms"]
    ratio = row["both_ms"]["mean"] / first["both_ms"]["mean"]
    seen = sum(row["verdicts"].values())
    copies = 1 - row["verdicts"]["none"] / seen
    print(f"{row['size']:>9}{dedupe['mean']:>11.2f}{dedupe['median']:>7.2f}{dedupe['p90']:>7.2f}"
          f"{cluster['mean']:>12.2f}{cluster['median']:>7.2f}{cluster['p90']:>7.2f}{ratio:>7.2f}"
          f"{row['bytes'] / 1e9:>7.2f}{row['bytes_per_article'] / 1e3:>9.1f}"
          f"{row['neighbour_recall']:>9.4f}{copies:>8.3f}{row['roles']['seed']:>8}",
          flush=True)  # fmt: skip


def parse_options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure what one more article costs as the window fills, and its memory."
    )
    add_options(parser, sizes="5000,20000,100000", measured=500)
    parser.add_argument(
        "--fill", choices=FILLS, default=FILLS[0], help="of windows larger than the stream"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
