"""docs/tables.md says what schemas/ says."""

from pathlib import Path

import pytest

from schemas.docs import document
from schemas.questions import QUESTIONS
from schemas.tables import RUNS, TABLES, Column, Table

SQL_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}  # as queries have them
DOCUMENT = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_document_is_what_the_schemas_generate():
    same = DOCUMENT.read_text(encoding="utf-8") == document()
    assert same, "docs/tables.md is out of date: run python -m schemas.docs > docs/tables.md"


@pytest.mark.parametrize("table", (*TABLES, RUNS), ids=lambda table: table.name)
def test_the_document_has_a_line_for_every_column(table):
    section = document().split(f"\n## {table.name}\n")[1].split("\n## ")[0]
    assert f"Partitioned by the date of `{table.partition_by}`" in section
    inner = [f"{column.name}.{field.name}" for column in table.columns for field in column.fields]
    listed = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
    assert listed == {*(column.name for column in table.columns), *inner}


def test_a_line_tells_type_null_and_meaning(monkeypatch):
    weight = Column("weight", "float32", "How much.")
    columns = (
        Column("key", "string", "One | two."),
        Column("at", "timestamp", "When.", nullable=True),
        Column("terms", "struct", "Words.", repeated=True, fields=(weight,)),
        Column("tags", "string", "Names.", repeated=True),
        Column("vector", "float32", "Where.", repeated=True, vector=True),
    )
    table = Table("things", "Things.", columns, ("key",), "at")
    monkeypatch.setattr("schemas.docs.TABLES", (table,))
    section = document().split("\n## things\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    assert lines == [
        "| `key` | `string` | no | One \\| two. |",
        "| `at` | `timestamp[us, tz=UTC]` | yes | When. |",
        "| `terms` | `list<struct>` | no | Words. |",
        "| `terms.weight` | `float` | no | How much. |",
        "| `tags` | `list<string>` | no | Names. |",
        "| `vector` | `fixed_size_list<float>[n]` | no | Where. |",
    ]


def test_every_question_stands_in_the_document_as_it_is_kept():
    for question in QUESTIONS:
        assert (
            f"### {question.title}\n\n{question.note}\n\n```sql\n{question.sql.strip()}\n```\n"
            in (document())
        )


def test_every_arrow_type_has_its_bigquery_type():
    section = document().split("\n## In BigQuery\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    for table in TABLES:
        fields = zip(table.columns, table.arrow_schema(1), table.bigquery_schema(), strict=True)
        for column, arrow, bigquery in fields:
            if not column.repeated and not column.fields:
                (types,) = [ours for theirs, ours in rows if f"`{arrow.type}`" in theirs]
                assert f"`{SQL_NAMES.get(bigquery['type'], bigquery['type'])}`" in types
