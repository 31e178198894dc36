"""Start the BigQuery emulator, version 1.4.0, so that it needs no network.

It would fetch extensions for maps and for Avro files; the latter it can read with a package, too.
And faults of it are mended: it forgot the fields of a struct when rows came by stream, matched the
columns of rows by place instead of by name, took parts of a file's path for columns, and did not
change a table with its schema.
"""

import re
import sys
from importlib.metadata import entry_points

from bqemulator.api.routes import tables
from bqemulator.api.routes.tabledata import _build_arrow_schema
from bqemulator.grpc_api import write_servicer
from bqemulator.jobs import executor
from bqemulator.storage import engine


def _field(field):
    return {
        "name": field.name,
        "type": field.type,
        "mode": field.mode,
        "fields": [_field(inner) for inner in field.fields],
    }


_running = []
_execute = engine.DuckDBEngine.execute
_meta = tables._rest_to_table_meta


def _by_name(self, sql, parameters=None):
    _running[:] = [self]
    sql = re.sub(r"^(INSERT INTO \S+) SELECT \* FROM", r"\1 BY NAME SELECT * FROM", sql)
    sql = sql.replace("read_parquet(?)", "read_parquet(?, hive_partitioning = false)")
    return _execute(self, sql, parameters)


def _changed(project, dataset, body, clock, existing=None):
    meta = _meta(project, dataset, body, clock, existing)
    if existing is None or meta.schema_ == existing.schema_:
        return meta
    fields = [tables._field_to_rest(field) for field in meta.schema_.fields]
    columns = ", ".join(
        f'"{name}" {kind}' for name, kind in tables.bq_schema_to_duckdb_columns(fields)
    )
    table = tables.quoted_table_ref(project, dataset, existing.table_id)
    old = tables.quoted_table_ref(project, dataset, f"{existing.table_id}_old")
    for statement in (
        f"CREATE TABLE {old} AS SELECT * FROM {table}",
        f"DROP TABLE {table}",
        f"CREATE TABLE {table} ({columns})",
        f"INSERT INTO {table} SELECT * FROM {old}",
        f"DROP TABLE {old}",
    ):
        _running[0].execute(statement)
    return meta


engine.DuckDBEngine._load_spatial = lambda self: None
engine.DuckDBEngine.execute = _by_name
tables._rest_to_table_meta = _changed
executor.is_decimal_logical_avro = lambda path: True
write_servicer._table_arrow_schema = lambda table: _build_arrow_schema(
    [_field(field) for field in table.schema_.fields]
)

(command,) = (e for e in entry_points(group="console_scripts") if e.name == "bqemulator")
sys.argv[0] = "bqemulator"
command.load()()
