"""How many articles a second the one key takes that decides in order, as its window fills.

    python -m benchmarks.single_key --stream FILE [--sizes 5000,20000] [--partitions 8] [--json OUT]

Most of the pipeline spreads over workers as one likes. Two steps do not, because each decision
rests on all earlier ones: the verdict on copies and the choice of an event. They are run here as
they are, on an invented stream (repeats.py), in a window filled as filling.py says, and timed in
CPU microseconds per article:

* ``search``: one of the partitions looks for earlier articles (a run that ends, ``--partitions``);
  can be spread.
* ``merge``: what all partitions found becomes one list; can be spread.
* ``settle``: the verdict, by the one key (``VerdictBook.settle``).
* ``assign``: the event, by the one key (``EventIndex.assign``, closing events, moves).
* ``describe``: describing the events that changed, once in ``--bundle`` articles, by that key.
* ``pack_compared``, ``pack_decision``: what a run that goes on adds to the log in Beam's state.
* ``rebuild_compared``, ``rebuild_decision``: taking an article up from the log, when a key comes
  to another worker.

A run that goes on does not split the search: there the first of the two keys also has to read the
text and to search (``benchmarks.window`` times that as ``dedupe``).
"""

import argparse
import pickle
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import numpy as np

from benchmarks.filling import LAST_DECIDED, Copies, Window
from benchmarks.repeats import Stream
from benchmarks.window_task import Task, add_options, alone, prepared, report_sizes, resident_bytes
from schemas import Assignment, ComparedArticle, Decision, EmbeddedArticle
from transforms._shared.kept import _packed
from transforms._shared.ordering import home_partition
from transforms.cluster.transform import _decision
from transforms.dedupe.duplicate_index import CandidateIndex
from transforms.dedupe.fingerprint import Fingerprint, fingerprint
from transforms.dedupe.probe import merge, probe
from transforms.dedupe.transform import MERGED, fetched_of_each
from transforms.dedupe.verdict_book import FURTHER, NEIGHBOURS, VerdictBook

_T = TypeVar("_T")
_MICROSECONDS = 1e6


class Key:
    """The parts of a search and the one key after them, as a run with partitions has them."""

    def __init__(self, window: Window, length: timedelta, dim: int, partitions: int) -> None:
        fetched = fetched_of_each(NEIGHBOURS + FURTHER, partitions)
        self.parts = [CandidateIndex(dim, length, fetched) for _ in range(partitions)]
        self.book = VerdictBook(length)
        self.cluster = window.cluster
        self._window = window
        self.spent: dict[str, list[float]] = defaultdict(list)
        self.bytes: dict[str, list[int]] = defaultdict(list)

    def repeat(self, number: int, compared: ComparedArticle, event: str, role: str) -> None:
        """Take up what was decided before."""
        embedded = compared.embedded
        new = self._timed("rebuild_compared", lambda: self._remember(number, compared))
        decision = Decision(Assignment(compared, event, role, 1.0, "", False), (), 1.0, ())
        self._timed("rebuild_decision", lambda: self.cluster.replay(decision))
        self._home(embedded).add(number, probe(new))

    def _remember(self, number: int, compared: ComparedArticle) -> Fingerprint:
        new = fingerprint(compared.embedded)
        self.book.remember(number, new, compared.verdict.kind != "none")
        return new

    def take(self, number: int, embedded: EmbeddedArticle) -> None:
        """Take the next article the whole way."""
        new = self._timed("fingerprint", lambda: fingerprint(embedded))
        asked = probe(new)
        found = [self._timed("search", partial(part.find, asked)) for part in self.parts]
        merged = self._timed("merge", lambda: merge(found, MERGED + NEIGHBOURS + FURTHER))
        compared = self._timed("settle", lambda: self.book.settle(number, embedded, new, merged))
        assignment, moves = self._timed("assign", lambda: self._window.assign(compared))
        self._home(embedded).add(number, asked)
        kept = replace(compared, neighbours=(), further="")
        decision = _decision(self.cluster, assignment, moves, ())
        self.bytes["compared"].append(len(self._timed("pack_compared", lambda: _packed(kept))))
        self.bytes["decision"].append(len(self._timed("pack_decision", lambda: _packed(decision))))
        self.bytes["to_the_key"].append(len(pickle.dumps((embedded, new, merged), protocol=5)))

    def describe(self, bundle: int) -> None:
        """Describe what changed, as at the end of a bundle."""
        before = time.process_time()
        for _ in self.cluster.changed():
            pass
        self.spent["describe"] += bundle * [(time.process_time() - before) / bundle]

    def forget_times(self, but: str) -> None:
        """Start the clocks anew, except those whose name begins so."""
        for what in [name for name in self.spent if not name.startswith(but)]:
            del self.spent[what]

    def _home(self, embedded: EmbeddedArticle) -> CandidateIndex:
        return self.parts[home_partition(embedded.article.article_id, len(self.parts))]

    def _timed(self, what: str, call: Callable[[], _T]) -> _T:
        before = time.process_time()
        given = call()
        self.spent[what].append(time.process_time() - before)
        return given


