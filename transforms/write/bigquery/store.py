"""Publish the rounds of a run that goes on in a dataset, and know which of them count.

Tables cannot be appended to in one step. So each row names its round, and the round counts from
the moment the table ``runs`` names it. Rows of a round that ``runs`` does not name were left by a
run that was cut off; nobody counts them, and no later round takes their number.
"""

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from schemas import SCHEMA_VERSION
from schemas.tables import DEAD_LETTERS, RUNS, TABLES
from transforms._shared.counts import count
from transforms.write.bigquery.append import Appender, Refused
from transforms.write.bigquery.claim import Claim
from transforms.write.bigquery.client import explained, query_client
from transforms.write.bigquery.dataset import Dataset
from transforms.write.output import OutputError
from transforms.write.rows import ROW_SOURCES, Row
from transforms.write.stored_text import FULL, keep_text

_TABLES = {table.name: table for table in TABLES}


class DatasetStore:
    """Publishes rounds as rows of a dataset; see ``RoundStore``."""

    def __init__(self, appender: Appender, claim: Claim, store_text: str = FULL) -> None:
        self._appender = appender
        self._claim = claim
        self._store_text = store_text

    def begin(self, run: dict[str, Any]) -> None:
        """See ``RoundStore``.

        Raises:
            OutputError: the dataset cannot be written.
        """
        if last_round(self._appender.dataset) is None:
            add_run(self._appender, run["rounds"], run)

    def check(self, number: int) -> None:
        """See ``RoundStore``; it is looked at when there is something to publish."""

    def publish(
        self, number: int, rows: dict[str, list[Row]], run: Callable[[], dict[str, Any]]
    ) -> None:
        """See ``RoundStore``. A row that BigQuery refuses becomes a dead letter of the round.

        Raises:
            OutputError: it cannot be written, or another run wrote here meanwhile.
        """
        self._claim.check()
        refused: list[Refused] = []
        for name, own in rows.items():
            refused += self._appender.append(_TABLES[name], own)
        self._write_letters(refused, number)
        self._claim.check()
        add_run(self._appender, number, run())

    def sign(self, run: dict[str, Any]) -> None:
        """See ``RoundStore``; a round without rows leaves no trace here."""

    def _write_letters(self, refused: list[Refused], number: int) -> None:
        letters = [
            row | {"round": number}
            for one in refused
            for row in ROW_SOURCES[DEAD_LETTERS.name].rows(
                keep_text(one.letter(), self._store_text)
            )
        ]
        if letters and (again := self._appender.append(DEAD_LETTERS, letters)):
            raise OutputError(f"{self._appender.dataset}: {again[0].error}")
        for one in refused:
            count_refused(one)
        count("write", f"rows_{DEAD_LETTERS.name}", len(letters))


def count_refused(refused: Refused) -> None:
    """Count a row that becomes a dead letter."""
    count("write", f"refused_{refused.table.name}")
    count("write", f"rejected_{refused.reason}")


def add_run(appender: Appender, number: int, run: dict[str, Any], digest: str = "") -> None:
    """Let a round count from now on.

    Raises:
        OutputError: it cannot be written.
    """
    row = {
        "round": number,
        "committed_at": datetime.now(timezone.utc),
        "digest": digest or None,
        "document": json.dumps(run, sort_keys=True, allow_nan=False),
        "schema_version": SCHEMA_VERSION,
    }
    refused = appender.append(RUNS, [row])
    if refused:
        raise OutputError(f"{appender.dataset}: {refused[0].error}")


def last_round(dataset: Dataset) -> int | None:
    """Give the number of the last round that counts; None when there is none.

    Raises:
        OutputError: the dataset cannot be read.
    """
    found = _one(dataset, f"SELECT MAX(round) FROM `{dataset.table(RUNS.name)}`")
    return None if found is None else int(found)


def read_runs(dataset: Dataset) -> tuple[dict[str, Any] | None, str]:
    """Give what the last round says of the output, as run.json would, and its digest.

    Raises:
        OutputError: the dataset cannot be read, or what is said is no JSON object.
    """
    table = dataset.table(RUNS.name)
    order = "ORDER BY round DESC, committed_at DESC LIMIT 1"
    with explained(dataset, "read the table runs"):
        query = f"SELECT document, digest FROM `{table}` {order}"
        rows = list(query_client(dataset.project).query(query).result())
    if not rows:
        return None, ""
    try:
        run = json.loads(rows[0]["document"])
    except ValueError:
        run = None
    if not isinstance(run, dict):
        raise OutputError(
            f"{table}: the document of the last round is damaged: put it right, or choose another "
            "dataset"
        )
    return run, rows[0]["digest"] or ""


def greatest_round(dataset: Dataset) -> int:
    """Give the greatest number that any row has, whether its round counts or not; -1 for none.

    Raises:
        OutputError: the dataset cannot be read.
    """
    parts = [f"SELECT MAX(round) AS round FROM `{dataset.table(t.name)}`" for t in (*TABLES, RUNS)]
    union = " UNION ALL ".join(parts)
    return int(_one(dataset, f"SELECT COALESCE(MAX(round), -1) FROM ({union})"))


def clear(dataset: Dataset) -> None:
    """Remove all rows; those of ``runs`` first, so that nothing counts meanwhile.

    Raises:
        OutputError: BigQuery refuses, as it does for 90 minutes after rows were streamed.
    """
    client = query_client(dataset.project)
    with explained(dataset, "remove the rows that are there"):
        for table in (RUNS, *TABLES):
            client.query(f"TRUNCATE TABLE `{dataset.table(table.name)}`").result()


def _one(dataset: Dataset, query: str) -> Any:
    with explained(dataset, "read it"):
        (row,) = query_client(dataset.project).query(query).result()
        return row[0]
