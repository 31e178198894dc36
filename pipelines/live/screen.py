"""Show a run while it goes on: a screen on a terminal, else lines; and metrics when asked for."""

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from pipelines.live.board import BAD, GOOD, QUIET, STRONG, Board, Line, fit
from pipelines.live.narrator import Narrator
from pipelines.live.status import Counters, Observer
from pipelines.options import Settings
from transforms._shared.counts import snapshot

if TYPE_CHECKING:
    from transforms.read.feed_book import FeedHealth
    from transforms.write.rounds import Round

_MOST_EVENTS = 8
_SCREEN_SECONDS = 0.5
_PROGRESS_SECONDS = 10.0
_STYLES = {
    QUIET: "dim",
    STRONG: "bold",
    BAD: "red",
    GOOD: "green",
    "breaking": "bold red",
    "developing": "red",
    "candidate": "yellow",
    "fading": "dim",
    "none": "dim",
}


@contextmanager
def watching(settings: Settings) -> Iterator[list[Observer]]:
    """Show a run on standard error while the block runs; gives who is to be told of its rounds.

    Raises:
        UsageError: the port of ``--metrics_port`` cannot be used.
    """
    poll_seconds = settings.poll_seconds if settings.streaming else None
    stream = cast("TextIO", Steady(sys.stderr))
    with ExitStack() as stack:
        observers: list[Observer] = []
        if settings.metrics_port is not None:
            from pipelines.live.metrics import serving

            observers.append(stack.enter_context(serving(settings.metrics_port, poll_seconds)))
        if stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
            board = Board(settings.output, poll_seconds, _now(), min(_MOST_EVENTS, settings.limit))
            observers.append(stack.enter_context(Screen(board, make_console(stream))))
        else:
            observers.append(stack.enter_context(Lines(Narrator(poll_seconds, _now()), stream)))
        yield observers


def make_console(stream: TextIO) -> Console:
    """Make a console that takes everything for plain text and moves the cursor."""
    return Console(
        file=stream,
        force_terminal=True,
        force_interactive=True,
        highlight=False,
        markup=False,
        emoji=False,
    )


class Screen:
    """Keeps a board on a terminal, below whatever else is said there, while a block runs."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._lock = threading.Lock()  # of the board; rounds end in another thread
        self._live = Live(
            get_renderable=lambda: self,
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
        )
        self._ticks = Ticker(_SCREEN_SECONDS, self._live.refresh)

    def __enter__(self) -> "Screen":
        self._live.start(refresh=True)
        self._live.console.show_cursor(True)  # a run that is killed would leave it hidden
        self._ticks.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._ticks.__exit__()
        self._live.stop()

    def round_ended(
        self, ended: "Round", counters: Counters, feeds: "list[FeedHealth]", at: datetime
    ) -> None:
        """See ``Observer``."""
        with self._lock:
            self._board.round_ended(ended, counters, snapshot(), feeds, at)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            sections = self._board.sections(snapshot(), _now())
        for line in fit(sections, options.size.height - 1):
            yield _text(line)


def _text(line: Line) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for piece, style in line:
        text.append(piece, _STYLES.get(style, ""))
    return text


class Lines:
    """Writes a line for what is worth one, while a block runs."""

    def __init__(self, narrator: Narrator, stream: TextIO) -> None:
        self._narrator = narrator
        self._stream = stream
        self._lock = threading.Lock()
        self._ticks = Ticker(_PROGRESS_SECONDS, self._progress)

    def __enter__(self) -> "Lines":
        self._ticks.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._ticks.__exit__()

    def round_ended(
        self, ended: "Round", counters: Counters, feeds: "list[FeedHealth]", at: datetime
    ) -> None:
        """See ``Observer``."""
        with self._lock:
            for line in self._narrator.round_ended(ended, counters, snapshot(), feeds, at):
                print(line, file=self._stream, flush=True)

    def _progress(self) -> None:
        with self._lock:
            line = self._narrator.progress(snapshot(), _now())
            if line:
                print(line, file=self._stream, flush=True)


class Ticker:
    """Calls a function again and again in a thread of its own, while a block runs."""

    def __init__(self, seconds: float, tick: Callable[[], None]) -> None:
        self._seconds = seconds
        self._tick = tick
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live view", daemon=True)

    def __enter__(self) -> "Ticker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self._seconds):
            self._tick()


class Steady(io.TextIOBase):
    """Passes text on while somebody is there to take it; afterwards it is dropped."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        if self._stream is not None:
            try:
                self._stream.write(text)
            except (OSError, ValueError):  # gone, or closed
                self._stream = None
        return len(text)

    def flush(self) -> None:
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._stream = None

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False


def _now() -> datetime:
    return datetime.now(timezone.utc)
