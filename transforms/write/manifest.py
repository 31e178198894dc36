"""run.json: what a run wrote, so that the next one can tell its files from everybody else's."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas.tables import TABLES
from transforms.write.file_names import files_of_tables, is_of_a_run, is_ours
from transforms.write.locks import files_lock
from transforms.write.output import OutputError, local_folder, output_error, replace_file
from transforms.write.removed import REMOVED_FILE

RUN_FILE = "run.json"
# Present from the check of the output until the commit: a run that was killed leaves it behind.
UNFINISHED_FILE = ".unfinished"
_BEGUN = "begun"  # what it says when a run began that goes on; else the digest of its arguments
# What differs between two runs that did the same.
VOLATILE = ("timings", "finished_at")

_SHORT = 40  # characters of an option's value that is worth showing
_GOES_ON = "streaming"  # an option that only runs that go on have, also with --resume
_UNNAMED = {"encoder_precision": "fp32"}  # what an option was that a summary does not name
_MAX_RUN_FILE_BYTES = 64 * 2**20


def check_output(
    output: str,
    arguments_digest: str,
    overwrite: bool,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Make sure that a run with these arguments may write here, and mark it as begun.

    A killed run leaves the mark; the next run then replaces what it left.

    Args:
        arguments_digest: names the input and the options; ``commit_run`` gets the same one in
            its summary under this name.
        overwrite: allow the folder to hold the output of other arguments.
        options: as the summary will name them; to say which differ.

    Raises:
        OutputError: the folder cannot be written, is a file, holds tables that no run listed,
            or holds the output of other arguments.
        ValueError: see ``local_folder``.
    """
    folder = local_folder(output)
    refuse_foreign(output)
    run = read_run(output)
    if run is not None and run.get("arguments_digest") != arguments_digest and not overwrite:
        held, fix = _held(run.get("options"), options)
        raise OutputError(f"{output} holds the output of {held}: choose another folder, {fix}")
    replace_file(folder / UNFINISHED_FILE, f"{arguments_digest}\n".encode())


def _held(before: object, now: Mapping[str, Any]) -> tuple[str, str]:
    """Say what differs from an earlier run, and what to do if it is not to be lost."""
    then = before if isinstance(before, dict) else {}
    if _GOES_ON in then and _GOES_ON not in now:
        return "runs that go on", "or add --resume or --overwrite"
    differ = [name for name in sorted(then.keys() | now.keys()) if then.get(name) != now.get(name)]
    # An option that is not named now is no option of this run: another one is the reason.
    named = [name for name in differ if name in now or name in _UNNAMED] or differ
    said = []
    for name in named:
        was, is_now = (f"{has.get(name, _UNNAMED.get(name, ''))}" for has in (then, now))
        short = max(len(was), len(is_now)) <= _SHORT
        told = [f"was {was}"] * bool(was) + [f"is now {is_now}"] * bool(is_now)
        said.append(f"{name} {', '.join(told)}" if short else name)
    other = f"other options ({'; '.join(said)})" if said else "other input or options"
    return other, "set them as they were, or add --overwrite"


def refuse_foreign(output: str) -> None:
    """Make sure that what lies in an output, if anything, was written by runs of ours.

    Raises:
        OutputError: the folder is a file, or holds tables that no run listed.
    """
    folder = local_folder(output)
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise OutputError(f"{output} is not a folder: choose another output")
    foreign = _foreign_table(folder) if read_run(output) is None else None
    if foreign is not None:
        raise OutputError(
            f"{output} already holds {foreign} but no {RUN_FILE} that lists its files: "
            "choose another folder"
        )


def clear_output(output: str) -> None:
    """Remove what earlier runs left, run.json first, so that nothing of it counts.

    The output is marked as begun: when this is killed, the next run may go on with it.

    Raises:
        OutputError: a file cannot be removed.
    """
    folder = local_folder(output)
    with files_lock(folder):  # else a compaction could bring back what is removed
        replace_file(folder / UNFINISHED_FILE, f"{_BEGUN}\n".encode())
        _unlink(folder / RUN_FILE)
        _unlink(folder / REMOVED_FILE)
        for name in sorted(filter(is_ours, files_of_tables(folder))):
            _remove(folder / name)


def read_run(output: str) -> dict[str, Any] | None:
    """Read the summary of the last finished run; None when there is none.

    Raises:
        OutputError: run.json is not one of ours, or cannot be read.
    """
    path = local_folder(output) / RUN_FILE
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_RUN_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise OutputError(
            f"cannot read {path}: {error.strerror or error}: choose another folder"
        ) from error
    run = _parse_run(data)
    if run is None:
        raise OutputError(
            f"{path} is not the summary of a run, or is damaged: "
            "put back a copy that is whole, or choose another folder"
        )
    return run


