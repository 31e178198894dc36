"""What a million articles cost on Dataflow, as far as it can be told without having run there.

    python3.11 deploy/dataflow/cost.py            # the table that README.md shows
    python3.11 deploy/dataflow/cost.py --articles_per_day 50000 --min_workers 1

Every number that goes in is a field with its source; change one and see what it does.
"""

import argparse
import dataclasses
from dataclasses import dataclass, field
from typing import Any

READ = "an undated copy of BigQuery's price page; check it"
REMEMBERED = "list price of us-central1 from memory; check it"
MEASURED = "measured, see below"
ASSUMED = "assumed"


def number(value: float, unit: str, source: str) -> Any:
    """Declare a number with its unit and where it comes from."""
    return field(default=value, metadata={"unit": unit, "source": source})


@dataclass(frozen=True)
class Assumptions:
    """All that the estimate rests on, in US dollars."""

    cpu_seconds: float = number(0.12, "CPU seconds of one core per article", MEASURED)
    dataflow_factor: float = number(2.0, "times that with Beam's shuffles and coders", ASSUMED)
    utilisation: float = number(0.6, "share of a worker's cores that is busy", ASSUMED)
    cores: float = number(4, "vCPU of a worker (n2-standard-4)", "job.tf")
    memory_gb: float = number(16, "GB of a worker (n2-standard-4)", "job.tf")
    disk_gb: float = number(50, "GB of disk of a worker", "job.tf")
    min_workers: float = number(1, "workers that always run", "job.tf")
    message_kb: float = number(30, "KB through Pub/Sub per new article", ASSUMED)
    shuffled_kb: float = number(60, "KB through Streaming Engine per article", ASSUMED)
    rows: float = number(8, "rows written per article, all tables", ASSUMED)
    written_kb: float = number(16, "KB written to BigQuery per article", ASSUMED)
    vcpu_hour: float = number(0.069, "$ per vCPU and hour, streaming", REMEMBERED)
    gb_hour: float = number(0.003557, "$ per GB of memory and hour", REMEMBERED)
    disk_gb_hour: float = number(0.000054, "$ per GB of standard disk and hour", REMEMBERED)
    streaming_engine_gb: float = number(0.018, "$ per GB through Streaming Engine", REMEMBERED)
    pubsub_tib: float = number(40, "$ per TiB published, and again delivered", REMEMBERED)
    storage_write_gb: float = number(0.025, "$ per GiB by storage_write", REMEMBERED)
    inserts_gb: float = number(0.05, "$ per GB by streaming_inserts, 1 KB a row at least", READ)
    stored_gb_month: float = number(0.02, "$ per GB of tables and month", READ)
    run_vcpu_second: float = number(0.000018, "$ per vCPU second of the poller", REMEMBERED)
    run_gib_second: float = number(0.000002, "$ per GiB second of the poller", REMEMBERED)


@dataclass(frozen=True)
class Cost:
    """US dollars for a million articles."""

    workers: float
    streaming_engine: float
    pubsub: float
    bigquery_write: float
    bigquery_month: float  # a month of keeping them
    poller: float

    @property
    def total(self) -> float:
        """All of it, with one month of keeping the rows."""
        return float(sum(dataclasses.astuple(self)))


def busy_vcpu_hours(given: Assumptions) -> float:
    """Give the vCPU hours that a million articles keep workers for."""
    return 1e6 * given.cpu_seconds * given.dataflow_factor / given.utilisation / 3600


def estimate(given: Assumptions, articles_per_day: float, method: str = "storage_write") -> Cost:
    """Give the cost of a million articles that arrive evenly.

    Few articles a day pay for workers that wait, many for work.
    """
    hours = 24e6 / articles_per_day
    vcpu_hours = max(busy_vcpu_hours(given), hours * given.min_workers * given.cores)
    worker_hours = vcpu_hours / given.cores
    an_hour = (
        given.cores * given.vcpu_hour
        + given.memory_gb * given.gb_hour
        + given.disk_gb * given.disk_gb_hour
    )
    gb = given.written_kb  # a million times a KB is a GB
    per_gb = {
        "storage_write": given.storage_write_gb * gb * 1e9 / 2**30,
        "streaming_inserts": given.inserts_gb * max(gb, given.rows),
    }
    return Cost(
        workers=worker_hours * an_hour,
        streaming_engine=given.shuffled_kb * given.streaming_engine_gb,
        pubsub=2 * given.message_kb * 1e9 / 2**40 * given.pubsub_tib,
        bigquery_write=per_gb[method],
        bigquery_month=gb * given.stored_gb_month,
        poller=hours * 3600 * (given.run_vcpu_second + 2 * given.run_gib_second),
    )


def assumptions_table(given: Assumptions) -> str:
    """Give the assumptions as a Markdown table."""
    lines = ["| assumption | value | what | source |", "| --- | ---: | --- | --- |"]
    for one in dataclasses.fields(given):
        value = getattr(given, one.name)
        unit, source = one.metadata["unit"], one.metadata["source"]
        lines.append(f"| `{one.name}` | {value:g} | {unit} | {source} |")
    return "\n".join(lines)


def cost_table(given: Assumptions, rates: list[float]) -> str:
    """Give the cost at several rates as a Markdown table."""
    names = [one.name for one in dataclasses.fields(Cost)]
    lines = [
        f"| articles a day | {' | '.join(n.replace('_', ' ') for n in names)} | total |",
        f"| ---: |{' ---: |' * (len(names) + 1)}",
    ]
    for rate in rates:
        cost = estimate(given, rate)
        cells = [f"{getattr(cost, name):.2f}" for name in names]
        lines.append(f"| {rate:,.0f} | {' | '.join(cells)} | **{cost.total:.0f}** |")
    return "\n".join(lines)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--articles_per_day", type=float, action="append")
    for one in dataclasses.fields(Assumptions):
        parser.add_argument(f"--{one.name}", type=float, default=one.default)
    given = vars(parser.parse_args())
    rates = given.pop("articles_per_day") or [10_000, 100_000, 1_000_000]
    assumptions = Assumptions(**given)
    print(assumptions_table(assumptions), "", cost_table(assumptions, rates), sep="\n")


if __name__ == "__main__":
    main()
