import errno
import os
import shutil
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.tables import ARTICLES, TABLES
from transforms.write import compaction as module
from transforms.write.compaction import (
    WORK_FOLDER,
    Compaction,
    compacting,
    finished_run,
)
from transforms.write.locks import COMPACT_LOCK
from transforms.write.manifest import check_output, clear_output, commit_run, read_run
from transforms.write.output import OutputError
from transforms.write.parquet import ParquetFolder
from transforms.write.rounds import FolderStore, Rounds, committed_files
from transforms.write.rows import ROW_SOURCES

ROOT = Path(__file__).parents[2]
RUN = {"files": [], "options": {"window_days": 14.0}, "arguments_digest": "d"}
DAY = "articles/date=2024-05-01"
TABLE = {table.name: table for table in TABLES}


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def rounds(output, dim):
    """``rounds(table, *rounds of records)``: an output, one round for each."""

    def write(table, *records, begin=True):
        run = read_run(str(output)) or {}
        opened = Rounds(FolderStore(str(output), dim), run.get("rounds", 0), lambda: RUN)
        if begin:
            opened.begin()
        for added in records:
            for record in added:
                opened.add(table, record)
            opened.commit()
        return opened

    return write


@pytest.fixture
def articles(make_record):
    """``articles(*ids)``: one record for each, all of one day."""
    return lambda *ids, **changes: [
        make_record("articles", article_id=name, **changes) for name in ids
    ]


@pytest.fixture
def compact(output):
    """``compact()``: merge everything there is; gives what was passed over."""

    def run(**options):
        with compacting(output) as work:
            one = Compaction(output, finished_run(output), work, **options)
            for table in TABLES:
                list(one.merge_table(table))
        return {file.path: file.why for file in one.passed_over}

    return run


def committed(output):
    """Name the files that count and have rows."""
    found = committed_files(output, read_run(str(output)))
    return [name for name in found if not name.endswith("part-empty.parquet")]


def ids(output, table="articles", column="article_id"):
    """Read a table as anybody would."""
    glob = f"{output}/{table}/*/*.parquet"
    return sorted(row[0] for row in duckdb.sql(f"SELECT {column} FROM '{glob}'").fetchall())


def hidden(output):
    return sorted(p.name for p in output.rglob(".*") if p.name not in (".files.lock", COMPACT_LOCK))


def damage(path):
    """Spoil the pages of a file; its footer stays whole."""
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 3] = b"\xff" * (len(data) // 3 - 4)
    path.write_bytes(data)


def test_files_of_a_day_become_one(rounds, articles, compact, output):
    rounds("articles", articles("b"), articles("a"), articles("c", "d"))
    assert len(committed(output)) == 3
    assert compact() == {}
    (name,) = committed(output)
    assert name.startswith(f"{DAY}/part-compact-")
    assert pq.read_table(output / name, partitioning=None)["article_id"].to_pylist() == [*"abcd"]
    assert hidden(output) == []


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_merged_rows_are_what_one_write_would_have_made(
    table, rounds, make_record, compact, output, dim, tmp_path
):
    key = {"event_articles": "article_id", "dead_letters": "key"}.get(table, TABLE[table].key[0])
    records = [make_record(table, **{key: name}) for name in "cabd"]
    rounds(table, records[:1], records[1:3], records[3:])
    assert compact() == {}
    (merged,) = (output / name for name in committed(output))
    rows = [row for record in records for row in ROW_SOURCES[table].rows(record)]
    (alone,) = ParquetFolder(tmp_path / "alone", TABLE[table], dim).write(rows)
    alone = tmp_path / "alone" / alone
    found, expected = (pq.read_table(path).drop_columns("round") for path in (merged, alone))
    assert found.equals(expected)
    one, other = pq.ParquetFile(merged), pq.ParquetFile(alone)
    assert one.schema_arrow.equals(other.schema_arrow, check_metadata=False)
    for name in (b"table", b"schema_version"):
        assert one.schema_arrow.metadata[name] == other.schema_arrow.metadata[name]
    for number in range(one.metadata.num_columns):
        a, b = (file.metadata.row_group(0).column(number) for file in (one, other))
        assert (a.compression, a.encodings) == (b.compression, b.encodings)
        assert (a.statistics is None) == (b.statistics is None)


def test_file_says_what_it_replaces(rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("b"))
    before = [Path(name).name for name in committed(output)]
    compact()
    (name,) = committed(output)
    notes = pq.read_metadata(output / name).metadata
    assert notes[b"replaces"] == str(before).replace("'", '"').encode()


def test_large_day_is_cut_after_sorting_and_then_left_alone(rounds, articles, compact, output):
    rounds("articles", articles("d", "b"), articles("e"), articles("c"), articles("a"))
    compact(max_rows=2)
    held = [pq.read_table(output / n, partitioning=None) for n in committed(output)]
    assert sorted(table["article_id"].to_pylist() for table in held) == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
    ]
    before = {name: (output / name).stat().st_ino for name in committed(output)}
    compact(max_rows=2)
    assert {name: (output / name).stat().st_ino for name in committed(output)} == before