def commit_run(output: str, files: list[str], summary: dict[str, Any]) -> None:
    """Declare ``files`` to be the output: remove what earlier runs left, then write run.json.

    Only files are removed that the last run.json lists, or that a killed run left, and that have
    the very names this stage gives. run.json stays as it is when nothing but timings changed.

    Args:
        files: relative paths, as ``WriteTables`` returned them.
        summary: whatever else run.json shall say, ``arguments_digest`` included.

    Raises:
        OutputError: a file cannot be removed or written, or is not where the workers wrote it.
        ValueError: ``files`` holds a path this stage does not write, or ``summary`` is not JSON.
    """
    folder = local_folder(output)
    strange = next((name for name in files if not is_of_a_run(name)), None)
    if strange is not None:
        raise ValueError(f"not a file of a table: {strange}")
    unseen = next((name for name in sorted(set(files)) if not (folder / name).is_file()), None)
    if unseen is not None:
        raise OutputError(
            f"{output} does not hold {unseen}, which a worker wrote: "
            "name a folder that this machine and all workers share"
        )
    text = json.dumps(
        summary | {"files": sorted(set(files))}, sort_keys=True, indent=2, allow_nan=False
    )
    old = read_run(output)
    known = set(old["files"]) if old else set()
    if (folder / UNFINISHED_FILE).exists() or (old and "rounds" in old):
        known |= set(files_of_tables(folder))
    stale = sorted(name for name in known - set(files) if is_ours(name))
    for name in stale:
        _remove(folder / name)
    if old is None or _lasting(old) != _lasting(json.loads(text)):
        replace_file(folder / RUN_FILE, f"{text}\n".encode())
    (folder / UNFINISHED_FILE).unlink(missing_ok=True)


def _parse_run(data: bytes) -> dict[str, Any] | None:
    if len(data) > _MAX_RUN_FILE_BYTES:
        return None
    try:
        run = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return run if isinstance(run, dict) and _is_summary(run) else None


def _is_summary(run: dict[str, Any]) -> bool:
    """Say whether what others rely on is there and of its type."""
    files, rounds = run.get("files"), run.get("rounds", 0)
    stages = run["counts"].get("stages", {}) if isinstance(run.get("counts"), dict) else None
    return (
        isinstance(files, list)
        and all(isinstance(name, str) for name in files)
        and type(rounds) is int
        and rounds >= 0
        and all(isinstance(run.get(name, {}), dict) for name in ("options", "versions"))
        and (stages is None) == ("counts" not in run)
        and isinstance(stages or {}, dict)
        and all(_is_counted(counts) for counts in (stages or {}).values())
    )


def _is_counted(counts: Any) -> bool:
    return isinstance(counts, dict) and all(type(n) is int for n in counts.values())


def _foreign_table(folder: Path) -> str | None:
    if os.path.lexists(folder / UNFINISHED_FILE):
        return None
    for table in TABLES:
        path = folder / table.name
        if os.path.lexists(path) and not _is_empty_folder(path):
            return table.name
    return None


def _is_empty_folder(path: Path) -> bool:
    try:
        return not path.is_symlink() and not any(path.iterdir())
    except OSError:
        return False  # a file, or a folder we may not look into


def _lasting(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name not in VOLATILE}


def is_being_replaced(folder: Path, run: dict[str, Any]) -> bool:
    """Say whether a run with other arguments was cut off while it wrote over these files."""
    try:
        mark = (folder / UNFINISHED_FILE).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise output_error(folder / UNFINISHED_FILE, error) from error
    if mark == _BEGUN and not run["files"]:
        return False  # the first run.json was there, and the mark about to go
    return mark != run.get("arguments_digest")


def is_unfinished(folder: Path) -> bool:
    """Say whether a run was cut off before it said what its files are."""
    return os.path.lexists(folder / UNFINISHED_FILE)


def remove_mark(folder: Path) -> None:
    """Take away the mark of a run that began.

    Raises:
        OutputError: it cannot be removed.
    """
    _unlink(folder / UNFINISHED_FILE)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def _remove(path: Path) -> None:
    partition, table = path.parent, path.parent.parent
    if any(link.is_symlink() for link in (path, partition, table)) or not path.is_file():
        return  # not what this stage left there
    try:
        path.unlink()
        if _is_empty_folder(partition):
            partition.rmdir()
    except OSError as error:
        raise output_error(path, error) from error
