import contextlib
import errno
import io
import os
import sys
import threading
from types import SimpleNamespace

import pytest
from rich.console import Console

from pipelines.console import say
from pipelines.live import screen
from pipelines.live.board import Board
from pipelines.live.narrator import Narrator
from pipelines.live.screen import Lines, Screen, Steady, Ticker, make_console, watching

HOSTILE = "\x1b[2J\u202e[bold red]Fire[/] :bomb: 火事 " + "long " * 60


@pytest.fixture
def settings():
    return SimpleNamespace(
        metrics_port=None, streaming=True, poll_seconds=60.0, output="out/live", limit=20
    )


@pytest.fixture
def full_screen(after, make_round, make_event, make_feed, make_letter, monkeypatch):
    """``full_screen(console)``: a screen with something in every section."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(screen, "_now", lambda: after(10))
    monkeypatch.setattr(screen, "snapshot", dict)

    def make(console):
        shown = Screen(Board("out/live", 60, after(0)), console)
        shown.round_ended(make_round(0), {("parse", "out"): 500}, [], after(0))
        events = [make_event(event_id=f"e{n}", title=HOSTILE) for n in range(20)]
        events[3] = make_event(event_id="b", title=HOSTILE, breaking_state="breaking")
        feeds = [make_feed(feed=HOSTILE, failures=n + 2, error=HOSTILE) for n in range(9)]
        counters = {("parse", "out"): 500, ("parse", f"rejected_{HOSTILE}"): 500}
        ended = make_round(1, events=events, dead_letters=[make_letter()])
        shown.round_ended(ended, counters, feeds, after(5))
        return shown

    return make


@pytest.mark.parametrize("width", [1, 20, 80, 200])
@pytest.mark.parametrize("height", [1, 2, 7, 24, 60])
def test_screen_fits_the_terminal(full_screen, width, height):
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, record=True
    )
    console.print(full_screen(console))
    lines = console.export_text().splitlines()
    assert len(lines) <= max(1, height - 1)
    assert all(len(line) <= width for line in lines)


def test_screen_shows_hostile_text_as_it_is(full_screen):
    drawn = io.StringIO()
    console = make_console(drawn)
    console.size = (300, 50)
    console.record = True
    console.print(full_screen(console))
    text = console.export_text()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "  [2J[bold red]Fire[/] :bomb: 火事 long" in text
    assert text.splitlines()[-8].startswith("          breaking  ")
    assert "out/live · 1 round written · next look in 50 s" in text
    assert "\x1b[1;31mbreaking" in drawn.getvalue()


def tty(monkeypatch):
    """Make standard error a terminal of its own; gives its other end."""
    ours, theirs = os.openpty()
    stream = open(theirs, "w", encoding="utf-8")  # noqa: SIM115 - the caller closes it
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return ours, stream


def test_terminal_gets_a_screen_that_is_wiped_at_the_end(settings, monkeypatch, capsys):
    ours, stream = tty(monkeypatch)
    threads = set(threading.enumerate())
    with stream:
        with watching(settings) as observers:
            (shown,) = observers
            assert isinstance(shown, Screen)
            say("a message")
        assert sys.stderr is stream
    drawn = b"".join(_until_closed(ours)).decode()
    os.close(ours)
    assert set(threading.enumerate()) == threads
    assert "\x1b[?1049h" not in drawn  # the other screen of a terminal
    assert "round 1 under way" in drawn
    assert "a message" in drawn
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")
    after_last = drawn[drawn.rindex("rejected") :]
    assert after_last.count("\x1b[1A\x1b[2K") >= 4
    assert capsys.readouterr().out == ""


def _until_closed(terminal):
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 4096):
            yield part


@pytest.mark.parametrize("term", ["dumb", ""])
def test_terminal_that_cannot_move_its_cursor_gets_lines(settings, monkeypatch, term):
    ours, stream = tty(monkeypatch)
    monkeypatch.setenv("TERM", term)
    if not term:
        monkeypatch.delenv("TERM")
    with stream, watching(settings) as observers:
        assert isinstance(observers[0], Lines)
    os.close(ours)


def test_screen_outlives_its_terminal(settings, monkeypatch, make_round, after):
    ours, stream = tty(monkeypatch)
    monkeypatch.setattr(screen, "_SCREEN_SECONDS", 0.01)
    with watching(settings) as observers:
        os.close(ours)
        observers[0].round_ended(make_round(1), {}, [], after(0))
        observers[0]._live.refresh()
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        os.write(stream.fileno(), b"x")
    with contextlib.suppress(OSError):
        stream.close()


def test_log_gets_plain_lines(settings, monkeypatch, make_round, make_assignment, after):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with watching(settings) as observers:
        (lines,) = observers
        lines.round_ended(make_round(0), {}, [], after(0))
        lines.round_ended(make_round(0), {}, [], after(1))
        lines.round_ended(make_round(1, articles=[make_assignment()]), {}, [], after(61))
    assert log.getvalue() == "12:01:01 round 1: 1 article; 1.0 s\n"


def test_long_first_round_is_told_of_in_a_log(monkeypatch, after):
    monkeypatch.setattr(screen, "_PROGRESS_SECONDS", 0.001)
    log, said = io.StringIO(), threading.Event()
    monkeypatch.setattr(screen, "snapshot", lambda: said.set() or {("read", "out"): 5})
    with Lines(Narrator(60, after(0)), log):
        assert said.wait(10)
    assert log.getvalue().splitlines()[0].endswith(" 5 documents read")


@pytest.mark.parametrize("stream", [None, "closed", "broken"])
def test_nobody_to_listen_is_no_trouble(
    settings, monkeypatch, make_round, make_assignment, after, stream
):
    monkeypatch.setattr(sys, "stderr", stderr := _stream(stream))
    with watching(settings) as observers:
        observers[0].round_ended(make_round(1, articles=[make_assignment()]), {}, [], after(0))
    assert not Steady(stderr).isatty()


def _stream(kind):
    if kind is None:
        return None
    if kind == "broken":
        return _Broken()
    closed = io.StringIO()
    closed.close()
    return closed


class _Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


def test_thread_of_a_ticker_ends_when_the_block_fails():
    before, ticked = set(threading.enumerate()), threading.Event()
    with pytest.raises(KeyError), Ticker(0.001, ticked.set):
        assert ticked.wait(10)
        raise KeyError
    assert set(threading.enumerate()) == before
