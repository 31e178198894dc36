"""Let a signal end a run that goes on after its round; light, so that it can be armed at once."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from transforms._shared.stopping import STOP


@contextmanager
def draining() -> Iterator[None]:
    """Let the first SIGINT or SIGTERM ask for the end, and a second one end the process at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        if STOP.is_set():
            os._exit(128 + number)
        STOP.set()
        print("finishing the round; once more to stop at once", file=sys.stderr, flush=True)

    STOP.clear()
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is told of signals
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
