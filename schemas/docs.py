"""The document of the tables: ``python -m schemas.docs > docs/tables.md`` writes it anew."""

import sys
from collections.abc import Iterator
from typing import Any

from schemas import SCHEMA_VERSION
from schemas.questions import QUESTIONS, Question
from schemas.tables import RUNS, TABLES, Column, Table

_ANY_DIM = 1  # stands for the length of a vector, which the model decides
_OPENING = f"""\
# The tables

Generated from `schemas/tables.py` and `schemas/questions.py`; to change it, change those and run
`python -m schemas.docs > docs/tables.md`.

This is schema version {SCHEMA_VERSION}. Each table is a folder of Parquet files below the output,
`<table>/date=YYYY-MM-DD/*.parquet`. `date` is the UTC day of the table's partition column; it
stands in the path, not in the file, and readers of hive partitions show it as one more column. All
times are microseconds in UTC. Rows are never changed: a later state is a further row, and the views
of [`deploy/sql`](../deploy/sql) say what is so now.

*Type* is the Arrow type; `[n]` is the length of the model's vectors (384 for the default model).
*Null* says whether a value may be missing; a list is never null, but may be empty.
"""
_BIGQUERY = """\
## In BigQuery

With `--output bigquery:PROJECT.DATASET` the same tables lie in a dataset, with the same columns and
keys; `date` is no column there, a table is partitioned by the day of the column itself. Views of
the dataset say what is so now: `articles_latest`, `events_latest`, `event_articles_latest`,
`event_survivors` and `article_notices_latest`. They count a round once the table `runs` names it,
and a row that stands twice once. Who asks a table itself adds
`WHERE round IN (SELECT round FROM DATASET.runs)`.

A job that reads messages on a runner such as Dataflow has one round, in which all its rows count at
once. What is new there is asked of `event_changes`, by `time`, or heard by Pub/Sub.

| Arrow | BigQuery |
| --- | --- |
| `string`, `bool`, `binary` | `STRING`, `BOOL`, `BYTES` |
| `int32`, `int64` | `INT64` |
| `float`, `double` | `FLOAT64` |
| `timestamp[us, tz=UTC]` | `TIMESTAMP` |
| `struct` | `STRUCT` |
| `list<...>`, `fixed_size_list<...>[n]` | `ARRAY`; a vector's length is not declared |
| a value that may be missing, or not | `NULLABLE`, `REQUIRED` |
"""
_QUESTIONS = """\
## Questions

Each query runs as printed, from the project's folder, in one DuckDB session that begins so; put
your output folder in place of `out/demo`:

```python
from pathlib import Path

import duckdb

database = duckdb.connect()
database.execute("SET file_search_path = 'out/demo'")
database.execute("SET TimeZone = 'UTC'")
for views in ("duckdb_latest.sql", "duckdb_notices.sql"):
    database.execute(Path("deploy/sql", views).read_text(encoding="utf-8"))
```

then `database.sql(query).show()`. Where a query begins with `SET VARIABLE`, that line picks an
example: set your own id there, such as `SET VARIABLE article = 'the id';`.

In BigQuery the same views answer them, with the dataset's name before each, in its own words:

| DuckDB | BigQuery |
| --- | --- |
| `SET VARIABLE x = ...`, `getvariable('x')` | `DECLARE x STRING DEFAULT ...`, `x` |
| `read_parquet('event_changes/*/*.parquet')` | the table, and rounds in `runs` only |
| `[x.a FOR x IN list IF x.b]` | `ARRAY(SELECT x.a FROM UNNEST(list) AS x WHERE x.b)` |
| `count(*) FILTER (condition)` | `COUNTIF(condition)` |
| `min(x) FILTER (condition)` | `MIN(IF(condition, x, NULL))` |
| `date_diff('minute', a, b)` | `TIMESTAMP_DIFF(b, a, MINUTE)` |
| `arg_max(x, (a, b))` | `ARRAY_AGG(x ORDER BY a DESC, b DESC LIMIT 1)[OFFSET(0)]` |
| `list_cosine_similarity(a, b)` | `1 - COSINE_DISTANCE(a, b)` |
"""


def document() -> str:
    """Give the Markdown of all tables and of the questions asked of them."""
    tables = [*map(_table, TABLES), _BIGQUERY, _table(RUNS)]
    return "\n".join([_OPENING, _contents(), *tables, _QUESTIONS, *map(_question, QUESTIONS)])


def _contents() -> str:
    lines = [f"- [`{table.name}`](#{table.name}): {table.description}" for table in TABLES]
    lines += ["- [In BigQuery](#in-bigquery), with the table [`runs`](#runs)"]
    return "\n".join([*lines, "- [Questions](#questions)", ""])


def _table(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key)
    lines = [
        f"## {table.name}",
        "",
        table.description,
        "",
        f"Key: {key}. Partitioned by the date of `{table.partition_by}`.",
        "",
        "| column | type | null | what it says |",
        "| --- | --- | --- | --- |",
    ]
    for column, field in zip(table.columns, table.arrow_schema(_ANY_DIM), strict=True):
        lines += _lines(column, field.type)
    return "\n".join([*lines, ""])


def _lines(column: Column, kind: Any, above: str = "") -> Iterator[str]:
    """Give the line of a column, and those of a struct's fields below it."""
    null = "yes" if column.nullable else "no"
    text = column.description.replace("|", "\\|")
    yield f"| `{above}{column.name}` | `{_type(column, kind)}` | {null} | {text} |"
    inner = kind.value_type if column.repeated else kind
    for field, arrow in zip(column.fields, inner if column.fields else (), strict=True):
        yield from _lines(field, arrow.type, f"{above}{column.name}.")


def _type(column: Column, kind: Any) -> str:
    inner = kind.value_type if column.repeated else kind
    name = "struct" if column.fields else str(inner)
    if column.vector:
        return f"fixed_size_list<{name}>[n]"
    return f"list<{name}>" if column.repeated else name


def _question(question: Question) -> str:
    return f"### {question.title}\n\n{question.note}\n\n```sql\n{question.sql.strip()}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(document())
