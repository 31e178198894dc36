import json
import os

import pytest

from schemas.tables import ARTICLES
from transforms.write.manifest import RUN_FILE, check_output, commit_run, read_run
from transforms.write.output import OutputError
from transforms.write.parquet import ParquetFolder
from transforms.write.rows import article_row

SUMMARY = {"arguments_digest": "d1", "counts": {"read": 2}, "timings": {"total": 1.5}}
OURS = "articles/date=2024-05-01/part-" + "0" * 32 + ".parquet"
ALSO_OURS = "articles/date=2024-05-02/part-" + "1" * 32 + ".parquet"


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def put(output):
    """``put(name)``: a file below the output."""

    def put_file(name, content="rows"):
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return name

    return put_file


def run(output, *files, digest="d1", overwrite=False, **summary):
    """Check and commit, with the given files written in between."""
    check_output(str(output), digest, overwrite)
    for name in files:
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_text("rows")
    commit_run(str(output), list(files), SUMMARY | {"arguments_digest": digest} | summary)


def files_in(output):
    return sorted(p.relative_to(output).as_posix() for p in output.rglob("*") if p.is_file())


def test_run_json_lists_the_files_and_the_summary(output):
    run(output, ALSO_OURS, OURS)
    assert read_run(str(output)) == SUMMARY | {"files": [OURS, ALSO_OURS]}


def test_finished_run_leaves_nothing_but_its_output(output):
    run(output, OURS)
    assert files_in(output) == [OURS, RUN_FILE]


def test_file_the_new_run_did_not_write_goes_with_its_folder(output):
    run(output, OURS, ALSO_OURS)
    run(output, OURS)
    assert files_in(output) == [OURS, RUN_FILE]
    assert not (output / ALSO_OURS).parent.exists()


def test_file_nobody_listed_stays(output, put):
    run(output, OURS)
    mine = put("articles/date=2024-05-01/notes.txt")
    unlisted = put(ALSO_OURS)
    commit_run(str(output), [], SUMMARY)
    assert files_in(output) == [mine, unlisted, RUN_FILE]


def test_only_a_change_besides_timings_rewrites_run_json(output):
    run(output, OURS, finished_at="2024-05-01T12:00:00Z")
    path = output / RUN_FILE
    before = path.read_bytes()
    run(output, OURS, finished_at="2024-05-02T12:00:00Z", timings={"total": 9.0})
    assert path.read_bytes() == before
    run(output, OURS, counts={"read": 3})
    assert read_run(str(output))["counts"] == {"read": 3}


@pytest.mark.parametrize(
    "name",
    ["../victim", "articles/../../victim", "run.json", "articles/notes.txt", "/etc/passwd"],
)
def test_commit_refuses_to_list_what_this_stage_does_not_write(name, output):
    with pytest.raises(ValueError, match="not a file of a table"):
        commit_run(str(output), [name], SUMMARY)


@pytest.mark.parametrize(
    "listed",
    [
        "../victim.parquet",
        f"articles/date=2024-05-01/../../../out/../{'victim'}.parquet",
        "notes.txt",
        "articles/notes.parquet",
        "other/date=2024-05-01/part-empty.parquet",
        f"{OURS}\n",
    ],
)
def test_hostile_run_json_deletes_nothing_else(listed, output, put, tmp_path):
    put(RUN_FILE, json.dumps({"files": [listed, str(tmp_path / "victim.parquet")]}))
    for name in ("notes.txt", "articles/notes.parquet", OURS):
        put(name)
    put("other/date=2024-05-01/part-empty.parquet")
    victim = tmp_path / "victim.parquet"
    victim.write_text("mine")
    before = files_in(output)
    commit_run(str(output), [], SUMMARY)
    assert files_in(output) == before
    assert victim.exists()


@pytest.mark.parametrize("level", ["file", "partition", "table"])
def test_links_are_not_followed_when_removing(level, output, put, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    parts = OURS.split("/")
    depth = {"table": 1, "partition": 2, "file": 3}[level]
    target = elsewhere.joinpath("x", *parts[depth:])
    target.parent.mkdir(parents=True)
    target.write_text("mine")
    link = output.joinpath(*parts[:depth])
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere / "x")
    assert (output / OURS).read_text() == "mine"
    put(RUN_FILE, json.dumps({"files": [OURS]}))
    commit_run(str(output), [], SUMMARY)
    assert target.read_text() == "mine"


def test_folder_named_like_a_file_is_left(output, put):
    put(f"{OURS}/mine.txt")
    put(RUN_FILE, json.dumps({"files": [OURS]}))
    commit_run(str(output), [], SUMMARY)
    assert (output / OURS / "mine.txt").exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"files": 3}', '{"files": [3]}', "[" * 100_000, "\x00\xff"],
    ids=["empty", "cut", "list", "no-files", "number", "numbers", "deep", "binary"],
)
def test_damaged_run_json_is_one_clear_line(content, output, put):
    put(RUN_FILE, content)
    for refused in (
        lambda: read_run(str(output)),
        lambda: check_output(str(output), "d1", overwrite=True),
    ):
        with pytest.raises(OutputError, match=r"run\.json is not the summary of a run") as raised:
            refused()
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("there", [True, False], ids=["empty-folder", "no-folder"])
def test_output_without_a_run_has_no_summary(there, output):
    if there:
        output.mkdir()
    assert read_run(str(output)) is None


