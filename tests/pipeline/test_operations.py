"""docs/operations.md names commands, flags, messages and columns that exist."""

import importlib
import re
import shlex
from pathlib import Path

import duckdb
import pytest

from schemas.tables import TABLES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, flags=re.M | re.S)
COMMAND = re.compile(r"\.venv/bin/python (-m pipelines\.[^\n`]*)")
MESSAGES = (
    "another run is writing to",
    "was made with the model",
    "was written with schema version",
    "the clock of this machine jumped",
    "rounds, but there are files of later ones",
    "passed over",
    "private_address",
    "the counts do not add up",
    "another run writes there now",
    "a quota is used up",
    "remove the rows that are there",
)
COMMANDS = sorted(set(COMMAND.findall(TEXT)))


def module_of(command):
    return shlex.split(command, comments=True)[1]


@pytest.fixture(scope="module")
def helps():
    return {}


@pytest.fixture
def help_of(helps, capsys):
    """``help_of(module)``: what its --help prints."""

    def text(name):
        if name not in helps:
            try:
                module = importlib.import_module(f"{name}.__main__")
            except ModuleNotFoundError:
                module = importlib.import_module(name)
            with pytest.raises(SystemExit):
                module.main(["--help"])
            helps[name] = capsys.readouterr().out
        return helps[name]

    return text


def test_it_names_the_commands_of_the_run_book():
    named = {module_of(command).removeprefix("pipelines.") for command in COMMANDS}
    assert named >= {"detect_events", "replay", "compact", "evaluate"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_of_a_command_exists(command, help_of):
    module = module_of(command)
    known = set(re.findall(r"--\w+", help_of(module)))
    if module == "pipelines.evaluate":
        known |= set(re.findall(r"--\w+", help_of("pipelines.detect_events")))
    assert set(re.findall(r"--\w+", command)) <= known


def test_every_flag_that_is_named_belongs_to_some_command(help_of):
    known = set()
    for module in {*map(module_of, COMMANDS), "pipelines.explain", "pipelines.feeds"}:
        known |= set(re.findall(r"--\w+", help_of(module)))
    assert set(re.findall(r"`(--\w+)", TEXT)) <= known


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make ([\w-]+)", TEXT)):
        assert f"\n{target}:" in makefile, target


def test_every_column_that_is_named_with_its_table_exists():
    known = {f"{table.name}.{column.name}" for table in TABLES for column in table.columns}
    names = "|".join(table.name for table in TABLES)
    named = set(re.findall(rf"`((?:{names})\.\w+)`", TEXT))
    assert named
    assert named <= known


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_of_the_table_of_failures_is_one_that_we_say(message):
    assert message in TEXT
    sources = [path for top in ("pipelines", "transforms") for path in (ROOT / top).rglob("*.py")]
    said = (re.sub(r'"\s+f?"', "", path.read_text(encoding="utf-8")) for path in sources)
    assert any(message in text for text in said)


def test_its_metrics_are_listed_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for metric in set(re.findall(r"newsevents_\w+|process_\w+", TEXT)):
        assert metric in readme, metric


def test_the_articles_can_be_written_as_input_for_another_run(demo, tmp_path, monkeypatch):
    (statement,) = [body for kind, body in BLOCKS if kind == "sql"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "live").symlink_to(demo.path)
    duckdb.connect().execute(statement)
    lines = (tmp_path / "again.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == sum(row["body"] is not None for row in demo.rows("articles"))
