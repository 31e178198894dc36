"""Clients of BigQuery, one of each for a process, and its errors in our words.

Where ``BIGQUERY_EMULATOR_HOST`` names an emulator, its own address is taken for requests, and
``BIGQUERY_STORAGE_EMULATOR_HOST`` (host:port) for streams of rows; no credentials are asked for.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from transforms.write.bigquery.dataset import Dataset
from transforms.write.output import OutputError

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.bigquery import Client, SchemaField
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient, BigQueryWriteClient

_REQUESTS = "BIGQUERY_EMULATOR_HOST"
_STREAMS = "BIGQUERY_STORAGE_EMULATOR_HOST"
# Reasons of answers after which the same request may succeed.
PASSING = frozenset({
    "backendError", "badGateway", "internalError", "quotaExceeded", "rateLimitExceeded",
    "tableUnavailable",
})  # fmt: skip
QUOTAS = frozenset({"quotaExceeded", "rateLimitExceeded"})
_ROLES = (
    "grant roles/bigquery.dataEditor on the dataset, roles/bigquery.jobUser and "
    "roles/bigquery.readSessionUser on the project"
)
_LOGIN = "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"


@lru_cache(maxsize=8)
def query_client(project: str) -> "Client":
    """Give this process's client for requests on behalf of a project.

    Raises:
        OutputError: the packages are not installed, or there are no credentials.
    """
    try:
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud import bigquery
    except ImportError as error:
        raise OutputError(
            f"BigQuery needs packages that are not installed ({error}): install newsevents[gcp]"
        ) from error
    emulated = os.environ.get(_REQUESTS)
    try:
        return bigquery.Client(project, AnonymousCredentials() if emulated else None)
    except DefaultCredentialsError as error:
        raise OutputError(f"BigQuery: no Google credentials: {_LOGIN}") from error


@lru_cache(maxsize=1)
def write_client() -> "BigQueryWriteClient":
    """Give this process's client for appending rows by stream."""
    import grpc
    from google.cloud.bigquery_storage_v1.services.big_query_write import (
        BigQueryWriteClient,
        transports,
    )

    host = os.environ.get(_STREAMS)
    if not host and os.environ.get(_REQUESTS):
        raise OutputError(
            f"{_REQUESTS} names an emulator, but {_STREAMS} (host:port of its streams) is not set: "
            "set it, or choose another --bigquery_method"
        )
    if not host:
        return BigQueryWriteClient()
    channel = grpc.insecure_channel(host)
    return BigQueryWriteClient(transport=transports.BigQueryWriteGrpcTransport(channel=channel))


@lru_cache(maxsize=1)
def read_client() -> "BigQueryReadClient | None":
    """Give this process's client for reading rows by stream; None to read them by requests.

    The emulator does not offer the results of queries by stream.
    """
    if os.environ.get(_REQUESTS):
        return None
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient

    return BigQueryReadClient()


def stored_schema(
    dataset: Dataset, table: str, retry: "Retry | None" = None
) -> "list[SchemaField]":
    """Give the columns that a table has now, which a load job has to name as they are.

    They may differ from ours: a column that was added later can be null there.
    """
    asked = {} if retry is None else {"retry": retry}
    return list(query_client(dataset.project).get_table(dataset.table(table), **asked).schema)


@contextmanager
def explained(dataset: Dataset, what: str) -> Iterator[None]:
    """Turn errors of BigQuery into ``OutputError``: one line with what was asked, and the fix."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError
    from requests.exceptions import RequestException

    try:
        yield
    except (GoogleAPICallError, GoogleAuthError, RequestException, RetryError) as error:
        cause = error.cause if isinstance(error, RetryError) and error.cause else error
        raise OutputError(
            f"{dataset}: cannot {what}: {_one_line(cause)}: {_fix(cause, dataset)}"
        ) from error


def reason_of(error: BaseException) -> str:
    """Give the code of an error of BigQuery; "" when it has none."""
    errors = getattr(error, "errors", None) or [{}]
    return str(errors[0].get("reason", "")) if isinstance(errors[0], dict) else ""


def _fix(error: BaseException, dataset: Dataset) -> str:
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    if reason_of(error) in QUOTAS or isinstance(
        error, (exceptions.TooManyRequests, exceptions.ResourceExhausted)
    ):
        return "a quota is used up: ask for more of it, wait, or choose another --bigquery_method"
    if isinstance(error, (exceptions.Forbidden, exceptions.Unauthenticated)):
        return _ROLES
    if isinstance(error, GoogleAuthError):
        return _LOGIN
    if isinstance(error, exceptions.NotFound):
        return f"make the dataset first: bq mk --dataset {dataset.project}:{dataset.name}"
    if isinstance(error, exceptions.BadRequest):
        return "see what BigQuery says, or choose another dataset"
    return "try again when BigQuery can be reached"


def _one_line(error: BaseException) -> str:
    message = getattr(error, "message", "") or str(error)
    return " ".join(str(message).split())[:300] or type(error).__name__