def measure(task: Task, partitions: int, bundle: int) -> dict[str, Any]:
    """Fill a window, then take the articles after it."""
    stories, vectors = task.read()
    stream = Stream(stories, vectors, task.total, task.seed)
    window = Window(task.size, task.days, vectors.shape[1], task.embedding_model)
    key = Key(window, timedelta(days=task.days), vectors.shape[1], partitions)
    copies = Copies(stream, task.read_decided())
    for number in range(task.size):
        embedded = stream.get(number, window.at(number))
        verdict, event = copies.as_decided(*stream.where(number))
        role = "duplicate" if verdict.of else "member"
        key.repeat(number, ComparedArticle(embedded, verdict, (), ""), event, role)
    for number in range(task.size, task.total):
        if number == task.size + LAST_DECIDED:  # what comes once is over
            key.forget_times("rebuild")
        key.take(number, stream.get(number, window.at(number)))
        if (number + 1 - task.size) % bundle == 0:
            key.describe(bundle)
    return {
        "size": task.size,
        "measured": task.measured,
        "held_bytes_per_article": _held(key, task.total),
        "partitions": partitions,
        "bundle": bundle,
        "us": {
            what: {
                "mean": round(_MICROSECONDS * float(np.mean(values)), 1),
                "median": round(_MICROSECONDS * float(np.median(values)), 1),
                "p90": round(_MICROSECONDS * float(np.percentile(values, 90)), 1),
            }
            for what, values in sorted(key.spent.items())
        },
        "each_us": {
            "settle": _together(key.spent, "settle"),
            "cluster": _together(key.spent, "assign", "describe", "pack_decision"),
        },
        "bytes": {what: round(float(np.mean(sizes))) for what, sizes in key.bytes.items()},
    }


def _together(spent: dict[str, list[float]], *steps: str) -> list[int]:
    """Give what the steps took of each article, in order."""
    return [round(_MICROSECONDS * sum(each)) for each in zip(*(spent[step] for step in steps))]


def _held(key: Key, articles: int) -> dict[str, int]:
    """Give bytes per article of the search and of the verdicts: what is free when they go."""
    full = resident_bytes()
    key.parts = []
    without_parts = resident_bytes()
    key.book = VerdictBook()
    without_book = resident_bytes()
    return {
        "search": round((full - without_parts) / articles),
        "settle": round((without_parts - without_book) / articles),
    }


def main(argv: list[str] | None = None) -> int:
    options = parse_options(argv)
    return report_sizes(measure_sizes(options), _print, options.json)


def measure_sizes(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure the sizes asked for, each in a process of its own."""
    with prepared(options, lambda _: True) as task:
        for size in options.sizes:
            yield alone(measure, replace(task, size=size), options.partitions, options.bundle)


def _print(row: dict[str, Any], _: dict[str, Any]) -> None:
    said = ", ".join(f"{what} {us['mean']:,.0f}" for what, us in row["us"].items())
    print(f"{row['size']:>9,}: microseconds: {said}; bytes: {row['bytes']}", flush=True)


def parse_options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure how many articles a second the one key takes, as its window fills."
    )
    add_options(parser, sizes="5000,20000", measured=300)
    parser.add_argument("--partitions", type=int, default=8, help="parts of the search")
    parser.add_argument("--bundle", type=int, default=10, help="articles of a bundle")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
