"""From measured costs to workers, euros and limits at 1, 20 and 200 articles a second.

    make scale          # writes the tables into docs/scale.md
    python -m benchmarks.scale [--figures benchmarks/results/latest.json] [--write docs/scale.md]

Reads what ``make bench`` measured (parts ``whole``, ``window`` and ``single_key``). What it adds
are the assumptions below, each with its source, and those of deploy/dataflow/cost.py; change one
and see what it does. The search compares with everything in the window: its cost is a straight
line through the measured sizes, taken further. Verdicts and events look at a bounded number of
neighbours: their cost is that of the largest window measured.
"""

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deploy.dataflow import cost

RATES = (1.0, 20.0, 200.0)  # articles a second
BEGIN, END = "<!-- scale: begin -->\n", "<!-- scale: end -->"
_FIGURES = Path(__file__).with_name("results") / "latest.json"
_DAY = 86_400.0
_MONTH_DAYS = 30.0
_BUSY = 0.25  # cores used by others that are worth telling
_SIMULATED = 20_000  # articles
_MOST_RATE = 10_000.0  # articles a second; what holds there is called unlimited


@dataclass(frozen=True)
class Assumptions:
    """What the tables rest on beside the measurements."""

    window_days: float = cost.number(7, "days of articles in the window", "issue; default 14")
    key_utilisation: float = cost.number(0.6, "share of its time that one key may work", "assumed")
    state_gb: float = cost.number(12, "GB of a 16 GB worker that the window may take", "assumed")
    rebuild_minutes: float = cost.number(10, "minutes a moved key may take to come back", "assumed")
    vm_vcpu_hour: float = cost.number(0.0316, "$ per vCPU and hour of a plain VM", cost.REMEMBERED)
    vm_gb_hour: float = cost.number(0.00424, "$ per GB and hour of a plain VM", cost.REMEMBERED)
    euros: float = cost.number(0.92, "€ for a $", "assumed")


class FiguresError(Exception):
    """The figures cannot be used; the message is one line with the fix."""


@dataclass(frozen=True)
class Line:
    """A cost that grows evenly with the articles in the window."""

    start: float
    slope: float  # per article in the window

    def at(self, articles: float) -> float:
        return self.start + self.slope * articles


def line_through(points: Sequence[tuple[float, float]]) -> Line:
    """Fit a line that does not fall; through one point it is level."""
    x, y = np.array(points, float).T
    if len(points) < 2:
        return Line(float(y[0]), 0.0)
    slope, start = np.polyfit(x, y, 1)
    if slope <= 0:
        return Line(float(y.mean()), 0.0)
    return Line(max(0.0, float(start)), float(slope))


@dataclass(frozen=True)
class Measured:
    """What of the figures is used; times in seconds per article, sizes in bytes per article."""

    machine: str
    cpu: dict[str, float]  # CPU of the whole pipeline by what it read
    dedupe: Line  # CPU of comparing in a run that goes on, by articles in the window
    settle: float
    assign: float  # with describing what changed
    each: dict[str, list[float]]  # time of every single article timed, by key
    search: float  # of one of several partitions, asked about one article
    pack_compared: float
    pack_decision: float
    rebuild: float
    held: float  # in memory, by both stages
    held_search: float  # of it, what partitions share
    log: float  # in Beam's state, by both stages
    to_the_key: float  # shuffled to the one key of a run with partitions
    largest: int  # window that was measured


def _measured_on(whole: dict[str, Any], notes: Sequence[str]) -> str:
    machine, others = whole["machine"], whole["others_cores"]["median"]
    said = [f"{machine['cpu']}, {machine['usable_cores']} cores"]
    if others >= _BUSY:
        said.append(f"of which others used {others:.1f} meanwhile: do not rely on these figures")
    return "; ".join([*said, *notes])


