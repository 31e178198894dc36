"""A dataset of the emulator for one test, with every client of the process pointed at it."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import google.auth
import pytest
from apache_beam.io.gcp.internal.clients.bigquery import bigquery_v2_client
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.emulators.servers import BUCKET, PROJECT, Emulators
from transforms.write.bigquery import client as ours
from transforms.write.bigquery.dataset import Dataset

_numbers = itertools.count(1)


@dataclass(frozen=True)
class EmptyDataset:
    """What a test needs to know of it."""

    dataset: Dataset
    client: bigquery.Client

    @property
    def output(self) -> str:
        """As ``--output`` names it."""
        return str(self.dataset)

    @property
    def bucket(self) -> str:
        """Where load jobs may find files."""
        return f"gs://{BUCKET}/loads"

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Ask; ``{d}`` in the query stands for the dataset."""
        name = f"{self.dataset.project}.{self.dataset.name}"
        return [dict(row) for row in self.client.query(query.replace("{d}", name)).result()]

    def one(self, query: str) -> Any:
        """Ask for one value."""
        ((value,),) = (row.values() for row in self.rows(query))
        return value


@contextlib.contextmanager
def use_dataset(
    emulators: Emulators, monkeypatch: pytest.MonkeyPatch, kept: str = ""
) -> Iterator[EmptyDataset]:
    """Make an empty dataset, and point the clients of this process at the emulators.

    One that is ``kept`` has that name and stays, with its tables.
    """
    for name, value in emulators.variables().items():
        monkeypatch.setenv(name, value)
    credentials = AnonymousCredentials()
    monkeypatch.setattr(google.auth, "default", lambda *_, **__: (credentials, PROJECT))
    # Beam's own client has no option for another address.
    monkeypatch.setattr(
        bigquery_v2_client.BigqueryV2, "BASE_URL", f"{emulators.bigquery}/bigquery/v2/"
    )
    caches = (ours.query_client, ours.write_client, ours.read_client)
    for cache in caches:
        cache.cache_clear()
    client = bigquery.Client(PROJECT, credentials)
    dataset = Dataset(PROJECT, kept or f"news_{next(_numbers)}")
    client.create_dataset(f"{dataset.project}.{dataset.name}", exists_ok=bool(kept))
    try:
        yield EmptyDataset(dataset, client)
    finally:
        if not kept:
            client.delete_dataset(f"{dataset.project}.{dataset.name}", delete_contents=True)
        client.close()
        for cache in caches:
            cache.cache_clear()
