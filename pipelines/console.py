"""How the commands speak: one line per message on standard error, and the exit codes."""

import logging
import sys

DONE, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130  # by Ctrl-C, as shells count it


def quiet_libraries() -> None:
    """Keep the log lines of libraries off the terminal, but not ours; call before their import.

    What went wrong with an item is in its dead letter; what stops a run is raised.
    """
    logging.basicConfig(level=logging.CRITICAL)  # Beam logs as ERROR what it raises as well
    ours = logging.getLogger("newsevents")
    ours.setLevel(logging.WARNING)
    ours.propagate = False
    ours.handlers = [_Said()]


class _Said(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def say(text: str) -> None:
    """Tell the user what is going on."""
    sys.stderr.write(f"{text}\n")  # in one piece, so that threads' lines do not run together
    sys.stderr.flush()


def fail(text: str, code: int) -> int:
    """Tell the user what went wrong, in one line, and return the exit code."""
    say(f"newsevents: {' '.join(text.split())}")
    return code
