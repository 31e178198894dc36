"""The whole pipeline beside loops that only encode: seconds for the same articles, in turns.

What stands in one repeat ran side by side in time, each in a process of its own (see jobs.py);
every ratio is taken within a repeat. Beside the jobs runs the plain command, as a user starts it,
from the call to its end: it says what start-up costs and how much memory a run takes.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.figures import speed_ratio, spread
from benchmarks.machine import warn_if_busy
from benchmarks.processes import Run, RunError, run
from benchmarks.sample import Row, in_days, shipped_rows, write_pages, write_rows

WARM_UP = 16  # articles, one batch
DENSE_DAYS = 7.0
COMMAND = "command"
DEFAULT, BEST, PIPELINE = "default", "best", "pipeline"
REQUIRED = (DEFAULT, BEST, PIPELINE, COMMAND)


@dataclass(frozen=True)
class Way:
    """One thing that is timed."""

    name: str
    job: str  # of jobs.py; COMMAND: the plain command
    rows: Path  # what it reads
    warm_up: Path
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Timed:
    """One run of a way."""

    seconds: float  # of the work
    start_up_seconds: float
    cpu_seconds: float  # of the work
    whole: Run
    told: dict[str, Any]


def ways_of(rows: Sequence[Row], folder: Path, variants: bool) -> list[Way]:
    """Lay out what is read, and say what is to be timed."""
    others = shipped_rows(WARM_UP)
    plain, warm = write_rows(rows, folder / "rows.jsonl"), write_rows(others, folder / "warm.jsonl")
    ways = [Way(name, name, plain, warm) for name in REQUIRED]
    if variants:
        dense = write_rows(in_days(rows, DENSE_DAYS), folder / "dense.jsonl")
        pages = write_pages(rows, folder / "pages"), write_pages(others, folder / "warm_pages")
        ways.append(Way("pipeline, one week", PIPELINE, dense, warm))
        ways.append(Way("pipeline, html pages", PIPELINE, *pages))
        ways += [Way(f"best, {name}", BEST, plain, warm, given) for name, given in encoders()]
    return ways


def encoders() -> list[tuple[str, tuple[str, ...]]]:
    """Name the encoders and precisions that can be asked for, whether or not they load here."""
    from pipelines.options import UsageError, build_parser, parse_settings

    choices: dict[str, list[str]] = {
        action.dest: [str(c) for c in action.choices or () if c != "auto"]
        for action in build_parser()._actions
    }
    named = choices.get("encoder", [])
    precisions = choices.get("encoder_precision") or [""]
    found = []
    for encoder in named:
        for precision in precisions:
            given = ["--encoder", encoder]
            given += ["--encoder_precision", precision] if precision else []
            with suppress(UsageError):  # the two do not go together
                parse_settings(["--input", "-", "--output", "-", *given])
                found.append((f"{encoder} {precision}".strip(), tuple(given)))
    return found


def measure(rows: Sequence[Row], repeats: int, variants: bool) -> dict[str, Any]:
    """Time every way on the same articles, in turns.

    Raises:
        RunError: one of the ways that everything is compared with failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        ways = ways_of(rows, Path(folder), variants)
        timed, left_out = in_turns(ways, repeats, time_once)
    return report(timed, len(rows)) | {
        "articles": len(rows),
        "mean_characters": round(mean(len(row["text"]) for row in rows)),
        "repeats": repeats,
        "left_out": left_out,
    }


def in_turns(
    ways: Sequence[Way], repeats: int, time_way: Callable[[Way], Timed]
) -> tuple[dict[str, list[Timed]], dict[str, str]]:
    """Time each way once in every repeat, beginning with another one each time.

    Returns:
        The runs of each way, and why those that could not run were left out.
    """
    timed: dict[str, list[Timed]] = {way.name: [] for way in ways}
    left_out: dict[str, str] = {}
    for repeat in range(repeats):
        first = repeat % len(ways)
        for way in [*ways[first:], *ways[:first]]:
            if way.name in left_out:
                continue
            try:
                once = time_way(way)
            except RunError as error:
                if way.name in REQUIRED:
                    raise
                left_out[way.name] = str(error)
                del timed[way.name]
                continue
            timed[way.name].append(once)
            warn_if_busy(once.whole.others_cores, way.name)
            print(f"  {repeat + 1}/{repeats} {way.name:<24}{once.seconds:8.1f} s"
                  f" + start-up {once.start_up_seconds:5.1f} s", file=sys.stderr)  # fmt: skip
    return timed, left_out


