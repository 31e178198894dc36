"""What the benchmarks of a filling window share: their options, their input, their processes."""

import argparse
import ctypes
import gc
import hashlib
import json
import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.filling import LAST_DECIDED, START, Decided, decide_once
from benchmarks.machine import describe_machine
from benchmarks.near_duplicates import article, encode
from benchmarks.near_duplicates_set import REAL, Document
from benchmarks.repeats import Story, Vectors
from benchmarks.sample import SampleError, read_rows
from transforms.embed.model import DEFAULT_MODEL, resolve_model

_TRANSFORMS = Path(__file__).parents[1] / "transforms"


@dataclass(frozen=True)
class Task:
    """What the process of one size needs."""

    stream: Path
    stories: int
    vectors: Path
    decided: Path | None  # on the stories alone
    size: int
    measured: int
    days: float
    seed: int
    embedding_model: str

    @property
    def total(self) -> int:
        """Articles that are made: those of the window, some to get going, those that are timed."""
        return self.size + LAST_DECIDED + self.measured

    def read(self) -> tuple[list[Story], Vectors]:
        """Read the stories and their vectors."""
        return read_stories(self.stream, self.stories), np.load(self.vectors)

    def read_decided(self) -> list[Decided]:
        """Read what was decided on the stories; empty when nothing was."""
        return pickle.loads(self.decided.read_bytes()) if self.decided else []


def read_stories(stream: Path, most: int) -> list[Story]:
    """Read the first ``most`` stories that have text."""
    rows = read_rows(stream, most)
    return [Story(str(row["title"]).strip(), str(row["text"]).strip()) for row in rows]


@contextmanager
def prepared(options: argparse.Namespace, decide: Callable[[int], bool]) -> Iterator[Task]:
    """Encode the stories, and decide on them when ``decide`` says so of their number."""
    stories = read_stories(options.stream, options.stories)
    documents = [Document(str(at), s.title, s.text, "", REAL, "") for at, s in enumerate(stories)]
    vectors = encode([article(document, START) for document in documents], options.cache)
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "vectors.npy"
        np.save(stored, vectors)
        task = Task(
            stream=options.stream,
            stories=options.stories,
            vectors=stored,
            decided=None,
            size=len(stories),
            measured=options.measured,
            days=options.days,
            seed=options.seed,
            embedding_model=resolve_model(DEFAULT_MODEL).model_id,
        )
        if decide(len(stories)):
            kept = (options.cache or Path(folder)) / f"decided-{_digest(task)}.pickle"
            if not kept.is_file():
                print(f"deciding on {len(stories):,} stories, once", file=sys.stderr)
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(pickle.dumps(alone(_decide_on_stories, task)))
            task = replace(task, decided=kept)
        yield task


def _digest(task: Task) -> str:
    """Name what the decisions rest on: stories, vectors, length of the window, and our code."""
    digest = hashlib.sha256(repr((task.days, task.embedding_model)).encode())
    digest.update(task.vectors.read_bytes())
    for story in task.read()[0]:
        digest.update(f"{story.title}\0{story.text}\0".encode("utf-8", "surrogatepass"))
    for stage in ("_shared", "dedupe", "cluster"):
        for path in sorted((_TRANSFORMS / stage).iterdir()):
            if path.is_file():
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _decide_on_stories(task: Task) -> list[Decided]:
    return decide_once(*task.read(), task.days, task.embedding_model)


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def resident_bytes() -> int:
    """Give this process's resident memory after what is free was given back (Linux)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def add_options(parser: argparse.ArgumentParser, sizes: str, measured: int) -> None:
    """Add the options that the benchmarks share."""
    add = parser.add_argument
    add("--stream", required=True, type=Path, help="JSON Lines of real stories")
    add("--sizes", type=_sizes, default=sizes, help="articles in the window (%(default)s)")
    add("--stories", type=int, default=12_776, help="stories read (%(default)s)")
    add("--measured", type=int, default=measured, help="articles timed (%(default)s)")
    add("--days", type=float, default=7.0, help="length of the window (%(default)s)")
    add("--seed", type=int, default=1)
    add("--cache", type=Path, help="folder that keeps vectors for the next run")
    add("--json", type=Path, metavar="OUT", help="write all figures there")


def _sizes(text: str) -> list[int]:
    sizes = [int(part) for part in text.split(",")]
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError("sizes are whole numbers from 1")
    return sizes


def report_sizes(
    rows: Iterator[dict[str, Any]],
    tell: Callable[[dict[str, Any], dict[str, Any]], None],
    out: Path | None,
) -> int:
    """Tell of each size, and of the first beside it, as it was measured; gives the exit code.

    Args:
        out: file that is written anew after each size.
    """
    result: dict[str, Any] = {"machine": describe_machine(), "sizes": []}
    try:
        for row in rows:
            result["sizes"].append(row)
            tell(row, result["sizes"][0])
            if out:
                out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    except SampleError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
