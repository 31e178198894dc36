"""Measure what one more article costs, and how much memory the window takes, as the window fills.

    python -m benchmarks.window --stream FILE [--sizes 5000,20000,100000] [--json OUT]

FILE is JSON Lines, also gzipped, with ``title`` and ``text`` of real stories in English in order
of time. For each size a process of its own fills one window of ``--days`` days evenly, through the
same calls as the pipeline, then times the next ``--measured`` articles (at most a tenth of the
size, so that none leaves the window meanwhile).

A stream shorter than the window is repeated. A repeat must be neither a copy nor another language,
so each repeat has its own fixed exchange of words and of vector directions:

* Every word outside the ``_KEPT_WORDS`` most frequent is exchanged for another of the same form
  (capitals, digits) and of about the same frequency, throughout the repeat. So two copies stay
  copies, and the mix of copies, lengths and rare words is that of the stream; a story and its
  repeat share hardly more than runs of common words.
* Every vector is turned part of the way in a direction fixed for the repeat and made unit again
  (``_TURN``: cosine of about 0.9 with the first); cosines within a repeat stay about the same.
* Repeats are spread over the window: a story and its repeats do not stand side by side.

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
import ctypes
import gc
import gzip
import json
import os
import platform
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.near_duplicates import article, encode
from benchmarks.near_duplicates_set import REAL, Document
from schemas import EmbeddedArticle
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import load_join_model
from transforms.cluster.terms import background_frequencies
from transforms.dedupe.duplicate_index import DuplicateIndex
from transforms.embed.model import DEFAULT_MODEL, resolve_model

_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_KEPT_WORDS = 100  # the most frequent, four words in ten of a text
_ALIKE = 64  # words of one form and about one frequency that are exchanged among themselves
_TURN = 0.5  # length of what is added to a unit vector
_NEAREST = 24  # originals that should be among the neighbours
_WORD = re.compile(r"\w+")

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Story:
    """One article of the stream."""

    title: str
    text: str


@dataclass(frozen=True)
class Repeat:
    """One pass over the stories, with the exchange that makes it a stream of its own."""

    number: int
    exchange: dict[str, str]
    turn: Vectors | None  # (dim, dim), orthogonal

    def text(self, text: str) -> str:
        """Exchange the words of a text."""
        if not self.number:
            return text
        exchange = self.exchange
        return _WORD.sub(lambda found: exchange.get(found[0], found[0]), text)

    def vector(self, vector: Vectors) -> Vectors:
        """Turn a unit vector."""
        if self.turn is None:
            return vector
        turned = vector + np.float32(_TURN) * (self.turn @ vector)
        return np.asarray(turned / np.linalg.norm(turned), np.float32)


class Stream:
    """As many articles as asked for, made of the stories and their repeats."""

    def __init__(self, stories: Sequence[Story], vectors: Vectors, size: int, seed: int) -> None:
        self._stories = stories
        self._vectors = vectors
        self._repeats = make_repeats(stories, vectors.shape[1], -(-size // len(stories)), seed)

    def get(self, number: int, at: datetime) -> EmbeddedArticle:
        """Make the article at a place of the stream."""
        repeats, stories = len(self._repeats), len(self._stories)
        repeat = self._repeats[number % repeats]
        place = (number // repeats + repeat.number * stories // repeats) % stories
        story = self._stories[place]
        document = Document(
            f"r{repeat.number}-{place}",
            repeat.text(story.title),
            repeat.text(story.text),
            "",
            REAL,
            "",
        )
        vector = repeat.vector(self._vectors[place])
        return EmbeddedArticle(article(document, at), vector.astype("<f4").tobytes(), "m")


def make_repeats(stories: Sequence[Story], dim: int, count: int, seed: int) -> list[Repeat]:
    """Draw the exchange of each repeat; the first is the stream as it is."""
    frequency: Counter[str] = Counter()
    for story in stories if count > 1 else ():
        frequency.update(_WORD.findall(f"{story.title}\n{story.text}"))
    common = {word for word, _ in frequency.most_common(_KEPT_WORDS)}
    forms: dict[str, list[str]] = {}
    for word in sorted(frequency.keys() - common, key=lambda word: (-frequency[word], word)):
        forms.setdefault(_form(word), []).append(word)
    repeats = [Repeat(0, {}, None)]
    for number in range(1, count):
        rng = random.Random(f"{seed}/{number}")
        exchange: dict[str, str] = {}
        for alike in forms.values():
            for first in range(0, len(alike), _ALIKE):
                block = alike[first : first + _ALIKE]
                exchange.update(zip(block, rng.sample(block, len(block))))
        normal = np.random.default_rng([seed, number]).standard_normal((dim, dim))
        repeats.append(Repeat(number, exchange, np.linalg.qr(normal)[0].astype(np.float32)))
    return repeats


def _form(word: str) -> str:
    if word[0].isdigit():
        return f"digits {len(word)}"
    return "lower" if word == word.lower() else "capital" if word[0].isupper() else "mixed"


@dataclass(frozen=True)
class Task:
    """What the process of one size needs."""

    stream: Path
    stories: int
    vectors: Path
    size: int
    measured: int
    days: float
    seed: int
    embedding_model: str


def measure(task: Task) -> dict[str, Any]:
    """Fill a window and time the articles after it."""
    stories = read_stories(task.stream, task.stories)
    vectors = np.load(task.vectors)
    total = task.size + min(task.measured, task.size // 10)  # fewer than leave the window
    stream = Stream(stories, vectors, total, task.seed)
    step = timedelta(days=task.days) / task.size
    window = timedelta(days=task.days)
    exact = _Exact(total, vectors.shape[1])
    dedupe = DuplicateIndex(vectors.shape[1], window)
    cluster = EventIndex(
        load_join_model(task.embedding_model),
        background_frequencies(),
        task.embedding_model,
        window,
    )
    before = resident_bytes()
    kinds: Counter[str] = Counter()
    roles: Counter[str] = Counter()
    spent: list[tuple[float, float]] = []
    recalls: list[float] = []
    held = 0
    started = time.perf_counter()
    for number in range(total):
        if number == task.size:
            filled = time.perf_counter() - started
            held = resident_bytes() - before
        embedded = stream.get(number, _START + step * number)
        t0 = time.process_time()
        compared = dedupe.assign(embedded)
        t1 = time.process_time()
        assignment = cluster.assign(compared)
        for _ in cluster.retired():
            pass
        cluster.moves()
        t2 = time.process_time()
        vector = np.frombuffer(embedded.embedding, "<f4")
        if number >= task.size:
            spent.append((t1 - t0, t2 - t1))
            by_vector = {n.article_id for n in compared.neighbours if n.via != "sketch"}
            recalls.append(exact.recall(vector, by_vector))
        kinds[compared.verdict.kind] += 1
        roles[assignment.role] += 1
        if compared.verdict.kind == "none":
            exact.add(embedded.article.article_id, vector)
    ms = np.array(spent) * 1000
    return {
        "size": task.size,
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


class _Exact:
    """The vectors of all originals, searched one by one."""

    def __init__(self, most: int, dim: int) -> None:
        self._vectors = np.ones((most, dim), np.float32)  # touched: part of memory before
        self._names = [""] * most
        self._count = 0

    def add(self, name: str, vector: Vectors) -> None:
        self._vectors[self._count] = vector
        self._names[self._count] = name
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


def resident_bytes() -> int:
    """Give this process's resident memory after what is free was given back (Linux)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def read_stories(stream: Path, most: int) -> list[Story]:
    """Read the first ``most`` stories that have text."""
    opened = gzip.open if stream.suffix == ".gz" else open
    with opened(stream, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for _, line in zip(range(most), lines)]
    stories = [Story(str(row["title"]).strip(), str(row["text"]).strip()) for row in rows]
    return [story for story in stories if story.text]


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    if not options.stream.is_file():
        print(f"{options.stream}: no such file; name a stream by --stream", file=sys.stderr)
        return 2
    result: dict[str, Any] = {"machine": machine(), "sizes": []}
    print(" ".join(f"{name}: {value};" for name, value in result["machine"].items()))
    stories = read_stories(options.stream, options.stories)
    documents = [Document(str(at), s.title, s.text, "", REAL, "") for at, s in enumerate(stories)]
    vectors = encode([article(document, _START) for document in documents], options.cache)
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "vectors.npy"
        np.save(stored, vectors)
        for size in options.sizes:
            task = Task(
                stream=options.stream,
                stories=options.stories,
                vectors=stored,
                size=size,
                measured=options.measured,
                days=options.days,
                seed=options.seed,
                embedding_model=resolve_model(DEFAULT_MODEL).model_id,
            )
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                row = alone.submit(measure, task).result()
            result["sizes"].append(row)
            _print(row, result["sizes"][0])
            if options.json:
                options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return 0


def machine() -> dict[str, Any]:
    """Describe what the figures were measured on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file() and (found := re.search(r"model name\s*: (.+)", info.read_text("utf-8"))):
        name = found[1]
    return {
        "cpu": name,
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "python": platform.python_version(),
    }


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


def _sizes(text: str) -> list[int]:
    sizes = [int(part) for part in text.split(",")]
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError("sizes are whole numbers from 1")
    return sizes


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure what one more article costs as the window fills, and its memory."
    )
    parser.add_argument("--stream", required=True, type=Path, help="JSON Lines of real stories")
    parser.add_argument(
        "--sizes", type=_sizes, default=[5000, 20000, 100000], help="articles in the window"
    )
    parser.add_argument("--stories", type=int, default=12_776, help="stories read (%(default)s)")
    parser.add_argument("--measured", type=int, default=500, help="articles timed (%(default)s)")
    parser.add_argument("--days", type=float, default=7.0, help="length of the window")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="folder that keeps vectors for the next run")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
