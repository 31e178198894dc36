"""Make the tables and views of a dataset, and bring older ones up to date."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.tables import RUNS, TABLES, Table
from transforms.write.bigquery.client import explained, query_client
from transforms.write.bigquery.dataset import Dataset
from transforms.write.output import OutputError

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField
    from google.cloud.bigquery import Table as StoredTable

ALL_TABLES = (*TABLES, RUNS)
_LABEL, _US = "made_by", "newsevents"  # nobody else's table is ever touched
_MOST_CLUSTERING = 4
_FIRST_SECONDS = 15.0  # for the first answer: a wrong address is to be told of soon
_VIEWS = Path(__file__).with_name("views.sql")
_CLUSTERED_BY = frozenset({"string", "int32", "int64", "timestamp", "bool"})


def prepare(dataset: Dataset) -> None:
    """Make the tables that are missing, add columns that are new, and define the views.

    Nothing is ever taken away: a column that only the stored table has stays, and is null in the
    rows to come.

    Raises:
        OutputError: the dataset is not there, or a stored table cannot hold our rows.
    """
    from google.cloud.bigquery.retry import DEFAULT_RETRY
    from google.cloud.exceptions import NotFound

    client = query_client(dataset.project)
    with explained(dataset, "look it up"):
        name = f"{dataset.project}.{dataset.name}"
        client.get_dataset(name, DEFAULT_RETRY.with_timeout(_FIRST_SECONDS), _FIRST_SECONDS)
    for table in ALL_TABLES:
        with explained(dataset, f"make the table {table.name}"):
            try:
                stored = client.get_table(dataset.table(table.name))
            except NotFound:
                client.create_table(_new_table(dataset, table), exists_ok=True)
                continue
            if stored.labels.get(_LABEL) != _US:
                raise OutputError(
                    f"{dataset.table(table.name)} was not made by newsevents: choose another "
                    f"dataset; if it was, label it so: {_LABEL}={_US}"
                )
            wanted = _schema(table)
            schema = evolved(stored.schema, wanted, f"{dataset.table(table.name)}")
            if schema is not None:
                stored.schema = schema
                client.update_table(stored, ["schema"])
    with explained(dataset, "define the views"):
        for view in views(dataset):
            client.query(view).result()


def _new_table(dataset: Dataset, table: Table) -> "StoredTable":
    from google.cloud import bigquery

    new = bigquery.Table(dataset.table(table.name), schema=_schema(table))
    new.description = table.description
    new.labels = {_LABEL: _US}
    new.time_partitioning = bigquery.TimePartitioning(
        type_=bigquery.TimePartitioningType.DAY, field=table.partition_by
    )
    new.clustering_fields = clustering(table)
    return new


def clustering(table: Table) -> list[str]:
    """Name the columns that a table is clustered by: those of its key, as many as can be."""
    types = {column.name: column.type for column in table.columns}
    usable = [name for name in table.key if types[name] in _CLUSTERED_BY]
    return usable[:_MOST_CLUSTERING]


def _schema(table: Table) -> "list[SchemaField]":
    from google.cloud.bigquery import SchemaField

    return [SchemaField.from_api_repr(field) for field in table.bigquery_schema()]


def evolved(
    stored: "Sequence[SchemaField]", wanted: "Sequence[SchemaField]", where: str
) -> "list[SchemaField] | None":
    """Give the schema that holds both old and new rows; None when the stored one does.

    A new column is nullable, since older rows do not have it. A stored column that must have a
    value, and that we do not know, is made nullable.

    Raises:
        OutputError: a column is of another type or repeats otherwise.
    """
    known = {field.name.lower(): field for field in stored}
    ours = {field.name.lower(): field for field in wanted}
    merged: list[SchemaField] = []
    for field in stored:
        new = ours.get(field.name.lower())
        merged.append(_relaxed(field, ()) if new is None else _joined(field, new, where))
    merged += [_relaxed(field) for name, field in ours.items() if name not in known]
    return None if _shape(merged) == _shape(stored) else merged


def _joined(stored: "SchemaField", wanted: "SchemaField", where: str) -> "SchemaField":
    was, now = (field.field_type.upper() for field in (stored, wanted))
    if _TYPE_NAMES.get(was, was) != _TYPE_NAMES.get(now, now) or (
        (stored.mode == "REPEATED") != (wanted.mode == "REPEATED")
    ):
        raise OutputError(
            f"{where}: the column {stored.name} is {stored.mode} {was} there, and {wanted.mode} "
            f"{now} here: choose another dataset, or rename the old table"
        )
    inner = evolved(stored.fields, wanted.fields, f"{where}.{stored.name}")
    mode = "NULLABLE" if "NULLABLE" in (stored.mode, wanted.mode) else stored.mode
    return _with(stored, mode, stored.fields if inner is None else inner)


# BigQuery has two names for each of these.
_TYPE_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}


def _relaxed(field: "SchemaField", fields: "Sequence[SchemaField] | None" = None) -> "SchemaField":
    """Let a column be null, so that rows without it fit."""
    mode = "NULLABLE" if field.mode == "REQUIRED" else field.mode
    return _with(field, mode, fields or field.fields)


def _with(field: "SchemaField", mode: str, fields: "Iterable[SchemaField]") -> "SchemaField":
    from google.cloud.bigquery import SchemaField

    inner = {"fields": [one.to_api_repr() for one in fields]} if field.fields else {}
    return SchemaField.from_api_repr(field.to_api_repr() | {"mode": mode} | inner)


def _shape(fields: "Iterable[SchemaField]") -> list[tuple[object, ...]]:
    return [(field.name, field.field_type, field.mode, _shape(field.fields)) for field in fields]


def views(dataset: Dataset) -> list[str]:
    """Give the statements that define the views, one for each."""
    lines = _VIEWS.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    text = text.replace("DATASET", f"{dataset.project}.{dataset.name}")
    return [part.strip() for part in text.split(";") if part.strip()]