def time_once(way: Way) -> Timed:
    """Run a way in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        if way.job == COMMAND:
            command = [sys.executable, "-m", "pipelines.detect_events", "--input", str(way.rows),
                       "--output", f"{folder}/output", "--no-report", *way.options]  # fmt: skip
            whole = run(command)
            return Timed(whole.seconds, 0.0, whole.cpu_seconds, whole, {})
        out = Path(folder) / "job.json"
        command = [sys.executable, "-m", "benchmarks.jobs", way.job, str(way.rows),
                   str(way.warm_up), str(out), str(time.monotonic()), *way.options]  # fmt: skip
        whole = run(command)
        told = json.loads(out.read_text("utf-8"))
    seconds, start_up, cpu = map(told.pop, ("seconds", "start_up_seconds", "cpu_seconds"))
    return Timed(seconds, start_up, cpu, whole, told)


def report(timed: dict[str, list[Timed]], articles: int) -> dict[str, Any]:
    """Work out medians, spread and ratios."""
    work = {name: [once.seconds for once in runs] for name, runs in timed.items()}
    with_start_up = {
        name: [once.seconds + once.start_up_seconds for once in runs]
        for name, runs in timed.items()
    }
    jobs = [name for name in timed if name != COMMAND]
    return {
        "ratios": {
            "pipeline_vs_default_encode": speed_ratio(work[PIPELINE], work[DEFAULT]),
            "pipeline_vs_best_encode": speed_ratio(work[PIPELINE], work[BEST]),
            "pipeline_vs_default_encode_with_start_up": speed_ratio(
                with_start_up[COMMAND], with_start_up[DEFAULT]
            ),
            "pipeline_vs_best_encode_with_start_up": speed_ratio(
                with_start_up[COMMAND], with_start_up[BEST]
            ),
        },
        "vs_default_encode": {name: speed_ratio(work[name], work[DEFAULT]) for name in jobs},
        "docs_per_second": {
            name: spread([articles / seconds for seconds in work[name]]) for name in jobs
        },
        "start_up_seconds": {
            name: spread([once.start_up_seconds for once in timed[name]]) for name in jobs
        }
        | {
            # What the plain command takes beyond the work.
            COMMAND: spread([max(0.0, c - p) for c, p in zip(work[COMMAND], work[PIPELINE])])
        },
        "stages": {
            name: stages(timed[name], articles)
            for name in jobs
            if "stage_seconds" in timed[name][0].told
        },
        "counts": {name: runs[0].told.get("counts") for name, runs in timed.items()},
        "cpu_seconds_per_article": {
            name: spread([once.cpu_seconds / articles for once in timed[name]]) for name in jobs
        },
        "peak_memory_mb": {
            name: spread([once.whole.peak_mb for once in runs], 1) for name, runs in timed.items()
        },
        "others_cores": spread([once.whole.others_cores for r in timed.values() for once in r]),
        "runs": {name: [asdict(once) for once in runs] for name, runs in timed.items()},
    }


def stages(runs: Sequence[Timed], articles: int) -> dict[str, dict[str, float]]:
    """Give median seconds, docs per second and share of the work of every stage that is timed.

    Stages that work at the same time may add up to more than the whole; what no stage accounts
    for is ``other``: Beam itself, and what is not timed.
    """
    seconds = {
        stage: median(once.told["stage_seconds"].get(stage, 0.0) for once in runs)
        for stage in sorted({stage for once in runs for stage in once.told["stage_seconds"]})
    }
    whole = median(once.seconds for once in runs)
    seconds["other"] = max(0.0, whole - sum(seconds.values()))
    return {
        stage: {
            "seconds": round(value, 3),
            "docs_per_second": round(articles / value, 1) if value else 0.0,
            "share": round(value / whole, 4),
        }
        for stage, value in seconds.items()
    }
