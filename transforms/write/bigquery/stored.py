"""Read back what a dataset holds of the last window."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from schemas.tables import RUNS, TABLES
from transforms._shared.shards import SHARDS_PER_WINDOW
from transforms.write.bigquery.client import explained, query_client, read_client
from transforms.write.bigquery.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

_TABLES = {table.name: table for table in TABLES}
_MARGIN = timedelta(days=1)
# Feeds that are gone are asked once a month, and what is known of them is in their last row.
_LONGER = {"fetch_log": timedelta(days=45)}
# Where the time of a row can lie before that of the articles of the window: a dropped file of long
# ago is seen as of its own time.
_WHOLE = frozenset({"sightings", "event_articles"})


def window_start(dataset: Dataset, window: timedelta) -> datetime | None:
    """Say from when on rows matter: the window, and what open events began with before it.

    Returns:
        None when there are no dated articles.

    Raises:
        OutputError: the dataset cannot be read.
    """
    from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

    seconds = int(window.total_seconds() * (1 + 1 / SHARDS_PER_WINDOW))
    query = f"""
        SELECT LEAST(newest, COALESCE(oldest, newest)) AS since FROM (
            SELECT
                (SELECT TIMESTAMP_SUB(MAX(event_time), INTERVAL @seconds SECOND)
                 FROM `{dataset.table("articles")}` WHERE time_known
                 AND round IN (SELECT round FROM `{dataset.table(RUNS.name)}`)) AS newest,
                (SELECT MIN(first_seen_at) FROM `{dataset.table("events_latest")}`
                 WHERE status = 'active') AS oldest
        )"""
    config = QueryJobConfig(query_parameters=[ScalarQueryParameter("seconds", "INT64", seconds)])
    with explained(dataset, "read it"):
        (row,) = query_client(dataset.project).query(query, config).result()
    since: datetime | None = row["since"]
    return None if since is None else since - _MARGIN


def read_batches(
    dataset: Dataset, table: str, columns: Sequence[str], rounds: int, since: datetime | None
) -> "Iterator[pa.RecordBatch]":
    """Read columns of the rows that count, in no order.

    Args:
        rounds: the last one to read.
        since: rows before this day are left out.

    Raises:
        OutputError: the dataset cannot be read.
    """
    from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

    day = _TABLES[table].partition_by
    parameters: list[Any] = [ScalarQueryParameter("rounds", "INT64", rounds)]
    bound = ""
    if since is not None and table not in _WHOLE:
        start = since - _LONGER.get(table, timedelta())
        parameters.append(ScalarQueryParameter("since", "TIMESTAMP", start))
        undated = " OR NOT time_known" if table == "articles" else ""
        bound = f"AND ({day} >= @since{undated})"
    names = ", ".join(f"`{name}`" for name in columns)
    query = f"""
        SELECT {names} FROM `{dataset.table(table)}`
        WHERE round IN (SELECT round FROM `{dataset.table(RUNS.name)}` WHERE round <= @rounds)
        {bound}"""
    config = QueryJobConfig(query_parameters=parameters)
    with explained(dataset, f"read the table {table}"):
        rows = query_client(dataset.project).query(query, config).result()
        yield from rows.to_arrow_iterable(bqstorage_client=read_client())
