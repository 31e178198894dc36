"""Append rows to a table: by requests, by stream or by load jobs."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas import Rejected
from schemas.tables import RUNS, Table
from transforms._shared.rejects import RejectError, rejected
from transforms.write.bigquery.client import (
    PASSING,
    explained,
    query_client,
    reason_of,
    stored_schema,
    write_client,
)
from transforms.write.bigquery.dataset import Dataset
from transforms.write.bigquery.methods import FILE_LOADS, STORAGE_WRITE, STREAMING_INSERTS
from transforms.write.bigquery.rows import arrow_rows, json_bytes, json_row, row_id, row_name
from transforms.write.rows import Row

if TYPE_CHECKING:
    from google.api_core.retry import Retry

_MB = 10**6
# As JSON. BigQuery takes 10 MB in a request or an append, and 100 MB in a row of a load job.
MOST_ROW_BYTES = {FILE_LOADS: 90 * _MB, STORAGE_WRITE: 9 * _MB, STREAMING_INSERTS: 9 * _MB}
_MOST_ROWS = 500  # of a request, as BigQuery advises
PATIENCE_SECONDS = 300.0
_ROW_PASSING = PASSING | {"stopped", "timeout"}  # reasons of rows of a request that was taken
_ANSWER_SECONDS = 30.0  # for one request; a connection that hangs is given up, and it is sent again


class _RowError(NamedTuple):
    passing: bool  # the row may be taken when it is sent again
    said: str


class Refused(NamedTuple):
    """A row that BigQuery does not take."""

    table: Table
    row: Row
    reason: str  # stable code: row_too_large or row_refused
    error: str

    def letter(self) -> Rejected:
        """Make its dead letter, of the time that the row is of."""
        table, row = self.table, self.row
        error = RejectError(self.reason, self.error)
        at = row[table.partition_by]
        return rejected("write", row_name(table, row), error, at, json_bytes(table, row))


def too_large(table: Table, row: Row, method: str) -> Refused | None:
    """Say that a row is larger than BigQuery takes by that method; None when it is not."""
    size, most = len(json_bytes(table, row)), MOST_ROW_BYTES[method]
    if size <= most:
        return None
    error = RejectError(
        "row_too_large",
        f"the row has {size / _MB:.1f} MB and {method} takes {most // _MB}: leave the item out, or "
        "store less of it",
    )
    return Refused(table, row, error.reason, error.message)


@dataclass(frozen=True)
class Appender:
    """Appends rows to the tables of a dataset; the same row appended again does no harm.

    Rows are sent again for ``patience_seconds`` while BigQuery is busy or its quota is used up.
    """

    dataset: Dataset
    method: str  # one of METHODS
    patience_seconds: float = PATIENCE_SECONDS

    def append(self, table: Table, rows: Sequence[Row]) -> list[Refused]:
        """Append rows; gives those that BigQuery does not take, after all others were taken.

        Raises:
            OutputError: BigQuery cannot be reached, or refuses the whole request for good.
        """
        fitting: list[Row] = []
        refused: list[Refused] = []
        for row in rows:
            large = too_large(table, row, self.method)
            if large is None:
                fitting.append(row)
            else:
                refused.append(large)
        with explained(self.dataset, f"append to {table.name}"):
            for part in _parts(table, fitting, MOST_ROW_BYTES[self.method], self._most_rows()):
                refused += self._send(table, part)
        return refused

    def check(self) -> None:
        """Make sure that rows could be appended, before anything is removed.

        Raises:
            OutputError: BigQuery cannot be reached that way, or does not let us.
        """
        if self.method != STORAGE_WRITE:
            return
        name = f"{self._path(RUNS)}/streams/_default"
        with explained(self.dataset, "append to it"):
            write_client().get_write_stream(name=name, timeout=_ANSWER_SECONDS)

    def _path(self, table: Table) -> str:
        return f"projects/{self.dataset.project}/datasets/{self.dataset.name}/tables/{table.name}"

    def _most_rows(self) -> int:
        return 10**9 if self.method == FILE_LOADS else _MOST_ROWS

    def _send(self, table: Table, rows: list[Row]) -> list[Refused]:
        if self.method == STREAMING_INSERTS:
            return self._insert(table, rows)
        if self.method == STORAGE_WRITE:
            return self._stream(table, rows)
        return self._load(table, rows)

    def _insert(self, table: Table, rows: list[Row]) -> list[Refused]:
        waiting = list(rows)
        refused: list[Refused] = []

        def insert() -> None:
            """Send what waits; leave what may pass later."""
            told = self._insert_once(table, waiting)
            again = [row for row, error in zip(waiting, told) if error and error.passing]
            refused.extend(
                _refused(table, row, error.said)
                for row, error in zip(waiting, told)
                if error and not error.passing
            )
            waiting[:] = again
            if again:
                raise ServiceUnavailable(f"{len(again)} rows were put off")

        from google.api_core.exceptions import ServiceUnavailable

        self._retry()(insert)()
        return refused

    def _insert_once(self, table: Table, rows: list[Row]) -> "list[_RowError | None]":
        """Send rows in one request; gives what was wrong with each."""
        errors = query_client(self.dataset.project).insert_rows_json(
            self.dataset.table(table.name),
            [json_row(table, row) for row in rows],
            row_ids=[row_id(table, row) for row in rows],
            skip_invalid_rows=True,
            retry=self._retry(),
            timeout=_ANSWER_SECONDS,
        )
        told: list[_RowError | None] = [None] * len(rows)
        for error in errors:
            causes = error.get("errors", ())
            passing = bool(causes) and all(c.get("reason") in _ROW_PASSING for c in causes)
            told[int(error["index"])] = _RowError(passing, _said(causes))
        return told

    def _load(self, table: Table, rows: list[Row]) -> list[Refused]:
        import pyarrow as pa
        import pyarrow.parquet as pq
        from google.cloud.bigquery import LoadJobConfig, ParquetOptions

        config = LoadJobConfig(
            source_format="PARQUET",
            write_disposition="WRITE_APPEND",
            create_disposition="CREATE_NEVER",
        )
        config.parquet_options = ParquetOptions()
        config.parquet_options.enable_list_inference = True
        file = io.BytesIO()
        pq.write_table(pa.Table.from_batches([arrow_rows(table, rows)]), file)
        client, retry = query_client(self.dataset.project), self._retry()

        def load() -> None:
            name = self.dataset.table(table.name)
            config.schema = stored_schema(self.dataset, table.name, retry)
            # All is sent again by us, and by no other clock.
            job = client.load_table_from_file(
                file, name, rewind=True, job_config=config, num_retries=0
            )
            job.result(retry=retry)

        retry(load)()
        return []

    def _stream(self, table: Table, rows: list[Row]) -> list[Refused]:
        refused: list[Refused] = []
        while rows:
            errors = self._retry()(self._stream_once)(table, rows)
            if not errors:
                break
            refused += [_refused(table, rows[index], errors[index]) for index in sorted(errors)]
            rows = [row for index, row in enumerate(rows) if index not in errors]
        return refused

    def _stream_once(self, table: Table, rows: list[Row]) -> dict[int, str]:
        """Append rows in one request; gives the errors of rows, by place: none was taken then."""
        from google.api_core.exceptions import BadRequest, from_grpc_status
        from google.cloud.bigquery_storage_v1 import types

        batch = arrow_rows(table, rows)
        data = types.AppendRowsRequest.ArrowData()
        data.writer_schema.serialized_schema = batch.schema.serialize().to_pybytes()
        data.rows.serialized_record_batch = batch.serialize().to_pybytes()
        stream = f"{self._path(table)}/streams/_default"
        request = types.AppendRowsRequest(write_stream=stream, arrow_rows=data)
        errors: dict[int, str] = {}
        for response in write_client().append_rows(iter([request]), timeout=_ANSWER_SECONDS):
            errors |= {error.index: error.message for error in response.row_errors}
            if response.error.code and not response.row_errors:
                raise from_grpc_status(response.error.code, response.error.message)
        if any(not 0 <= index < len(rows) for index in errors):
            raise BadRequest(f"errors of rows that were not sent: {errors}")
        return errors

    def _retry(self) -> "Retry":
        from google.api_core.retry import Retry

        return Retry(predicate=_may_pass, initial=0.5, maximum=30.0, timeout=self.patience_seconds)


def _may_pass(error: BaseException) -> bool:
    from google.api_core import exceptions
    from requests.exceptions import ConnectionError, Timeout

    passing = (
        exceptions.Aborted, exceptions.BadGateway, exceptions.Cancelled,
        exceptions.DeadlineExceeded, exceptions.GatewayTimeout, exceptions.InternalServerError,
        exceptions.ResourceExhausted, exceptions.ServiceUnavailable, exceptions.TooManyRequests,
        ConnectionError, Timeout,
    )  # fmt: skip
    return isinstance(error, passing) or reason_of(error) in PASSING


def _parts(table: Table, rows: Sequence[Row], most_bytes: int, most: int) -> Iterator[list[Row]]:
    """Split rows into requests that BigQuery takes."""
    part: list[Row] = []
    size = 0
    for row in rows:
        own = len(json_bytes(table, row)) + 100  # what stands around it in a request
        if part and (size + own > most_bytes or len(part) >= most):
            yield part
            part, size = [], 0
        part.append(row)
        size += own
    if part:
        yield part


def _refused(table: Table, row: Row, error: str) -> Refused:
    reason = RejectError("row_refused", f"BigQuery refuses the row: {error}")
    return Refused(table, row, reason.reason, reason.message)


def _said(errors: Any) -> str:
    return "; ".join(f"{e.get('location', '')} {e.get('message', '')}".strip() for e in errors)
