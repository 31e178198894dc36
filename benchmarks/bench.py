"""How fast the pipeline is beside what it needs, and beside others: one file of figures, one plot.

    make bench [STREAM=FILE] [QUICK=1] [REPEATS=5] [ARTICLES=2000] [SIZES=5000,20000] [JSON=OUT]

Without STREAM the stories that ship with the tests are read. Parts (``--parts``):

* ``whole``: the pipeline against the default encode loop and our own (whole.py, jobs.py);
* ``window``: cost of one more article by size of the window (window.py);
* ``copies``: planted near-duplicates, beside semhash, datasketch and text-dedup
  (near_duplicates.py), which get an environment of their own;
* ``single_key``: what the one key that decides in order can take (single_key.py).

A part that is not run keeps the figures that the file already holds of it, marked with the time
and machine of that run. Figures are ratios from one run wherever something is compared.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks import single_key, whole, window
from benchmarks.chart import draw
from benchmarks.figures import spread
from benchmarks.machine import describe_machine
from benchmarks.processes import RunError, run
from benchmarks.sample import Row, SampleError, read_rows, shipped_rows, write_rows

RESULTS = Path(__file__).with_name("results")
QUICK = Path("out", "bench", "quick.json")
PARTS = ("whole", "window", "copies", "single_key")
_PEERS = Path(__file__).with_name("near_duplicates_peers.txt")
_RATIOS = ("pipeline_vs_default_encode", "pipeline_vs_best_encode")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Part = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark: 0 done, 1 a run failed, 2 usage."""
    options = parse_options(argv)
    if options.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    try:
        rows = _rows(options)
        with tempfile.TemporaryDirectory() as folder:
            return _run(options, rows, Path(folder))
    except SampleError as error:
        print(error, file=sys.stderr)
        return 2
    except RunError as error:
        print(error, file=sys.stderr)
        return 1


def _rows(options: argparse.Namespace) -> list[Row]:
    if options.stream is None:
        print("no stream: the stories that ship with the tests are read", file=sys.stderr)
        return shipped_rows(options.articles)
    return read_rows(options.stream, max(options.articles, options.stories))


def _run(options: argparse.Namespace, rows: list[Row], folder: Path) -> int:
    stream = write_rows(rows, folder / "stream.jsonl")
    run_part: dict[str, Callable[[], Part]] = {
        "whole": lambda: whole.measure(
            rows[: options.articles], options.repeats, not options.quick and options.variants
        ),
        "window": lambda: measure_windows(_window_arguments(options, stream, folder)),
        "copies": lambda: measure_copies(options, stream, folder),
        "single_key": lambda: measure_key(_key_arguments(options, stream, folder)),
    }
    result = _read(options.json)
    for name in options.parts:
        print(f"== {name}", file=sys.stderr)
        result["parts"][name] = {
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "stream": options.stream.name if options.stream else "shipped with the tests",
            "quick": options.quick,
            "machine": describe_machine(),
            **run_part[name](),
        }
        write_result(result | headline(result["parts"]), options.json)
    print(summary(headline(result["parts"])))
    return 0


