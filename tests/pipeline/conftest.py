"""The demo input and one run of the main job on it, for all tests of this folder."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.detect_events import main
from schemas.tables import TABLES

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests" / "data" / "demo"
_KEYS = {table.name: list(table.key) for table in TABLES}


class Output:
    """An output folder, read row by row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run: dict[str, Any] = json.loads((path / "run.json").read_text(encoding="utf-8"))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Read a table, sorted by its key."""
        rows = pq.read_table(self.path / table).to_pylist()
        return sorted(rows, key=lambda row: [row[column] for column in _KEYS[table]])

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Read all tables."""
        return {name: self.rows(name) for name in _KEYS}

    def event_of(self) -> dict[tuple[str, int], str]:
        """Name the event of each article and revision."""
        articles = self.rows("articles")
        return {(row["article_id"], row["revision"]): row["event_id"] for row in articles}


@pytest.fixture(scope="session")
def detect():
    """``detect(output, *arguments)``: run the main job in this process, without the report."""

    def run(output: Path, *arguments: str) -> Output:
        assert main([*arguments, "--output", str(output), "--no-report"]) == 0
        return Output(output)

    return run


@pytest.fixture(scope="session")
def demo_arguments():
    return ("--input", str(DEMO / "dropped" / "*"), "--feeds", str(DEMO / "feeds.txt"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory, demo_arguments):
    """The output of the demo, with the default model and the report."""
    path = tmp_path_factory.mktemp("demo") / "out"
    assert main([*demo_arguments, "--output", str(path)]) == 0
    return Output(path)


@pytest.fixture
def make_file(tmp_path):
    """``make_file(name, text)``: write a file and return its path."""

    def make(name: str, text: str | bytes = "") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return make
