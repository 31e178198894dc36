"""Threads that nobody has to wait for when the process ends."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Workers(Generic[T]):
    """Does jobs in at most ``most`` threads, and gives each result as soon as it is there.

    Unlike those of an executor, its threads do not hold up the end of the process: a server that
    hangs must not. A job must not raise.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: SimpleQueue[Callable[[], T]] = SimpleQueue()
        self._results: SimpleQueue[T] = SimpleQueue()
        self._threads = 0
        self.busy = 0  # jobs whose results were not taken yet

    @property
    def full(self) -> bool:
        """Whether another job would have to wait."""
        return self.busy >= self._most

    def start(self, job: Callable[[], T]) -> None:
        """Do a job as soon as a thread is free."""
        self.busy += 1
        if self._threads < min(self.busy, self._most):
            self._threads += 1
            threading.Thread(target=self._work, name="fetch", daemon=True).start()
        self._jobs.put(job)

    def result(self, seconds: float) -> T | None:
        """Wait for the next result, at most that long; None when there is none."""
        try:
            found = self._results.get(timeout=max(seconds, 0.0))
        except Empty:
            return None
        self.busy -= 1
        return found

    def _work(self) -> None:
        while True:
            self._results.put(self._jobs.get()())
