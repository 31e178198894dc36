"""Web pages read in processes of their own: beside the encoder, on other cores, and not for ever.

A page costs fifty times what a text costs, all of it in Python, and a hostile one can keep a parser
busy without end. Each process is a plain interpreter that reads pages until its input ends; it
knows nothing of the program that started it, so that this works from any program and on any
worker.
"""

import os
import pickle
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

from schemas import Extraction, Identified
from transforms._shared.cores import cores
from transforms._shared.rejects import RejectError
from transforms.extract.extraction import extract_article, parse_failed
from transforms.extract.page import quiet_libraries, release_memory

SECONDS = 60.0  # for one page; a large one takes one
_MOST_PROCESSES = 4
_PAGES_BETWEEN_CLEANUPS = 500
_LENGTH = struct.Struct(">Q")
_CODE = (
    "import sys; sys.path[:] = {path!r}; "
    "from transforms.extract.page_processes import serve; serve()"
)


class PageLostError(Exception):
    """A page took too long, or the process that read it came to an end."""


class PageRead(NamedTuple):
    extraction: Extraction
    microseconds: int  # that the reading took


class PageProcesses:
    """Reads pages in up to ``processes`` processes; the first page starts the first.

    A process that does not answer within ``seconds`` is killed, and another takes its place.
    """

    def __init__(self, processes: int, seconds: float = SECONDS) -> None:
        self.processes = processes
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="pages")
        self._own = threading.local()

    def submit(self, identified: Identified) -> Future[PageRead]:
        """Begin with a page.

        The result raises what ``extract_article`` raises, or PageLostError.
        """
        return self._threads.submit(self._read, identified)

    def close(self) -> None:
        """End the processes, after the pages they are at."""
        self._threads.shutdown(cancel_futures=True)

    def _read(self, identified: Identified) -> PageRead:
        process: _Process | None = getattr(self._own, "process", None)
        if process is None or process.has_ended():
            process = self._own.process = _Process()
        try:
            done, value, microseconds = process.ask(identified, self._seconds)
        except PageLostError:
            self._own.process = None
            raise
        if not done:
            raise value
        return PageRead(replace(value, identified=identified), microseconds)


class _Process:
    """One process that reads pages; ended with the thread that asks it."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", _CODE.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run, which ends its processes itself
        )
        self._input: Any = self._child.stdin
        self._output: Any = self._child.stdout

    def __del__(self) -> None:
        self._end()

    def has_ended(self) -> bool:
        return self._child.poll() is not None

    def ask(self, identified: Identified, seconds: float) -> tuple[bool, Any, int]:
        """Give what the process says of a page.

        Raises:
            PageLostError: it took too long, or ended.
        """
        try:
            with self._bounded(seconds):
                _send(self._input, identified)
                answer: tuple[bool, Any, int] = _receive(self._output)
                return answer
        except (OSError, EOFError) as error:
            self._end()
            raise PageLostError(
                f"its page was not read within {seconds:g} seconds, or broke the process"
            ) from error

    @contextmanager
    def _bounded(self, seconds: float) -> Iterator[None]:
        """Kill the process after some seconds: its pipe then ends, whoever waits for it."""
        timer = threading.Timer(seconds, self._child.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end(self) -> None:
        with suppress(OSError):
            self._child.kill()
        for pipe in (self._input, self._output):
            with suppress(OSError):
                pipe.close()
        self._child.wait()


def serve() -> None:
    """Read pages from standard input until it ends, and answer on standard output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    quiet_libraries()
    for number in range(1, sys.maxsize):
        try:
            identified = _receive(sys.stdin.buffer)
        except EOFError:
            return
        started = time.perf_counter_ns()
        done, value = _extracted(identified)
        _send(answers, (done, value, (time.perf_counter_ns() - started) // 1000))
        if number % _PAGES_BETWEEN_CLEANUPS == 0:
            release_memory()


def _extracted(identified: Identified) -> tuple[bool, Any]:
    try:
        # Without the page itself, which whoever asked has.
        return True, replace(extract_article(identified), identified=None)  # type: ignore[arg-type]
    except RejectError as error:
        return False, error
    except Exception as error:  # of any library, so perhaps of a class that cannot be sent
        return False, parse_failed(error)


def _send(pipe: BinaryIO, value: Any) -> None:
    data = pickle.dumps(value, protocol=5)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: BinaryIO) -> Any:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)


_lock = threading.Lock()
_pools: dict[int, PageProcesses] = {}


def page_processes(most: int | None = None) -> PageProcesses:
    """Give this process's only pool of ``most`` processes; as many as cores, up to four, for None.

    Engines make and drop DoFns as they like; the processes stay until the program ends.
    """
    number = most or min(cores(), _MOST_PROCESSES)
    with _lock:
        if number not in _pools:
            _pools[number] = PageProcesses(number)
        return _pools[number]
