"""How the commands speak."""

import sys

from pipelines.console import say


class _Pieces(list):
    """A stream that keeps what it was given, piece by piece."""

    write = list.append

    def flush(self):
        self.append("(flushed)")


def test_a_line_is_written_in_one_piece(monkeypatch):
    pieces = _Pieces()
    monkeypatch.setattr(sys, "stderr", pieces)
    say("it is done")
    assert pieces == ["it is done\n", "(flushed)"]