def test_later_rounds_are_merged_with_what_was_merged_before(rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("c"))
    compact()
    rounds("articles", articles("b"), begin=False)
    compact()
    assert len(committed(output)) == 1
    assert ids(output) == [*"abc"]


def test_days_with_few_files_are_left(rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("b"))
    before = committed(output)
    compact(min_files=3)
    assert committed(output) == before


def test_files_of_a_batch_run_are_merged_too(output, dim, make_record, compact, articles):
    check_output(str(output), "d", overwrite=False)
    rows = [ROW_SOURCES["articles"].row(record) for record in articles(*"dcba")]
    files = ParquetFolder(output, ARTICLES, dim, max_rows=2).write(rows)
    commit_run(str(output), files, RUN)
    compact()
    assert len(committed(output)) == 1
    assert ids(output) == [*"abcd"]


@pytest.mark.parametrize("how", ["batch", "rounds"])
def test_the_next_run_removes_what_was_merged(how, rounds, articles, compact, output, dim):
    rounds("articles", articles("a"), articles("b"))
    compact()
    if how == "rounds":
        clear_output(str(output))
        rounds("articles", articles("c"))
    else:
        check_output(str(output), "other", overwrite=True)
        rows = [ROW_SOURCES["articles"].row(record) for record in articles("c")]
        commit_run(str(output), ParquetFolder(output, ARTICLES, dim).write(rows), RUN)
    assert ids(output) == ["c"]
    assert not list(output.rglob("part-compact-*"))


def test_row_in_two_files_is_kept_once(rounds, articles, compact, output):
    rounds("articles", articles("a", "b"), articles("c"))
    (name, _) = committed(output)
    again = name.replace("part-000000001-", "part-000000002-")
    (output / again).write_bytes((output / name).read_bytes())
    compact()
    assert ids(output) == [*"abc"]


def test_rows_that_differ_in_anything_are_all_kept(rounds, articles, make_record, compact, output):
    vector = np.array([0.5, 0.5, 0.5, -0.5], "<f4").tobytes()
    rounds("articles", articles("a"), articles("a", title="Other"), articles("a", embedding=vector))
    compact()
    assert ids(output) == [*"aaa"]
    assert len(committed(output)) == 1


def test_dead_letters_that_look_the_same_are_all_kept(output, dim, make_record, compact):
    rows = [ROW_SOURCES["dead_letters"].row(make_record("dead_letters"))] * 5
    rows += [rows[0] | {"error": "another"}, rows[0] | {"error": "a third"}]
    folder = ParquetFolder(output, TABLE["dead_letters"], dim, max_rows=2)
    check_output(str(output), "d", overwrite=False)
    commit_run(str(output), folder.write(rows), RUN)
    before = committed(output)
    copy = (output / before[0]).read_bytes()
    compact()
    expected = ["a third", "another", *["not text: remove it"] * 5]
    assert ids(output, "dead_letters", "error") == expected
    (output / before[0]).write_bytes(copy)  # as a copy made while files were merged has it
    compact()
    assert ids(output, "dead_letters", "error") == expected
    assert len(committed(output)) == 1