def read_figures(path: Path) -> Measured:
    """Take what is needed out of the figures of ``make bench``.

    Raises:
        FiguresError: there are none, or a part is missing.
    """
    try:
        parts = json.loads(path.read_text("utf-8"))["parts"]
        if any(part.get("quick") for part in parts.values()):
            raise FiguresError(f"{path} is of a quick run, which only shows that it works")
        whole, window = parts["whole"], parts["window"]["sizes"]
        keys = parts["single_key"]["sizes"]
        largest = max(keys, key=lambda row: row["size"])
        us = {what: values["mean"] / 1e6 for what, values in largest["us"].items()}
        cpu = whole["cpu_seconds_per_article"]
        held = max(window, key=lambda row: row["size"])["bytes_per_article"]
        return Measured(
            machine=_measured_on(
                whole, [part["note"] for part in parts.values() if "note" in part]
            ),
            cpu={name: cpu[name]["median"] for name in cpu if name.startswith("pipeline")},
            dedupe=line_through([(r["size"], r["dedupe_ms"]["mean"] / 1e3) for r in window]),
            settle=us["settle"],
            assign=us["assign"] + us["describe"],
            each={key: [one / 1e6 for one in took] for key, took in largest["each_us"].items()},
            search=us["search"],
            pack_compared=us["pack_compared"],
            pack_decision=us["pack_decision"],
            rebuild=us["rebuild_compared"] + us["rebuild_decision"],
            held=held,
            held_search=largest["held_bytes_per_article"]["search"],
            log=largest["bytes"]["compared"] + largest["bytes"]["decision"],
            to_the_key=largest["bytes"]["to_the_key"],
            largest=max(row["size"] for row in window),
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise FiguresError(
            f"{path}: not all figures are there ({error!r}); run make bench"
        ) from None


REBUILD = "taking up a moved key"  # this one is soft: it is late, not over
Loads = Callable[[Measured, Assumptions, float], dict[str, float]]


def in_window(given: Assumptions, rate: float) -> float:
    """Say how many articles the window holds."""
    return rate * _DAY * given.window_days


def loads(found: Measured, given: Assumptions, rate: float) -> dict[str, float]:
    """Say how full each thing is that cannot be spread, 1.0 being full."""
    articles = in_window(given, rate)
    key = rate / given.key_utilisation
    gb = articles * found.held / 1e9
    return {
        "key that compares": key * (found.dedupe.at(articles) + found.pack_compared),
        "key that clusters": key * (found.assign + found.pack_decision),
        "memory of one worker": gb / given.state_gb,
        REBUILD: articles * found.rebuild / 60 / given.rebuild_minutes,
    }


def loads_with_partitions(found: Measured, given: Assumptions, rate: float) -> dict[str, float]:
    """The same of a run that ends, whose search is spread over partitions."""
    gb = in_window(given, rate) * (found.held - found.held_search) / 1e9
    return {
        "key that settles": rate / given.key_utilisation * found.settle,
        "key that clusters": rate / given.key_utilisation * found.assign,
        "memory of one worker, without the search": gb / given.state_gb,
    }


def full_at(load: Callable[[float], float]) -> float:
    """Give the rate from which a load that grows with it is more than 1."""
    low, high = 0.0, _MOST_RATE
    if load(high) <= 1:
        return math.inf
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if load(middle) <= 1 else (low, middle)
    return low


def workers_table(found: Measured, given: Assumptions, rates: Sequence[float] = RATES) -> str:
    """Give workers and euros of what can be spread, as a Markdown table."""
    lines = [
        "| articles a second | input | CPU ms per article | busy vCPU | workers of 4 vCPU | "
        "Dataflow, € a month | the same on plain VMs, € a month |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for rate in rates:
        for name, seconds in found.cpu.items():
            costs = dataclasses.replace(cost.Assumptions(), cpu_seconds=seconds)
            busy = rate * seconds * costs.dataflow_factor / costs.utilisation
            workers = max(math.ceil(busy / costs.cores), int(costs.min_workers))
            millions = rate * _DAY * _MONTH_DAYS / 1e6
            dataflow = cost.estimate(costs, rate * _DAY).total * millions * given.euros
            plain = math.ceil(rate * seconds / costs.utilisation / costs.cores)
            an_hour = costs.cores * given.vm_vcpu_hour + costs.memory_gb * given.vm_gb_hour
            vms = plain * an_hour * 24 * _MONTH_DAYS * given.euros
            read = name.partition(", ")[2] or "text, own dates"
            lines.append(
                f"| {rate:g} | {read} | {1000 * seconds:.0f} | {busy:.1f} | {workers} | "
                f"{dataflow:,.0f} | {vms:,.0f} ({plain}) |"
            )
    return "\n".join(lines)


def state_table(found: Measured, given: Assumptions, rates: Sequence[float] = RATES) -> str:
    """Give what one key has to hold and to do, as a Markdown table."""
    lines = [
        "| articles a second | in the window | memory, GB | log in Beam's state, GB | "
        "taking it up, minutes | comparing, ms | clustering, ms | settling alone, ms |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for rate in rates:
        articles = in_window(given, rate)
        beyond = "*" if articles > found.largest else ""
        comparing = found.dedupe.at(articles) * 1e3
        lines.append(
            f"| {rate:g} | {articles / 1e6:.1f} M | {articles * found.held / 1e9:,.0f} | "
            f"{articles * found.log / 1e9:,.0f} | {articles * found.rebuild / 60:,.0f} | "
            f"{comparing:,.1f}{beyond} | {1e3 * found.assign:.1f} | {1e3 * found.settle:.1f} |"
        )
    return "\n".join([*lines, "", f"\\* beyond the largest window measured ({found.largest:,})."])


def _load(of_way: Loads, name: str, found: Measured, given: Assumptions, rate: float) -> float:
    return of_way(found, given, rate)[name]


def limits_table(found: Measured, given: Assumptions, rates: Sequence[float] = RATES) -> str:
    """Say at which rate each thing that cannot be spread is full, as a Markdown table."""
    lines = [
        f"| what cannot be spread | full at, articles a second | "
        f"{' | '.join(f'load at {rate:g}' for rate in rates)} |",
        f"| --- | ---: |{' ---: |' * len(rates)}",
    ]

    def row(name: str, load: Callable[[float], float]) -> str:
        most = full_at(load)
        said = "more than 10,000" if math.isinf(most) else _rate(most)
        cells = " | ".join(f"{load(rate):,.1f}" for rate in rates)
        return f"| {name} | {said} | {cells} |"

    for way, of_way in (("goes on", loads), ("ends, with partitions", loads_with_partitions)):
        for name in of_way(found, given, rates[0]):
            lines.append(
                row(f"{name} (a run that {way})", partial(_load, of_way, name, found, given))
            )
    return "\n".join(lines)


def delays(took: Sequence[float], rate: float, seed: int = 1) -> list[float]:
    """Let articles come to one key by chance at a rate, and say how long each took to be done.

    Every article takes as long as one of those that were timed, drawn by chance.
    """
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1 / rate, _SIMULATED)
    work = rng.choice(np.asarray(took), _SIMULATED)
    done, waited = [], 0.0
    for gap, own in zip(gaps, work):
        waited = max(0.0, waited - gap) + own  # work that lies before the key when this one is done
        done.append(waited)
    return done


def delays_table(found: Measured, rates: Sequence[float] = RATES) -> str:
    """Say how long an article takes at one key when articles come at a rate."""
    lines = [
        "| articles a second | key | busy | median delay | 99 of 100 within |",
        "| ---: | --- | ---: | ---: | ---: |",
    ]
    for rate in rates:
        for key, took in found.each.items():
            busy = rate * float(np.mean(took))
            if busy < 1:
                median, late = np.percentile(delays(took, rate), [50, 99])
                cells = f"{1000 * median:,.0f} ms | {1000 * late:,.0f} ms"
            else:
                cells = "grows without end | –"
            lines.append(f"| {rate:g} | {key} | {busy:.0%} | {cells} |")
    return "\n".join(lines)


def partitions_table(found: Measured, given: Assumptions, rates: Sequence[float] = RATES) -> str:
    """Say into how many partitions a run that ends has to split its search."""
    lines = [
        "| articles a second | partitions for the CPU | cores that search | partitions for the "
        "memory | "
        "GB that stay with one key | MB a second to it |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for rate in rates:
        articles = in_window(given, rate)
        grows = rate * found.dedupe.slope * articles  # shared out; each is asked all the same
        left = given.key_utilisation - rate * found.search
        by_cpu, cores = "none is enough", "–"
        if left > 0:
            parts = max(1, math.ceil(grows / left))
            by_cpu, cores = f"{parts:,}", f"{grows + rate * found.search * parts:,.1f}"
        by_memory = max(1, math.ceil(articles * found.held_search / 1e9 / given.state_gb))
        stays = articles * (found.held - found.held_search) / 1e9
        sent = rate * found.to_the_key / 1e6
        cells = (by_cpu, cores, str(by_memory), f"{stays:,.0f}", f"{sent:.1f}")
        lines.append(f"| {rate:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def tables(found: Measured, given: Assumptions) -> str:
    """Give all tables, with headings."""
    names = loads(found, given, RATES[0])
    limits = {name: full_at(partial(_load, loads, name, found, given)) for name in names}
    rebuild = limits.pop(REBUILD)
    first = min(limits, key=lambda name: limits[name])
    return "\n\n".join([
        f"Measured on: {found.machine}. **A run that goes on is full at {_rate(limits[first])} "
        f"articles a second** with a window of {given.window_days:g} days: {first}. From "
        f"{_rate(rebuild)} a second on a moved key needs more than {given.rebuild_minutes:g} "
        "minutes to come back.",
        "### Workers and euros of what can be spread", workers_table(found, given),
        "### What one key has to hold and to do", state_table(found, given),
        "### At which rate it stops", limits_table(found, given),
        "### Articles that come by chance, at one key", delays_table(found),
        "### Partitions of a run that ends", partitions_table(found, given),
        "### Assumptions", cost.assumptions_table(given),
    ])  # fmt: skip


def written(text: str, made: str) -> str:
    """Put the tables in their place in a document.

    Raises:
        FiguresError: it has no such place.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise FiguresError(f"the document has no place for the tables: {BEGIN.strip()} … {END}")
    return f"{before}{begin}{made}\n{end}{after}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make scale", description=__doc__.splitlines()[0])
    parser.add_argument("--figures", type=Path, default=_FIGURES, help="what make bench wrote")
    parser.add_argument("--write", type=Path, help="document that shows the tables")
    for one in dataclasses.fields(Assumptions):
        parser.add_argument(f"--{one.name}", type=float, default=one.default)
    options = vars(parser.parse_args(argv))
    figures, document = options.pop("figures"), options.pop("write")
    try:
        made = tables(read_figures(figures), Assumptions(**options))
        if document is None:
            print(made)
        else:
            document.write_text(written(document.read_text("utf-8"), made), "utf-8")
    except (FiguresError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