def test_new_output_is_created(output):
    check_output(str(output / "a"), "d1", overwrite=False)
    assert (output / "a").is_dir()


def test_output_that_is_a_file_is_refused(output):
    output.write_text("")
    with pytest.raises(OutputError, match="out is not a folder: choose another output"):
        check_output(str(output), "d1", overwrite=True)


def test_output_below_a_file_is_refused(output):
    output.write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*out/x.*: move what is in the way"):
        check_output(str(output / "x"), "d1", overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_output_without_permission_is_refused(output):
    output.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="choose a folder you may write to"):
        check_output(str(output), "d1", overwrite=False)


def test_same_arguments_may_run_again(output):
    run(output, OURS)
    run(output, OURS)
    assert files_in(output) == [OURS, RUN_FILE]


def test_other_arguments_need_overwrite(output):
    run(output, OURS)
    with pytest.raises(OutputError, match="holds the output of other input or options") as raised:
        check_output(str(output), "d2", overwrite=False)
    assert str(raised.value).endswith(
        "choose another folder, set them as they were, or add --overwrite"
    )
    run(output, ALSO_OURS, digest="d2", overwrite=True)
    assert files_in(output) == [ALSO_OURS, RUN_FILE]


@pytest.mark.parametrize("overwrite", [True, False], ids=["overwrite", "keep"])
@pytest.mark.parametrize("foreign", ["articles/mine.csv", "events", OURS])
def test_tables_of_somebody_else_are_refused(foreign, overwrite, output, put):
    put(foreign)
    with pytest.raises(OutputError, match=r"already holds \w+ but no run\.json"):
        check_output(str(output), "d1", overwrite)
    assert files_in(output) == [foreign]


def test_other_things_in_the_folder_do_not_matter(output, put):
    put("notes.txt")
    (output / "articles").mkdir()
    check_output(str(output), "d1", overwrite=False)


def test_run_after_a_killed_one_replaces_what_that_left(output, put):
    check_output(str(output), "d1", overwrite=False)
    put(OURS)
    put("articles/date=2024-05-01/.part-" + "2" * 32 + ".parquet.12-34.tmp")
    run(output, ALSO_OURS)
    assert files_in(output) == [ALSO_OURS, RUN_FILE]


def test_killed_overwrite_leaves_no_row_behind(output, put):
    run(output, OURS)
    check_output(str(output), "d2", overwrite=True)
    put(ALSO_OURS)
    run(output, OURS)
    assert files_in(output) == [OURS, RUN_FILE]


def test_folder_of_real_files_can_be_taken_over_again_and_again(output, make_record, dim):
    check_output(str(output), "d1", overwrite=False)
    rows = [article_row(make_record("articles"))]
    for files in (ParquetFolder(output, ARTICLES, dim).write(rows), []):
        commit_run(str(output), files, SUMMARY)
        assert files_in(output) == [*files, RUN_FILE]


def test_files_that_workers_wrote_elsewhere_are_no_output(output):
    """As where the folder of a worker on another machine is not this one."""
    run(output, OURS)
    check_output(str(output), "d1", False)
    with pytest.raises(OutputError, match=f"does not hold {ALSO_OURS}, which a worker wrote: name"):
        commit_run(str(output), [OURS, ALSO_OURS], SUMMARY)
    assert read_run(str(output))["files"] == [OURS]
    assert (output / OURS).exists()


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"days": 14, "model": "m"}, "other options (days was 7, is now 14):"),
        ({"days": 7, "model": "m", "precision": "bf16"}, "other options (precision is now bf16):"),
        (
            {"days": 7, "model": "m", "encoder_precision": "bf16"},
            "other options (encoder_precision was fp32, is now bf16):",
        ),
        ({"model": "m"}, "other options (days was 7):"),
        ({"days": 7, "model": "m" * 41}, "other options (model):"),
        ({"days": 7, "model": "m"}, "other input or options:"),
    ],
)
def test_options_that_differ_are_named(output, now, said):
    run(output, OURS, options={"days": 7, "model": "m"})
    with pytest.raises(OutputError) as raised:
        check_output(str(output), "d2", overwrite=False, options=now)
    assert f"holds the output of {said}" in str(raised.value)


def test_an_option_that_follows_from_another_is_not_named_beside_it(output):
    run(output, OURS, options={"days": 7, "encoder": "openvino", "encoder_precision": "bf16"})
    said = r"other options \(encoder_precision was bf16, is now fp32\): .*, set them as they were,"
    with pytest.raises(OutputError, match=said):
        check_output(str(output), "d2", overwrite=False, options={"days": 7})


@pytest.mark.parametrize("streaming", [True, False])
def test_an_output_of_runs_that_go_on_asks_to_go_on(output, streaming):
    run(output, OURS, options={"days": 7, "streaming": streaming})
    said = "holds the output of runs that go on: choose another folder, or add --resume or --over"
    with pytest.raises(OutputError, match=said):
        check_output(str(output), "d2", overwrite=False, options={"days": 14})
