"""Counters of every stage: Beam's for the record, process-local ones for live progress.

Beam's local runner reveals its metrics only after the run, so each count is also kept in this
process, where ``snapshot`` can read it while the run goes on. With worker processes the local
ones stay in the workers; the final figures always come from Beam.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from apache_beam.metrics import Metrics

MICROSECONDS = "microseconds"  # a counter of time, kept apart from those of items

WORKED = time.thread_time_ns  # what this thread did, without waiting for a core

_lock = threading.Lock()
_live: Counter[tuple[str, str]] = Counter()


def count(stage: str, name: str, n: int = 1) -> None:
    """Add ``n`` to the counter ``name`` (in, out, repeats, rejected_<reason>) of ``stage``."""
    _counter(stage, name).inc(n)
    with _lock:
        _live[stage, name] += n


@cache
def _counter(stage: str, name: str) -> Any:
    return Metrics.counter(stage, name)


@contextmanager
def timed(stage: str, clock: Callable[[], int] = time.perf_counter_ns) -> Iterator[None]:
    """Add the time a block takes to the counter ``microseconds`` of ``stage``.

    Args:
        clock: in nanoseconds; ``WORKED`` where other threads are at work meanwhile.
    """
    started = clock()
    try:
        yield
    finally:
        count(stage, MICROSECONDS, (clock() - started) // 1000)


def snapshot() -> dict[tuple[str, str], int]:
    """Read this process's counters so far, by (stage, name)."""
    with _lock:
        return dict(_live)


def reset() -> None:
    """Forget this process's counters; called before a run."""
    with _lock:
        _live.clear()
