"""Which articles were removed because they were old, so that nobody takes them for lost."""

from collections.abc import Iterable
from pathlib import Path

from transforms.write.output import output_error, replace_file

REMOVED_FILE = ".removed-articles"  # how many rows went, then one article id a line


def removed_articles(folder: Path) -> frozenset[str]:
    """Name the articles whose rows were removed though they may be seen again.

    Raises:
        OutputError: the list cannot be read.
    """
    return frozenset(_lines(folder)[1:])


def removed_rows(folder: Path) -> int:
    """Say how many rows of articles were removed in all.

    Raises:
        OutputError: the list cannot be read.
    """
    first = _lines(folder)[:1]
    return int(first[0]) if first and first[0].isdigit() else 0


def remember_removed(folder: Path, rows: int, gone: Iterable[str], sighted: Iterable[str]) -> None:
    """Note which rows of articles are about to be removed.

    Args:
        rows: how many.
        gone: articles that have no row then.
        sighted: articles that somebody may still recognise; others drop out of the list.

    Raises:
        OutputError: the list cannot be read or written.
    """
    names = (removed_articles(folder) | set(gone)) & set(sighted)
    if rows:
        lines = [str(removed_rows(folder) + rows), *sorted(names)]
        replace_file(folder / REMOVED_FILE, "\n".join(lines).encode() + b"\n", durable=True)


def _lines(folder: Path) -> list[str]:
    path = folder / REMOVED_FILE
    try:
        return path.read_text(encoding="ascii", errors="replace").split()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise output_error(path, error) from error
