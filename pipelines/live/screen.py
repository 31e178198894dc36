"""Stub to be replaced."""

from collections.abc import Iterator
from contextlib import contextmanager


class Lines:
    def round_ended(self, ended, counters, feeds, at):
        import sys
        print(f"round {ended.number}: {dict(ended.rows)}", file=sys.stderr, flush=True)


@contextmanager
def watching(settings) -> Iterator[list]:
    yield [Lines()]