def write_result(result: dict[str, Any], path: Path) -> None:
    """Write the figures, and the plot of them beside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    path.with_suffix(".svg").write_text(draw(result), "utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        parts = json.loads(path.read_text("utf-8"))["parts"]
    except (OSError, ValueError, KeyError, TypeError):
        parts = {}
    return {"parts": {name: parts[name] for name in PARTS if name in parts}}


def headline(parts: dict[str, Part]) -> dict[str, Any]:
    """Give the few figures that targets are set for; None for what was never measured."""
    ratios = parts.get("whole", {}).get("ratios", {})
    sizes = parts.get("window", {}).get("sizes", [])
    memory = parts.get("whole", {}).get("peak_memory_mb", {})
    by_size = {str(row["size"]): row for row in sizes}
    return {
        **{name: ratios[name]["median"] if name in ratios else None for name in _RATIOS},
        "peak_memory_mb": memory[whole.COMMAND]["most"] if memory else None,
        "window_memory_mb": {size: round(row["bytes"] / 1e6, 1) for size, row in by_size.items()},
        "cluster_us_per_article": _microseconds(by_size, "cluster_ms"),
        "dedupe_us_per_article": _microseconds(by_size, "dedupe_ms"),
        "copies_vs_semhash": parts.get("copies", {}).get("vs_semhash", {}).get("median"),
    }


def _microseconds(by_size: dict[str, Any], stage: str) -> dict[str, float]:
    return {size: round(1000 * row[stage]["median"], 1) for size, row in by_size.items()}


def summary(found: dict[str, Any]) -> str:
    """Say the few figures, one a line."""
    return "\n".join(f"{name:<28}{value}" for name, value in found.items())


def measure_windows(arguments: list[str]) -> Part:
    """Measure the sizes of window asked for."""
    with _one_thread():
        return {"sizes": list(window.measure_sizes(window.parse_options(arguments)))}


def measure_key(arguments: list[str]) -> Part:
    """Measure the one key."""
    with _one_thread():
        return {"sizes": list(single_key.measure_sizes(single_key.parse_options(arguments)))}


class _one_thread:
    """Let processes that are started meanwhile use one thread."""

    def __enter__(self) -> None:
        self._before = dict(os.environ)
        os.environ.update(_ONE_THREAD)

    def __exit__(self, *_: object) -> None:
        os.environ.clear()
        os.environ.update(self._before)


def _common(options: argparse.Namespace, stream: Path, folder: Path) -> list[str]:
    return ["--stream", str(stream), "--stories", str(options.stories),
            "--cache", str(options.cache or folder / "cache")]  # fmt: skip


def _window_arguments(options: argparse.Namespace, stream: Path, folder: Path) -> list[str]:
    measured = ["--measured", "50"] if options.quick else []
    return [*_common(options, stream, folder), "--sizes", options.sizes, *measured]


def _key_arguments(options: argparse.Namespace, stream: Path, folder: Path) -> list[str]:
    sizes = options.key_sizes or options.sizes
    measured = ["--measured", "50"] if options.quick else []
    return [*_common(options, stream, folder), "--sizes", sizes, *measured]


def measure_copies(options: argparse.Namespace, stream: Path, folder: Path) -> Part:
    """Let every method look for the planted copies, as often as there are repeats."""
    peers, why = (None, "not in a quick run") if options.quick else peers_python()
    if peers is None:
        print(f"left out: semhash, datasketch and text-dedup ({why})", file=sys.stderr)
    out = folder / "copies.json"
    command = [sys.executable, "-m", "benchmarks.near_duplicates", "--stream", stream,
               "--documents", str(min(options.stories, 5000)), "--parts", "report",
               "--cache", options.cache or folder / "cache", "--json", out,
               *(("--peers", peers) if peers else ())]  # fmt: skip
    reports = []
    for number in range(options.repeats):
        with _one_thread():
            run(command)
        reports.append(json.loads(out.read_text("utf-8"))["report"])
        print(f"  {number + 1}/{options.repeats}", file=sys.stderr)
    return copies_report(reports) | ({"left_out": why} if why else {})


def peers_python() -> tuple[Path | None, str]:
    """Give the Python of the peers' environment, made when it is first asked for; or why not."""
    from tests.environments import environment

    print("the environment of semhash, datasketch and text-dedup is made if need be; that takes "
          "minutes", file=sys.stderr)  # fmt: skip
    try:
        return environment(_PEERS, whole=False), ""  # text-dedup asks for Spark
    except (OSError, RuntimeError) as error:
        return None, f"their environment cannot be made: {str(error).strip().splitlines()[-1]}"


def copies_report(reports: Sequence[dict[str, Any]]) -> Part:
    """Bring the repeats together: speeds with their spread; what was found is the same in all."""
    speeds: dict[str, list[float]] = {}
    for one in reports:
        for method in one["methods"]:
            speeds.setdefault(method["method"], []).append(method["docs_per_second"])
    ours = speeds["newsevents"]
    against = {
        name: spread([own / other for own, other in zip(ours, theirs)])
        for name, theirs in speeds.items()
    }
    semhash = [name for name in against if name.startswith("semhash")]
    fastest = min(semhash, key=lambda name: float(against[name]["median"]), default=None)
    found = {method["method"]: method for method in reports[0]["methods"]}
    return {
        "documents": reports[0]["documents"],
        "kinds": reports[0]["kinds"],
        "methods": [
            {
                "method": name,
                "docs_per_second": spread(values, 1),
                **{k: v for k, v in found[name].items() if k not in ("method", "docs_per_second")},
            }
            for name, values in speeds.items()
        ],
        "times_as_fast_as": against,
        **({"vs_semhash": against[fastest]} if fastest else {}),
    }


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--stream", type=Path, help="JSON Lines of stories, also gzipped")
    add("--articles", type=_count, help="that the whole pipeline takes (2000)")
    add("--repeats", type=_count, help="of everything that is compared (5)")
    add("--sizes", help="articles in the window, with commas between (5000,20000)")
    add("--key_sizes", help="the same for the part single_key, when it is to differ")
    add("--stories", type=_count, help="stories that windows and copies are made of (12776)")
    add("--parts", type=_parts, default=PARTS, help=f"of {','.join(PARTS)} (all)")
    add("--cores", type=_count, help="use only so many")
    add("--no-variants", dest="variants", action="store_false", help="only what is compared")
    add("--quick", action="store_true", help="see that it works; the figures say nothing")
    add("--cache", type=Path, help="folder that keeps vectors for the next run")
    add("--json", type=Path, metavar="OUT", help=f"({RESULTS.name}/latest.json; quick: {QUICK})")
    options = parser.parse_args(argv)
    full = {"articles": 2000, "repeats": 5, "sizes": "5000,20000", "stories": 12_776}
    quick = {"articles": 24, "repeats": 1, "sizes": "60", "stories": 90}
    for name, value in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.json is None:  # what only shows that it works must not pass for a measurement
        options.json = QUICK if options.quick else RESULTS / "latest.json"
    return options


def _count(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1")
    return int(text)


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is no part: {', '.join(PARTS)}")
    return parts


if __name__ == "__main__":
    sys.exit(main())
