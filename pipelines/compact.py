"""``python -m pipelines.compact``: few files instead of many, and no more days than wanted."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.console import DONE, FAILED, USAGE, fail, say
from pipelines.options import Parser, UsageError

if TYPE_CHECKING:
    from transforms.write.compaction import Compaction, Size
    from transforms.write.retention import Retention

_MOST_SAID = 20  # files passed over, named one by one


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code: 0 done, 1 failed, 2 wrong usage."""
    from transforms.write.output import OutputError, output_error

    try:
        _run(_parse(argv))
    except UsageError as error:
        return fail(str(error), USAGE)
    except OutputError as error:
        return fail(str(error), FAILED)
    except OSError as error:
        return fail(str(output_error(Path(error.filename or "the output"), error)), FAILED)
    return DONE


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m pipelines.compact",
        description="Merge the many small files that rounds leave into few, also while a run goes "
        "on and readers read: nobody meets a row twice or misses one.",
        epilog="Exit codes: 0 done (files passed over are named), 1 failed, 2 usage.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="folder that detect_events has written"
    )
    parser.add_argument(
        "--keep_days",
        type=_whole(1),
        metavar="N",
        help="remove days that lie more than N before the newest article; those of events that "
        "are still open stay (default: keep all)",
    )
    parser.add_argument(
        "--min_files",
        type=_whole(2),
        default=2,
        metavar="N",
        help="leave days of a table that have fewer files as they are (default: %(default)s)",
    )
    parser.add_argument(
        "--dry_run", action="store_true", help="say what would be done and change nothing"
    )
    return parser.parse_args(argv)


def _whole(least: int) -> Any:
    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} on")
        return value

    return number


def _run(options: argparse.Namespace) -> None:
    from transforms.write.compaction import Compaction, compacting, finished_run
    from transforms.write.output import OutputError, local_folder

    try:
        folder = local_folder(options.output)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; give the --output of a detect_events run")
    run = finished_run(folder)
    if options.keep_days is not None:
        _refuse_too_few(options.keep_days, run)
    if options.dry_run:
        _compact(Compaction(folder, run, None, options.min_files), options)
        return
    with compacting(folder) as work:
        _compact(Compaction(folder, finished_run(folder), work, options.min_files), options)


def _refuse_too_few(keep_days: int, run: dict[str, Any]) -> None:
    from transforms.write.retention import least_days, window_days

    least = least_days(run)
    if keep_days < least:
        raise UsageError(
            f"--keep_days {keep_days}: --resume goes back {least} days here, because of "
            f"--window_days {window_days(run):g}; give {least} or more"
        )


def _compact(compaction: "Compaction", options: argparse.Namespace) -> None:
    from schemas.tables import TABLES
    from transforms.write.compaction import Size
    from transforms.write.retention import retain

    before = {table.name: compaction.size(table) for table in TABLES}
    if options.keep_days is not None:
        retention = retain(compaction.folder, compaction.partitions, options.keep_days)
        _say_kept(retention, compaction.remove_old(retention), options)
    for table in TABLES:
        for _ in compaction.merge_table(table):
            pass
        _print(table.name, before[table.name], compaction.size(table), options)
    for file in compaction.passed_over[:_MOST_SAID]:
        say(f"passed over {file.path}: {file.why}")
    if len(compaction.passed_over) > _MOST_SAID:
        say(f"and {len(compaction.passed_over) - _MOST_SAID} more")
    after = sum((compaction.size(table) for table in TABLES), Size())
    left = f"; {len(compaction.passed_over)} passed over" if compaction.passed_over else ""
    _print("total", sum(before.values(), Size()), after, options, left)


def _say_kept(retention: "Retention", removed: int, options: argparse.Namespace) -> None:
    kept = [
        f"{n:,} {why}"
        for n, why in (
            (retention.open_events, "with rows of events that are still open"),
            (retention.referred_to, "with rows that what stays refers to"),
            (retention.unreadable, "with files that cannot be read"),
        )
        if n
    ]
    if not retention.before:
        print("no articles, so no day is old")
        return
    what = f"days before {retention.before}: {removed:,} partitions "
    what += "to be removed" if options.dry_run else "removed"
    print(what + (f"; kept {', '.join(kept)}" if kept else ""))


def _print(
    name: str, before: "Size", after: "Size", options: argparse.Namespace, more: str = ""
) -> None:
    files = f"{before.files:,} -> {after.files:,} files"
    if not options.dry_run:
        files += f", {_amount(before.bytes)} -> {_amount(after.bytes)}"
    print(f"{name}: {files}{more}")


def _amount(size: int) -> str:
    if size < 10**6:
        return f"{size / 10**3:,.1f} kB"
    return f"{size / 10**6:,.1f} MB" if size < 10**9 else f"{size / 10**9:,.2f} GB"


if __name__ == "__main__":
    sys.exit(main())