def test_rows_with_nan_are_equal_to_themselves(rounds, articles, compact, output, make_record):
    odd = [make_record("event_articles", article_id="a")]
    odd = [type(one)(**{**vars(one), "score": float("nan")}) for one in odd]
    rounds("event_articles", odd, [make_record("event_articles", article_id="b")])
    (first,) = output.glob("event_articles/*/part-000000001-*")
    shutil.copy(first, first.with_name(first.name.replace("1-", "2-", 1)))
    compact()
    assert ids(output, "event_articles") == ["a", "b"]


@pytest.mark.parametrize("spoil", [damage, lambda path: path.write_bytes(b"PAR1 no")])
def test_damaged_file_is_named_and_left(spoil, rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("b"), articles("c"))
    bad = committed(output)[1]
    spoil(output / bad)
    before = (output / bad).read_bytes()
    passed = compact()
    assert list(passed) == [bad]
    assert passed[bad].startswith("damaged: ")
    assert "\n" not in passed[bad]
    assert (output / bad).read_bytes() == before
    (merged,) = set(committed(output)) - {bad}
    assert pq.read_table(output / merged, partitioning=None)["article_id"].to_pylist() == ["a", "c"]


def test_file_of_another_version_is_left(rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("b"), articles("c"))
    path = output / committed(output)[0]
    table = pq.read_table(path, partitioning=None)
    older = table.schema.metadata | {b"schema_version": b"0"}
    pq.write_table(table.replace_schema_metadata(older), path)
    other = output / committed(output)[1]
    pq.write_table(table.drop_columns(["title"]), other)
    assert list(compact().values()) == [
        "of schema version 0",
        "its columns are not those of articles",
    ]
    assert ids(output) == [*"aac"]


def test_everything_else_in_the_folder_stays(rounds, articles, compact, output, dim):
    rounds("articles", articles("a"), articles("b"))
    late = rounds("articles", articles("late"), begin=False)
    # As if the last round had been killed before it counted.
    FolderStore(str(output), dim).sign(RUN | {"rounds": late.number - 1})
    uncommitted = next((output / DAY).glob("part-000000003-*"))
    mine = output / DAY / "notes.txt"
    mine.write_text("mine")
    temporary = output / DAY / f".part-000000004-{'0' * 32}.parquet.1-0.tmp"
    writing = temporary.open("wb")
    link = output / DAY / "link"
    link.symlink_to("nowhere")
    before = {path.name: path.lstat().st_ino for path in (uncommitted, mine, temporary, link)}
    assert compact() == {}
    assert {name: (output / DAY / name).lstat().st_ino for name in before} == before
    assert link.is_symlink()
    with writing:
        writing.write(b"rows")
    os.replace(temporary, output / DAY / "renamed")
    assert (output / DAY / "renamed").read_bytes() == b"rows"
    assert len(list((output / DAY).iterdir())) == 1 + len(before)


def test_day_that_holds_a_folder_is_passed_over(rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("b"))
    (output / DAY / "mine").mkdir()
    before = committed(output)
    assert compact() == {DAY: "it holds a folder, mine: move that elsewhere"}
    assert committed(output) == before
    assert hidden(output) == []


def test_file_that_comes_at_the_last_moment_is_not_lost(
    rounds, articles, compact, output, monkeypatch
):
    rounds("articles", articles("a"), articles("b"))
    exchange = module.exchange

    def late(staged, partition):
        (partition / "late").write_text("just now")
        return exchange(staged, partition)

    monkeypatch.setattr(module, "exchange", late)
    compact()
    assert (output / DAY / "late").read_text() == "just now"


def test_folder_keeps_its_permissions(rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("b"))
    (output / DAY).chmod(0o2775)
    compact()
    assert (output / DAY).stat().st_mode & 0o7777 == 0o2775


def refuse(*_):
    return False


