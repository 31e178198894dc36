import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.report.__main__ import main

ROOT = Path(__file__).parents[3]


def test_command_prints_the_table_and_writes_the_page(busy, capsys):
    assert main(["--output", busy.write()]) == 0
    out = capsys.readouterr().out
    assert "River bursts its banks" in out
    assert out.splitlines()[-1] == f"Page: {busy.path / 'report.html'}"
    assert (busy.path / "report.html").exists()


def test_limit_and_max_events_are_independent(busy, capsys, tmp_path):
    page = tmp_path / "p.html"
    arguments = ["--output", busy.write(), "--html", str(page), "--limit", "3"]
    assert main([*arguments, "--max_events", "1"]) == 0
    assert "Council puts off the vote" in capsys.readouterr().out
    assert "Council puts off the vote" not in page.read_text(encoding="utf-8")


def test_missing_folder_is_one_line_and_status_1(tmp_path, capsys):
    assert main(["--output", str(tmp_path / "nowhere")]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "nowhere: no such folder; give the --output" in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--output", "x", "--colour"],
        ["--output", "x", "--lim", "3"],
        ["--output", "x", "--limit", "many"],
        ["--output", "x", "--max_events", "-1"],
        ["--output", "x", "extra"],
    ],
    ids=["nothing", "unknown-flag", "abbreviated", "not-a-number", "negative", "stray-word"],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("report: ")
    assert err.count("\n") == 1


def test_terminal_that_knows_only_ascii_gets_replacements(folder):
    folder.event("e", title="大雨で川が氾濫")
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.report", "--output", folder.write()],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "???" in done.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from pipelines.report.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'torch', 'apache_beam', 'duckdb', 'pyarrow', 'jinja2', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--max_events" in done.stdout
