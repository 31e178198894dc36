"""Say what a long run is doing: counts by stage, and the rate of the slowest one."""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TextIO

STAGES = (
    ("read", "out", "documents read"),
    ("parse", "out", "entries"),
    ("normalise", "out", "articles"),
    ("embed", "out", "embedded"),
    ("cluster", "out", "clustered"),
    ("write", "out", "rows written"),
)
_TERMINAL_SECONDS = 0.5
_LOG_SECONDS = 10.0

Counts = Mapping[tuple[str, str], int]


def describe(counts: Counts, rate: float) -> str:
    """Put the counts in one line, stages without a count left out.

    Args:
        rate: articles embedded per second; 0 when nothing was embedded yet.
    """
    parts = [f"{counts[stage, name]:,} {label}" for stage, name, label in STAGES
             if counts.get((stage, name))]  # fmt: skip
    rejects = sum(n for (_, name), n in counts.items() if name.startswith("rejected_"))
    if rejects:
        parts.append(f"{rejects:,} rejected")
    if rate:
        parts.append(f"{rate:.0f} embedded/s")
    return " · ".join(parts) or "starting"


class Progress:
    """Print the counts while a ``with`` block runs: one moving line on a terminal, else plain
    lines every ten seconds; on standard error unless another stream is given."""

    def __init__(self, snapshot: Callable[[], Counts], stream: TextIO | None = None) -> None:
        self._snapshot = snapshot
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._first_embedded: float | None = None

    def __enter__(self) -> "Progress":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _run(self) -> None:
        while not self._done.wait(_TERMINAL_SECONDS if self._terminal else _LOG_SECONDS):
            counts = self._snapshot()
            line = describe(counts, self._rate(counts))
            self._stream.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
            self._stream.flush()

    def _rate(self, counts: Counts) -> float:
        embedded = counts.get(("embed", "out"), 0)
        if not embedded:
            return 0.0
        if self._first_embedded is None:
            self._first_embedded = time.monotonic()
        elapsed = time.monotonic() - self._first_embedded
        return embedded / elapsed if elapsed >= 1.0 else 0.0