def linkless(*_, **__):
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.fixture(params=["no-exchange", "no-links", "linked-day"])
def limited(request, monkeypatch, output):
    """A system, or a folder, where nothing can change places."""

    def limit():
        if request.param == "no-exchange":
            monkeypatch.setattr(module, "exchange", refuse)
        elif request.param == "no-links":
            monkeypatch.setattr(module.os, "link", linkless)
            (output / DAY / "notes.txt").write_text("mine")
        else:
            (output / DAY).rename(output / "elsewhere")
            (output / DAY).symlink_to(output / "elsewhere")

    return limit


def test_files_are_replaced_one_by_one_where_folders_cannot_change_places(
    limited, rounds, articles, compact, output
):
    rounds("articles", articles("b"), articles("a"))
    limited()
    assert compact() == {}
    (name,) = committed(output)
    assert "part-compact-" in name
    assert ids(output) == ["a", "b"]
    assert hidden(output) == []


def test_what_a_killed_replacement_left_is_merged_again(
    rounds, articles, compact, output, monkeypatch
):
    rounds("articles", articles("a"), articles("b"))
    with monkeypatch.context() as patched:
        patched.setattr(module, "exchange", refuse)
        patched.setattr(Path, "unlink", linkless)
        with pytest.raises(OutputError):
            compact()
    assert ids(output) == [*"aabb"]
    assert distinct(output) == 2
    compact(min_files=9)
    assert ids(output) == ["a", "b"]
    assert len(committed(output)) == 1


def distinct(output):
    """Count the articles as the views do."""
    database = duckdb.connect()
    database.execute(f"SET file_search_path = '{output}'")
    database.execute((ROOT / "deploy/sql/duckdb_latest.sql").read_text(encoding="utf-8"))
    return database.execute("SELECT count(*) FROM articles_latest").fetchall()[0][0]


