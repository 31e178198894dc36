"""A dataset with its tables, and a server before it that fails as a test says."""

from dataclasses import replace

import pytest

from schemas.tables import TABLES
from tests.emulators.dataset import use_dataset
from tests.emulators.faults import faults_before
from transforms.write.bigquery import client
from transforms.write.bigquery.append import Appender
from transforms.write.bigquery.tables import ALL_TABLES, prepare
from transforms.write.rows import ROW_SOURCES

_prepared: set[str] = set()  # by address: making the tables takes a second


@pytest.fixture
def prepared(emulators, monkeypatch):
    """A dataset in which the tables and views are there, and nothing in them."""
    with use_dataset(emulators, monkeypatch, kept="prepared") as dataset:
        if emulators.bigquery not in _prepared:
            prepare(dataset.dataset)
            _prepared.add(emulators.bigquery)
        yield dataset
        for table in ALL_TABLES:
            name = dataset.dataset.table(table.name)
            if next(iter(dataset.client.list_rows(name, max_results=1)), None):
                dataset.client.query(f"TRUNCATE TABLE `{name}`").result()


@pytest.fixture
def appender(prepared):
    """``appender(method, **changes)``: one for the prepared dataset."""
    return lambda method, **changes: replace(Appender(prepared.dataset, method), **changes)


@pytest.fixture
def faults(emulators, prepared, monkeypatch):
    """A server before the emulator; see tests/emulators/faults.py."""
    with faults_before(emulators.bigquery) as running:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", running.url)
        client.query_client.cache_clear()
        yield running
        client.query_client.cache_clear()


@pytest.fixture
def make_row(make_record):
    """``make_row(table_name, **columns)``: a row of that table with some columns changed."""
    return lambda table, **columns: ROW_SOURCES[table].row(make_record(table)) | columns


@pytest.fixture
def table_named():
    return {table.name: table for table in TABLES}.__getitem__
