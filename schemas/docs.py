"""The document of the tables: ``python -m schemas.docs > docs/tables.md`` writes it anew."""

import sys
from collections.abc import Iterator
from typing import Any

from schemas import SCHEMA_VERSION
from schemas.questions import QUESTIONS, Question
from schemas.tables import TABLES, Column, Table

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
"""


def document() -> str:
    """Give the Markdown of all tables and of the questions asked of them."""
    parts = [_OPENING, _contents(), *map(_table, TABLES), _QUESTIONS, *map(_question, QUESTIONS)]
    return "\n".join(parts)


def _contents() -> str:
    lines = [f"- [`{table.name}`](#{table.name}): {table.description}" for table in TABLES]
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
