"""``python -m pipelines.compact``: what it says, and how it ends."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.compact import main
from schemas import EventChange, Rejected
from transforms.write.compaction import WORK_FOLDER, compacting
from transforms.write.manifest import RUN_FILE, UNFINISHED_FILE
from transforms.write.rounds import FolderStore, Rounds

ROOT = Path(__file__).parents[2]
START = datetime(2026, 3, 2, 6, tzinfo=timezone.utc)
RUN = {"files": [], "options": {"window_days": 14.0}}
CHANGES = "event_changes/date=2026-03-02"


@pytest.fixture
def output(tmp_path):
    """An output of four rounds: three files of changes, and one dead letter."""
    path = tmp_path / "out"
    rounds = Rounds(FolderStore(str(path), 4), 0, lambda: RUN)
    rounds.begin()
    for number in range(3):
        at = START + timedelta(minutes=number)
        kind = "org.newsevents.event.created"
        rounds.add("event_changes", EventChange(f"c{number}", kind, "e", at, "{}"))
        rounds.commit()
    rounds.add("dead_letters", Rejected("read", "k", "empty", "", b"", "f" * 64, START, False))
    rounds.commit()
    return path


@pytest.fixture
def compact(capsys, output):
    """``compact(*flags, code=0)``: run the command; gives what it printed and what it said."""

    def run(*flags, code=0, folder=output):
        assert main(["--output", str(folder), *map(str, flags)]) == code
        printed, said = capsys.readouterr()
        if code:
            assert (printed, said.count("\n")) == ("", 1)
            assert said.startswith("newsevents: ")
            return said
        return printed.splitlines(), said.splitlines()

    return run


def files(output):
    return sorted(p.relative_to(output).as_posix() for p in output.rglob("*.parquet"))


def test_one_line_per_table_and_one_of_totals(compact, output):
    printed, said = compact()
    assert said == []
    assert [line.partition(":")[0] for line in printed] == [
        "articles", "events", "event_articles", "event_changes", "dead_letters", "sightings",
        "fetch_log", "alerts", "article_notices", "total",
    ]  # fmt: skip
    assert re.fullmatch(
        r"event_changes: 3 -> 1 files, \d+\.\d kB -> \d+\.\d kB", printed[3], flags=re.ASCII
    )
    assert printed[-1].startswith("total: 4 -> 2 files, ")
    (merged,) = (output / CHANGES).iterdir()
    assert pq.read_table(merged)["id"].to_pylist() == ["c0", "c1", "c2"]


def test_doing_it_again_changes_nothing(compact, output):
    compact()
    before = {name: (output / name).stat().st_mtime_ns for name in files(output)}
    assert compact()[0][-1].startswith("total: 2 -> 2 files, ")
    assert {name: (output / name).stat().st_mtime_ns for name in files(output)} == before


def test_dry_run_tells_and_changes_nothing(compact, output):
    before = sorted(output.rglob("*"))
    printed, _ = compact("--dry_run", "--keep_days", 16)
    assert printed[0] == "no articles, so no day is old"
    assert printed[4] == "event_changes: 3 -> 1 files"
    assert printed[-1] == "total: 4 -> 2 files"
    assert sorted(output.rglob("*")) == before


def test_few_files_are_left(compact):
    assert compact("--min_files", 4)[0][-1].startswith("total: 4 -> 4 files, ")


def test_damaged_file_is_named_and_does_not_stop_it(compact, output):
    bad = sorted((output / CHANGES).iterdir())[0]
    bad.write_bytes(b"PAR1 no")
    printed, (said,) = compact()
    assert said.startswith(f"passed over {CHANGES}/{bad.name}: damaged: ")
    assert printed[3].startswith("event_changes: 3 -> 2 files")
    assert printed[-1].endswith("; 1 passed over")
    assert bad.read_bytes() == b"PAR1 no"


def test_many_files_passed_over_are_counted(compact, output):
    for number in range(25):
        (output / CHANGES / f"part-compact-{number:032x}.parquet").write_bytes(b"no")
    _, said = compact()
    assert len(said) == 21
    assert said[-1] == "and 5 more"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--keep_days", "15"], "--keep_days 15: --resume goes back 16 days here, because of "
         "--window_days 14; give 16 or more"),
        (["--keep_days", "0"], "0 is not a whole number from 1 on"),
        (["--min_files", "1"], "1 is not a whole number from 2 on"),
        (["--min_files", "few"], "few is not a whole number from 2 on"),
        (["--min"], "unrecognized arguments: --min"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(flags, expected, compact, output):
    before = files(output)
    assert expected in compact(*flags, code=2)
    assert files(output) == before


def test_other_storage_is_refused(compact):
    assert "bigquery is not supported" in compact(code=2, folder="bigquery:p.d")


def test_missing_folder_is_named_and_not_made(compact, tmp_path):
    assert "nowhere: no such folder" in compact(code=1, folder=tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_folder_without_a_run_is_named(compact, output):
    (output / RUN_FILE).unlink()
    assert "holds no output of a run" in compact(code=1)


def test_output_of_a_batch_run_under_way_is_left(compact, output):
    (output / UNFINISHED_FILE).touch()
    assert "a run is writing to" in compact(code=1)


def test_second_one_is_told_to_wait(compact, output):
    with compacting(output):
        assert "another compaction of" in compact(code=1)


def test_folder_that_cannot_be_written_is_one_line(compact, output):
    (output / ".compact.lock").mkdir()
    assert "cannot write" in compact(code=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("seen", [True, False], ids=["readable", "unreadable"])
def test_folder_of_somebody_else_is_one_line(seen, output):
    program = (
        "import os, sys; from pipelines.compact import main; import transforms.write.compaction; "
        "os.setgid(65534); os.setuid(65534); sys.exit(main(sys.argv[1:]))"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755 if seen else 0o700)
        shutil.copytree(output, Path(folder) / "out")
        done = subprocess.run(
            [sys.executable, "-c", program, "--output", f"{folder}/out"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"newsevents: cannot write .*: Permission denied: choose a folder you may write to\n",
        done.stderr,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for somebody else")
def test_what_is_merged_for_somebody_else_stays_theirs(compact, output):
    for path in (output, *output.rglob("*")):
        os.chown(path, 1234, 1234)
    (output / ".files.lock").unlink()
    compact()
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in output.rglob("*")}
    assert owners == {(1234, 1234)}


def test_old_days_are_removed_and_counted(compact, output):
    from schemas.tables import ARTICLES
    from transforms.write.parquet import ParquetFolder

    row = dict.fromkeys((c.name for c in ARTICLES.columns if c.type == "string"), "x")
    row |= {c.name: 0 for c in ARTICLES.columns if c.type[:3] in ("int", "flo")}
    row |= {c.name: START for c in ARTICLES.columns if c.type == "timestamp"}
    row |= {c.name: False for c in ARTICLES.columns if c.type == "bool"}
    row |= {"authors": [], "embedding": [0.0] * 4, "time_known": True, "event_id": "lost"}
    listed = []
    for day in (0, 5, 30):
        new = row | {"article_id": f"a{day}", "event_time": START + timedelta(days=day)}
        listed += ParquetFolder(output, ARTICLES, 4).write([new])
    run = json.loads((output / RUN_FILE).read_text()) | {"files": listed}
    (output / RUN_FILE).write_text(json.dumps(run))
    before = files(output)
    planned = "days before 2026-03-12: 2 partitions to be removed; kept 2 with rows of events"
    assert compact("--keep_days", 20, "--dry_run")[0][0].startswith(planned)
    assert files(output) == before
    printed, _ = compact("--keep_days", 20)
    assert printed[0] == (
        "days before 2026-03-12: 2 partitions removed; kept 2 with rows of events that are still "
        "open"
    )
    assert printed[4].startswith("event_changes: 3 -> 0 files")
    assert not (output / CHANGES).exists()
    assert not (output / WORK_FOLDER).exists()


def test_command_needs_neither_beam_nor_a_model():
    program = (
        "import sys, pipelines.compact, transforms.write.compaction\n"
        "print([m for m in ('apache_beam', 'torch', 'duckdb', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