def test_folders_that_can_change_places_do(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.mkdir()
        (path / path.name).touch()
    if not module.exchange(one, other):
        pytest.skip("this system cannot")
    assert [path.name for path in one.iterdir()] == ["other"]
    with pytest.raises(FileNotFoundError):
        module.exchange(one, tmp_path / "gone")


@pytest.mark.parametrize("drop", ["row", "file"])
def test_nothing_is_replaced_when_a_row_is_missing(
    drop, rounds, articles, compact, output, monkeypatch
):
    from transforms.write import merging

    rounds("articles", articles("a"), articles("b"))
    before = committed(output)
    write = merging.write_file

    def short(sink, table, schema, parts, notes=None):
        write(sink, table, schema, [part.slice(0, 1 if drop == "row" else 0) for part in parts])

    monkeypatch.setattr(merging, "write_file", short)
    with pytest.raises(OutputError, match="cannot be read back"):
        compact()
    assert committed(output) == before
    assert hidden(output) == []


def test_keys_are_counted_before_and_after(rounds, articles, compact, output, monkeypatch):
    from transforms.write import merging

    rounds("articles", articles("a"), articles("b"))
    merge = merging.merge

    def short(*arguments):
        merged = merge(*arguments)
        return type(merged)(merged.table, merged.rows, merged.order[:1], merged.distinct)

    monkeypatch.setattr(module, "merge", short)
    with pytest.raises(OutputError, match="2 keys were read and 1 written: nothing was replaced"):
        compact()
    assert ids(output) == ["a", "b"]


@pytest.fixture
def meanwhile(monkeypatch):
    """``meanwhile(do)``: do something after the files were read and before they are replaced."""

    def patch(do):
        write = module.write_parts

        def patched(*arguments):
            names = write(*arguments)
            do()
            return names

        monkeypatch.setattr(module, "write_parts", patched)

    return patch


def test_output_that_is_cleared_meanwhile_stays_cleared(
    rounds, articles, compact, output, meanwhile
):
    rounds("articles", articles("a"), articles("b"))
    meanwhile(lambda: clear_output(str(output)))
    with pytest.raises(OutputError, match="holds no output of a run"):
        compact()
    assert not list(output.rglob("*.parquet")) or ids(output) == []


def test_output_that_is_begun_anew_meanwhile_is_left(rounds, articles, compact, output, meanwhile):
    rounds("articles", articles("a"), articles("b"))

    def anew():
        clear_output(str(output))
        rounds("articles", articles("new"))

    meanwhile(anew)
    with pytest.raises(OutputError, match="was written anew meanwhile"):
        compact()
    assert ids(output) == ["new"]


def test_file_that_is_changed_meanwhile_is_left(rounds, articles, compact, output, meanwhile):
    rounds("articles", articles("a"), articles("b"))
    first = output / committed(output)[0]
    meanwhile(first.touch)
    assert compact() == {DAY: f"{first.name} was changed meanwhile"}
    assert ids(output) == ["a", "b"]


def test_day_that_is_too_large_to_merge_is_left(rounds, articles, compact, output, monkeypatch):
    def too_large(*_):
        raise pa.ArrowCapacityError("array cannot contain\nmore than 2147483646 bytes")

    rounds("articles", articles("a"), articles("b"))
    monkeypatch.setattr(module, "merge", too_large)
    assert compact() == {DAY: "cannot be merged: array cannot contain more than 2147483646 bytes"}
    assert ids(output) == ["a", "b"]


def test_only_one_compaction_at_a_time(rounds, articles, output):
    rounds("articles", articles("a"), articles("b"))
    with compacting(output) as work:
        (work / "mine").touch()
        with (
            pytest.raises(OutputError, match=r"another compaction of .* is under way"),
            compacting(output),
        ):
            pass
        assert (work / "mine").exists()


@pytest.mark.parametrize("left", ["folder", "file", "link"])
def test_what_a_killed_compaction_left_is_removed(left, rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("b"))
    elsewhere = output / "mine"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    work = output / WORK_FOLDER
    if left == "folder":
        (work / DAY).mkdir(parents=True)
        (work / DAY / "part.parquet").touch()
    elif left == "file":
        work.touch()
    else:
        work.symlink_to(elsewhere)
    (output / DAY / f".part-compact-{'0' * 32}.parquet.1-0.tmp").touch()
    compact()
    assert hidden(output) == []
    assert (elsewhere / "kept").exists()


def test_lock_that_cannot_be_made_is_one_line(rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("b"))
    (output / COMPACT_LOCK).mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*\.compact\.lock: .*: move what") as told:
        compact()
    assert "\n" not in str(told.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", [".", "articles", DAY])
def test_folder_without_permission_is_one_line(name, rounds, articles, compact, output):
    rounds("articles", articles("a"), articles("b"))
    before = committed(output)
    (output / name).chmod(0o500)
    try:
        with pytest.raises(OutputError, match="choose a folder you may write to") as told:
            compact()
    finally:
        (output / name).chmod(0o755)
    assert "\n" not in str(told.value)
    assert committed(output) == before


@pytest.mark.parametrize("begun", ["none", "unfinished"])
def test_only_a_finished_output_is_compacted(begun, output):
    output.mkdir()
    if begun == "unfinished":
        check_output(str(output), "d", overwrite=False)
        (output / "run.json").write_text('{"files": []}')
    with pytest.raises(OutputError, match=r"no output of a run|was interrupted"):
        finished_run(output)


class Reader(threading.Thread):
    """Counts the rows of the raw files again and again; sees what was wrong, if anything."""

    def __init__(self, output, least, most):
        super().__init__(daemon=True)
        self._glob = f"{output}/articles/*/*.parquet"
        self._least, self._most = least, most
        self.done = threading.Event()
        self.wrong, self.counted, self.vanished = [], 0, 0

    def run(self):
        while not self.done.is_set():
            least = self._least()
            try:
                with duckdb.connect() as database:
                    query = f"SELECT count(*), count(DISTINCT article_id) FROM '{self._glob}'"
                    rows, articles = database.execute(query).fetchall()[0]
            except duckdb.IOException as error:  # listed, and then replaced
                self.vanished += "No such file" in str(error)
                self.wrong += [] if "No such file" in str(error) else [str(error)]
                continue
            self.counted += 1
            if not least <= rows <= self._most() or rows != articles:
                self.wrong.append((least, rows, articles, self._most()))


def test_readers_never_miss_a_row_nor_meet_it_twice(rounds, articles, compact, output):
    writer = rounds("articles", articles("0-a"), articles("0-b"))
    begun, committed_rows = [2], [2]
    reader = Reader(output, lambda: committed_rows[0], lambda: begun[0])
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            for record in articles(f"{number}-a", f"{number}-b", f"{number}-c"):
                writer.add("articles", record)
            begun[0] += 3
            writer.commit()
            committed_rows[0] += 3

    thread = threading.Thread(target=write, daemon=True)
    reader.start()
    thread.start()
    merges = 0
    while merges < 12 or reader.counted < 12:
        assert compact() == {}
        merges += 1
    stop.set()
    thread.join()
    reader.done.set()
    reader.join()
    compact()
    assert reader.wrong == []
    assert len(ids(output)) == committed_rows[0] == begun[0]
    assert hidden(output) == []


KILLS = """
import os, random, signal, sys, time
from pathlib import Path
import pyarrow as pa
pa.set_cpu_count(1), pa.set_io_thread_count(1)
import pyarrow.parquet as pq
from schemas.tables import ARTICLES
from transforms.write import compaction
from transforms.write.compaction import Compaction, compacting, finished_run

output, how, saved = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
STEPS = ["fsync", "link", "replace", "rename", "mkdir", "rmdir", "unlink", "chmod"]

def compact(die_at=None):
    step = 0
    def counted(call):
        def made(*arguments, **named):
            nonlocal step
            step += 1
            if step == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)
        return made
    compaction.exchange = counted(compaction.exchange if how == "exchange" else lambda *_: False)
    os.fsync = lambda descriptor: None  # the machine itself stays up
    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    with compacting(output) as work:
        one = Compaction(output, finished_run(output), work)
        list(one.merge_table(ARTICLES))
        assert not one.passed_over, one.passed_over

def forked(**options):
    child = os.fork()
    if not child:
        try:
            compact(**options)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return child

def ended(child):
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), status
    return status == 0

def rows():
    files = sorted((output / "articles").glob("*/*.parquet"))
    return sorted(x for f in files for x in pq.read_table(
        f, partitioning=None, columns=["article_id"], use_threads=False)["article_id"].to_pylist())

def again():
    import shutil
    shutil.rmtree(output)
    shutil.copytree(saved, output)

def checked():
    found = rows()
    assert (found if how == "exchange" else sorted(set(found))) == expected, found
    assert ended(forked())
    assert rows() == expected, rows()
    left = sorted(path.name for path in output.rglob(".*"))
    assert left == [".compact.lock", ".files.lock"], left
    again()

expected = rows()
kills = 0
while True:
    child = forked(die_at=kills + 1)
    if ended(child):
        break
    kills += 1
    checked()
assert kills > 10, kills
again()
begun = time.monotonic()
assert ended(forked())
span = time.monotonic() - begun
again()
for number in range(2):
    child = forked()
    time.sleep(random.Random(number).uniform(0, span))
    os.kill(child, signal.SIGKILL)
    ended(child)
    checked()
print(kills)
"""


@pytest.mark.parametrize("how", ["exchange", "one-by-one"])
def test_killed_at_any_moment_it_leaves_every_row(how, rounds, articles, output, tmp_path):
    rounds("articles", articles("a", "d"), articles("b"), articles("c"))
    (output / DAY / "notes.txt").write_text("mine")
    saved = tmp_path / "saved"
    subprocess.run(["cp", "-a", output, saved], check=True)
    done = subprocess.run(
        [sys.executable, "-c", KILLS, output, how, saved],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_columns_are_compared_whatever_they_hold(rounds, make_record, compact, output):
    late = timedelta(hours=1)
    changes = [make_record("event_changes", id=name) for name in "ab"]
    changes.append(make_record("event_changes", id="a", time=changes[0].time + late))
    rounds("event_changes", *[[one] for one in changes])
    compact()
    assert ids(output, "event_changes", "id") == ["a", "a", "b"]
    (name,) = committed(output)
    assert isinstance(pq.read_table(output / name), pa.Table)
