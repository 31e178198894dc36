"""What the files of an output are called, and by whom they were written.

<table>/date=YYYY-MM-DD/part-<32 hex>.parquet             by a run that ends
<table>/date=YYYY-MM-DD/part-<9 digits>-<32 hex>.parquet  by a round of a run that goes on
<table>/date=YYYY-MM-DD/part-compact-<32 hex>.parquet     by a compaction
<table>/date=YYYY-MM-DD/part-empty.parquet                instead of a table without rows
"""

import re
from collections.abc import Iterator
from pathlib import Path

from schemas.tables import TABLES

_FOLDER = rf"(?:{'|'.join(table.name for table in TABLES)})/date=\d{{4}}-\d{{2}}-\d{{2}}"
_HASH = r"[0-9a-f]{32}"
_ANY = rf"part-(?:(?:\d{{9}}-|compact-)?{_HASH}|empty)\.parquet"
_OF_A_RUN = re.compile(rf"{_FOLDER}/part-(?:{_HASH}|empty)\.parquet", re.ASCII)
_OF_A_ROUND = re.compile(rf"{_FOLDER}/part-(\d{{9}})-{_HASH}\.parquet", re.ASCII)
_COMPACTED = re.compile(rf"{_FOLDER}/part-compact-{_HASH}\.parquet", re.ASCII)
_FINISHED = re.compile(rf"{_FOLDER}/{_ANY}", re.ASCII)
_TEMPORARY = re.compile(rf"{_FOLDER}/\.{_ANY}\.\d+-\d+\.tmp", re.ASCII)


def files_of_tables(folder: Path) -> Iterator[str]:
    """Give all that lies in the date folders of the tables, by paths relative to the output."""
    for table in TABLES:
        for path in (folder / table.name).glob("date=*/*"):
            yield path.relative_to(folder).as_posix()


def is_of_a_run(path: str) -> bool:
    """Say whether a run that ends gives such names; all paths here are relative to the output."""
    return _OF_A_RUN.fullmatch(path) is not None


def round_of(path: str) -> int | None:
    """Say which round wrote a file; None for other files."""
    match = _OF_A_ROUND.fullmatch(path)
    return int(match[1]) if match else None


def is_compacted(path: str) -> bool:
    """Say whether a file was made of several earlier ones."""
    return _COMPACTED.fullmatch(path) is not None


def is_temporary(path: str) -> bool:
    """Say whether a file was being written when its writer was killed, or is now."""
    return _TEMPORARY.fullmatch(path) is not None


def is_ours(path: str) -> bool:
    """Say whether anything of ours gives such names."""
    return _FINISHED.fullmatch(path) is not None or is_temporary(path)
