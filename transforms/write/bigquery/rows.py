"""Rows as BigQuery takes them: JSON for requests, Arrow for streams and files to load."""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schemas.tables import Column, Table
from transforms.write.rows import Row

if TYPE_CHECKING:
    import pyarrow as pa


def json_row(table: Table, row: Row) -> dict[str, Any]:
    """Give a row as JSON: times in UTC with microseconds, bytes in base64, vectors as lists."""
    return {column.name: _json(column, row[column.name]) for column in table.columns}


def _json(column: Column, value: Any) -> Any:
    if column.vector:
        return [float(number) for number in value]
    if column.repeated:
        return [_json_one(column, item) for item in value]
    return None if value is None else _json_one(column, value)


def _json_one(column: Column, value: Any) -> Any:
    if column.type == "struct":
        return {field.name: _json(field, value[field.name]) for field in column.fields}
    if column.type == "bytes":
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return value


def json_bytes(table: Table, row: Row) -> bytes:
    """Give a row as one line of JSON, without the end of the line."""
    return json.dumps(json_row(table, row), ensure_ascii=False, allow_nan=False).encode()


def row_id(table: Table, row: Row) -> str:
    """Name a row by its key, the same at every attempt: BigQuery drops what it saw lately."""
    parts = [_written(row[name]) for name in (*table.key, "round") if name in row]
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()


def row_name(table: Table, row: Row) -> str:
    """Name a row for people."""
    return f"{table.name}:" + "/".join(_written(row[name])[:200] for name in table.key)


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def plain_row(table: Table, row: Row) -> Row:
    """Give a row of plain Python values: vectors as lists."""
    return {column.name: _plain(column, row[column.name]) for column in table.columns}


def _plain(column: Column, value: Any) -> Any:
    return value.tolist() if column.vector else value


def arrow_rows(table: Table, rows: Sequence[Row]) -> "pa.RecordBatch":
    """Give rows as one Arrow batch, in BigQuery's types: all numbers have 64 bits."""
    import pyarrow as pa

    schema = pa.schema([_arrow_field(column) for column in table.columns])
    columns = [
        pa.array([_plain(column, row[column.name]) for row in rows], field.type)
        for column, field in zip(table.columns, schema)
    ]
    return pa.record_batch(columns, schema=schema)


def _arrow_field(column: Column) -> "pa.Field":
    import pyarrow as pa

    kind: Any
    if column.type == "struct":
        kind = pa.struct([_arrow_field(field) for field in column.fields])
    elif column.type == "timestamp":
        kind = pa.timestamp("us", tz="UTC")
    else:
        kinds = {"string": pa.string(), "bytes": pa.binary(), "bool": pa.bool_()}
        wide = pa.int64() if column.type.startswith("int") else pa.float64()
        kind = kinds.get(column.type, wide)
    if column.repeated:
        kind = pa.list_(pa.field("element", kind, nullable=False))
    return pa.field(column.name, kind, nullable=column.nullable)
